//! What the training loop asks of the code that computes.

use candle_core::Tensor;

use crate::error::Error;
use crate::random::Random;

/// Rows and their labels; the memory is used again for later batches.
#[derive(Default)]
pub(crate) struct Batch {
    /// `N x` row shape.
    pub(crate) rows: Vec<f32>,
    /// N labels, 0 or 1.
    pub(crate) labels: Vec<f32>,
}

/// A head that is trained: on the CPU a [`Network`](crate::network::Network), elsewhere
/// [`Tensors`](crate::tensors::Tensors).
pub(crate) trait Engine {
    /// One update on the mean loss of a batch; gives the batch's N logits, dropout active, from before the update.
    ///
    /// `next` is the batch of the next step of the epoch, whose computation may begin. What comes before the
    /// first Dense layer may change the rows of both.
    fn step(
        &mut self,
        batch: &mut Batch,
        next: Option<&mut Batch>,
        dropout: &mut Random,
    ) -> Result<&[f32], Error>;

    /// The N logits of a batch, without dropout.
    fn logits(&mut self, batch: &Batch) -> Result<&[f32], Error>;

    /// Copies of the parameters, in the order of [`Head::parameters`](crate::Head::parameters).
    fn parameters(&self) -> Result<Vec<Tensor>, Error>;
}
