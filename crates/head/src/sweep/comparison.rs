//! Whether the answers of two classifiers to the same rows differ by more than chance.

use std::f64::consts::LN_2;

use serde::{Deserialize, Serialize};

/// A difference whose corrected p-value is not below this is taken for chance.
pub const SIGNIFICANCE: f64 = 0.05;

/// Two candidates on the rows that only one of them answers right.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The number of rows that only the best answers right.
    pub best_alone: usize,
    /// The number of rows that only the other one answers right.
    pub other_alone: usize,
    /// [`mcnemar_exact`] of these.
    pub p: f64,
    /// After [`holm`]'s correction over all comparisons of the sweep.
    pub corrected_p: f64,
}

impl Comparison {
    /// Whether the best is better by more than chance.
    #[must_use]
    pub fn is_significant(&self) -> bool {
        self.corrected_p < SIGNIFICANCE
    }
}

/// McNemar's exact test (Q. McNemar, "Note on the sampling error of the difference between correlated proportions or
/// percentages", 1947): the probability of disagreements at least as uneven as these if both were equally good.
///
/// `first` and `second` count the rows that only the one and only the other answered right. Each disagreement is a fair
/// coin, so the value is twice the binomial tail of the smaller count, at most 1; in (0, 1].
#[must_use]
pub fn mcnemar_exact(first: usize, second: usize) -> f64 {
    let (smaller, coins) = (first.min(second), first + second);
    // ln of (coins choose smaller) / 2^coins.
    let binomial: f64 = (0..smaller).map(|i| ((coins - i) as f64 / (i + 1) as f64).ln()).sum();
    // The tail from its largest term down, as multiples of that term.
    let (mut term, mut tail) = (1.0, 1.0);
    for i in (1..=smaller).rev() {
        term *= i as f64 / (coins - i + 1) as f64;
        tail += term;
    }
    (2.0 * tail * (binomial - coins as f64 * LN_2).exp()).min(1.0)
}

/// Holm's correction (S. Holm, "A simple sequentially rejective multiple test procedure", 1979) of the p-values of a family
/// of tests: compared with a level, they give any false finding with a chance of at most that level.
#[must_use]
pub fn holm(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut corrected = vec![0.0; values.len()];
    let mut largest = 0.0_f64;
    for (position, index) in order.into_iter().enumerate() {
        let tests_left = (values.len() - position) as f64;
        largest = largest.max((values[index] * tests_left).min(1.0));
        corrected[index] = largest;
    }
    corrected
}
