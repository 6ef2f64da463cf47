//! A head on plain slices: the engine for the CPU.

use candle_core::Tensor;
use headstart_kernels::{Dense as Kernel, Error as KernelError, Path};

use super::interface::{Batch, Engine, Objective, Parameters};
use crate::error::Error;
use crate::head::{Head, Layer};
use crate::pointwise;
use crate::random::Random;
use headstart_weights::Activation;

/// A copy of a head's parameters, with the optimizer's memory and the buffers of a step.
pub(crate) struct Network {
    objective: Objective,
    /// Rates of the Dropout layers before the first Dense layer.
    rates: Vec<f32>,
    stages: Vec<Stage>,
    /// Whether the first stage already holds the logits of the next batch.
    begun: bool,
    /// The last stage's logits of the last batch.
    output: Vec<f32>,
}

/// A Dense layer with the Dropout layers that follow it. The buffers hold `N x units` values.
struct Stage {
    kernel: Kernel,
    inputs: usize,
    units: usize,
    has_bias: bool,
    activation: Activation,
    rates: Vec<f32>,
    /// Before the activation.
    logits: Vec<f32>,
    /// After the activation.
    activated: Vec<f32>,
    /// What dropout multiplies by; empty without dropout.
    mask: Vec<f32>,
    /// The next stage's input.
    values: Vec<f32>,
    /// Derivatives of the loss by the logits.
    delta: Vec<f32>,
}

impl Network {
    /// Copies the head's parameters, for at most `batch` rows at a time.
    pub(crate) fn new(head: &Head, objective: Objective, batch: usize) -> Result<Self, Error> {
        let path = Path::detect()?;
        let flat = |tensor: &Tensor| tensor.flatten_all()?.to_vec1::<f32>();
        let (mut rates, mut stages) = (Vec::new(), Vec::<Stage>::new());
        for layer in head.layers() {
            match layer {
                Layer::Flatten => {}
                Layer::Dropout(dropout) => {
                    stages.last_mut().map_or(&mut rates, |stage| &mut stage.rates).push(dropout.rate);
                }
                Layer::Dense(dense) => {
                    let (inputs, units) = dense.kernel().dims2()?;
                    let bias = dense.bias().map(|bias| flat(bias)).transpose()?;
                    let kernel = flat(dense.kernel())?;
                    stages.push(Stage {
                        kernel: Kernel::new([inputs, units], &kernel, bias.as_deref(), batch, path)?,
                        inputs,
                        units,
                        has_bias: bias.is_some(),
                        activation: dense.activation(),
                        rates: Vec::new(),
                        logits: Vec::new(),
                        activated: Vec::new(),
                        mask: Vec::new(),
                        values: Vec::new(),
                        delta: Vec::new(),
                    });
                }
            }
        }
        Ok(Self { objective, rates, stages, begun: false, output: Vec::new() })
    }

    /// Computes the last stage's logits of `count` rows from the first stage's; with dropout if there is a stream.
    fn finish(&mut self, count: usize, mut dropout: Option<&mut Random>) -> Result<(), Error> {
        for index in 1..self.stages.len() {
            let (before, from) = self.stages.split_at_mut(index);
            let (stage, next) = (&mut before[index - 1], &mut from[0]);
            stage.activate(dropout.as_deref_mut());
            next.logits.resize(count * next.units, 0.0);
            next.kernel.forward(&stage.values, &mut next.logits)?;
        }
        let last = self.stages.last().ok_or(Error::NoDense)?;
        self.output.clone_from(&last.logits);
        Ok(())
    }

    /// The first stage's logits.
    fn begin(&mut self, batch: &Batch) -> Result<(), Error> {
        let first = self.stages.first_mut().ok_or(Error::NoDense)?;
        first.logits.resize(batch.labels.len() * first.units, 0.0);
        Ok(first.kernel.forward(&batch.rows, &mut first.logits)?)
    }
}

