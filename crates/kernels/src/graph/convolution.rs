//! Convolutions whose channels are all summed: of any window and stride, and products with single pixels.
//!
//! A strip of pixels times a panel of output channels is summed in registers, over all taps and input channels in one order.
//! So an output does not depend on the strip that it is in.

use std::ops::Range;

use super::layout::{LANES, View};
use super::{Activation, Kernel};
use crate::feature_maps::size;
use crate::lines::{LINE, Lines};
use crate::path::Path;
use crate::vector::{Spread, Spreading, Vector};

/// Output channels of a panel: a block.
const PANEL: usize = LANES;

/// A convolution's parameters, packed.
pub(super) struct Packed {
    in_channels: usize,
    out_channels: usize,
    /// Height and width of the window.
    taps: [usize; 2],
    stride: [usize; 2],
    /// By panel: `taps x in_channels x PANEL`.
    weights: Lines,
    /// `panels x PANEL`.
    bias: Lines,
    pub(super) activation: Activation,
}

impl Packed {
    /// Packs a kernel. Groups become zeros in a kernel of all channels.
    pub(super) fn new(in_channels: usize, kernel: &Kernel, activation: Activation) -> Self {
        let Kernel { groups, window, kernel, bias } = kernel;
        let out_channels = bias.len();
        let [ins, outs] = [in_channels / groups, out_channels / groups];
        let positions = window.size[0] * window.size[1];
        let panels = out_channels.div_ceil(PANEL);
        let mut packed = Self {
            in_channels,
            out_channels,
            taps: window.size,
            stride: window.stride,
            weights: Lines::zeros(size(&[panels, positions, in_channels, PANEL])),
            bias: Lines::zeros(panels * PANEL),
            activation,
        };
        packed.bias[..out_channels].copy_from_slice(bias);
        for (out, filter) in kernel.chunks_exact(ins * positions).enumerate() {
            for (channel, taps) in filter.chunks_exact(positions).enumerate() {
                let from = out / outs * ins + channel;
                for (tap, value) in taps.iter().enumerate() {
                    let row = (out / PANEL * positions + tap) * in_channels + from;
                    packed.weights[row * PANEL + out % PANEL] = *value;
                }
            }
        }
        packed
    }

    /// Panels of output channels.
    pub(super) fn panels(&self) -> usize {
        self.out_channels.div_ceil(PANEL)
    }

    /// Multiplications for one output pixel.
    pub(super) fn multiplications(&self) -> usize {
        self.taps[0] * self.taps[1] * self.in_channels * self.out_channels
    }

    fn panel(&self, panel: usize) -> &[f32] {
        let len = self.taps[0] * self.taps[1] * self.in_channels * PANEL;
        &self.weights[panel * len..(panel + 1) * len]
    }
}

/// A convolution on the maps of an image, or on a band of their rows.
#[derive(Clone, Copy)]
pub(super) struct Job<'a> {
    pub(super) packed: &'a Packed,
    pub(super) path: Path,
    /// Its border is at least as wide as `padding`.
    pub(super) from: View<'a>,
    /// Rows above and columns to the left that the window begins at.
    pub(super) padding: [usize; 2],
    pub(super) to: View<'a>,
    /// Maps of the shape of the result that are added before the activation.
    pub(super) residual: Option<View<'a>>,
}

impl Job<'_> {
    /// Computes some rows of some panels. The border is not written.
    ///
    /// # Safety
    ///
    /// The rows that the windows reach are in `from`, these rows are in `to` and `residual`, and meanwhile no other thread
    /// writes the former or uses the latter.
    pub(super) unsafe fn run(&self, rows: Range<usize>, panels: Range<usize>) {
        for panel in panels {
            // SAFETY: the kernels' owner holds a path only if `Path::is_supported` returned true.
            unsafe { self.path.run_spreading(Rows { job: *self, rows: rows.clone(), panel }) }
        }
    }
}

/// Some rows of one panel.
struct Rows<'a> {
    job: Job<'a>,
    rows: Range<usize>,
    panel: usize,
}

/// Values from a pixel to the next but one.
const TWO_PIXELS: usize = 2 * LANES;

impl Spreading for Rows<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector, const TWICE: bool>(self) {
        // SAFETY: the caller's.
        unsafe {
            match self.job.packed.stride[1] * self.job.from.layout.lanes() {
                LANES => self.lanes::<V, LANES, TWICE>(),
                TWO_PIXELS => self.lanes::<V, TWO_PIXELS, TWICE>(),
                _ => self.lanes::<V, 0, TWICE>(),
            }
        }
    }
}

