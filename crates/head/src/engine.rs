//! What the training loop asks of the code that computes.

use candle_core::Tensor;

use crate::error::Error;
use crate::loss::Loss;
use crate::optimizer::{RmsProp, Steps};
use crate::random::Random;
use crate::schedule::Schedule;

/// Rows and their labels; the memory is used again for later batches.
#[derive(Default)]
pub(crate) struct Batch {
    /// `N x` row shape.
    pub(crate) rows: Vec<f32>,
    /// N labels, each a class.
    pub(crate) labels: Vec<u32>,
}

/// What is made small, and by which steps.
#[derive(Debug, Clone)]
pub(crate) struct Objective {
    pub(crate) loss: Loss,
    /// A weight for each class, or none.
    pub(crate) class_weights: Vec<f32>,
    pub(crate) steps: Steps,
}

impl Objective {
    /// Of a head that takes no step, for which any optimizer will do.
    pub(crate) fn without_steps(loss: Loss) -> Self {
        let optimizer = RmsProp::keras1().into();
        let steps = Steps { optimizer, schedule: Schedule::Constant, l2: 0.0, taken: 0 };
        Self { loss, class_weights: Vec::new(), steps }
    }
}

/// A head that is trained: on the CPU a [`Network`](crate::network::Network), elsewhere
/// [`Tensors`](crate::tensors::Tensors).
pub(crate) trait Engine {
    /// One update on the objective of a batch; gives the batch's `N x units` logits, dropout active, from before the
    /// update.
    ///
    /// `next` is the batch of the next step of the epoch, whose computation may begin. What comes before the
    /// first Dense layer may change the rows of both.
    fn step(
        &mut self,
        batch: &mut Batch,
        next: Option<&mut Batch>,
        dropout: &mut Random,
    ) -> Result<&[f32], Error>;

    /// The `N x units` logits of a batch, without dropout.
    fn logits(&mut self, batch: &Batch) -> Result<&[f32], Error>;

    /// What is added to the mean loss, with the parameters as they stand: l2 times the sum of the kernels' squares.
    fn penalty(&self) -> Result<f64, Error>;

    /// Copies of the parameters, in the order of [`Head::parameters`](crate::Head::parameters).
    fn parameters(&self) -> Result<Vec<Tensor>, Error>;
}
