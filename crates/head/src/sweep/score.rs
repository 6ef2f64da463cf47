//! How well one candidate did.

use serde::{Deserialize, Serialize};

use super::candidate::Candidate;
use super::comparison::Comparison;
use crate::analysis::cross_validation::Fold;

/// The result of one candidate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// The candidate.
    #[serde(flatten)]
    pub candidate: Candidate,
    /// Accuracy, in [0, 1].
    pub accuracy: FoldMeans,
    /// Cross-entropy of probabilities clipped as in [`Predictions::losses`](crate::evaluation::Predictions::losses).
    pub loss: FoldMeans,
    /// The number of rows answered right, over all folds.
    pub right: usize,
    /// Time for all folds. Neighbours are searched once; that time counts for each candidate that uses them.
    pub seconds: f64,
    /// How it compares with the best; None for the best itself.
    pub against_best: Option<Comparison>,
}

/// A metric on each fold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FoldMeans {
    /// The mean on each fold's rows.
    pub folds: Vec<f64>,
    /// The mean over the folds.
    pub mean: f64,
    /// The mean's standard error: the folds' standard deviation (n - 1) divided by the square root of their number.
    pub standard_error: f64,
}

impl Score {
    /// Whether it is the best, or not significantly worse.
    #[must_use]
    pub fn equals_best(&self) -> bool {
        self.against_best.is_none_or(|comparison| !comparison.is_significant())
    }
}

impl FoldMeans {
    /// From a metric of each row.
    pub(super) fn new(folds: &[Fold], of_row: impl Fn(usize) -> f64) -> Self {
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let fold = |fold: &Fold| mean(&fold.held_out.iter().map(|&row| of_row(row)).collect::<Vec<_>>());
        let folds: Vec<f64> = folds.iter().map(fold).collect();
        let all = mean(&folds);
        let squares: f64 = folds.iter().map(|value| (value - all).powi(2)).sum();
        let count = folds.len() as f64;
        Self { folds, mean: all, standard_error: (squares / (count - 1.0) / count).sqrt() }
    }
}
