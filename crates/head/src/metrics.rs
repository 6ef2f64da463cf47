//! What is measured in each epoch.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::loss::Loss;
use crate::pointwise::sigmoid;

/// How many of the likeliest classes [`EpochMetrics::top_5_accuracy`] looks at.
const TOP: usize = 5;

/// One epoch's figures, by Keras's names.
///
/// The training loss and accuracy are means over the epoch's samples, each batch measured before its update
/// and with dropout active; those of validation are measured with the weights at the end of the epoch. As in Keras,
/// class weights are in the training loss alone, and a penalty on kernels is in both losses.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EpochMetrics {
    /// From 1.
    pub epoch: usize,
    /// Mean training loss.
    pub loss: f32,
    /// Share of training samples classified right, in [0, 1].
    pub accuracy: f32,
    /// Share of training samples whose class is among the five likeliest, where there are more than five classes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_5_accuracy: Option<f32>,
    /// Mean validation loss, where there is validation data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub val_loss: Option<f32>,
    /// Share of validation samples classified right, where there is validation data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub val_accuracy: Option<f32>,
    /// Share of validation samples whose class is among the five likeliest, where there are validation data and more
    /// than five classes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub val_top_5_accuracy: Option<f32>,
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

/// Whether fewer than `k` classes have a larger logit than the label's, which has to be finite.
fn in_top_k(logits: &[f32], label: u32, k: usize) -> bool {
    let own = logits[label as usize];
    own.is_finite() && logits.iter().filter(|&&logit| logit > own).count() < k
}

/// Share of rows, in [0, 1], whose class is among the `k` with the largest logits (or probabilities); a class that
/// ties with the k-th is among them, as in Keras's `sparse_top_k_categorical_accuracy`.
///
/// # Shapes
///
/// `logits` is `N x classes`. Where it is no whole number of rows for the labels, or a label is no class, there is no
/// answer.
#[must_use]
pub fn top_k_accuracy(logits: &[f32], labels: &[u32], k: usize) -> Option<f32> {
    let classes = logits.len().checked_div(labels.len())?;
    if classes * labels.len() != logits.len() || labels.iter().any(|&label| label as usize >= classes) {
        return None;
    }
    let rows = logits.chunks_exact(classes).zip(labels);
    let right = rows.filter(|(row, label)| in_top_k(row, **label, k)).count();
    Some((right as f64 / labels.len() as f64) as f32)
}

/// Sample-weighted means over batches.
#[derive(Debug, Clone)]
pub(crate) struct Running {
    loss: Loss,
    class_weights: Vec<f32>,
    total: f64,
    correct: usize,
    /// Rows whose class is among the five likeliest.
    in_top_5: usize,
    samples: usize,
    units: usize,
}

impl Running {
    /// Nothing yet.
    pub(crate) fn new(loss: Loss, class_weights: &[f32]) -> Self {
        let class_weights = class_weights.to_vec();
        Self { loss, class_weights, total: 0.0, correct: 0, in_top_5: 0, samples: 0, units: 0 }
    }

    /// Adds a batch by its logits, `N x units`, and what its loss has beside the rows' mean.
    ///
    /// Of two classes with one logit, the class is 1 where the probability is above one half; else it is the first one
    /// with the largest logit.
    pub(crate) fn add(&mut self, logits: &[f32], labels: &[u32], penalty: f64) {
        let mean = f64::from(self.loss.mean_on_slices(logits, labels, &self.class_weights));
        self.total += (mean + penalty) * labels.len() as f64;
        self.samples += labels.len();
        self.units = logits.len() / labels.len();
        for (row, &label) in logits.chunks_exact(self.units).zip(labels) {
            self.correct += usize::from(match self.loss {
                Loss::BinaryCrossentropy => u32::from(sigmoid(row[0]) > 0.5) == label,
                Loss::SparseCategoricalCrossentropy => first_largest(row) == label as usize,
            });
            if self.units > TOP {
                self.in_top_5 += usize::from(in_top_k(row, label, TOP));
            }
        }
    }

    pub(crate) fn loss(&self) -> f32 {
        (self.total / self.samples as f64) as f32
    }

    pub(crate) fn accuracy(&self) -> f32 {
        self.share(self.correct)
    }

    /// Where there are more than five classes.
    pub(crate) fn top_5_accuracy(&self) -> Option<f32> {
        (self.units > TOP).then(|| self.share(self.in_top_5))
    }

    fn share(&self, rows: usize) -> f32 {
        (rows as f64 / self.samples as f64) as f32
    }
}

/// The position of the largest value, the first of equals.
fn first_largest(row: &[f32]) -> usize {
    (1..row.len()).fold(0, |best, index| if row[index] > row[best] { index } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partial_batch_weighs_by_its_samples() {
        let loss = Loss::BinaryCrossentropy;
        let mut running = Running::new(loss, &[]);
        let (first, second) = ([2.0, -2.0, 0.0], [0.04]);
        running.add(&first, &[1, 1, 0], 0.0);
        running.add(&second, &[1], 0.0);
        let mean = |logits: &[f32], labels: &[u32]| loss.mean_on_slices(logits, labels, &[]);
        let expected = (3.0 * mean(&first, &[1, 1, 0]) + mean(&second, &[1])) / 4.0;
        assert!((running.loss() - expected).abs() < 1e-7);
        assert_eq!(running.accuracy(), 0.75);
    }

    #[test]
    fn best_is_the_first_of_equals() {
        let epoch = |epoch, loss, accuracy| EpochMetrics {
            epoch,
            loss: 0.0,
            accuracy: 0.0,
            top_5_accuracy: None,
            val_loss: Some(loss),
            val_accuracy: Some(accuracy),
            val_top_5_accuracy: None,
        };
        let epochs = vec![epoch(1, 0.5, 0.8), epoch(2, 0.3, 0.9), epoch(3, 0.4, 0.9)];
        let history = History { epochs, kept_epoch: 3, stopped_early: false };
        assert_eq!(history.best(Monitor::ValAccuracy).map(|epoch| epoch.epoch), Some(2));
        assert_eq!(history.best(Monitor::ValLoss).map(|epoch| epoch.epoch), Some(2));
    }

    #[test]
    fn the_class_is_the_first_of_the_largest() {
        let mut running = Running::new(Loss::SparseCategoricalCrossentropy, &[]);
        running.add(&[1.0, 1.0, 0.0, 0.0, 2.0, 1.0], &[0, 2], 0.5);
        assert_eq!(running.accuracy(), 0.5);
        assert_eq!(running.top_5_accuracy(), None);
        running.add(&[1.0, 1.0, 0.0], &[1], 0.5);
        assert_eq!(running.accuracy(), 1.0 / 3.0);
    }

    #[test]
    fn ties_with_the_kth_count_and_nan_does_not() {
        let row = [3.0, 2.0, 2.0, 1.0];
        let found: Vec<_> = (0..4).map(|label| top_k_accuracy(&row, &[label], 2).unwrap()).collect();
        assert_eq!(found, [1.0, 1.0, 1.0, 0.0]);
        assert_eq!(top_k_accuracy(&[f32::NAN, 1.0], &[0], 2), Some(0.0));
        assert_eq!(top_k_accuracy(&row, &[4], 2), None);
        assert_eq!(top_k_accuracy(&row, &[0, 0, 0], 2), None);
        assert_eq!(top_k_accuracy(&[], &[], 2), None);
    }
}
