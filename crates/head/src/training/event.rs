//! Progress of training.

use crate::history::EpochMetrics;

/// Progress of training. The observer answers with [`ControlFlow::Break`](std::ops::ControlFlow::Break) to end it.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum TrainingEvent<'a> {
    /// The head was updated on a batch.
    Batch {
        /// The epoch, from 1.
        epoch: usize,
        /// The batch, from 1.
        batch: usize,
        /// The number of batches in an epoch.
        batches: usize,
    },
    /// An epoch was completed and measured.
    Epoch(&'a EpochMetrics),
}
