//! Probabilities with the labels that they should have given.

use crate::argmax::argmax;
use crate::error::EvaluationError as Error;
use crate::loss::PROBABILITY_CLIP;

/// The largest number of classes: their confusion matrix takes 512 MiB.
const MOST_CLASSES: usize = 1 << 13;

/// How far from 1 a row's sum may be: far more than rounding errors, far less than logits given by mistake.
const SUM_TOLERANCE: f64 = 1e-3;

/// Checked probabilities, `N x classes`, with one label a row.
#[derive(Debug, Clone)]
pub struct Predictions<'a> {
    probabilities: &'a [f32],
    labels: &'a [u32],
    classes: usize,
    predicted: Vec<u32>,
}

impl<'a> Predictions<'a> {
    /// Checks the values. A row's predicted class has its largest probability, the first of equals (see
    /// [`argmax`](crate::argmax)). With two classes that is class 1 if its probability is above one half.
    ///
    /// # Shapes
    ///
    /// `probabilities` is `N x classes` with rows that sum to 1, `labels` has N values below `classes`; N >= 1.
    ///
    /// # Errors
    ///
    /// When a length does not fit, a label is not a class, a probability is NaN or outside [0, 1], or a row does not
    /// sum to 1 (within 0.001).
    pub fn new(probabilities: &'a [f32], labels: &'a [u32], classes: usize) -> Result<Self, Error> {
        if !(2..=MOST_CLASSES).contains(&classes) {
            return Err(Error::Classes { most: MOST_CLASSES, found: classes });
        }
        let rows = labels.len();
        if rows == 0 {
            return Err(Error::NoRows);
        }
        if rows.checked_mul(classes) != Some(probabilities.len()) {
            return Err(Error::ProbabilityCount { rows, classes, found: probabilities.len() });
        }
        if let Some((row, &found)) = labels.iter().enumerate().find(|(_, label)| **label as usize >= classes)
        {
            return Err(Error::Label { row, classes, found });
        }
        let mut predicted = Vec::with_capacity(rows);
        for (row, values) in probabilities.chunks_exact(classes).enumerate() {
            let wrong = values.iter().enumerate().find(|(_, value)| !(0.0..=1.0).contains(*value));
            if let Some((class, &found)) = wrong {
                return Err(Error::Probability { row, class, found });
            }
            let sum: f64 = values.iter().map(|&value| f64::from(value)).sum();
            if (sum - 1.0).abs() > SUM_TOLERANCE {
                return Err(Error::RowSum { row, found: sum });
            }
            predicted.push(argmax(values) as u32);
        }
        Ok(Self { probabilities, labels, classes, predicted })
    }

