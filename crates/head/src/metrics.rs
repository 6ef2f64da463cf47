//! What is measured in each epoch.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::loss;
use crate::pointwise::sigmoid;

/// One epoch's figures, by Keras's names.
///
/// The training loss and accuracy are means over the epoch's samples, each batch measured before its update
/// and with dropout active; those of validation are measured with the weights at the end of the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EpochMetrics {
    /// From 1.
    pub epoch: usize,
    /// Mean training loss.
    pub loss: f32,
    /// Share of training samples classified right, in [0, 1].
    pub accuracy: f32,
    /// Mean validation loss, where there is validation data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub val_loss: Option<f32>,
    /// Share of validation samples classified right, where there is validation data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub val_accuracy: Option<f32>,
}

/// A metric that decides which epoch is the best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Monitor {
    /// The lowest validation loss.
    ValLoss,
    /// The highest validation accuracy.
    ValAccuracy,
}

impl Monitor {
    /// The metric's value, turned so that lower is better.
    pub(crate) fn cost(self, epoch: &EpochMetrics) -> Option<f32> {
        match self {
            Self::ValLoss => epoch.val_loss,
            Self::ValAccuracy => epoch.val_accuracy.map(|accuracy| -accuracy),
        }
    }
}

impl fmt::Display for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ValLoss => "val_loss",
            Self::ValAccuracy => "val_accuracy",
        })
    }
}

/// What a training run did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// One entry an epoch, in order.
    pub epochs: Vec<EpochMetrics>,
    /// The epoch (from 1) that the head's parameters are of: the last, or with keep-best the best.
    pub kept_epoch: usize,
    /// Whether early stopping ended it.
    pub stopped_early: bool,
}

impl History {
    /// The first epoch with the best value of a metric.
    #[must_use]
    pub fn best(&self, monitor: Monitor) -> Option<&EpochMetrics> {
        let mut best: Option<&EpochMetrics> = None;
        for epoch in &self.epochs {
            let better = match (monitor.cost(epoch), best.and_then(|best| monitor.cost(best))) {
                (Some(cost), Some(least)) => cost < least,
                (Some(_), None) => true,
                (None, _) => false,
            };
            if better {
                best = Some(epoch);
            }
        }
        best
    }
}

/// Sample-weighted means over batches.
#[derive(Debug, Default)]
pub(crate) struct Running {
    loss: f64,
    correct: usize,
    samples: usize,
}

impl Running {
    /// Adds a batch by its logits. The class is 1 where the probability is above one half.
    pub(crate) fn add(&mut self, logits: &[f32], labels: &[f32]) {
        self.loss += f64::from(loss::mean(logits, labels)) * labels.len() as f64;
        let right = |(logit, label): &(&f32, &f32)| (sigmoid(**logit) > 0.5) == (**label == 1.0);
        self.correct += logits.iter().zip(labels).filter(right).count();
        self.samples += labels.len();
    }

    pub(crate) fn loss(&self) -> f32 {
        (self.loss / self.samples as f64) as f32
    }

    pub(crate) fn accuracy(&self) -> f32 {
        (self.correct as f64 / self.samples as f64) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partial_batch_weighs_by_its_samples() {
        let mut running = Running::default();
        let (first, second) = ([2.0, -2.0, 0.0], [0.04]);
        running.add(&first, &[1.0, 1.0, 0.0]);
        running.add(&second, &[1.0]);
        let expected = (3.0 * loss::mean(&first, &[1.0, 1.0, 0.0]) + loss::mean(&second, &[1.0])) / 4.0;
        assert!((running.loss() - expected).abs() < 1e-7);
        assert_eq!(running.accuracy(), 0.75);
    }

    #[test]
    fn best_is_the_first_of_equals() {
        let epoch = |epoch, loss, accuracy| EpochMetrics {
            epoch,
            loss: 0.0,
            accuracy: 0.0,
            val_loss: Some(loss),
            val_accuracy: Some(accuracy),
        };
        let epochs = vec![epoch(1, 0.5, 0.8), epoch(2, 0.3, 0.9), epoch(3, 0.4, 0.9)];
        let history = History { epochs, kept_epoch: 3, stopped_early: false };
        assert_eq!(history.best(Monitor::ValAccuracy).map(|epoch| epoch.epoch), Some(2));
        assert_eq!(history.best(Monitor::ValLoss).map(|epoch| epoch.epoch), Some(2));
    }
}
