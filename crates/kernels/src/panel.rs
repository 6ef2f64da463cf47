//! The loops of a dense layer, over one block of inputs and all units.
//!
//! A block's kernel is stored in panels of at most [`PANEL`] units, `inputs x width` each. So the values that a loop
//! reads repeatedly fit the first cache: the rows of one chunk of inputs, or one panel of all samples. Registers hold a
//! strip of a panel.
//!
//! Inputs that are zero are left out of the product and of the gradient. For finite parameters that changes no sum. If
//! a parameter is infinite or NaN, `0 x parameter` would be NaN.

use std::ops::Range;

use crate::lanes::{Lanes, Register};
use crate::lines::{LINE, Lines};
use crate::path::Path;
use crate::vector::{Operation, Vector};

/// Units of a panel, as many as a strip of 512-bit registers holds.
pub(crate) const PANEL: usize = 128;

/// Inputs whose kernel rows are updated and multiplied by the next batch while they are in the first caches.
const CHUNK: usize = 64;

/// The most registers of a strip: enough sums to hide the latency of multiply-add, few enough for sixteen registers.
const STRIP: usize = 8;

/// The most values that an optimizer may remember for a parameter.
pub const MAX_SLOTS: usize = 2;

/// An optimizer's element-wise formula.
pub trait Optimizer: Copy + Sync {
    /// The number of values that it remembers for each parameter, at most [`MAX_SLOTS`]. They start at zero.
    const SLOTS: usize;

    /// Returns the new parameter. `memory` holds the [`SLOTS`](Self::SLOTS) remembered values and takes the new ones. A
    /// parameter of zero whose gradients were all zero must stay zero.
    ///
    /// Mark it `#[inline(always)]`: a function that is not inlined is not compiled for the path's instructions.
    fn step<L: Lanes>(&self, parameter: L, gradient: L, memory: &mut [L]) -> L;

    /// The optimizer of the bias, if it differs from the kernel's: a penalty on kernels does not apply to biases.
    #[must_use]
    fn for_bias(self) -> Self {
        self
    }
}

/// The panels of `units` units: the start of each, and its width, a multiple of [`LINE`]. Lanes beyond the last unit
/// are zero.
pub(crate) fn panels(units: usize) -> impl Iterator<Item = (usize, usize)> {
    let padded = units.next_multiple_of(LINE);
    (0..padded).step_by(PANEL).map(move |start| (start, PANEL.min(padded - start)))
}

/// Inputs side by side with their share of a kernel, of the optimizer's memory and of the products.
pub(crate) struct Block {
    pub(crate) inputs: usize,
    /// Units, a multiple of [`LINE`].
    pub(crate) padded: usize,
    /// One panel after the other, `inputs x width`.
    pub(crate) kernel: Lines,
    /// The same layout as the kernel, for each slot.
    pub(crate) memory: Lines,
    /// The most rows at a time.
    pub(crate) batch: usize,
    /// This block's share of the products: one panel after the other, `batch x width`.
    pub(crate) products: Lines,
}

/// Rows that a block takes its inputs from.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    /// From the block's first input in the first row on.
    pub(crate) values: &'a [f32],
    /// Values from one row to the next.
    pub(crate) stride: usize,
    pub(crate) count: usize,
}

/// The loss's derivatives by the layer's outputs.
#[derive(Clone, Copy)]
pub(crate) struct Delta<'a> {
    /// One panel after the other, `samples x width`.
    pub(crate) values: &'a [f32],
    pub(crate) samples: usize,
}

/// The optimizer's step with a batch's gradient.
pub(crate) struct Update<'a, O> {
    pub(crate) optimizer: &'a O,
    pub(crate) rows: Rows<'a>,
    pub(crate) delta: Delta<'a>,
}

/// For each input of a chunk, the samples in which it is not zero. Its memory is kept from one pass to the next.
pub(crate) struct Entries {
    /// The first `counts` of `samples` for each input.
    entries: Vec<Entry>,
    counts: [usize; CHUNK],
    samples: usize,
}