impl Engine for Network {
    fn step(
        &mut self,
        batch: &mut Batch,
        next: Option<&mut Batch>,
        dropout: &mut Random,
    ) -> Result<&[f32], Error> {
        if !self.begun {
            drop_out(&self.rates, dropout, &mut batch.rows, &mut Vec::new());
            self.begin(batch)?;
        }
        self.finish(batch.labels.len(), Some(dropout))?;
        let Objective { loss, class_weights, steps } = &mut self.objective;
        if let Some(last) = self.stages.last_mut() {
            loss.gradient(&self.output, &batch.labels, class_weights, &mut last.delta);
        }
        let step = steps.next();
        for index in (1..self.stages.len()).rev() {
            let (before, from) = self.stages.split_at_mut(index);
            let (stage, next) = (&mut before[index - 1], &mut from[0]);
            stage.delta.resize(stage.values.len(), 0.0);
            next.kernel.input_gradient(&next.delta, &mut stage.delta)?;
            step.update(&mut next.kernel, &stage.values, &next.delta, None)?;
            stage.differentiate();
        }
        self.begun = next.is_some();
        let first = self.stages.first_mut().ok_or(Error::NoDense)?;
        let next = next.map(|next| {
            drop_out(&self.rates, dropout, &mut next.rows, &mut Vec::new());
            first.logits.resize(next.labels.len() * first.units, 0.0);
            (next.rows.as_slice(), first.logits.as_mut_slice())
        });
        step.update(&mut first.kernel, &batch.rows, &first.delta, next)?;
        Ok(&self.output)
    }

    fn logits(&mut self, batch: &Batch) -> Result<&[f32], Error> {
        self.begin(batch)?;
        self.finish(batch.labels.len(), None)?;
        Ok(&self.output)
    }

    fn penalty(&self) -> Result<f64, Error> {
        let l2 = f64::from(self.objective.steps.l2);
        // This reads all kernels, so it is skipped without a penalty.
        let squares = || self.stages.iter().map(|stage| stage.kernel.sum_of_squares()).sum::<f64>();
        Ok(if l2 > 0.0 { l2 * squares() } else { 0.0 })
    }

    fn read_parameters(&self, values: &mut Parameters) -> Result<(), Error> {
        values.resize_with(self.stages.iter().map(Stage::parameters).sum(), Vec::new);
        let mut rest = values.as_mut_slice();
        for stage in &self.stages {
            let (own, others) = rest.split_at_mut(stage.parameters());
            stage.read(own)?;
            rest = others;
        }
        Ok(())
    }
}

impl Stage {
    /// The number of its parameters: the kernel, and the bias if it has one.
    fn parameters(&self) -> usize {
        1 + usize::from(self.has_bias)
    }

    /// Copies its parameters out.
    fn read(&self, values: &mut [Vec<f32>]) -> Result<(), KernelError> {
        let [kernel, bias @ ..] = values else { return Ok(()) };
        kernel.resize(self.inputs * self.units, 0.0);
        let mut none = Vec::new();
        let bias = bias.first_mut().unwrap_or(&mut none);
        bias.resize(if self.has_bias { self.units } else { 0 }, 0.0);
        self.kernel.read(kernel, bias)
    }

    /// Computes the next stage's input from the logits.
    fn activate(&mut self, dropout: Option<&mut Random>) {
        self.activated.clone_from(&self.logits);
        pointwise::apply(self.activation, &mut self.activated, self.units);
        self.values.clone_from(&self.activated);
        self.mask.clear();
        if let Some(random) = dropout {
            drop_out(&self.rates, random, &mut self.values, &mut self.mask);
        }
    }

    /// Turns derivatives by the next stage's input into derivatives by the logits.
    fn differentiate(&mut self) {
        self.delta.iter_mut().zip(&self.mask).for_each(|(delta, mask)| *delta *= mask);
        pointwise::differentiate(self.activation, &self.logits, &self.activated, &mut self.delta, self.units);
    }
}

/// Applies dropout layers one after the other. `mask` is empty at first and becomes what the values were multiplied by.
/// The order of the draws is that of [`Dropout::forward`](crate::Dropout::forward).
fn drop_out(rates: &[f32], random: &mut Random, values: &mut [f32], mask: &mut Vec<f32>) {
    for &rate in rates.iter().filter(|rate| **rate > 0.0) {
        let scale = 1.0 / (1.0 - rate);
        mask.resize(values.len(), 1.0);
        for (value, mask) in values.iter_mut().zip(&mut *mask) {
            let factor = if random.uniform() < rate { 0.0 } else { scale };
            *value *= factor;
            *mask *= factor;
        }
    }
}
