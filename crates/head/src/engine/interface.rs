//! What training and prediction ask of an engine.

use crate::error::Error;
use crate::head_loss::Loss;
use crate::optimizer::{RmsProp, Steps};
use crate::random::Random;
use crate::schedule::Schedule;

/// Rows and their labels. The memory is reused for later batches.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// `N x` row shape.
    pub(crate) rows: Vec<f32>,
    /// N labels, each a class.
    pub(crate) labels: Vec<u32>,
}

/// Values of all parameters, in the order of [`Head::parameters`](crate::Head::parameters).
pub(crate) type Parameters = Vec<Vec<f32>>;

/// The loss to minimize, and the steps that do it.
#[derive(Debug, Clone)]
pub(crate) struct Objective {
    pub(crate) loss: Loss,
    /// A weight for each class, or none.
    pub(crate) class_weights: Vec<f32>,
    pub(crate) steps: Steps,
}

impl Objective {
    /// For a head that takes no step. The optimizer does not matter.
    pub(crate) fn without_steps(loss: Loss) -> Self {
        let optimizer = RmsProp::keras1().into();
        let steps = Steps { optimizer, schedule: Schedule::Constant, l2: 0.0, taken: 0 };
        Self { loss, class_weights: Vec::new(), steps }
    }
}

/// A head that is being trained or evaluated.
pub(crate) trait Engine {
    /// One update on the objective of a batch. Returns the batch's `N x units` logits from before the update, with
    /// dropout active.
    ///
    /// `next` is the batch of the epoch's next step; its computation may begin. Dropout before the first Dense layer
    /// changes the rows of both.
    fn step(
        &mut self,
        batch: &mut Batch,
        next: Option<&mut Batch>,
        dropout: &mut Random,
    ) -> Result<&[f32], Error>;

    /// The `N x units` logits of a batch, without dropout.
    fn logits(&mut self, batch: &Batch) -> Result<&[f32], Error>;

    /// What is added to the mean loss for the current parameters: l2 times the sum of the kernels' squares.
    fn penalty(&self) -> Result<f64, Error>;

    /// Copies the parameters into `values`, whose memory is reused.
    fn read_parameters(&self, values: &mut Parameters) -> Result<(), Error>;
}
