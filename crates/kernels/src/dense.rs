//! A dense layer, forward and in training.

use std::fmt;

use rayon::prelude::*;

use crate::error::Error;
use crate::lanes::Lanes;
use crate::lines::{LINE, Lines};
use crate::panel::{Block, Delta, Entries, Optimizer, Rows, Update, panels};
use crate::path::Path;

/// Inputs of a block, the part that one task computes. Fixed, so that the order of every sum is fixed.
const BLOCK: usize = 256;

/// Samples whose derivatives by the inputs one task computes, so that it reads the kernel once for all of them.
const TOGETHER: usize = 8;

/// A dense layer's kernel and bias with the optimizer's memory: x . kernel + bias, and its update.
///
/// The gradient of the kernel is never stored. Each row of it is computed in registers, and the optimizer's step
/// follows at once. The same pass can multiply the next batch with the new kernel, so a step reads and writes the
/// kernel and the memory once.
///
/// Inputs that are zero are skipped. For finite parameters that changes no result. If a parameter is infinite or NaN,
/// `0 x parameter` would be NaN, and is left out.
///
/// It runs on the threads of the current rayon pool. Results do not depend on their number.
///
/// # Example
///
/// ```
/// use headstart_kernels::{Dense, Lanes, Optimizer, Path};
///
/// /// Gradient descent with a rate of 0.5.
/// #[derive(Clone, Copy)]
/// struct Descent;
///
/// impl Optimizer for Descent {
///     const SLOTS: usize = 0;
///
///     #[inline(always)]
///     fn step<L: Lanes>(&self, parameter: L, gradient: L, _memory: &mut [L]) -> L {
///         parameter - L::splat(0.5) * gradient
///     }
/// }
///
/// // Two inputs, one unit, at most one row.
/// let mut dense = Dense::new([2, 1], &[3.0, 4.0], Some(&[1.0]), 1, Path::detect()?)?;
/// let mut output = [0.0];
/// dense.forward(&[10.0, 0.0], &mut output)?;
/// assert_eq!(output, [31.0]);
///
/// dense.update(&Descent, &[10.0, 0.0], &[0.2], None)?;
/// let (mut kernel, mut bias) = ([0.0; 2], [0.0]);
/// dense.read(&mut kernel, &mut bias)?;
/// assert_eq!((kernel, bias), ([2.0, 4.0], [0.9]));
/// # Ok::<(), headstart_kernels::Error>(())
/// ```
pub struct Dense {
    path: Path,
    inputs: usize,
    units: usize,
    batch: usize,
    blocks: Vec<Block>,
    /// One input that is always 1.
    bias: Option<Block>,
    /// That input, for each row.
    ones: Vec<f32>,
    /// The derivatives by the outputs, one panel after the other, `batch x width`.
    delta: Lines,
}

