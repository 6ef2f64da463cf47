//! Convolutions whose channels are all summed: of any window and stride, and products with single pixels.

use std::ops::Range;

use super::cpu::Cpu;
use super::layout::{LANES, View, in_twos};
use super::parameters::Parts;
use super::strip::{FewSums, Run, Strip, largest, most};
use super::target::{Offsets, Walk};
use super::{Activation, Kernel};
use crate::feature_maps::FEW;
use crate::vector::{Spreading, Vector};

/// Output channels of a panel: a block.
const PANEL: usize = LANES;

/// A convolution's parameters, packed.
pub(super) struct Packed {
    in_channels: usize,
    out_channels: usize,
    /// Height and width of the window.
    taps: [usize; 2],
    stride: [usize; 2],
    panels: Vec<Panel>,
    /// Where they are among the network's parameters, by panel: `taps x its input channels x PANEL`.
    weights: Range<usize>,
    /// `panels x PANEL`.
    bias: Range<usize>,
    activation: Activation,
}

/// A block of output channels.
#[derive(Clone)]
struct Panel {
    /// Where its weights begin.
    start: usize,
    /// The input channels that it reads: those of its groups.
    channels: Range<usize>,
}

impl Packed {
    /// Packs a kernel. Where groups share a panel, it has zeros for the channels of the others.
    pub(super) fn new<'a>(
        in_channels: usize,
        kernel: &'a Kernel,
        activation: Activation,
        parts: &mut Parts<'a>,
    ) -> Self {
        let (panels, len) = panels(in_channels, kernel);
        let (out_channels, taps, stride) = (kernel.bias.len(), kernel.window.size, kernel.window.stride);
        let bias = parts
            .add(panels.len() * PANEL, move |biases| biases[..out_channels].copy_from_slice(&kernel.bias));
        let of_panels = panels.clone();
        let weights = parts.add(len, move |weights| pack(in_channels, kernel, &of_panels, weights));
        Self { in_channels, out_channels, taps, stride, panels, weights, bias, activation }
    }

    /// Values of the kernel.
    pub(super) fn values(&self) -> usize {
        self.weights.len()
    }

    /// Multiplications for one output pixel.
    pub(super) fn multiplications(&self) -> usize {
        let channels = |(panel, of): (usize, &Panel)| self.used(panel) * of.channels.len();
        self.taps[0] * self.taps[1] * self.panels.iter().enumerate().map(channels).sum::<usize>()
    }

    pub(super) fn activation(&self) -> Activation {
        self.activation
    }

    /// Output channels of a panel.
    fn used(&self, panel: usize) -> usize {
        PANEL.min(self.out_channels - panel * PANEL)
    }

    /// Whether a panel has more than half and at most three quarters of its channels: they fill three registers of eight, or one and a
    /// half of sixteen.
    fn is_narrow(&self, panel: usize) -> bool {
        (PANEL / 2 + 1..=PANEL / 4 * 3).contains(&self.used(panel))
    }

    /// The values that a panel reads for a pixel, by their places in `from` after the first one of its window.
    fn runs(&self, panel: usize, from: View<'_>) -> Vec<Run> {
        let [down, across] = self.taps;
        let (lanes, row) = (from.layout.lanes(), from.layout.row_stride());
        if lanes < LANES && lanes == self.in_channels {
            return (0..down).map(|ky| Run { offset: ky * row, len: across * lanes }).collect();
        }
        let Range { start, end } = self.panels[panel].channels;
        let mut runs = Vec::with_capacity(down * across * (end - start).div_ceil(LANES));
        for tap in 0..down * across {
            let (ky, kx) = (tap / across, tap % across);
            let mut channel = start;
            while channel < end {
                let (block, lane) = (channel / LANES, channel % LANES);
                let len = (LANES - lane).min(end - channel);
                runs.push(Run { offset: block * from.block_stride + ky * row + kx * lanes + lane, len });
                channel += len;
            }
        }
        runs
    }
}

/// The panels of a kernel, and the values of their weights.
fn panels(in_channels: usize, kernel: &Kernel) -> (Vec<Panel>, usize) {
    let out_channels = kernel.bias.len();
    let [ins, outs] = [in_channels / kernel.groups, out_channels / kernel.groups];
    let positions = kernel.window.size[0] * kernel.window.size[1];
    let mut len = 0;
    let panel = |first: usize| {
        let last = (first + PANEL).min(out_channels) - 1;
        // Few channels are side by side, and are read together.
        let channels =
            if in_channels <= FEW { 0..in_channels } else { first / outs * ins..(last / outs + 1) * ins };
        let start = len;
        len += positions * channels.len() * PANEL;
        Panel { start, channels }
    };
    ((0..out_channels).step_by(PANEL).map(panel).collect(), len)
}

/// Input channels that are packed at once, so that what is read of them stays in the first cache.
const PACKED: usize = 64;

