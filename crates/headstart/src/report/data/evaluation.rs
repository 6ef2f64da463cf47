//! The figures of a head, as a report shows them.

use headstart_head::evaluation::{ClassScores, Evaluation};
use serde::Serialize;

/// How good the head is, and on what that was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ReportEvaluation {
    /// What was evaluated on, for instance "validation".
    pub split: String,
    /// What its figures are measured on, as a sentence.
    pub measured_on: String,
    /// A row a true class, a column a predicted class.
    pub confusion: Vec<Vec<u64>>,
    /// A class's figures, in label order.
    pub per_class: Vec<ClassMetrics>,
    /// Share that is classified right.
    pub accuracy: f64,
    /// Bounds of the 95 % confidence interval of the accuracy.
    pub accuracy_interval: Option<[f64; 2]>,
    /// Mean loss.
    pub loss: f64,
    /// Area under the ROC curve; none if a class has no rows.
    pub auc: Option<f64>,
    /// How far confidence is from accuracy, on average.
    pub expected_calibration_error: Option<f64>,
    /// The bins of the calibration plot.
    pub reliability: Vec<ReliabilityBin>,
}

impl ReportEvaluation {
    /// What a report shows of an evaluation of some data, with the sentence that says on what it was measured.
    pub(in crate::report) fn new(split: &str, measured_on: String, evaluation: &Evaluation) -> Self {
        let per_class = evaluation.per_class.iter().map(|class| {
            let ClassScores { precision, recall, f1 } = class.scores;
            // Without rows a share tells nothing.
            let recall = (class.support > 0).then_some(recall);
            ClassMetrics { precision: Some(precision), recall, f1: Some(f1), support: class.support }
        });
        let bins = evaluation.reliability.iter().map(|bin| ReliabilityBin {
            lower: bin.lower,
            upper: bin.upper,
            count: bin.rows,
            confidence: bin.confidence.unwrap_or(0.0),
            accuracy: bin.accuracy.unwrap_or(0.0),
        });
        let interval = evaluation.intervals.as_ref().map(|all| [all.accuracy.low, all.accuracy.high]);
        Self {
            split: split.to_owned(),
            measured_on,
            confusion: evaluation.confusion_matrix.clone(),
            per_class: per_class.collect(),
            accuracy: evaluation.accuracy,
            accuracy_interval: interval,
            loss: evaluation.loss,
            auc: evaluation.roc_auc,
            expected_calibration_error: Some(evaluation.expected_calibration_error),
            reliability: bins.collect(),
        }
    }
}

/// Absent where the denominator is zero.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ClassMetrics {
    /// Share of the predictions of this class that are right.
    pub precision: Option<f64>,
    /// Share of the images of this class that are found.
    pub recall: Option<f64>,
    /// Harmonic mean of precision and recall.
    pub f1: Option<f64>,
    /// Images of this class.
    pub support: u64,
}

/// The predictions whose confidence is within the bounds.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ReliabilityBin {
    /// Lowest confidence of the bin.
    pub lower: f64,
    /// Highest confidence of the bin.
    pub upper: f64,
    /// Predictions in the bin.
    pub count: u64,
    /// The mean over the bin; of no meaning where it is empty.
    pub confidence: f64,
    /// The share of the bin that is right; of no meaning where it is empty.
    pub accuracy: f64,
}

/// The main figures of another measurement.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct OtherFigure {
    /// What was measured, for instance "5-fold cross-validation".
    pub what: String,
    /// The number of images.
    pub images: usize,
    /// Share that is classified right.
    pub accuracy: f64,
    /// Bounds of the 95 % confidence interval of the accuracy.
    pub accuracy_interval: Option<[f64; 2]>,
    /// Mean loss.
    pub loss: f64,
}

impl OtherFigure {
    pub(in crate::report) fn new(what: String, evaluation: &Evaluation) -> Self {
        let interval = evaluation.intervals.as_ref().map(|all| [all.accuracy.low, all.accuracy.high]);
        Self {
            what,
            images: evaluation.rows,
            accuracy: evaluation.accuracy,
            accuracy_interval: interval,
            loss: evaluation.loss,
        }
    }
}
