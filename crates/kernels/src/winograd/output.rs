//! The last step: `M` becomes outputs.

use std::marker::PhantomData;

use super::Block;
use crate::buffer::Shared;
use crate::feature_maps::LANES;
use crate::stored::Stored;
use crate::transform::{self, Transforms};
use crate::vector::{Operation, Vector};

/// The output's transform of all tiles for one block of output channels, with bias, ReLU and pooling. The tiles have
/// `M x L` outputs of `N x K` products.
///
/// Run it only if no other task has these outputs.
pub(super) struct Finish<'a, T, const N: usize, const M: usize, const K: usize, const L: usize> {
    pub(super) block: &'a Block<'a>,
    pub(super) out_block: usize,
    pub(super) m: &'a [f32],
    pub(super) to: Shared<'a>,
    pub(super) transforms: PhantomData<T>,
}

impl<T: Transforms, const N: usize, const M: usize, const K: usize, const L: usize> Operation
    for Finish<'_, T, N, M, K, L>
{
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Block { layer, places, m_stride, .. } = *self.block;
        let stride = layer.output.row_stride();
        let bias = &layer.bias[self.out_block * LANES..][..LANES];
        // SAFETY: the caller's.
        let least = unsafe { V::splat(if layer.relu { 0.0 } else { f32::NEG_INFINITY }) };
        for (tile, place) in places.iter().enumerate() {
            let last = (N * K - 1) * m_stride + tile * LANES + LANES;
            assert!(last <= self.m.len() && bias.len() == LANES);
            let at = place.to + self.out_block * layer.output.block_stride();
            let to = self.to.place(at, (place.size[0] - 1) * stride + place.size[1] * LANES);
            // SAFETY: the last values of `m` and of the outputs were just checked to exist. A register from `lane` on
            // ends within LANES. No other task has these outputs.
            unsafe {
                for lane in (0..LANES).step_by(V::LANES) {
                    let bias = V::load(bias.as_ptr().add(lane));
                    let (from, to) = (self.m.as_ptr().add(tile * LANES + lane), to.add(lane));
                    let stored = Stored { bias, least, to, stride, size: place.size };
                    macro_rules! rows_from {
                        ($($first:literal)*) => {
                            $(if $first < M {
                                let rows = transform::transform_output_columns::<V, T, N, K, M>(from, m_stride, $first);
                                if layer.pooled {
                                    stored.pooled::<T, K, L>($first, &rows);
                                } else {
                                    stored.rows::<T, K, L>($first, &rows);
                                }
                            })*
                        };
                    }
                    // Two rows at a time, which stay in registers.
                    rows_from!(0 2 4);
                }
            }
        }
    }
}
