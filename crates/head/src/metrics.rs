//! Metrics computed from logits.

use crate::argmax::argmax;
use crate::head_loss::Loss;
use crate::pointwise::sigmoid;

/// The number of most likely classes that an epoch's top-5 accuracy looks at.
const TOP: usize = 5;

/// Whether the label's logit is finite, and fewer than `k` classes have a larger one.
fn in_top_k(logits: &[f32], label: u32, k: usize) -> bool {
    let own = logits[label as usize];
    own.is_finite() && logits.iter().filter(|&&logit| logit > own).count() < k
}

/// Share of rows, in [0, 1], whose class is among the `k` with the largest logits (or probabilities); a class that
/// ties with the k-th is among them, as in Keras's `sparse_top_k_categorical_accuracy`.
///
/// # Shapes
///
/// `logits` is `N x classes`. Otherwise, or when a label is not a class, the result is None.
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
    /// Rows whose class is among the five most likely.
    in_top_5: usize,
    samples: usize,
    units: usize,
}

impl Running {
    /// No batch yet.
    pub(crate) fn new(loss: Loss, class_weights: &[f32]) -> Self {
        let class_weights = class_weights.to_vec();
        Self { loss, class_weights, total: 0.0, correct: 0, in_top_5: 0, samples: 0, units: 0 }
    }

    /// Adds a batch by its logits, `N x units`, and the penalty that is added to the mean loss of its rows.
    ///
    /// With one logit for two classes, the predicted class is 1 if its probability is above one half. Otherwise it is the
    /// first class with the largest logit.
    pub(crate) fn add(&mut self, logits: &[f32], labels: &[u32], penalty: f64) {
        let mean = f64::from(self.loss.mean_on_slices(logits, labels, &self.class_weights));
        self.total += (mean + penalty) * labels.len() as f64;
        self.samples += labels.len();
        self.units = logits.len() / labels.len();
        for (row, &label) in logits.chunks_exact(self.units).zip(labels) {
            self.correct += usize::from(match self.loss {
                Loss::BinaryCrossentropy => u32::from(sigmoid(row[0]) > 0.5) == label,
                Loss::SparseCategoricalCrossentropy => argmax(row) == label as usize,
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

    /// None for five classes or fewer.
    pub(crate) fn top_5_accuracy(&self) -> Option<f32> {
        (self.units > TOP).then(|| self.share(self.in_top_5))
    }

    fn share(&self, rows: usize) -> f32 {
        (rows as f64 / self.samples as f64) as f32
    }
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