    /// The number of rows, at least 1.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.labels.len()
    }

    /// The number of classes, at least 2.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Each row's label.
    #[must_use]
    pub fn labels(&self) -> &[u32] {
        self.labels
    }

    /// Each row's predicted class.
    #[must_use]
    pub fn predicted(&self) -> &[u32] {
        &self.predicted
    }

    /// The probability of a class in a row.
    pub(super) fn probability(&self, row: usize, class: u32) -> f32 {
        self.probabilities[row * self.classes + class as usize]
    }

    /// The probabilities of each row.
    fn each_row(&self) -> impl Iterator<Item = (&[f32], u32)> {
        self.probabilities.chunks_exact(self.classes).zip(self.labels.iter().copied())
    }

    /// Each row's cross-entropy: -log p of its label, with p clipped to [1e-7, 1 - 1e-7] as Keras does.
    pub fn losses(&self) -> impl Iterator<Item = f64> {
        let clip = f64::from(PROBABILITY_CLIP);
        self.each_row().map(move |(row, label)| -f64::from(row[label as usize]).clamp(clip, 1.0 - clip).ln())
    }

    /// Mean cross-entropy, in [0, 16.2] because of the clip of [`losses`](Self::losses). The loss of
    /// [`evaluate`](crate::evaluate) is computed from logits without a clip. It is larger when a head is sure and wrong.
    #[must_use]
    pub fn loss(&self) -> f64 {
        self.losses().sum::<f64>() / self.rows() as f64
    }

    /// Share of the rows whose predicted class is their label, in [0, 1].
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        let right =
            self.predicted.iter().zip(self.labels).filter(|(predicted, label)| predicted == label).count();
        right as f64 / self.rows() as f64
    }

    /// Share of the rows in which fewer than `k` classes have a larger probability than the label, in [0, 1].
    ///
    /// So a label that is as probable as the k-th class counts, as in Keras (TensorFlow's `in_top_k`). For k = 1 this
    /// is more than [`accuracy`](Self::accuracy) if the largest probability of a row occurs twice.
    #[must_use]
    pub fn top_k_accuracy(&self, k: usize) -> f64 {
        let within = |(row, label): &(&[f32], u32)| {
            let own = row[*label as usize];
            row.iter().filter(|&&other| other > own).count() < k
        };
        self.each_row().filter(within).count() as f64 / self.rows() as f64
    }

    /// Mean squared distance of the probabilities from the labels (G. W. Brier, "Verification of forecasts expressed in
    /// terms of probability", 1950): the sum over the classes, in [0, 2]; with two classes half of it, the mean of
    /// (p of class 1 - label)^2, in [0, 1], as in scikit-learn.
    #[must_use]
    pub fn brier_score(&self) -> f64 {
        let distance = |(row, label): (&[f32], u32)| -> f64 {
            let square = |(class, &p): (usize, &f32)| {
                let target = if class == label as usize { 1.0 } else { 0.0 };
                (f64::from(p) - target).powi(2)
            };
            row.iter().enumerate().map(square).sum()
        };
        let scale = if self.classes == 2 { 0.5 } else { 1.0 };
        scale * self.each_row().map(distance).sum::<f64>() / self.rows() as f64
    }

    /// How often each class was predicted for each label: rows are labels, columns predictions, as in scikit-learn.
    #[must_use]
    pub fn confusion_matrix(&self) -> Vec<Vec<u64>> {
        let mut matrix = vec![vec![0; self.classes]; self.classes];
        for (&label, &predicted) in self.labels.iter().zip(&self.predicted) {
            matrix[label as usize][predicted as usize] += 1;
        }
        matrix
    }
}

/// Turns probabilities of class 1, as a sigmoid gives them, into rows of two: 1 - p, p.
#[must_use]
pub fn binary_columns(probabilities: &[f32]) -> Vec<f32> {
    probabilities.iter().flat_map(|&p| [1.0 - p, p]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_inputs_are_refused_with_their_place() {
        let refused = |p: &[f32], labels: &[u32], classes| Predictions::new(p, labels, classes).unwrap_err();
        let even = [0.5, 0.5, 0.25, 0.75];
        assert_eq!(refused(&even, &[0, 1], 1), Error::Classes { most: 8192, found: 1 });
        assert_eq!(refused(&[], &[], 2), Error::NoRows);
        let count = Error::ProbabilityCount { rows: 3, classes: 2, found: 4 };
        assert_eq!(refused(&even, &[0, 1, 1], 2), count);
        assert_eq!(refused(&even, &[0, 2], 2), Error::Label { row: 1, classes: 2, found: 2 });
        let sum = Error::RowSum { row: 1, found: 0.5 };
        assert_eq!(refused(&[0.5, 0.5, 0.25, 0.25], &[0, 1], 2), sum);
        let negative = Error::Probability { row: 0, class: 0, found: -0.5 };
        assert_eq!(refused(&[-0.5, 1.5], &[0], 2), negative);
        let nan = refused(&[0.5, f32::NAN], &[0], 2).to_string();
        assert_eq!(nan, "row 0, class 1: expected a probability in [0, 1], found NaN");
    }

    #[test]
    fn class_1_is_predicted_above_one_half_only() {
        let around = [0.5_f32, 0.5_f32.next_up(), 0.5_f32.next_down()];
        let columns = binary_columns(&around);
        assert_eq!(Predictions::new(&columns, &[0, 0, 0], 2).unwrap().predicted(), [0, 1, 0]);
    }
}
