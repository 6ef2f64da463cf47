//! The first step: tiles of the input become `V`.

use std::marker::PhantomData;
use std::ops::Range;

use super::{Place, Source};
use crate::buffer::Shared;
use crate::feature_maps::LANES;
use crate::lines::LINE;
use crate::transform::{self, Transforms};
use crate::vector::{Operation, Vector, fence};

/// What a group of tiles is transformed from, and where to.
pub(super) struct Input<'a> {
    pub(super) source: Source<'a>,
    pub(super) blocks: Range<usize>,
    /// Channels of the input. What is in the lanes after the last one is not used.
    pub(super) channels: usize,
    pub(super) places: &'a [Place],
    pub(super) to: Shared<'a>,
    /// The start of the group in each matrix.
    pub(super) start: usize,
    pub(super) stride: usize,
    /// The start of the group's bits.
    pub(super) active: usize,
    /// Whether all kernels are finite: only then is zero times any of them zero.
    pub(super) finite: bool,
}

/// The input's transform of a group of tiles of `N x K` inputs. With `STREAM`, stores bypass the caches.
pub(super) struct Transform<'a, T, const N: usize, const K: usize, const STREAM: bool>(
    pub(super) Input<'a>,
    pub(super) PhantomData<T>,
);

impl<T: Transforms, const N: usize, const K: usize, const STREAM: bool> Operation
    for Transform<'_, T, N, K, STREAM>
{
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Input { source, blocks, channels, places, to, start, stride, active: first_bits, finite } =
            self.0;
        let Source { values, row_stride, block_stride } = source;
        let window = (N - 1) * row_stride + K * LANES;
        let last = (N * K - 1) * stride;
        // The address of a streamed register must be aligned.
        let whole = |values: usize| values.is_multiple_of(LINE);
        assert!(whole(to.near(0).addr() / size_of::<f32>()) && whole(start) && whole(stride));
        // Neighbouring tiles are read one after the other, so that each row of pixels is one stream.
        for block in blocks {
            let mut active = if finite { 0 } else { u64::MAX };
            for (index, place) in places.iter().enumerate() {
                let from = values.place(place.from + block * block_stride, window).cast_const();
                for lane in (0..LANES).step_by(V::LANES) {
                    // A group is stored as [channels / LINE][tiles][LINE].
                    let of_line = (block * LANES + lane) / LINE;
                    let at = start + (of_line * places.len() + index) * LINE + lane % LINE;
                    let to = to.place(at, last + V::LANES);
                    // SAFETY: `place` checked that the window of N rows of K pixels exists, and a register from `lane`
                    // on ends within a pixel. It also checked that there is room for a register at `last`. No other
                    // task has this tile.
                    unsafe {
                        active |= transform::transform_input_tile::<V, T, N, K, STREAM>(
                            from.add(lane),
                            row_stride,
                            LANES,
                            to,
                            stride,
                        ) << lane;
                    }
                }
            }
            let bits = to.place(first_bits + block, 1).cast::<u32>();
            const { assert!(LANES == u32::BITS as usize) };
            // SAFETY: `place` checked that there is room for the bits. No other task has this group and block.
            unsafe { bits.write(active as u32 & used(channels, block)) };
        }
        if STREAM {
            fence();
        }
    }
}

/// A bit for each lane of a block that has a channel.
fn used(channels: usize, block: usize) -> u32 {
    let spare = LANES - LANES.min(channels - block * LANES);
    u32::MAX >> spare
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paired::Paired;
    use crate::path::Path;

    #[test]
    fn spare_lanes_are_left_out_whatever_is_in_them() {
        const SIDE: usize = 4;
        let block_stride = SIDE * SIDE * LANES;
        let mut maps = vec![f32::NAN; 2 * block_stride];
        // 40 channels: eight lanes of the second block.
        for (at, value) in maps.iter_mut().enumerate() {
            if at / block_stride * LANES + at % LANES < 40 {
                *value = 1.0;
            }
        }
        let places = [Place { from: 0, to: 0, size: [2; 2] }];
        let stride = 4 * LINE;
        for (path, finite) in Path::supported().flat_map(|path| [(path, true), (path, false)]) {
            let mut v = crate::buffer::Buffer::zeroed(SIDE * SIDE * stride + LINE).unwrap();
            let input = Input {
                source: Source { values: Shared::new(&mut maps), row_stride: SIDE * LANES, block_stride },
                blocks: 0..2,
                channels: 40,
                places: &places,
                to: Shared::new(&mut v),
                start: 0,
                stride,
                active: SIDE * SIDE * stride,
                finite,
            };
            // SAFETY: the CPU has the path.
            unsafe { path.run(Transform::<Paired<SIDE>, SIDE, SIDE, false>(input, PhantomData)) };
            let bits = [0, 1].map(|block| v[SIDE * SIDE * stride + block].to_bits());
            assert_eq!(bits, [u32::MAX, 0xff], "{path}, {finite}");
        }
    }
}
