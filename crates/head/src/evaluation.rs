//! How good a trained head is: what its probabilities say beside the labels.
//!
//! [`Evaluation`] holds everything; [`Predictions`] and [`ClassCounts`] give single metrics. Nothing here knows heads:
//! all is computed from plain slices, so the probabilities may come from anywhere. Definitions and defaults are those of
//! scikit-learn, and of Keras for the loss and the top-k accuracy.
//!
//! # Example
//!
//! ```
//! use headstart_head::evaluation::{Evaluation, EvaluationOptions};
//!
//! let probabilities = [0.9, 0.1, 0.4, 0.6, 0.3, 0.7, 0.2, 0.8];
//! let classes = ["animals".to_owned(), "food".to_owned()];
//! let evaluation = Evaluation::new(&probabilities, &[0, 0, 1, 1], &classes, &EvaluationOptions::default())?;
//! assert_eq!(evaluation.accuracy, 0.75);
//! assert_eq!(evaluation.confusion_matrix, [[1, 1], [0, 2]]);
//! assert_eq!(evaluation.roc_auc, Some(1.0));
//! # Ok::<(), headstart_head::evaluation::Error>(())
//! ```

mod bootstrap;
mod calibration;
mod class_counts;
mod error;
mod predictions;
mod ranking;
#[cfg(test)]
mod resampling_tests;

use serde::{Deserialize, Serialize};

pub use bootstrap::{Interval, Intervals, quantile};
pub use calibration::ReliabilityBin;
pub use class_counts::{ClassCounts, ClassScores};
pub use error::Error;
pub use predictions::{Predictions, binary_columns};

/// How to evaluate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvaluationOptions {
    /// Draws of the bootstrap; 0 computes no intervals. The time grows with draws x rows x classes.
    pub resamples: usize,
    /// The share of the draws that an interval holds, in (0, 1).
    pub confidence_level: f64,
    /// Seed of the draws.
    pub seed: u64,
    /// Bins of the calibration error and of the reliability diagram, 1 to 1000.
    pub calibration_bins: usize,
    /// The k of the top-k accuracy, >= 1.
    pub top_k: usize,
}

impl Default for EvaluationOptions {
    /// 1000 draws at 95 %, seed 0, 15 bins, top 5.
    fn default() -> Self {
        Self { resamples: 1000, confidence_level: 0.95, seed: 0, calibration_bins: 15, top_k: 5 }
    }
}

impl EvaluationOptions {
    fn validate(&self) -> Result<(), Error> {
        let check = |option, fits: bool, expected, found: String| {
            if fits { Ok(()) } else { Err(Error::Option { option, expected, found }) }
        };
        let Self { confidence_level, calibration_bins, top_k, .. } = *self;
        let level_fits = confidence_level > 0.0 && confidence_level < 1.0;
        check("confidence level", level_fits, "a number in (0, 1)", confidence_level.to_string())?;
        let bins_fit = (1..=1000).contains(&calibration_bins);
        check("calibration bins", bins_fit, "1 to 1000", calibration_bins.to_string())?;
        check("top k", top_k > 0, "at least 1", top_k.to_string())
    }
}

/// Every metric of a set of predictions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// The names of the classes, by label.
    pub classes: Vec<String>,
    /// How many rows were evaluated.
    pub rows: usize,
    /// See [`Predictions::loss`].
    pub loss: f64,
    /// See [`Predictions::accuracy`].
    pub accuracy: f64,
    /// Where there are more than k classes, for else every row is right.
    pub top_k_accuracy: Option<TopK>,
    /// See [`ClassCounts::balanced_accuracy`].
    pub balanced_accuracy: f64,
    /// See [`ClassCounts::matthews_correlation`].
    pub matthews_correlation: f64,
    /// The area under the ROC curve: with two classes that of class 1, with more the mean of each class against the
    /// others (scikit-learn's `multi_class="ovr"`); none where a class has no rows.
    pub roc_auc: Option<f64>,
    /// See [`Predictions::brier_score`].
    pub brier_score: f64,
    /// See [`Predictions::expected_calibration_error`].
    pub expected_calibration_error: f64,
    /// See [`ClassCounts::macro_average`].
    pub macro_average: ClassScores,
    /// See [`ClassCounts::weighted_average`].
    pub weighted_average: ClassScores,
    /// Each class's metrics, by label.
    pub per_class: Vec<ClassMetrics>,
    /// See [`Predictions::confusion_matrix`].
    pub confusion_matrix: Vec<Vec<u64>>,
    /// See [`Predictions::reliability`].
    pub reliability: Vec<ReliabilityBin>,
    /// Where there was resampling.
    pub intervals: Option<Intervals>,
}

/// A top-k accuracy.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TopK {
    /// The k.
    pub k: usize,
    /// See [`Predictions::top_k_accuracy`].
    pub accuracy: f64,
}

/// How well a class is told from the others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassMetrics {
    /// The class's name.
    pub class: String,
    /// Precision, recall, F1.
    #[serde(flatten)]
    pub scores: ClassScores,
    /// See [`Predictions::class_roc_auc`].
    pub roc_auc: Option<f64>,
    /// How many rows it has.
    pub support: u64,
}

impl Evaluation {
    /// Computes every metric; the same for the same seed.
    ///
    /// # Shapes
    ///
    /// `probabilities` is `N x classes` with rows that sum to 1; `labels` has N values, each a position in
    /// `class_names`; N >= 1.
    ///
    /// # Errors
    ///
    /// As [`Predictions::new`]; and where an option is out of its range.
    pub fn new(
        probabilities: &[f32],
        labels: &[u32],
        class_names: &[String],
        options: &EvaluationOptions,
    ) -> Result<Self, Error> {
        options.validate()?;
        let predictions = Predictions::new(probabilities, labels, class_names.len())?;
        let counts = ClassCounts::new(&predictions);
        let areas = predictions.class_roc_auc();
        let class = |(label, (name, &roc_auc)): (usize, (&String, &Option<f64>))| ClassMetrics {
            class: name.clone(),
            scores: counts.scores(label),
            roc_auc,
            support: counts.support()[label],
        };
        let k = options.top_k;
        let top_k = || TopK { k, accuracy: predictions.top_k_accuracy(k) };
        Ok(Self {
            classes: class_names.to_vec(),
            rows: predictions.rows(),
            loss: predictions.loss(),
            accuracy: predictions.accuracy(),
            top_k_accuracy: (class_names.len() > k).then(top_k),
            balanced_accuracy: counts.balanced_accuracy(),
            matthews_correlation: counts.matthews_correlation(),
            roc_auc: ranking::mean_area(areas.iter().copied()),
            brier_score: predictions.brier_score(),
            expected_calibration_error: predictions.expected_calibration_error(options.calibration_bins),
            macro_average: counts.macro_average(),
            weighted_average: counts.weighted_average(),
            per_class: class_names.iter().zip(&areas).enumerate().map(class).collect(),
            confusion_matrix: predictions.confusion_matrix(),
            reliability: predictions.reliability(options.calibration_bins),
            intervals: bootstrap::intervals(&predictions, options),
        })
    }
}
