//! What a report shows, as plain data. Probabilities, accuracies and other shares are in [0, 1].

use headstart_head::evaluation;
use serde::Serialize;

/// How many errors, label errors and pairs are shown with their images; more would make the page heavy.
pub(crate) const WITH_IMAGE: usize = 24;

/// All that a report shows. A part that was not computed is empty or absent, and its section says so.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct ReportData {
    /// The page's heading.
    pub(crate) title: String,
    /// Class names; a label is a position here.
    pub(crate) classes: Vec<String>,
    /// What was run with which settings.
    pub(crate) settings: Vec<Setting>,
    pub(crate) epochs: Vec<Epoch>,
    /// The number of the epoch whose parameters were kept.
    pub(crate) kept_epoch: Option<usize>,
    pub(crate) evaluation: Option<Evaluation>,
    /// The most confident first.
    pub(crate) errors: Vec<Misclassified>,
    /// The least self-confident first.
    pub(crate) label_issues: Vec<LabelSuspicion>,
    /// The nearest first.
    pub(crate) near_duplicates: Vec<Pair>,
    pub(crate) timings: Vec<Timing>,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Setting {
    pub(crate) name: String,
    pub(crate) value: String,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Timing {
    pub(crate) stage: String,
    pub(crate) seconds: f64,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Epoch {
    pub(crate) epoch: usize,
    pub(crate) loss: f64,
    pub(crate) accuracy: f64,
    pub(crate) val_loss: Option<f64>,
    pub(crate) val_accuracy: Option<f64>,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Evaluation {
    /// What was evaluated on, for instance "validation".
    pub(crate) split: String,
    /// A row a true class, a column a predicted class.
    pub(crate) confusion: Vec<Vec<u64>>,
    pub(crate) per_class: Vec<ClassMetrics>,
    pub(crate) accuracy: f64,
    /// Bounds of the 95 % confidence interval of the accuracy.
    pub(crate) accuracy_interval: Option<[f64; 2]>,
    pub(crate) loss: f64,
    pub(crate) auc: Option<f64>,
    pub(crate) expected_calibration_error: Option<f64>,
    pub(crate) reliability: Vec<ReliabilityBin>,
}

impl From<(&str, &evaluation::Evaluation)> for Evaluation {
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
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ClassMetrics {
    pub(crate) precision: Option<f64>,
    pub(crate) recall: Option<f64>,
    pub(crate) f1: Option<f64>,
    pub(crate) support: u64,
}

/// The predictions whose confidence is within the bounds.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ReliabilityBin {
    pub(crate) lower: f64,
    pub(crate) upper: f64,
    pub(crate) count: u64,
    /// The mean over the bin; of no meaning where it is empty.
    pub(crate) confidence: f64,
    /// The share of the bin that is right; of no meaning where it is empty.
    pub(crate) accuracy: f64,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Misclassified {
    pub(crate) path: String,
    pub(crate) truth: usize,
    pub(crate) predicted: usize,
    /// Of the predicted class.
    pub(crate) probability: f64,
    #[serde(skip)]
    pub(crate) thumbnail: Option<Thumbnail>,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct LabelSuspicion {
    pub(crate) path: String,
    /// The data that it is in, for instance "train".
    pub(crate) split: String,
    pub(crate) given: usize,
    pub(crate) suggested: usize,
    /// Of the given class, by a model that has not seen the image.
    pub(crate) probability: f64,
    #[serde(skip)]
    pub(crate) thumbnail: Option<Thumbnail>,
}

/// Two images of two splits.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Pair {
    pub(crate) a: Member,
    pub(crate) b: Member,
    /// Cosine distance of the features.
    pub(crate) distance: f64,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Member {
    pub(crate) split: String,
    pub(crate) path: String,
    pub(crate) class: usize,
    #[serde(skip)]
    pub(crate) thumbnail: Option<Thumbnail>,
}

/// A small image, ready to be embedded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Thumbnail {
    pub(crate) jpeg: Vec<u8>,
    /// Pixels.
    pub(crate) width: u32,
    /// Pixels.
    pub(crate) height: u32,
}