/// Packs the weights of a kernel.
fn pack(in_channels: usize, kernel: &Kernel, panels: &[Panel], weights: &mut [f32]) {
    let Kernel { groups, window, kernel, bias } = kernel;
    let [ins, outs] = [in_channels / groups, bias.len() / groups];
    let positions = window.size[0] * window.size[1];
    for (panel, Panel { start, channels }) in panels.iter().enumerate() {
        let mut next = panel * PANEL;
        let end = bias.len().min(next + PANEL);
        // The output channels of a panel that are of the same group lie side by side.
        while next < end {
            let (first, group) = (next, next / outs);
            next = end.min((group + 1) * outs);
            let lanes = first % PANEL..first % PANEL + (next - first);
            let filters = &kernel[first * ins * positions..next * ins * positions];
            let mut pack = |tap: usize, channel: usize| {
                let row = tap * channels.len() + group * ins + channel - channels.start;
                let row = &mut weights[start + row * PANEL..][lanes.clone()];
                for (to, filter) in row.iter_mut().zip(filters.chunks_exact(ins * positions)) {
                    *to = filter[channel * positions + tap];
                }
            };
            for some in (0..ins).step_by(PACKED) {
                for tap in 0..positions {
                    (some..ins.min(some + PACKED)).for_each(|channel| pack(tap, channel));
                }
            }
        }
    }
}

/// A convolution on the maps of an image, or on a band of their rows.
#[derive(Clone, Copy)]
pub(super) struct Job<'a> {
    pub(super) packed: &'a Packed,
    pub(super) cpu: Cpu,
    pub(super) parameters: &'a [f32],
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
        if rows.is_empty() {
            return;
        }
        let mut groups = Vec::new();
        // Panels can be computed together if they read the same channels by the same path.
        let path = |panel| if self.packed.is_narrow(panel) { self.cpu.narrow } else { self.cpu.path };
        let kind = |panel: usize| (&self.packed.panels[panel].channels, path(panel));
        let mut add = |panels: Range<usize>| {
            let runs = self.packed.runs(panels.start, self.from);
            groups.push((path(panels.start), panels, runs));
        };
        for two in in_twos(panels.clone()) {
            if kind(two.start) == kind(two.end - 1) {
                add(two);
            } else {
                two.for_each(|panel| add(panel..panel + 1));
            }
        }
        let bands = self.bands(rows.len(), panels.len());
        for band in 0..bands {
            let [start, end] = [band, band + 1].map(|band| rows.start + band * rows.len() / bands);
            for (path, panels, runs) in &groups {
                let rows = Rows { job: *self, rows: start..end, panels: panels.clone(), runs };
                // SAFETY: a path is held only if it is supported.
                unsafe { path.run_spreading(rows) }
            }
        }
    }

    /// In how many bands to compute some rows. All panels read the input of a band while it is in the cache, where it takes a
    /// quarter; each band reads the weights again.
    fn bands(&self, rows: usize, panels: usize) -> usize {
        let Packed { stride, weights, .. } = &self.packed;
        let input = self.from.layout.len_of(rows * stride[0]);
        let bands = (input * size_of::<f32>()).div_ceil(self.cpu.cache / 4).clamp(1, rows);
        if weights.len() * bands < input * panels { bands } else { 1 }
    }
}

/// Some rows of a panel, or of two that read the same channels.
struct Rows<'a> {
    job: Job<'a>,
    rows: Range<usize>,
    panels: Range<usize>,
    runs: &'a [Run],
}

/// Values of a sum during which the lines that the next strip writes are fetched.
const LONG: usize = 48;

/// Values from a pixel to the next but one.
const TWO_PIXELS: usize = 2 * LANES;

/// The same for an image of three channels.
const TWO_COLOURS: usize = 2 * FEW;

