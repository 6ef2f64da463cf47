//! What a fit minimizes, by its rows' logits.
//!
//! The mean over the rows of weight x cross-entropy, plus the sum of squares of the kernel / (2 C x sum of the weights):
//! scikit-learn's objective, C x (sum of weight x cross-entropy) + (sum of squares) / 2, divided by C x sum of the weights.
//! The bias is not penalized.

use rayon::prelude::*;

use crate::logits::cross_entropy;

/// Rows whose losses are added up by one task. Fixed, so that the order of the sum is.
const BLOCK: usize = 512;

/// The labels of some rows, and how much each row counts.
pub(super) struct Objective {
    /// One for each row.
    pub(super) labels: Vec<u32>,
    /// One for each row; they add up to 1.
    pub(super) weights: Vec<f64>,
    /// 1 for two classes, else the number of classes.
    pub(super) units: usize,
    /// 1 / (C x sum of the weights): what the kernel's sum of squares is multiplied by, twice.
    pub(super) penalty: f64,
}

impl Objective {
    /// From a weight for each class (none are all 1) and the strength C.
    pub(super) fn new(labels: Vec<u32>, units: usize, class_weights: &[f64], strength: f64) -> Self {
        let weight = |&label: &u32| class_weights.get(label as usize).copied().unwrap_or(1.0);
        let mut weights: Vec<f64> = labels.iter().map(weight).collect();
        let sum: f64 = weights.iter().sum();
        weights.iter_mut().for_each(|weight| *weight /= sum);
        Self { labels, weights, units, penalty: 1.0 / (strength * sum) }
    }

    /// The weighted mean of the rows' cross-entropy.
    pub(super) fn loss(&self, logits: &[f64]) -> f64 {
        let blocks = logits.par_chunks(BLOCK * self.units).zip(self.labels.par_chunks(BLOCK));
        let sums: Vec<f64> = blocks
            .zip(self.weights.par_chunks(BLOCK))
            .map(|((logits, labels), weights)| {
                let rows = logits.chunks_exact(self.units).zip(labels).zip(weights);
                rows.map(|((logits, &label), weight)| weight * cross_entropy(logits, label)).sum()
            })
            .collect();
        sums.iter().sum()
    }

    /// The probability of each unit, `N x units`; of class 1 if there is one unit.
    pub(super) fn probabilities(&self, logits: &[f64]) -> Vec<f64> {
        let mut probabilities = logits.to_vec();
        probabilities.par_chunks_mut(BLOCK * self.units).for_each(|rows| {
            for row in rows.chunks_exact_mut(self.units) {
                if let [logit] = row {
                    *logit = 1.0 / (1.0 + (-*logit).exp());
                    continue;
                }
                let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                row.iter_mut().for_each(|value| *value = (*value - largest).exp());
                let sum: f64 = row.iter().sum();
                row.iter_mut().for_each(|value| *value /= sum);
            }
        });
        probabilities
    }

    /// The derivatives of a row's loss by its logits: weight x (p - y).
    pub(super) fn slope(&self, row: usize, probabilities: &[f64], delta: &mut [f64]) {
        let (weight, label) = (self.weights[row], self.labels[row] as usize);
        if let ([p], [delta]) = (probabilities, &mut *delta) {
            *delta = weight * (p - label as f64);
            return;
        }
        for (unit, (delta, p)) in delta.iter_mut().zip(probabilities).enumerate() {
            *delta = weight * (p - if unit == label { 1.0 } else { 0.0 });
        }
    }

    /// The second derivatives of a row's loss times a change of its logits: weight x p (1 - p) x change for one unit,
    /// weight x p x (change - p . change) for more.
    pub(super) fn curvature(&self, row: usize, probabilities: &[f64], change: &[f64], delta: &mut [f64]) {
        let weight = self.weights[row];
        if let ([p], [change], [delta]) = (probabilities, change, &mut *delta) {
            *delta = weight * p * (1.0 - p) * change;
            return;
        }
        let mean: f64 = probabilities.iter().zip(change).map(|(p, change)| p * change).sum();
        for ((delta, p), change) in delta.iter_mut().zip(probabilities).zip(change) {
            *delta = weight * p * (change - mean);
        }
    }

    /// For each unit, the sum over the rows of weight x p (1 - p): the second derivative by the bias, and for standardized
    /// rows about that by each value of the kernel.
    pub(super) fn diagonal(&self, probabilities: &[f64]) -> Vec<f64> {
        let mut sums = vec![0.0; self.units];
        for (row, weight) in probabilities.chunks_exact(self.units).zip(&self.weights) {
            sums.iter_mut().zip(row).for_each(|(sum, p)| *sum += weight * p * (1.0 - p));
        }
        sums
    }
}
