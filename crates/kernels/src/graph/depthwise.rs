//! Depthwise convolutions: each channel with a window of its own.

use std::ops::Range;

use super::activation::UNBOUNDED;
use super::layout::{LANES, View};
use super::parameters::Parts;
use super::{Activation, Kernel};
use crate::path::Path;
use crate::vector::{Operation, Vector};

/// Pixels of a strip.
const STRIP: usize = 8;

/// The parameters of a depthwise convolution, packed.
pub(super) struct Packed {
    /// Height and width of the window.
    taps: [usize; 2],
    stride: [usize; 2],
    /// Where they are among the network's parameters, by block of channels: `taps x LANES`.
    weights: Range<usize>,
    /// `blocks x LANES`.
    bias: Range<usize>,
    pub(super) activation: Activation,
}

impl Packed {
    /// Packs a kernel whose groups are single channels.
    pub(super) fn new<'a>(kernel: &'a Kernel, activation: Activation, parts: &mut Parts<'a>) -> Self {
        let Kernel { window, kernel, bias, .. } = kernel;
        let positions = window.size[0] * window.size[1];
        let blocks = bias.len().div_ceil(LANES);
        let (taps, stride) = (window.size, window.stride);
        let bias = parts.add(blocks * LANES, move |biases| biases[..bias.len()].copy_from_slice(bias));
        let weights = parts.add(blocks * positions * LANES, move |weights| {
            for (channel, filter) in kernel.chunks_exact(positions).enumerate() {
                for (tap, value) in filter.iter().enumerate() {
                    weights[(channel / LANES * positions + tap) * LANES + channel % LANES] = *value;
                }
            }
        });
        Self { taps, stride, weights, bias, activation }
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
    pub(super) parameters: &'a [f32],
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
        let Job { packed, from, padding, to, .. } = self.job;
        let [down, across] = packed.taps;
        let width = to.layout.shape.width;
        let row_stride = from.layout.row_stride();
        // From the first value of a row's windows to the end of the last.
        let whole = (down - 1) * row_stride + ((width - 1) * packed.stride[1] + across) * LANES;
        let strips = width.div_ceil(STRIP);
        let of = |range: &Range<usize>| &self.job.parameters[range.clone()];
        let (bias, weights) = (of(&packed.bias), of(&packed.weights));
        for block in self.blocks.clone() {
            for y in self.rows.clone() {
                let start = |side: usize, padding: usize| side as isize - padding as isize;
                let place = from.place(block, start(y * packed.stride[0], padding[0]), start(0, padding[1]));
                let windows = from.values.place(place, whole).cast_const();
                let result = to.values.place(to.place(block, y as isize, 0), width * LANES);
                for lane in (0..to.layout.used(block)).step_by(V::LANES) {
                    let (mut x, mut strip) = (0, 0);
                    while x < width {
                        let until = (strip + 1) * width / strips;
                        // SAFETY: the caller's. The places of the whole row and of all its windows were checked.
                        x += unsafe {
                            let strip = Strip {
                                packed,
                                window: windows.add(x * packed.stride[1] * LANES + lane),
                                row_stride,
                                bias: bias.as_ptr().add(block * LANES + lane),
                                weights: weights.as_ptr().add((block * down * across) * LANES + lane),
                                to: result.add(x * LANES + lane),
                            };
                            strip.compute::<V, TAPS, STRIDE>(until - x)
                        };
                        strip += usize::from(x == until);
                    }
                }
            }
        }
    }
}

/// Some pixels of a row, for one register of channels.
struct Strip<'a> {
    packed: &'a Packed,
    /// The window of the first pixel.
    window: *const f32,
    row_stride: usize,
    bias: *const f32,
    /// The first tap.
    weights: *const f32,
    to: *mut f32,
}

impl Strip<'_> {
    /// Computes at most `left` pixels; returns how many. For windows that are not known when this is compiled, one.
    ///
    /// # Safety
    ///
    /// As for [`Vector`]. All values of the windows and of the result exist.
    #[inline(always)]
    unsafe fn compute<V: Vector, const TAPS: usize, const STRIDE: usize>(&self, left: usize) -> usize {
        let count = if TAPS == 0 { 1 } else { left.min(STRIP) };
        macro_rules! sized {
            ($($pixels:literal)*) => {
                match count {
                    $($pixels if TAPS != 0 || $pixels == 1 => {
                        // SAFETY: the caller's.
                        unsafe { self.sums::<V, TAPS, STRIDE, $pixels>() }
                    })*
                    _ => unreachable!("a strip has one to eight pixels"),
                }
            };
        }
        sized!(8 7 6 5 4 3 2 1);
        if self.packed.activation.bounds().is_none() {
            for pixel in 0..count {
                // SAFETY: the sums were stored there.
                unsafe {
                    let place = self.to.add(pixel * LANES);
                    self.packed.activation.apply(V::load(place)).store(place);
                }
            }
        }
        count
    }

    /// # Safety
    ///
    /// As for [`compute`](Self::compute).
    #[inline(always)]
    unsafe fn sums<V: Vector, const TAPS: usize, const STRIDE: usize, const PIXELS: usize>(&self) {
        let Self { packed, window, row_stride, to, .. } = *self;
        let [down, across] = if TAPS == 0 { packed.taps } else { [TAPS; 2] };
        let stride = if STRIDE == 0 { packed.stride[1] } else { STRIDE };
        // SAFETY: the caller's.
        unsafe {
            let mut sums = [V::load(self.bias); PIXELS];
            let mut taps = self.weights;
            for ky in 0..down {
                let row = window.add(ky * row_stride);
                for kx in 0..across {
                    let weights = V::load(taps);
                    taps = taps.add(LANES);
                    for (pixel, sum) in sums.iter_mut().enumerate() {
                        *sum = V::load(row.add((pixel * stride + kx) * LANES)).mul_add(weights, *sum);
                    }
                }
            }
            let [least, most] = packed.activation.bounds().unwrap_or(UNBOUNDED);
            let (least, most) = (V::splat(least), V::splat(most));
            for (pixel, sum) in sums.into_iter().enumerate() {
                sum.at_least(least).at_most(most).store(to.add(pixel * LANES));
            }
        }
    }
}