impl Spreading for Rows<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector, const TWICE: bool>(self) {
        // SAFETY: the caller's.
        unsafe {
            match self.job.packed.stride[1] * self.job.from.layout.lanes() {
                LANES => self.lanes::<V, LANES, TWICE>(),
                TWO_PIXELS => self.lanes::<V, TWO_PIXELS, TWICE>(),
                TWO_COLOURS => self.lanes::<V, TWO_COLOURS, TWICE>(),
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
        // A value that is spread to a register is used four times instead of twice: that saves instructions.
        if const { 2 * V::LANES == PANEL && !TWICE } && self.panels.len() == 2 {
            // SAFETY: the caller's.
            unsafe {
                if self.used(&self.panels) > PANEL + V::LANES {
                    self.all_rows::<V, STEP, 4, TWICE>(&self.panels, 0);
                } else {
                    self.all_rows::<V, STEP, 3, TWICE>(&self.panels, 0);
                }
            }
            return;
        }
        for panel in self.panels.clone() {
            let panels = panel..panel + 1;
            if const { 4 * V::LANES == PANEL } && self.job.packed.is_narrow(panel) {
                // SAFETY: the caller's.
                unsafe { self.all_rows::<V, STEP, 3, TWICE>(&panels, 0) };
                continue;
            }
            let used = self.used(&panels);
            for lane in (0..used).step_by(2 * V::LANES) {
                // SAFETY: the caller's.
                unsafe {
                    if used - lane > V::LANES {
                        self.all_rows::<V, STEP, 2, TWICE>(&panels, lane);
                    } else {
                        self.all_rows::<V, STEP, 1, TWICE>(&panels, lane);
                    }
                }
            }
        }
    }

    /// The output channels of some panels.
    fn used(&self, panels: &Range<usize>) -> usize {
        (panels.len() * PANEL).min(self.job.packed.out_channels - panels.start * PANEL)
    }

    /// All rows, for `REGISTERS` registers of output channels from a lane of some panels on.
    ///
    /// # Safety
    ///
    /// As for [`Vector`].
    #[inline(always)]
    unsafe fn all_rows<V: Vector, const STEP: usize, const REGISTERS: usize, const TWICE: bool>(
        &self,
        panels: &Range<usize>,
        lane: usize,
    ) {
        let Job { packed, from, to, .. } = self.job;
        let width = to.layout.shape.width;
        // Single pixels of maps without gaps are one long row.
        let joined = packed.taps == [1, 1] && packed.stride == [1, 1] && from.is_contiguous();
        let start = self.rows.start;
        let (rows, pixels) =
            if joined { (start..start + 1, self.rows.len() * width) } else { (self.rows.clone(), width) };
        for y in rows {
            // SAFETY: the caller's.
            unsafe { self.row::<V, STEP, REGISTERS, TWICE>(panels, [y, lane], pixels) }
        }
    }

    /// A row of pixels in strips of nearly equal width, for the registers of [`all_rows`](Self::all_rows).
    ///
    /// # Safety
    ///
    /// As for [`Vector`].
    #[inline(always)]
    unsafe fn row<V: Vector, const STEP: usize, const REGISTERS: usize, const TWICE: bool>(
        &self,
        panels: &Range<usize>,
        [y, lane]: [usize; 2],
        pixels: usize,
    ) {
        let Job { packed, from, padding, to, residual, .. } = self.job;
        let start = |side: usize, stride: usize, padding: usize| (side * stride) as isize - padding as isize;
        let origin = from.place(0, start(y, packed.stride[0], padding[0]), start(0, 1, padding[1]));
        let step = if STEP == 0 { packed.stride[1] * from.layout.lanes() } else { STEP };
        let whole = self.runs.last().map_or(0, |run| run.offset + run.len);
        let windows = from.values.place(origin, (pixels - 1) * step + whole).cast_const();
        let parameters = self.job.parameters;
        let bias = parameters[packed.bias.clone()][panels.start * PANEL..][..panels.len() * PANEL].as_ptr();
        let start = |panel: usize| packed.panels[panel].start;
        let weights = parameters[packed.weights.clone()][start(panels.start)..].as_ptr();
        // The third register is of the second panel or, if there is one, of its second half.
        let inner = (panels.len() == 1).then_some(2 * V::LANES);
        let next = inner.unwrap_or(start(panels.end - 1) - start(panels.start));
        let is_long = self.runs.iter().map(|run| run.len).sum::<usize>() >= LONG;
        let few = to.layout.lanes() != LANES;
        let activation = if few { Activation::Linear } else { packed.activation };
        let walk = |view| Walk::new(view, panels, [y, lane], inner);
        let mut results = (!few).then(|| walk(to));
        let mut residuals = residual.filter(|_| !few).map(walk);
        let mut offsets = [Offsets::default(); 2];
        let strips = pixels.div_ceil(most::<V>(REGISTERS));
        let (each, rest) = (pixels / strips, pixels % strips);
        let mut x = 0;
        for strip in 0..strips {
            // They are of nearly equal width: the first ones have one pixel more.
            let mut left = each + usize::from(strip < rest);
            while left > 0 {
                let count = largest::<V, STEP, REGISTERS>(left);
                // SAFETY: the caller's. The places of the whole row of windows were checked above; `take` checks those of the
                // results.
                unsafe {
                    let (weights, bias) = (weights.add(lane), bias.add(lane));
                    let from = windows.add(x * step);
                    let strip = Strip { runs: self.runs, from, step, weights, next, bias, is_long };
                    let [of_residual, of_result] = &mut offsets;
                    let residual = residuals.as_mut().map(|walk| walk.take(count, of_residual));
                    let mut sums = None;
                    let target = match &mut results {
                        Some(walk) => walk.take(count, of_result),
                        None => sums.insert(FewSums::new()).target(),
                    };
                    strip.compute::<V, STEP, REGISTERS, TWICE>(count, residual, target, activation);
                    if let Some(sums) = &sums {
                        sums.finish::<V>(&self.job, [y, x], count);
                    }
                }
                (x, left) = (x + count, left - count);
            }
        }
    }
}
