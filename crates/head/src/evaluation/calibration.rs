//! Whether a prediction made with 80 % confidence is right in 80 % of the cases.

use serde::{Deserialize, Serialize};

use super::predictions::Predictions;

/// One bar of a reliability diagram: the rows whose confidence, the probability of the predicted class, is in
/// (lower, upper].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityBin {
    /// Lower edge.
    pub lower: f64,
    /// Upper edge.
    pub upper: f64,
    /// The number of rows.
    pub rows: u64,
    /// Their mean confidence; None without rows.
    pub confidence: Option<f64>,
    /// The share of them that is predicted right; None without rows.
    pub accuracy: Option<f64>,
}

/// The sums of a bin.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct BinSums {
    rows: u64,
    correct: u64,
    confidence: f64,
}

impl BinSums {
    pub(super) fn add(&mut self, confidence: f64, correct: bool) {
        self.rows += 1;
        self.correct += u64::from(correct);
        self.confidence += confidence;
    }

    /// The expected calibration error of all bins: the mean over the rows of |accuracy - confidence| of their bin.
    pub(super) fn expected_error(bins: &[Self]) -> f64 {
        let rows: u64 = bins.iter().map(|bin| bin.rows).sum();
        bins.iter().map(|bin| (bin.correct as f64 - bin.confidence).abs()).sum::<f64>() / rows as f64
    }
}

/// Which of `bins` bins of equal width a confidence is in; an edge belongs to the bin below it.
pub(super) fn bin_of(confidence: f64, bins: usize) -> usize {
    ((confidence * bins as f64).ceil() as usize).clamp(1, bins) - 1
}

impl Predictions<'_> {
    /// Each row's confidence, and whether its predicted class is its label.
    pub(super) fn confidences(&self) -> impl Iterator<Item = (f64, bool)> {
        self.predicted().iter().zip(self.labels()).enumerate().map(|(row, (&predicted, &label))| {
            (f64::from(self.probability(row, predicted)), predicted == label)
        })
    }

    fn bin_sums(&self, bins: usize) -> Vec<BinSums> {
        let mut sums = vec![BinSums::default(); bins];
        for (confidence, correct) in self.confidences() {
            sums[bin_of(confidence, bins)].add(confidence, correct);
        }
        sums
    }

    /// The bars of a reliability diagram: `bins` bins of equal width over [0, 1] by the confidence of the predicted
    /// class; at least one.
    #[must_use]
    pub fn reliability(&self, bins: usize) -> Vec<ReliabilityBin> {
        let width = 1.0 / bins.max(1) as f64;
        let bar = |(index, sums): (usize, BinSums)| {
            let mean = |sum: f64| (sums.rows > 0).then(|| sum / sums.rows as f64);
            ReliabilityBin {
                lower: index as f64 * width,
                upper: (index + 1) as f64 * width,
                rows: sums.rows,
                confidence: mean(sums.confidence),
                accuracy: mean(sums.correct as f64),
            }
        };
        self.bin_sums(bins.max(1)).into_iter().enumerate().map(bar).collect()
    }

    /// The expected calibration error of the predicted class, in [0, 1]: the mean distance between confidence and
    /// accuracy, over `bins` bins (at least one) weighted by their rows (C. Guo et al., "On calibration of modern neural
    /// networks", 2017, equation 3, with 15 bins).
    ///
    /// With few rows it is too large, because within a bin accuracy differs from confidence by chance.
    #[must_use]
    pub fn expected_calibration_error(&self, bins: usize) -> f64 {
        BinSums::expected_error(&self.bin_sums(bins.max(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_belongs_to_the_bin_below() {
        assert_eq!([0.0, 0.25, 0.5, 0.75, 1.0].map(|edge| bin_of(edge, 4)), [0, 0, 1, 2, 3]);
        assert_eq!([0.25_f64, 0.5, 0.75].map(|edge| bin_of(edge.next_up(), 4)), [1, 2, 3]);
    }
}
