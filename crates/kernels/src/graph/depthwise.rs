//! Depthwise convolutions: each channel with a window of its own.

use std::ops::Range;

use super::convolution::{load_some, store_some};
use super::layout::{LANES, View};
use super::{Activation, Kernel};
use crate::lines::Lines;
use crate::path::Path;
use crate::vector::{Operation, Vector};

/// Pixels of a strip.
const STRIP: usize = 8;

/// The parameters of a depthwise convolution, packed.
pub(super) struct Packed {
    /// Height and width of the window.
    taps: [usize; 2],
    stride: [usize; 2],
    /// By block of channels: `taps x LANES`.
    weights: Lines,
    /// `blocks x LANES`.
    bias: Lines,
    pub(super) activation: Activation,
}

impl Packed {
    /// Packs a kernel whose groups are single channels.
    pub(super) fn new(kernel: &Kernel, activation: Activation) -> Self {
        let Kernel { window, kernel, bias, .. } = kernel;
        let positions = window.size[0] * window.size[1];
        let blocks = bias.len().div_ceil(LANES);
        let (taps, stride) = (window.size, window.stride);
        let (weights, lanes) = (Lines::zeros(blocks * positions * LANES), Lines::zeros(blocks * LANES));
        let mut packed = Self { taps, stride, weights, bias: lanes, activation };
        packed.bias[..bias.len()].copy_from_slice(bias);
        for (channel, filter) in kernel.chunks_exact(positions).enumerate() {
            for (tap, value) in filter.iter().enumerate() {
                packed.weights[(channel / LANES * positions + tap) * LANES + channel % LANES] = *value;
            }
        }
        packed
    }

    /// Multiplications for one output pixel of `channels` channels.
    pub(super) fn multiplications(&self, channels: usize) -> usize {
        self.taps[0] * self.taps[1] * channels
    }
}

/// A depthwise convolution on the maps of an image, or on a band of their rows.
#[derive(Clone, Copy)]
pub(super) struct Job<'a> {
    pub(super) packed: &'a Packed,
    pub(super) path: Path,
    /// Its border is at least as wide as `padding`.
    pub(super) from: View<'a>,
    /// Rows above and columns to the left that the window begins at.
    pub(super) padding: [usize; 2],
    pub(super) to: View<'a>,
}

impl Job<'_> {
    /// Computes some rows of some blocks of channels. The border is not written.
    ///
    /// # Safety
    ///
    /// The rows that the windows reach are in `from` and these rows are in `to`, and meanwhile no other thread writes the
    /// former or uses the latter.
    pub(super) unsafe fn run(&self, rows: Range<usize>, blocks: Range<usize>) {
        // SAFETY: the kernels' owner holds a path only if `Path::is_supported` returned true.
        unsafe { self.path.run(Rows { job: *self, rows, blocks }) }
    }
}

struct Rows<'a> {
    job: Job<'a>,
    rows: Range<usize>,
    blocks: Range<usize>,
}

impl Operation for Rows<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        // SAFETY: the caller's.
        unsafe {
            match (self.job.packed.taps, self.job.packed.stride[1]) {
                ([3, 3], 1) => self.strips::<V, 3, 1>(),
                ([3, 3], 2) => self.strips::<V, 3, 2>(),
                ([5, 5], 1) => self.strips::<V, 5, 1>(),
                ([5, 5], 2) => self.strips::<V, 5, 2>(),
                _ => self.strips::<V, 0, 0>(),
            }
        }
    }
}

impl Rows<'_> {
    /// For square windows of `TAPS` that move by `STRIDE`, or for any if these are 0.
    ///
    /// # Safety
    ///
    /// As for [`Vector`].
    #[inline(always)]
    unsafe fn strips<V: Vector, const TAPS: usize, const STRIDE: usize>(self) {
        let width = self.job.to.layout.shape.width;
        for block in self.blocks.clone() {
            for y in self.rows.clone() {
                for lane in (0..self.job.to.layout.used(block)).step_by(V::LANES) {
                    let mut x = 0;
                    // SAFETY: the caller's.
                    unsafe {
                        while x + STRIP <= width {
                            self.strip::<V, TAPS, STRIDE, STRIP>(block, y, x, lane);
                            x += STRIP;
                        }
                        for x in x..width {
                            self.strip::<V, TAPS, STRIDE, 1>(block, y, x, lane);
                        }
                    }
                }
            }
        }
    }

    /// `PIXELS` pixels from `x` on.
    ///
    /// # Safety
    ///
    /// As for [`Vector`].
    #[inline(always)]
    unsafe fn strip<V: Vector, const TAPS: usize, const STRIDE: usize, const PIXELS: usize>(
        &self,
        block: usize,
        y: usize,
        x: usize,
        lane: usize,
    ) {
        let Job { packed, from, padding, to, .. } = self.job;
        let [down, across] = if TAPS == 0 { packed.taps } else { [TAPS; 2] };
        let stride = if STRIDE == 0 { packed.stride[1] } else { STRIDE };
        let lanes = from.layout.lanes();
        let kept = V::LANES.min(lanes - lane);
        let span = ((PIXELS - 1) * stride + across - 1) * lanes + kept;
        // SAFETY: the caller's. The places of values are checked for each row of the window.
        unsafe {
            let bias = V::load(packed.bias.as_ptr().add(block * LANES + lane));
            let mut sums = [bias; PIXELS];
            let mut taps = packed.weights.as_ptr().add(block * down * across * LANES + lane);
            for ky in 0..down {
                let row = (y * packed.stride[0] + ky) as isize - padding[0] as isize;
                let column = (x * stride) as isize - padding[1] as isize;
                let place = from.place(block, row, column) + lane;
                let window = from.values.place(place, span).cast_const();
                for kx in 0..across {
                    let weights = V::load(taps);
                    taps = taps.add(LANES);
                    for (pixel, sum) in sums.iter_mut().enumerate() {
                        let value: V = load_some(window.add((pixel * stride + kx) * lanes), kept);
                        *sum = value.mul_add(weights, *sum);
                    }
                }
            }
            let place = to.place(block, y as isize, x as isize) + lane;
            let place = to.values.place(place, (PIXELS - 1) * lanes + kept);
            for (pixel, sum) in sums.into_iter().enumerate() {
                store_some(packed.activation.apply(sum), place.add(pixel * lanes), kept);
            }
        }
    }
}