impl Entries {
    pub(crate) const fn new() -> Self {
        Self { entries: Vec::new(), counts: [0; CHUNK], samples: 0 }
    }

    /// The entries of the chunk's inputs in the rows.
    ///
    /// # Safety
    ///
    /// As for [`Vector`].
    #[inline(always)]
    unsafe fn find<V: Vector>(&mut self, rows: Rows<'_>, chunk: Range<usize>) {
        self.samples = rows.count;
        self.counts = [0; CHUNK];
        self.entries.resize(CHUNK * rows.count, Entry::default());
        for sample in 0..rows.count {
            let values = &rows.values[sample * rows.stride..][chunk.clone()];
            // SAFETY: the caller's.
            let mut bits = unsafe { nonzero::<V>(values) };
            while bits != 0 {
                let input = bits.trailing_zeros() as usize;
                let count = &mut self.counts[input];
                let entry = Entry { sample: sample as u32, value: values[input] };
                self.entries[input * rows.count + *count] = entry;
                *count += 1;
                bits &= bits - 1;
            }
        }
    }

    /// The entries of one input, in the order of the samples.
    #[inline(always)]
    fn of(&self, input: usize) -> &[Entry] {
        &self.entries[input * self.samples..][..self.counts[input]]
    }
}

/// A value of one sample's input that is not zero.
#[derive(Clone, Copy, Default)]
struct Entry {
    sample: u32,
    value: f32,
}

impl Block {
    /// Updates the kernel, then multiplies rows with it. Either may be left out.
    pub(crate) fn pass<O: Optimizer>(
        &mut self,
        path: Path,
        update: Option<&Update<'_, O>>,
        rows: Option<Rows<'_>>,
        entries: &mut Entries,
    ) {
        // The loops below rely on these.
        let (size, samples) = (self.inputs * self.padded, self.batch);
        assert!(self.padded.is_multiple_of(LINE) && self.kernel.len() == size);
        assert!(self.products.len() == samples * self.padded);
        if let Some(update) = update {
            assert!(O::SLOTS <= MAX_SLOTS && self.memory.len() == O::SLOTS * size);
            assert!(update.delta.samples == update.rows.count);
            assert!(update.delta.values.len() == update.rows.count * self.padded);
        }
        assert!(rows.is_none_or(|rows| rows.count <= samples));
        // SAFETY: `Dense` holds a path only if `Path::is_supported` returned true.
        unsafe { path.run(Pass { block: self, update, rows, entries }) }
    }
}

impl Block {
    /// The derivatives by this block's inputs, for some samples.
    ///
    /// `delta` is as in an update. `gradient` holds the samples from `first` on, `stride` values apart, each from the
    /// block's first input on.
    pub(crate) fn input_gradient(
        &self,
        path: Path,
        delta: Delta<'_>,
        first: usize,
        gradient: &mut [f32],
        stride: usize,
    ) {
        assert!(self.padded.is_multiple_of(LINE) && self.kernel.len() == self.inputs * self.padded);
        assert!(first + gradient.len().div_ceil(stride) <= delta.samples);
        assert!(delta.values.len() == delta.samples * self.padded);
        // SAFETY: as for `pass`.
        unsafe { path.run(InputGradient { block: self, delta, first, gradient, stride }) }
    }
}

/// [`Block::pass`] after its checks.
struct Pass<'a, O> {
    block: &'a mut Block,
    update: Option<&'a Update<'a, O>>,
    rows: Option<Rows<'a>>,
    entries: &'a mut Entries,
}

impl<O: Optimizer> Operation for Pass<'_, O> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        // SAFETY: the caller's.
        unsafe { self.block.run::<V, O>(self.update, self.rows, self.entries) }
    }
}

/// [`Block::input_gradient`] after its checks.
struct InputGradient<'a> {
    block: &'a Block,
    delta: Delta<'a>,
    first: usize,
    gradient: &'a mut [f32],
    stride: usize,
}