impl fmt::Debug for Dense {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dense")
            .field("inputs", &self.inputs)
            .field("units", &self.units)
            .field("bias", &self.bias.is_some())
            .field("batch", &self.batch)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl Dense {
    /// Copies a kernel of `inputs x units` and a bias of `units` values, for at most `batch` rows at a time.
    ///
    /// # Errors
    ///
    /// If a dimension is zero, a length does not fit, there are 2^32 rows or more, or this CPU can't run the path.
    pub fn new(
        [inputs, units]: [usize; 2],
        kernel: &[f32],
        bias: Option<&[f32]>,
        batch: usize,
        path: Path,
    ) -> Result<Self, Error> {
        if !path.is_supported() {
            return Err(Error::UnsupportedPath(path));
        }
        for (what, size) in [("inputs", inputs), ("units", units), ("rows", batch)] {
            if size == 0 {
                return Err(Error::Empty(format!("dense layer: {what}")));
            }
        }
        Error::check_length("kernel", inputs.saturating_mul(units), kernel.len())?;
        Error::check_length("bias", units, bias.map_or(units, <[f32]>::len))?;
        Error::check_length("rows", batch.min(u32::MAX as usize), batch)?;
        let blocks = kernel.par_chunks(BLOCK * units).map(|rows| Block::new(rows, units, batch)).collect();
        let bias = bias.map(|bias| Block::new(bias, units, batch));
        let delta = Lines::zeros(batch * units.next_multiple_of(LINE));
        Ok(Self { path, inputs, units, batch, blocks, bias, ones: vec![1.0; batch], delta })
    }

    /// x . kernel + bias.
    ///
    /// # Shapes
    ///
    /// `rows` is `N x inputs`, `output` is `N x units`.
    ///
    /// # Errors
    ///
    /// If the lengths do not fit, or N is more than the layer was created for.
    pub fn forward(&mut self, rows: &[f32], output: &mut [f32]) -> Result<(), Error> {
        self.pass::<Nothing>(None, Some((rows, output)))
    }

    /// The optimizer's step with the gradient of a batch. If `next` holds other rows and their output, their forward
    /// pass follows.
    ///
    /// # Shapes
    ///
    /// `rows` is `N x inputs`; `delta`, the derivatives of the loss by their output, is `N x units`; `next` is as
    /// in [`Dense::forward`].
    ///
    /// # Errors
    ///
    /// If the lengths do not fit, or there are more rows than the layer was created for.
    pub fn update<O: Optimizer>(
        &mut self,
        optimizer: &O,
        rows: &[f32],
        delta: &[f32],
        next: Option<(&[f32], &mut [f32])>,
    ) -> Result<(), Error> {
        let samples = self.count(rows)?;
        self.pack(delta, samples)?;
        self.pass(Some((optimizer, rows, samples)), next)
    }

    /// The derivatives of the loss by the rows, for the present kernel.
    ///
    /// # Shapes
    ///
    /// `delta` is `N x units`, `gradient` is `N x inputs`.
    ///
    /// # Errors
    ///
    /// If the lengths do not fit.
    pub fn input_gradient(&mut self, delta: &[f32], gradient: &mut [f32]) -> Result<(), Error> {
        let samples = (delta.len() / self.units).min(self.batch);
        self.pack(delta, samples)?;
        Error::check_length("gradient", samples * self.inputs, gradient.len())?;
        let values = &self.delta[..samples * self.units.next_multiple_of(LINE)];
        let delta = Delta { values, samples };
        gradient.par_chunks_mut(TOGETHER * self.inputs).enumerate().for_each(|(index, gradient)| {
            for (block, start) in self.blocks.iter().zip((0..).step_by(BLOCK)) {
                let first = index * TOGETHER;
                block.input_gradient(self.path, delta, first, &mut gradient[start..], self.inputs);
            }
        });
        Ok(())
    }

    /// Copies the kernel and the bias out. Without a bias, `bias` is left as it is.
    ///
    /// # Shapes
    ///
    /// `kernel` is `inputs x units`, `bias` has `units` values. If the layer has no bias, it may have any length.
    ///
    /// # Errors
    ///
    /// If the lengths do not fit.
    pub fn read(&self, kernel: &mut [f32], bias: &mut [f32]) -> Result<(), Error> {
        Error::check_length("kernel", self.inputs * self.units, kernel.len())?;
        for (rows, block) in kernel.chunks_mut(BLOCK * self.units).zip(&self.blocks) {
            block.read(rows, self.units);
        }
        if let Some(block) = &self.bias {
            Error::check_length("bias", self.units, bias.len())?;
            block.read(bias, self.units);
        }
        Ok(())
    }

    /// The sum of the kernel's squares, without the bias.
    #[must_use]
    pub fn sum_of_squares(&self) -> f64 {
        let squares = |block: &Block| {
            // One sum for each lane, so that additions do not wait for each other.
            let mut sums = [0.0_f64; LINE];
            for line in block.kernel.chunks_exact(LINE) {
                sums.iter_mut()
                    .zip(line)
                    .for_each(|(sum, &value)| *sum += f64::from(value) * f64::from(value));
            }
            sums.iter().sum::<f64>()
        };
        // Added in the order of the blocks, whichever thread computes them. Lanes beyond the last unit are zero.
        self.blocks.par_iter().map(squares).collect::<Vec<f64>>().iter().sum()
    }

    /// Copies derivatives, `samples x units`, into panels.
    fn pack(&mut self, delta: &[f32], samples: usize) -> Result<(), Error> {
        Error::check_length("delta", samples * self.units, delta.len())?;
        for (start, width) in panels(self.units) {
            let panel = &mut self.delta[start * samples..][..width * samples];
            let kept = width.min(self.units - start);
            for (to, from) in panel.chunks_exact_mut(width).zip(delta.chunks_exact(self.units)) {
                to[..kept].copy_from_slice(&from[start..start + kept]);
                to[kept..].fill(0.0);
            }
        }
        Ok(())
    }

    /// The number of rows.
    fn count(&self, rows: &[f32]) -> Result<usize, Error> {
        let count = (rows.len() / self.inputs).min(self.batch);
        Error::check_length("rows", count * self.inputs, rows.len())?;
        Ok(count)
    }

    fn pass<O: Optimizer>(
        &mut self,
        update: Option<(&O, &[f32], usize)>,
        next: Option<(&[f32], &mut [f32])>,
    ) -> Result<(), Error> {
        let next = match next {
            None => None,
            Some((rows, output)) => {
                let count = self.count(rows)?;
                Error::check_length("output", count * self.units, output.len())?;
                Some((rows, count, output))
            }
        };
        let (path, stride) = (self.path, self.inputs);
        let delta = |samples: usize| {
            let values = &self.delta[..samples * self.units.next_multiple_of(LINE)];
            Delta { values, samples }
        };
        let run = |entries: &mut Entries, (index, block): (usize, &mut Block)| {
            let update = update.map(|(optimizer, values, samples)| {
                block.grow_memory(O::SLOTS);
                Update {
                    optimizer,
                    rows: Rows { values: &values[index * BLOCK..], stride, count: samples },
                    delta: delta(samples),
                }
            });
            let rows = next.as_ref().map(|&(values, count, _)| Rows {
                values: &values[index * BLOCK..],
                stride,
                count,
            });
            block.pass(path, update.as_ref(), rows, entries);
        };
        if let [block] = self.blocks.as_mut_slice() {
            run(&mut Entries::new(), (0, block));
        } else {
            self.blocks.par_iter_mut().enumerate().for_each_init(Entries::new, run);
        }
        if let (Some(bias), Some((optimizer, _, samples))) = (&mut self.bias, update) {
            bias.grow_memory(O::SLOTS);
            let rows = Rows { values: &self.ones[..samples], stride: 1, count: samples };
            let update = Update { optimizer: &optimizer.for_bias(), rows, delta: delta(samples) };
            bias.pass(path, Some(&update), None, &mut Entries::new());
        }
        if let Some((_, count, output)) = next {
            self.add_up(count, output);
        }
        Ok(())
    }

    /// Adds up the blocks' products in the order of the blocks, then the bias.
    fn add_up(&self, count: usize, output: &mut [f32]) {
        let row = |(sample, output): (usize, &mut [f32])| {
            for (start, width) in panels(self.units) {
                let output = &mut output[start..self.units.min(start + width)];
                for (index, block) in self.blocks.iter().enumerate() {
                    let products = &block.products[start * self.batch + sample * width..];
                    if index == 0 {
                        output.copy_from_slice(&products[..output.len()]);
                    } else {
                        output.iter_mut().zip(products).for_each(|(sum, product)| *sum += product);
                    }
                }
                if let Some(bias) = &self.bias {
                    output.iter_mut().zip(&bias.kernel[start..]).for_each(|(sum, bias)| *sum += bias);
                }
            }
        };
        if self.blocks.len() < 4 {
            output.chunks_exact_mut(self.units).enumerate().for_each(row);
        } else {
            output
                .par_chunks_exact_mut(self.units)
                .enumerate()
                .with_min_len(count.div_ceil(16))
                .for_each(row);
        }
    }
}

impl Block {
    /// Copies `inputs x units` rows of a kernel.
    fn new(rows: &[f32], units: usize, batch: usize) -> Self {
        let (inputs, padded) = (rows.len() / units, units.next_multiple_of(LINE));
        let mut kernel = Lines::zeros(inputs * padded);
        for (start, width) in panels(units) {
            let kept = width.min(units - start);
            let panel = kernel[start * inputs..].chunks_exact_mut(width);
            for (to, from) in panel.zip(rows.chunks_exact(units)) {
                to[..kept].copy_from_slice(&from[start..start + kept]);
            }
        }
        Self {
            inputs,
            padded,
            kernel,
            memory: Lines::zeros(0),
            batch,
            products: Lines::zeros(batch * padded),
        }
    }

    /// Copies the kernel's rows out, `inputs x units`.
    fn read(&self, rows: &mut [f32], units: usize) {
        for (start, width) in panels(units) {
            let kept = width.min(units - start);
            let panel = self.kernel[start * self.inputs..].chunks_exact(width);
            for (to, from) in rows.chunks_exact_mut(units).zip(panel) {
                to[start..start + kept].copy_from_slice(&from[..kept]);
            }
        }
    }

    /// Memory of zeros, before an optimizer's first step.
    fn grow_memory(&mut self, slots: usize) {
        let length = slots * self.kernel.len();
        if self.memory.len() != length {
            self.memory = Lines::zeros(length);
        }
    }
}

/// The optimizer of passes that update nothing.
#[derive(Clone, Copy)]
struct Nothing;

impl Optimizer for Nothing {
    const SLOTS: usize = 0;

    fn step<L: Lanes>(&self, parameter: L, _gradient: L, _memory: &mut [L]) -> L {
        parameter
    }
}
