//! A dense layer that is trained on the CPU.

use rayon::prelude::*;

use crate::error::Error;
use crate::lanes::Lanes;
use crate::lines::{LINE, Lines};
use crate::panel::{Block, Delta, Entry, Optimizer, Rows, Update, panels};
use crate::path::Path;

/// Inputs of a block, which is what one task computes. Fixed, so that the order of every sum is too.
const BLOCK: usize = 256;

/// Samples whose derivatives by the inputs one task computes, so that they share the reading of the kernel.
const TOGETHER: usize = 8;

/// A dense layer's kernel and bias with the optimizer's memory: x . kernel + bias, and its update.
///
/// The gradient of the kernel is never stored: each row of it is formed in registers, and the optimizer's step
/// taken at once. The same pass can multiply the next batch with the new kernel, so that a step reads and writes
/// the kernel and the memory once.
///
/// Inputs that are zero cost nothing. For finite parameters that changes no result; where a parameter is infinite
/// or NaN, `0 x parameter` would have been NaN, and is left out.
///
/// Threads are those of the current rayon pool; results do not depend on their number.
///
/// # Example
///
/// ```
/// use headstart_kernels::{Dense, Lanes, Optimizer, Path};
///
/// /// Gradient descent with a rate of 0.5.
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
/// dense.update(&Descent, &[0.2], None)?;
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
    /// The derivatives by the outputs, panel after panel, `batch x width`.
    delta: Lines,
}

impl Dense {
    /// Copies a kernel of `inputs x units` and a bias of `units` values, for at most `batch` rows at a time.
    ///
    /// # Errors
    ///
    /// Where a dimension is zero, a length does not fit, there are 2^32 rows or more, or this CPU can't run the
    /// path.
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
        let bias = bias.map(|bias| {
            let mut block = Block::new(bias, units, batch);
            block.entries = (0..batch as u32).map(|sample| Entry { sample, value: 1.0 }).collect();
            block.counts = vec![0];
            block
        });
        let delta = Lines::zeros(batch * units.next_multiple_of(LINE));
        Ok(Self { path, inputs, units, batch, blocks, bias, delta })
    }

    /// x . kernel + bias.
    ///
    /// # Shapes
    ///
    /// `rows` is `N x inputs`, `output` is `N x units`.
    ///
    /// # Errors
    ///
    /// Where the lengths do not fit, or N is more than the layer was made for.
    pub fn infer(&mut self, rows: &[f32], output: &mut [f32]) -> Result<(), Error> {
        self.pass::<Nothing>(None, Some((rows, output)), false)
    }

    /// As [`Dense::infer`], and the rows are kept for [`Dense::update`].
    ///
    /// # Errors
    ///
    /// As [`Dense::infer`].
    pub fn forward(&mut self, rows: &[f32], output: &mut [f32]) -> Result<(), Error> {
        self.pass::<Nothing>(None, Some((rows, output)), true)
    }

    /// The optimizer's step with the gradient of the last forward pass; then, where `next` holds the next rows
    /// and their output, the forward pass for them.
    ///
    /// # Shapes
    ///
    /// `delta`, the derivatives of the loss by the last output, is `N x units`; `next` as in
    /// [`Dense::forward`].
    ///
    /// # Errors
    ///
    /// Where the lengths do not fit, `delta` those of the last forward pass included.
    pub fn update<O: Optimizer>(
        &mut self,
        optimizer: &O,
        delta: &[f32],
        next: Option<(&[f32], &mut [f32])>,
    ) -> Result<(), Error> {
        let samples = self.blocks.first().map_or(0, |block| block.recorded);
        self.pack(delta, samples)?;
        self.pass(Some((optimizer, samples)), next, true)
    }

    /// The derivatives of the loss by the rows, for the kernel as it stands.
    ///
    /// # Shapes
    ///
    /// `delta` is `N x units`, `gradient` is `N x inputs`.
    ///
    /// # Errors
    ///
    /// Where the lengths do not fit.
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
    /// `kernel` is `inputs x units`, `bias` has `units` values; where there is none it may have any length.
    ///
    /// # Errors
    ///
    /// Where the lengths do not fit.
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

    /// Lays derivatives, `samples x units`, out in panels.
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

    fn pass<O: Optimizer>(
        &mut self,
        update: Option<(&O, usize)>,
        next: Option<(&[f32], &mut [f32])>,
        record: bool,
    ) -> Result<(), Error> {
        let (inputs, units, path) = (self.inputs, self.units, self.path);
        let count = match &next {
            None => 0,
            Some((rows, output)) => {
                let count = (rows.len() / inputs).min(self.batch);
                Error::check_length("rows", count * inputs, rows.len())?;
                Error::check_length("output", count * units, output.len())?;
                count
            }
        };
        let padded = units.next_multiple_of(LINE);
        let update = update.map(|(optimizer, samples)| {
            let delta = Delta { values: &self.delta[..samples * padded], samples };
            Update { optimizer, delta }
        });
        let run = |(index, block): (usize, &mut Block)| {
            if update.is_some() {
                block.grow_memory(O::SLOTS);
            }
            let rows = next.as_ref().map(|(rows, _)| Rows {
                values: &rows[index * BLOCK..],
                stride: inputs,
                count,
                record,
            });
            block.pass(path, update.as_ref(), rows);
        };
        if let [block] = self.blocks.as_mut_slice() {
            run((0, block));
        } else {
            self.blocks.par_iter_mut().enumerate().for_each(run);
        }
        if let Some(bias) = &mut self.bias {
            if let Some(update) = &update {
                bias.grow_memory(O::SLOTS);
                bias.pass(path, Some(update), None);
            }
            if next.is_some() && record {
                bias.recorded = count;
                bias.counts[0] = count as u32;
            }
        }
        if let Some((_, output)) = next {
            self.add_up(count, output);
        }
        Ok(())
    }

    /// The blocks' products in the order of the blocks, then the bias.
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
            entries: Vec::new(),
            counts: Vec::new(),
            recorded: 0,
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

    /// Memory of zeros, where an optimizer takes its first step.
    fn grow_memory(&mut self, slots: usize) {
        let length = slots * self.kernel.len();
        if self.memory.len() != length {
            self.memory = Lines::zeros(length);
        }
    }
}

/// The optimizer of passes that update nothing.
struct Nothing;

impl Optimizer for Nothing {
    const SLOTS: usize = 0;

    fn step<L: Lanes>(&self, parameter: L, _gradient: L, _memory: &mut [L]) -> L {
        parameter
    }
}
