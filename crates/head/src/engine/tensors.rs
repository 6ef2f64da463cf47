//! A head on candle's tensors and gradients: the engine for every device but the CPU, and the reference for the CPU's.

use candle_core::backprop::GradStore;
use candle_core::{DType, Result as CandleResult, Tensor, Var};

use super::interface::{Batch, Engine, Objective, Parameters};
use crate::dropout::Mode;
use crate::error::Error;
use crate::head::Head;
use crate::optimizer::{AdamStep, EpsilonPlacement, RmsProp, Rule, Sgd};
use crate::random::Random;

/// A copy of a head, with the optimizer's memory.
pub(crate) struct Tensors {
    head: Head,
    objective: Objective,
    slots: Vec<Slot>,
    output: Vec<f32>,
}

/// A parameter and the optimizer's memory of it.
struct Slot {
    parameter: Var,
    memory: [Tensor; 2],
}

impl Tensors {
    /// The optimizer's memory starts with zeros.
    pub(crate) fn new(head: &Head, objective: Objective) -> Result<Self, Error> {
        let head = head.try_clone()?;
        let slot = |parameter: Var| {
            let zeros = parameter.as_tensor().zeros_like()?;
            Ok(Slot { parameter, memory: [zeros.clone(), zeros] })
        };
        let slots = head.parameters().into_iter().map(slot).collect::<CandleResult<_>>()?;
        Ok(Self { head, objective, slots, output: Vec::new() })
    }

    fn rows(&self, batch: &Batch) -> CandleResult<Tensor> {
        let mut shape = vec![batch.labels.len()];
        shape.extend_from_slice(self.head.row_shape());
        Tensor::from_slice(&batch.rows, shape, self.head.device())
    }
}

impl Engine for Tensors {
    fn step(
        &mut self,
        batch: &mut Batch,
        _next: Option<&mut Batch>,
        dropout: &mut Random,
    ) -> Result<&[f32], Error> {
        let logits = self.head.logits(&self.rows(batch)?, &mut Mode::Training(dropout))?;
        let Objective { loss, class_weights, steps } = &mut self.objective;
        let mut total = loss.mean(&logits, &batch.labels, class_weights)?;
        if steps.l2 > 0.0 {
            total = (total + (squares(&self.head)? * f64::from(steps.l2))?)?;
        }
        let (gradients, step) = (total.backward()?, steps.next());
        for slot in &mut self.slots {
            slot.update(&gradients, step.rule)?;
        }
        self.output = logits.flatten_all()?.to_vec1()?;
        Ok(&self.output)
    }

    fn logits(&mut self, batch: &Batch) -> Result<&[f32], Error> {
        let logits = self.head.logits(&self.rows(batch)?, &mut Mode::Inference)?;
        self.output = logits.flatten_all()?.to_vec1()?;
        Ok(&self.output)
    }

    fn penalty(&self) -> Result<f64, Error> {
        let l2 = self.objective.steps.l2;
        if l2 == 0.0 {
            return Ok(0.0);
        }
        Ok(f64::from(l2) * f64::from(squares(&self.head)?.to_scalar::<f32>()?))
    }

    fn read_parameters(&self, values: &mut Parameters) -> Result<(), Error> {
        values.clear();
        for slot in &self.slots {
            values.push(slot.parameter.flatten_all()?.to_vec1()?);
        }
        Ok(())
    }
}

/// The sum of all kernels' squares.
fn squares(head: &Head) -> CandleResult<Tensor> {
    let zero = Tensor::zeros((), DType::F32, head.device())?;
    head.dense().try_fold(zero, |sum, dense| sum + dense.kernel().sqr()?.sum_all()?)
}

impl Slot {
    /// Moves the parameter if it has a gradient.
    fn update(&mut self, gradients: &GradStore, rule: Rule) -> CandleResult<()> {
        let Some(gradient) = gradients.get(&self.parameter) else { return Ok(()) };
        let parameter = self.parameter.as_tensor();
        let [first, second] = &mut self.memory;
        let times = |tensor: &Tensor, by: f32| tensor * f64::from(by);
        let moved = match rule {
            Rule::RmsProp(RmsProp { learning_rate, rho, epsilon, epsilon_placement }) => {
                *first = (times(first, rho)? + times(&gradient.sqr()?, 1.0 - rho)?)?;
                let denominator = match epsilon_placement {
                    EpsilonPlacement::OutsideRoot => (first.sqrt()? + f64::from(epsilon))?,
                    EpsilonPlacement::InsideRoot => (&*first + f64::from(epsilon))?.sqrt()?,
                };
                (parameter - (times(gradient, learning_rate)? / denominator)?)?
            }
            Rule::Sgd(Sgd { learning_rate, momentum, nesterov }) => {
                let step = times(gradient, learning_rate)?;
                *first = (times(first, momentum)? - &step)?;
                let velocity = if nesterov { (times(first, momentum)? - step)? } else { first.clone() };
                (parameter + velocity)?
            }
            Rule::Adam(AdamStep { alpha, share_1, share_2, epsilon, decay }) => {
                *first = (&*first + times(&(gradient - &*first)?, share_1)?)?;
                *second = (&*second + times(&(gradient.sqr()? - &*second)?, share_2)?)?;
                let denominator = (second.sqrt()? + f64::from(epsilon))?;
                ((parameter - times(parameter, decay)?)? - (times(first, alpha)? / denominator)?)?
            }
        };
        self.parameter.set(&moved)
    }
}
