//! Ending training when it no longer helps.

use serde::{Deserialize, Serialize};

use crate::history::{EpochMetrics, Monitor};

/// Ends training when a metric has stopped improving (Keras's EarlyStopping).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EarlyStopping {
    /// The metric.
    pub monitor: Monitor,
    /// The number of epochs in a row without a better value after which training ends.
    pub patience: usize,
    /// The least improvement that counts, >= 0.
    pub min_delta: f32,
}

/// Counts epochs without a better value.
#[derive(Debug)]
pub(super) struct Patience {
    settings: EarlyStopping,
    least: f32,
    waited: usize,
}

impl Patience {
    pub(super) fn new(settings: EarlyStopping) -> Self {
        Self { settings, least: f32::INFINITY, waited: 0 }
    }

    /// Whether training should end after this epoch.
    pub(super) fn is_out(&mut self, epoch: &EpochMetrics) -> bool {
        let cost = self.settings.monitor.cost(epoch).unwrap_or(f32::INFINITY);
        if cost < self.least - self.settings.min_delta {
            self.least = cost;
            self.waited = 0;
            false
        } else {
            self.waited += 1;
            self.waited >= self.settings.patience
        }
    }
}