impl Rows<'_> {
    /// For windows that move by `STEP` values, or by any number if it is 0.
    ///
    /// # Safety
    ///
    /// As for [`Vector`].
    #[inline(always)]
    unsafe fn lanes<V: Vector, const STEP: usize, const TWICE: bool>(self) {
        let Job { packed, from, to, residual, .. } = self.job;
        let used = PANEL.min(packed.out_channels - self.panel * PANEL);
        let width = to.layout.shape.width;
        // Single pixels of maps without gaps are one long row.
        let joined = packed.taps == [1, 1]
            && packed.stride == [1, 1]
            && from.is_contiguous()
            && to.is_contiguous()
            && residual.is_none_or(View::is_contiguous);
        let runs = if joined { self.rows.start..self.rows.start + 1 } else { self.rows.clone() };
        let pixels = if joined { self.rows.len() * width } else { width };
        let mut lane = 0;
        while lane < used {
            for y in runs.clone() {
                // SAFETY: the caller's.
                unsafe {
                    if used - lane > V::LANES {
                        self.row::<V, STEP, 2, TWICE>(y, pixels, lane);
                    } else {
                        self.row::<V, STEP, 1, TWICE>(y, pixels, lane);
                    }
                }
            }
            lane += if used - lane > V::LANES { 2 * V::LANES } else { V::LANES };
        }
    }

    /// A row of pixels in strips of nearly equal width, for `REGISTERS` registers of output channels.
    ///
    /// # Safety
    ///
    /// As for [`Vector`].
    #[inline(always)]
    unsafe fn row<V: Vector, const STEP: usize, const REGISTERS: usize, const TWICE: bool>(
        &self,
        y: usize,
        pixels: usize,
        lane: usize,
    ) {
        let strips = pixels.div_ceil(V::STRIP);
        let mut x = 0;
        for strip in 0..strips {
            let mut left = (strip + 1) * pixels / strips - x;
            while left > 0 {
                macro_rules! strip_of {
                    ($($pixels:literal)*) => {
                        match left {
                            $($pixels.. if $pixels <= V::STRIP => {
                                // SAFETY: the caller's.
                                unsafe { self.strip::<V, STEP, REGISTERS, $pixels, TWICE>(y, x, lane) };
                                (x, left) = (x + $pixels, left - $pixels);
                            })*
                            _ => unreachable!("a strip has at least one pixel"),
                        }
                    };
                }
                strip_of!(14 13 12 11 10 9 8 7 6 4 2 1);
            }
        }
    }

    /// `PIXELS` pixels from `x` on.
    ///
    /// # Safety
    ///
    /// As for [`Vector`].
    #[inline(always)]
    unsafe fn strip<
        V: Vector,
        const STEP: usize,
        const REGISTERS: usize,
        const PIXELS: usize,
        const TWICE: bool,
    >(
        &self,
        y: usize,
        x: usize,
        lane: usize,
    ) {
        let Job { packed, from, padding, to, residual, .. } = self.job;
        let lanes = from.layout.lanes();
        let step = if STEP == 0 { packed.stride[1] * lanes } else { STEP };
        let [down, across] = packed.taps;
        let at = |ky: usize, block: usize| {
            let row = (y * packed.stride[0] + ky) as isize - padding[0] as isize;
            let column = (x * packed.stride[1]) as isize - padding[1] as isize;
            from.place(block, row, column)
        };
        let whole = (PIXELS - 1) * step + (across - 1) * lanes;
        // SAFETY: the caller's. The pointer to weights advances over the panel's `taps x in_channels` rows. The places of
        // values are checked for each row of a window and block of channels.
        unsafe {
            let mut sums = [[V::splat(0.0); REGISTERS]; PIXELS];
            let mut row = packed.panel(self.panel).as_ptr().add(lane);
            for ky in 0..down {
                for kx in 0..across {
                    let mut channels = packed.in_channels;
                    for block in 0..from.layout.blocks() {
                        let of_block = channels.min(lanes);
                        channels -= of_block;
                        let place = from.values.place(at(ky, block), whole + of_block).cast_const();
                        let window = Spread::<TWICE>::new(place.add(kx * lanes));
                        for channel in 0..of_block {
                            let mut weights = [V::splat(0.0); REGISTERS];
                            for (register, weights) in weights.iter_mut().enumerate() {
                                *weights = V::load(row.add(register * V::LANES));
                            }
                            for (pixel, sums) in sums.iter_mut().enumerate() {
                                let value: [V; 2] = window.get(pixel * step + channel);
                                for register in 0..REGISTERS {
                                    sums[register] =
                                        value[register].mul_add(weights[register], sums[register]);
                                }
                            }
                            row = row.add(PANEL);
                        }
                    }
                }
            }
            for register in 0..REGISTERS {
                let lane = lane + register * V::LANES;
                let bias = V::load(packed.bias.as_ptr().add(self.panel * PANEL + lane));
                // A block of fewer lanes than a register has, for an output of few channels.
                let kept = V::LANES.min(to.layout.lanes() - lane);
                for (pixel, sums) in sums.iter().enumerate() {
                    let place = |view: View<'_>| {
                        let place = view.place(self.panel, y as isize, x as isize);
                        view.values.place(place + pixel * view.layout.lanes() + lane, kept)
                    };
                    let mut sum = sums[register].add(bias);
                    if let Some(residual) = residual {
                        sum = sum.add(load_some(place(residual), kept));
                    }
                    store_some(packed.activation.apply(sum), place(to), kept);
                }
            }
        }
    }
}

/// A register whose first `count` lanes are from memory.
///
/// # Safety
///
/// As for [`Vector`]; there are `count` values.
#[inline(always)]
pub(super) unsafe fn load_some<V: Vector>(from: *const f32, count: usize) -> V {
    // SAFETY: the caller's; no register has more than LINE lanes.
    unsafe {
        if count == V::LANES {
            return V::load(from);
        }
        let mut values = [0.0; LINE];
        std::ptr::copy_nonoverlapping(from, values.as_mut_ptr(), count);
        V::load(values.as_ptr())
    }
}

/// Stores the first `count` lanes.
///
/// # Safety
///
/// As for [`load_some`].
#[inline(always)]
pub(super) unsafe fn store_some<V: Vector>(values: V, to: *mut f32, count: usize) {
    // SAFETY: as for `load_some`.
    unsafe {
        if count == V::LANES {
            return values.store(to);
        }
        let mut stored = [0.0; LINE];
        values.store(stored.as_mut_ptr());
        std::ptr::copy_nonoverlapping(stored.as_ptr(), to, count);
    }
}
