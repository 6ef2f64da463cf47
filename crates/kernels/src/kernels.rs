//! A layer's kernels, transformed for tiles.

use rayon::prelude::*;

use crate::buffer::Buffer;
use crate::direct::PackedConvolution;
use crate::error::Error;
use crate::feature_maps::LANES;
use crate::lines::LINE;
use crate::path::Path;
use crate::tile::{Tile, for_tile};
use crate::transform::{KERNELS, transform_kernels};
use crate::vector::{Operation, Vector};

/// What a layer's transformed kernels are.
#[derive(Clone, Copy)]
pub(crate) struct Form {
    /// The tiles that they are transformed for. [`Tile::beside`] lists the others that use them too.
    pub(crate) tile: Tile,
    /// Input channels, rounded up to whole blocks.
    pub(crate) channels: usize,
    /// The lines of channels that are summed: those after them are of no channel.
    pub(crate) lines: usize,
    /// Whether all are certainly finite.
    pub(crate) finite: bool,
}

/// A layer's kernels, transformed: `out blocks x kernels x channels x LANES`.
pub(crate) struct Kernels {
    pub(crate) form: Form,
    values: Buffer,
}

/// If all taps are below this, every transformed kernel is finite: none is three times as large as its taps.
const LARGE: f32 = 1e30;

/// Whether every kernel that is transformed from these taps is certainly finite.
pub(crate) fn are_finite(taps: &[f32]) -> bool {
    taps.iter().fold(true, |finite, tap| finite & (tap.abs() < LARGE))
}

impl Kernels {
    /// Kernels that were transformed already.
    pub(crate) fn new(form: Form, values: Buffer) -> Self {
        Self { form, values }
    }

    /// Transforms the kernels of a layer whose channels come in blocks of [`LANES`].
    pub(crate) fn prepare(layer: &PackedConvolution, tile: Tile, path: Path) -> Result<Self, Error> {
        assert_eq!(layer.in_lanes(), LANES);
        let channels = layer.in_blocks() * LANES;
        let panel = tile.kernels() * channels * LANES;
        let mut values = Buffer::zeroed(panel.saturating_mul(layer.out_blocks()))?;
        let finite = values.par_chunks_exact_mut(panel).enumerate().map(|(out_block, panel)| {
            let taps = layer.taps(out_block);
            // SAFETY: `ConvolutionStack` holds a path only if `Path::is_supported` returned true.
            unsafe { path.run(Prepare { tile, channels, taps, panel }) };
            are_finite(taps)
        });
        let finite = finite.reduce(|| true, |one, other| one & other);
        Ok(Self::new(Form { tile, channels, lines: channels / LINE, finite }, values))
    }

    /// The panel of one block of output channels: `kernels x channels x LANES`.
    pub(crate) fn panel(&self, out_block: usize) -> &[f32] {
        let panel = self.form.tile.kernels() * self.form.channels * LANES;
        &self.values[out_block * panel..(out_block + 1) * panel]
    }
}

/// Transforms the kernels of one block of output channels.
struct Prepare<'a> {
    tile: Tile,
    channels: usize,
    taps: &'a [f32],
    panel: &'a mut [f32],
}

impl Operation for Prepare<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { tile, channels, taps, panel } = self;
        for channel in 0..channels {
            for half in (0..LANES).step_by(KERNELS) {
                let at = (channel / LANES * 9 * LANES + channel % LANES) * LANES + half;
                let put = |product: usize, values: &[f32; KERNELS]| {
                    let to = (product * channels + channel) * LANES + half;
                    panel[to..to + KERNELS].copy_from_slice(values);
                };
                let (taps, stride) = (&taps[at..], LANES * LANES);
                for_tile!(tile, N, M => transform_kernels::<N>(taps, stride, put));
            }
        }
    }
}