impl Operation for InputGradient<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        // SAFETY: the caller's.
        unsafe { self.block.dots::<V>(self.delta, self.first, self.gradient, self.stride) }
    }
}

/// Runs `$strip` for each strip of a panel of `$width` units. `N` is the strip's number of registers and `$lane` its
/// first unit.
macro_rules! strips {
    ($vector:ty, $width:expr, |$lane:ident, $n:ident| $strip:expr) => {{
        let mut $lane = 0;
        while $lane < $width {
            // A panel's width is a multiple of LINE, and therefore of every register's lanes.
            match ($width - $lane) / <$vector>::LANES {
                STRIP.. => strips!(@ $vector, $lane, $n, 8, $strip),
                4.. => strips!(@ $vector, $lane, $n, 4, $strip),
                2.. => strips!(@ $vector, $lane, $n, 2, $strip),
                _ => strips!(@ $vector, $lane, $n, 1, $strip),
            }
        }
    }};
    (@ $vector:ty, $lane:ident, $n:ident, $count:literal, $strip:expr) => {{
        const $n: usize = $count;
        $strip;
        $lane += $n * <$vector>::LANES;
    }};
}

impl Block {
    /// # Safety
    ///
    /// As for [`Vector`]; the lengths are those that [`Block::pass`] checks.
    #[inline(always)]
    unsafe fn run<V: Vector, O: Optimizer>(
        &mut self,
        update: Option<&Update<'_, O>>,
        rows: Option<Rows<'_>>,
        entries: &mut Entries,
    ) {
        for first in (0..self.inputs).step_by(CHUNK) {
            let chunk = first..self.inputs.min(first + CHUNK);
            // SAFETY: the caller's.
            unsafe {
                if let Some(update) = update {
                    entries.find::<V>(update.rows, chunk.clone());
                    self.update::<V, O>(update, chunk.clone(), entries);
                }
                if let Some(rows) = rows {
                    self.multiply::<V>(rows, chunk);
                }
            }
        }
    }

    /// Computes the gradient of a chunk's kernel rows in registers, and takes the optimizer's step.
    ///
    /// # Safety
    ///
    /// As for [`Block::run`].
    #[inline(always)]
    unsafe fn update<V: Vector, O: Optimizer>(
        &mut self,
        update: &Update<'_, O>,
        chunk: Range<usize>,
        entries: &Entries,
    ) {
        // A copy: no store can change it, so its constants stay in registers.
        let optimizer = *update.optimizer;
        let (kernel, memory) = (self.kernel.as_mut_ptr(), self.memory.as_mut_ptr());
        let slot = self.kernel.len();
        for (start, width) in panels(self.padded) {
            for input in chunk.clone() {
                let entries = entries.of(input - chunk.start);
                strips!(V, width, |lane, N| {
                    // SAFETY: the caller's. A panel's row is within the kernel and each slot. Entries name only samples
                    // of the update, each of which has a row in delta. A strip ends within its row.
                    unsafe {
                        let delta = update.delta.values.as_ptr().add(start * update.delta.samples + lane);
                        let mut gradient = [V::splat(0.0); N];
                        for entry in entries {
                            let row = delta.add(entry.sample as usize * width);
                            let value = V::splat(entry.value);
                            for (v, sum) in gradient.iter_mut().enumerate() {
                                *sum = value.mul_add(V::load(row.add(v * V::LANES)), *sum);
                            }
                        }
                        let at = start * self.inputs + input * width + lane;
                        for (v, gradient) in gradient.into_iter().enumerate() {
                            let at = at + v * V::LANES;
                            let mut remembered = [Register(V::splat(0.0)); MAX_SLOTS];
                            let remembered = &mut remembered[..O::SLOTS];
                            for (s, value) in remembered.iter_mut().enumerate() {
                                *value = Register(V::load(memory.add(s * slot + at)));
                            }
                            let parameter = Register(V::load(kernel.add(at)));
                            let stepped = optimizer.step(parameter, Register(gradient), remembered);
                            stepped.0.store(kernel.add(at));
                            for (s, value) in remembered.iter().enumerate() {
                                value.0.store(memory.add(s * slot + at));
                            }
                        }
                    }
                });
            }
        }
    }

