//! What a report shows, as plain data. Probabilities, accuracies and other shares are in [0, 1].

mod evaluation;
mod map;

use serde::Serialize;

pub use self::evaluation::{ClassMetrics, OtherFigure, ReliabilityBin, ReportEvaluation};
pub use self::map::{EmbeddingMap, MapPoint};
use crate::evaluation::LearningPoint;

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
    /// How good the head is on images that it was not trained on.
    pub evaluation: Option<ReportEvaluation>,
    /// How good it is by another measurement, if there is one.
    pub other_figures: Vec<OtherFigure>,
    /// What the reader must know of these figures, such as that the epoch was chosen by them.
    pub caution: Option<String>,
    /// The most confident first.
    pub errors: Vec<Misclassified>,
    /// The least self-confident first.
    pub label_issues: Vec<LabelSuspicion>,
    /// Whether near-duplicates were looked for: where other images are judged than those that were trained on.
    pub duplicates_sought: bool,
    /// The nearest first.
    pub near_duplicates: Vec<Pair>,
    /// How good heads on a part of the images are, the smallest part first.
    pub learning_curve: Vec<LearningPoint>,
    /// The judged images on a map; absent without images.
    pub map: Option<EmbeddingMap>,
    /// Files that were not used, and why.
    pub left_out: Vec<LeftOutFile>,
    /// What to do next, the most useful first.
    pub advice: Vec<String>,
    /// How long the stages took.
    pub timings: Vec<Timing>,
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
    /// The training images that are most like it, the nearest first; for the first of the list.
    pub neighbours: Vec<Neighbour>,
    /// A small copy, for the first of the list.
    #[serde(skip)]
    pub thumbnail: Option<Thumbnail>,
}

/// A training image that is like another one.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Neighbour {
    /// The image, as the scan named it.
    pub path: String,
    /// Its label.
    pub class: usize,
    /// Cosine distance of the features.
    pub distance: f64,
    /// A small copy.
    #[serde(skip)]
    pub thumbnail: Option<Thumbnail>,
}

/// A file or folder that was not used.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LeftOutFile {
    /// The data that it is in, for instance "train".
    pub split: String,
    /// The file, as the scan named it.
    pub path: String,
    /// Why.
    pub reason: String,
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
    /// The image of the data that the head is judged by.
    pub b: Member,
    /// Cosine distance of the features.
    pub distance: f64,
}

/// An image of a [`Pair`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Member {
    /// The data that it is in, for instance "train".
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
