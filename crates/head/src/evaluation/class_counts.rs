//! Metrics that follow from how often each class occurs, is predicted, and is predicted right.

use serde::{Deserialize, Serialize};

use super::predictions::Predictions;

/// For each class, the number of rows that have it as their label, as their prediction, and as both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassCounts {
    support: Vec<u64>,
    predicted: Vec<u64>,
    correct: Vec<u64>,
}

/// How well one class is found. A score is 0 if it would be 0 / 0 (scikit-learn's default of `zero_division`).
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct ClassScores {
    /// Of the rows predicted as the class, the share that belongs to it.
    pub precision: f64,
    /// Of the class's rows, the share that is predicted as it.
    pub recall: f64,
    /// The harmonic mean of both.
    pub f1: f64,
}

impl ClassCounts {
    /// No rows yet.
    pub(super) fn none(classes: usize) -> Self {
        Self { support: vec![0; classes], predicted: vec![0; classes], correct: vec![0; classes] }
    }

    /// Counts all rows.
    #[must_use]
    pub fn new(predictions: &Predictions<'_>) -> Self {
        let mut counts = Self::none(predictions.classes());
        for (&label, &predicted) in predictions.labels().iter().zip(predictions.predicted()) {
            counts.add(label, predicted);
        }
        counts
    }

    /// Counts one row.
    pub(super) fn add(&mut self, label: u32, predicted: u32) {
        self.support[label as usize] += 1;
        self.predicted[predicted as usize] += 1;
        self.correct[label as usize] += u64::from(label == predicted);
    }

    /// Forgets all rows.
    pub(super) fn clear(&mut self) {
        for counts in [&mut self.support, &mut self.predicted, &mut self.correct] {
            counts.fill(0);
        }
    }

    /// The number of rows of each class.
    #[must_use]
    pub fn support(&self) -> &[u64] {
        &self.support
    }

    /// Share of the rows that is predicted right.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        ratio(self.correct.iter().sum(), self.support.iter().sum())
    }

    /// The scores of a class.
    #[must_use]
    pub fn scores(&self, class: usize) -> ClassScores {
        let (support, predicted, correct) = (self.support[class], self.predicted[class], self.correct[class]);
        ClassScores {
            precision: ratio(correct, predicted),
            recall: ratio(correct, support),
            f1: ratio(2 * correct, support + predicted),
        }
    }

    /// The mean of the classes that occur among labels or predictions (scikit-learn's default).
    #[must_use]
    pub fn macro_average(&self) -> ClassScores {
        self.average(|class| if self.support[class] + self.predicted[class] > 0 { 1.0 } else { 0.0 })
    }

    /// The mean of the classes, weighted by their rows.
    #[must_use]
    pub fn weighted_average(&self) -> ClassScores {
        self.average(|class| self.support[class] as f64)
    }

    fn average(&self, weight: impl Fn(usize) -> f64) -> ClassScores {
        let (mut sums, mut total) = (ClassScores::default(), 0.0);
        for class in 0..self.support.len() {
            let (scores, weight) = (self.scores(class), weight(class));
            sums.precision += weight * scores.precision;
            sums.recall += weight * scores.recall;
            sums.f1 += weight * scores.f1;
            total += weight;
        }
        let ClassScores { precision, recall, f1 } = sums;
        ClassScores { precision: precision / total, recall: recall / total, f1: f1 / total }
    }

    /// The mean recall of the classes that have rows, in [0, 1]: the accuracy if all classes were equally frequent.
    #[must_use]
    pub fn balanced_accuracy(&self) -> f64 {
        let occurring: Vec<usize> =
            (0..self.support.len()).filter(|&class| self.support[class] > 0).collect();
        occurring.iter().map(|&class| self.scores(class).recall).sum::<f64>() / occurring.len() as f64
    }

    /// The correlation of labels and predictions, in [-1, 1], for any number of classes (J. Gorodkin, "Comparing two
    /// K-category assignments by a K-category correlation coefficient", 2004); 0 if all rows have one label or one
    /// prediction, as in scikit-learn.
    #[must_use]
    pub fn matthews_correlation(&self) -> f64 {
        let dot = |a: &[u64], b: &[u64]| {
            a.iter().zip(b).map(|(&a, &b)| i128::from(a) * i128::from(b)).sum::<i128>()
        };
        let rows: i128 = self.support.iter().copied().map(i128::from).sum();
        let correct: i128 = self.correct.iter().copied().map(i128::from).sum();
        let covariance = |a, b| (rows * rows - dot(a, b)) as f64;
        let spread = covariance(&self.support, &self.support) * covariance(&self.predicted, &self.predicted);
        if spread == 0.0 {
            return 0.0;
        }
        (correct * rows - dot(&self.support, &self.predicted)) as f64 / spread.sqrt()
    }
}

/// 0 for 0 / 0.
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