    /// Adds the product of a chunk's inputs and kernel rows to the block's products.
    ///
    /// # Safety
    ///
    /// As for [`Block::run`].
    #[inline(always)]
    unsafe fn multiply<V: Vector>(&mut self, rows: Rows<'_>, chunk: Range<usize>) {
        for (start, width) in panels(self.padded) {
            let kernel = self.kernel[start * self.inputs + chunk.start * width..].as_ptr();
            let products = self.products[start * self.batch..].as_mut_ptr();
            for sample in 0..rows.count {
                let values = &rows.values[sample * rows.stride..][chunk.clone()];
                // SAFETY: the caller's.
                let nonzero = unsafe { nonzero::<V>(values) };
                strips!(V, width, |lane, N| {
                    // SAFETY: the caller's. The bits of `nonzero` are below the chunk's length, and there are as many
                    // values and rows of the panel. A strip ends within its row, and the products have `batch` rows.
                    unsafe {
                        let products = products.add(sample * width + lane);
                        let mut sums = [V::splat(0.0); N];
                        if chunk.start > 0 {
                            sums = std::array::from_fn(|v| V::load(products.add(v * V::LANES)));
                        }
                        let mut bits = nonzero;
                        while bits != 0 {
                            let input = bits.trailing_zeros() as usize;
                            let value = V::splat(*values.as_ptr().add(input));
                            let row = kernel.add(input * width + lane);
                            for (v, sum) in sums.iter_mut().enumerate() {
                                *sum = value.mul_add(V::load(row.add(v * V::LANES)), *sum);
                            }
                            bits &= bits - 1;
                        }
                        for (v, sum) in sums.into_iter().enumerate() {
                            sum.store(products.add(v * V::LANES));
                        }
                    }
                });
            }
        }
    }

    /// The dot products of kernel rows and derivatives.
    ///
    /// # Safety
    ///
    /// As for [`Vector`]; the lengths are those that [`Block::input_gradient`] checks.
    #[inline(always)]
    unsafe fn dots<V: Vector>(&self, delta: Delta<'_>, first: usize, gradient: &mut [f32], stride: usize) {
        for input in 0..self.inputs {
            for (index, row) in gradient.chunks_mut(stride).enumerate() {
                // SAFETY: the caller's. A panel's row is within the kernel, and within delta for each sample.
                let lanes = unsafe {
                    let mut sum = V::splat(0.0);
                    for (start, width) in panels(self.padded) {
                        let kernel = self.kernel.as_ptr().add(start * self.inputs + input * width);
                        let at = start * delta.samples + (first + index) * width;
                        let delta = delta.values.as_ptr().add(at);
                        for lane in (0..width).step_by(V::LANES) {
                            sum = V::load(kernel.add(lane)).mul_add(V::load(delta.add(lane)), sum);
                        }
                    }
                    let mut lanes = [0.0; LINE];
                    sum.store(lanes.as_mut_ptr());
                    lanes
                };
                row[input] = lanes[..V::LANES].iter().sum();
            }
        }
    }
}

/// Bit `i` is set if value `i` of at most [`CHUNK`] is not zero.
///
/// # Safety
///
/// As for [`Vector`].
#[inline(always)]
unsafe fn nonzero<V: Vector>(values: &[f32]) -> u64 {
    const { assert!(CHUNK <= 64) };
    let mut bits = 0;
    let vectors = values.chunks_exact(V::LANES);
    let whole = values.len() - vectors.remainder().len();
    for (index, &value) in vectors.remainder().iter().enumerate() {
        bits |= u64::from(value != 0.0) << (whole + index);
    }
    for (index, vector) in vectors.enumerate() {
        // SAFETY: the caller's; the chunk holds a register's lanes.
        bits |= unsafe { V::load(vector.as_ptr()).nonzero() } << (index * V::LANES);
    }
    bits
}
