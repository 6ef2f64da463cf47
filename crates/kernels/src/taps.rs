//! A layer's kernels in few values: those of 3 x 3, from which the kernels for tiles are computed in f32.
//!
//! Transformed, kernels take two to seven times the memory. For a single image, to read so much takes longer than to
//! transform them each time, and than the products. For many images they are transformed once. Both give the same bits.

use rayon::prelude::*;

use crate::buffer::Buffer;
use crate::error::Error;
use crate::feature_maps::LANES;
use crate::kernels::{Form, Kernels};
use crate::paired::Paired;
use crate::path::Path;
use crate::strided::Strided;
use crate::tile::{Tile, for_tile};
use crate::transform::transform_taps;
use crate::vector::{Operation, Vector};

/// Taps of a kernel.
pub(crate) const TAPS: usize = 9;

/// Kernels of 3 x 3, packed.
#[derive(Clone, Copy)]
pub(crate) struct Taps<'a> {
    /// `out blocks x in channels x 3 x 3 x LANES`.
    pub(crate) values: &'a [f32],
    pub(crate) in_channels: usize,
}

/// Values of the packed taps of a layer.
pub(crate) fn packed_len(in_channels: usize, out_channels: usize) -> usize {
    out_channels.next_multiple_of(LANES).saturating_mul(in_channels).saturating_mul(TAPS)
}

/// Packs a kernel of `out channels x in channels x 3 x 3` into memory that is zero.
pub(crate) fn pack(in_channels: usize, kernel: &[f32], packed: &mut [f32]) {
    for (out_channel, filter) in kernel.chunks_exact(in_channels * TAPS).enumerate() {
        let block = &mut packed[out_channel / LANES * in_channels * TAPS * LANES..];
        for (at, value) in filter.iter().enumerate() {
            block[at * LANES + out_channel % LANES] = *value;
        }
    }
}

impl<'a> Taps<'a> {
    /// The taps of one block of output channels: `in channels x 3 x 3 x LANES`.
    pub(crate) fn panel(self, out_block: usize) -> &'a [f32] {
        let len = self.in_channels * TAPS * LANES;
        &self.values[out_block * len..][..len]
    }

    /// Transforms all kernels.
    ///
    /// # Errors
    /// [`Error::Memory`] if the system has too little.
    pub(crate) fn transformed(self, form: Form, path: Path) -> Result<Kernels, Error> {
        let Form { tile, channels, .. } = form;
        let (of_kernel, of_panel) = (channels * LANES, tile.kernels() * channels * LANES);
        let out_blocks = self.values.len() / (self.in_channels * TAPS * LANES);
        let mut values = Buffer::zeroed(of_panel.saturating_mul(out_blocks))?;
        values.par_chunks_exact_mut(of_panel).enumerate().for_each(|(out_block, to)| {
            // SAFETY: a path is held only if it is supported.
            unsafe { path.run(Transform { tile, taps: self.panel(out_block), to, stride: of_kernel }) };
        });
        Ok(Kernels::new(form, values))
    }
}

/// The transform of some channels' kernels.
pub(crate) struct Transform<'a> {
    pub(crate) tile: Tile,
    /// `channels x 3 x 3 x LANES`.
    pub(crate) taps: &'a [f32],
    /// `kernels x channels x LANES`; from one kernel to the next there are `stride` values.
    pub(crate) to: &'a mut [f32],
    pub(crate) stride: usize,
}

impl Operation for Transform<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { tile, taps, to, stride } = self;
        let channels = taps.len() / (TAPS * LANES);
        assert!(channels * LANES <= stride && tile.kernels() * stride <= to.len());
        macro_rules! channels_of {
            ($transforms:ty) => {
                for channel in 0..channels {
                    for lane in (0..LANES).step_by(V::LANES) {
                        // SAFETY: the channel has nine rows of LANES taps, and a row of LANES for each kernel.
                        unsafe {
                            let taps = taps.as_ptr().add(channel * TAPS * LANES + lane);
                            let to = to.as_mut_ptr().add(channel * LANES + lane);
                            transform_taps::<V, $transforms>(taps, LANES, to, stride);
                        }
                    }
                }
            };
        }
        if tile == Tile::StridedFour {
            channels_of!(Strided);
        } else {
            for_tile!(tile, N, M => channels_of!(Paired<N>));
        }
    }
}
