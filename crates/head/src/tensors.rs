//! A head trained through candle's gradients: on any device, and the reference for the CPU's kernels.

use candle_core::backprop::GradStore;
use candle_core::{Result as CandleResult, Tensor, Var};

use crate::dropout::Mode;
use crate::engine::{Batch, Engine};
use crate::error::Error;
use crate::head::Head;
use crate::loss::binary_crossentropy_from_logits;
use crate::optimizer::{EpsilonPlacement, RmsProp};
use crate::random::Random;

/// A head whose own parameters are trained, with the optimizer's memory.
pub(crate) struct Tensors<'a> {
    head: &'a Head,
    optimizer: RmsProp,
    slots: Vec<Slot>,
    output: Vec<f32>,
}

/// A parameter and its running mean of squared gradients.
struct Slot {
    parameter: Var,
    accumulator: Tensor,
}

impl<'a> Tensors<'a> {
    /// Starts with running means of zero.
    pub(crate) fn new(head: &'a Head, optimizer: RmsProp) -> Result<Self, Error> {
        let slot = |parameter: Var| {
            let accumulator = parameter.as_tensor().zeros_like()?;
            Ok(Slot { parameter, accumulator })
        };
        let slots = head.parameters().into_iter().map(slot).collect::<CandleResult<_>>()?;
        Ok(Self { head, optimizer, slots, output: Vec::new() })
    }

    fn rows(&self, batch: &Batch) -> CandleResult<Tensor> {
        let mut shape = vec![batch.labels.len()];
        shape.extend_from_slice(self.head.row_shape());
        Tensor::from_slice(&batch.rows, shape, self.head.device())
    }
}

impl Engine for Tensors<'_> {
    fn step(
        &mut self,
        batch: &mut Batch,
        _next: Option<&mut Batch>,
        dropout: &mut Random,
    ) -> Result<&[f32], Error> {
        let logits = self.head.logits(&self.rows(batch)?, &mut Mode::Training(dropout))?;
        let labels = Tensor::from_slice(&batch.labels, logits.shape(), self.head.device())?;
        let gradients = binary_crossentropy_from_logits(&logits, &labels)?.backward()?;
        for slot in &mut self.slots {
            slot.update(&gradients, self.optimizer)?;
        }
        self.output = logits.flatten_all()?.to_vec1()?;
        Ok(&self.output)
    }

    fn logits(&mut self, batch: &Batch) -> Result<&[f32], Error> {
        let logits = self.head.logits(&self.rows(batch)?, &mut Mode::Inference)?;
        self.output = logits.flatten_all()?.to_vec1()?;
        Ok(&self.output)
    }

    fn parameters(&self) -> Result<Vec<Tensor>, Error> {
        Ok(self.head.snapshot()?)
    }
}

impl Slot {
    /// Moves the parameter, where it has a gradient.
    fn update(&mut self, gradients: &GradStore, optimizer: RmsProp) -> CandleResult<()> {
        let Some(gradient) = gradients.get(&self.parameter) else { return Ok(()) };
        let RmsProp { learning_rate, rho, epsilon, epsilon_placement } = optimizer;
        let squares = (gradient.sqr()? * f64::from(1.0 - rho))?;
        self.accumulator = ((&self.accumulator * f64::from(rho))? + squares)?;
        let denominator = match epsilon_placement {
            EpsilonPlacement::OutsideRoot => (self.accumulator.sqrt()? + f64::from(epsilon))?,
            EpsilonPlacement::InsideRoot => (&self.accumulator + f64::from(epsilon))?.sqrt()?,
        };
        let step = ((gradient * f64::from(learning_rate))? / denominator)?;
        self.parameter.set(&self.parameter.as_tensor().sub(&step)?)
    }
}
