//! What a report shows, as plain data. Probabilities, accuracies and other shares are in [0, 1].

use headstart_head::evaluation;
use serde::Serialize;

/// How many errors, label errors and pairs are shown with their images; more would make the page heavy.
pub(super) const WITH_IMAGE: usize = 24;

/// All that a report shows. A part that was not computed is empty or absent, and its section says so.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// The page's heading.
    pub title: String,
    /// Class names; a label is a position here.
    pub classes: Vec<String>,
    /// What was run with which settings.
    pub settings: Vec<Setting>,
    /// The figures of each epoch.
    pub epochs: Vec<Epoch>,
    /// The number of the epoch whose parameters were kept.
    pub kept_epoch: Option<usize>,
    /// How good the head is on the validation data.
    pub evaluation: Option<ReportEvaluation>,
    /// The most confident first.
    pub errors: Vec<Misclassified>,
    /// The least self-confident first.
    pub label_issues: Vec<LabelSuspicion>,
    /// The nearest first.
    pub near_duplicates: Vec<Pair>,
    /// How long the stages took.
    pub timings: Vec<Timing>,
    /// The metric by which the epoch was chosen on the data that it is judged by, if it was.
    pub epoch_chosen_by: Option<String>,
}

/// A setting of the run.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Setting {
    /// Its name.
    pub name: String,
    /// Its value, as a person reads it.
    pub value: String,
}

/// How long a stage took.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Timing {
    /// The stage.
    pub stage: String,
    /// Seconds.
    pub seconds: f64,
}

/// The figures of an epoch.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Epoch {
    /// From 1.
    pub epoch: usize,
    /// Mean loss.
    pub loss: f64,
    /// Share that is classified right.
    pub accuracy: f64,
    /// Mean loss on the validation data.
    pub val_loss: Option<f64>,
    /// Share of the validation data that is classified right.
    pub val_accuracy: Option<f64>,
}

/// How good the head is, and on what that was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ReportEvaluation {
    /// What was evaluated on, for instance "validation".
    pub split: String,
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

impl From<(&str, &evaluation::Evaluation)> for ReportEvaluation {
    fn from((split, evaluation): (&str, &evaluation::Evaluation)) -> Self {
        let per_class = evaluation.per_class.iter().map(|class| {
            let evaluation::ClassScores { precision, recall, f1 } = class.scores;
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

/// An image that is classified otherwise than it is labelled.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Misclassified {
    /// The image, as the scan named it.
    pub path: String,
    /// Its label.
    pub truth: usize,
    /// The class that the head gives it.
    pub predicted: usize,
    /// Of the predicted class.
    pub probability: f64,
    /// A small copy, for the first of the list.
    #[serde(skip)]
    pub thumbnail: Option<Thumbnail>,
}

/// An image whose label is likely wrong.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LabelSuspicion {
    /// The image, as the scan named it.
    pub path: String,
    /// The data that it is in, for instance "train".
    pub split: String,
    /// Its label.
    pub given: usize,
    /// The class that other models suggest.
    pub suggested: usize,
    /// Of the given class, by a model that has not seen the image.
    pub probability: f64,
    /// A small copy, for the first of the list.
    #[serde(skip)]
    pub thumbnail: Option<Thumbnail>,
}

/// Two images of two splits.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Pair {
    /// The image of the training data.
    pub a: Member,
    /// The image of the validation data.
    pub b: Member,
    /// Cosine distance of the features.
    pub distance: f64,
}

/// An image of a [`Pair`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Member {
    /// The data that it is in: "train" or "validation".
    pub split: String,
    /// The image, as the scan named it.
    pub path: String,
    /// Its label.
    pub class: usize,
    /// A small copy, for the first of the list.
    #[serde(skip)]
    pub thumbnail: Option<Thumbnail>,
}

/// A small image, ready to be embedded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thumbnail {
    /// The file.
    pub jpeg: Vec<u8>,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
}
