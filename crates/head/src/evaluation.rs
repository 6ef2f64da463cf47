//! How good a trained head is: its probabilities compared with the labels.
//!
//! [`Evaluation`] holds everything; [`Predictions`] and [`ClassCounts`] give single metrics. Nothing here knows heads:
//! everything is computed from plain slices, so the probabilities may come from anywhere. Definitions and defaults are
//! those of scikit-learn, and of Keras for the loss and the top-k accuracy.
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
mod options;
mod predictions;
mod ranking;
#[cfg(test)]
mod resampling_tests;
mod table;

use serde::{Deserialize, Serialize};

pub(crate) use bootstrap::interval_of_mean;
pub use bootstrap::{Interval, Intervals, quantile};
pub use calibration::ReliabilityBin;
pub use class_counts::{ClassCounts, ClassScores};
pub use options::EvaluationOptions;
pub use predictions::{Predictions, binary_columns};

pub use crate::error::EvaluationError as Error;

/// Every metric of a set of predictions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// The names of the classes, by label.
    pub classes: Vec<String>,
    /// The number of rows.
    pub rows: usize,
    /// See [`Predictions::loss`].
    pub loss: f64,
    /// See [`Predictions::accuracy`].
    pub accuracy: f64,
    /// None for k classes or fewer, because then every row is right.
    pub top_k_accuracy: Option<TopK>,
    /// See [`ClassCounts::balanced_accuracy`].
    pub balanced_accuracy: f64,
    /// See [`ClassCounts::matthews_correlation`].
    pub matthews_correlation: f64,
    /// The area under the ROC curve: with two classes that of class 1, with more the mean of each class against the
    /// others (scikit-learn's `multi_class="ovr"`). None if a class has no rows.
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
    /// None without resampling.
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

/// How well one class is recognized.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassMetrics {
    /// The class's name.
    pub class: String,
    /// Precision, recall, F1.
    #[serde(flatten)]
    pub scores: ClassScores,
    /// See [`Predictions::class_roc_auc`].
    pub roc_auc: Option<f64>,
    /// The number of its rows.
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
    /// As [`Predictions::new`]; and when an option is out of its range.
    pub fn new(
        probabilities: &[f32],
        labels: &[u32],
        class_names: &[String],
        options: &EvaluationOptions,
    ) -> Result<Self, Error> {
        Self::with(probabilities, labels, None, class_names, options)
    }

    /// As [`new`](Self::new), with intervals from draws of groups: `groups` has an id for each row, and rows with the same id
    /// are drawn together. The metrics themselves do not depend on the groups.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new); [`Error::GroupCount`] when there is not one group for each row.
    pub fn of_groups(
        probabilities: &[f32],
        labels: &[u32],
        groups: &[usize],
        class_names: &[String],
        options: &EvaluationOptions,
    ) -> Result<Self, Error> {
        Self::with(probabilities, labels, Some(groups), class_names, options)
    }

    fn with(
        probabilities: &[f32],
        labels: &[u32],
        groups: Option<&[usize]>,
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
            intervals: bootstrap::intervals(&predictions, groups, options)?,
        })
    }
}
