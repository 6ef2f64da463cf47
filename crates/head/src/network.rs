//! A head on plain slices, which is how it is trained on the CPU.

use candle_core::{Device, Tensor};
use headstart_kernels::{Dense as Kernel, Path};

use crate::activation::Activation;
use crate::engine::{Batch, Engine, Objective};
use crate::error::Error;
use crate::head::{Head, Layer};
use crate::random::Random;

/// A copy of a head's parameters, with the optimizer's memory and what a step computes.
pub(crate) struct Network {
    objective: Objective,
    /// Rates of the Dropout layers before the first Dense layer.
    rates: Vec<f32>,
    stages: Vec<Stage>,
    /// Whether the first stage holds the logits of the batch that comes next.
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
    /// What dropout multiplies by, where there is any.
    mask: Vec<f32>,
    /// What the next stage takes.
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

    /// From the first stage's logits of `count` rows to the last stage's, with dropout where there is a stream.
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
        // Reads all kernels, so only where it counts.
        let squares = || self.stages.iter().map(|stage| stage.kernel.sum_of_squares()).sum::<f64>();
        Ok(if l2 > 0.0 { l2 * squares() } else { 0.0 })
    }

    fn parameters(&self) -> Result<Vec<Tensor>, Error> {
        let mut parameters = Vec::new();
        for stage in &self.stages {
            let mut kernel = vec![0.0; stage.inputs * stage.units];
            let mut bias = vec![0.0; stage.units];
            stage.kernel.read(&mut kernel, &mut bias)?;
            parameters.push(Tensor::from_vec(kernel, (stage.inputs, stage.units), &Device::Cpu)?);
            if stage.has_bias {
                parameters.push(Tensor::from_vec(bias, stage.units, &Device::Cpu)?);
            }
        }
        Ok(parameters)
    }
}

impl Stage {
    /// From logits to what the next stage takes.
    fn activate(&mut self, dropout: Option<&mut Random>) {
        self.activated.clone_from(&self.logits);
        self.activation.apply_to_rows(&mut self.activated, self.units);
        self.values.clone_from(&self.activated);
        self.mask.clear();
        if let Some(random) = dropout {
            drop_out(&self.rates, random, &mut self.values, &mut self.mask);
        }
    }

    /// From derivatives by what the next stage takes to derivatives by the logits.
    fn differentiate(&mut self) {
        self.delta.iter_mut().zip(&self.mask).for_each(|(delta, mask)| *delta *= mask);
        self.activation.differentiate_rows(&self.logits, &self.activated, &mut self.delta, self.units);
    }
}

/// Dropout layers one after the other; `mask`, which is empty, becomes what the values were multiplied by. The
/// stream is drawn from as [`Dropout::forward`](crate::Dropout::forward) does.
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
