//! A trained head, its errors and its data, as plain data and as one HTML page that loads nothing.

mod advice;
mod confusion;
mod data;
mod findings;
mod html;
mod left_out;
mod map;
mod of_fit;
mod of_run;
mod settings;
mod split;
mod svg;
mod text;
mod thumbnail;

use std::path::PathBuf;

pub use self::data::{
    ClassMetrics, EmbeddingMap, Epoch, LabelSuspicion, LeftOutFile, MapPoint, Member, Misclassified,
    Neighbour, OtherFigure, Pair, ReliabilityBin, Report, ReportEvaluation, Setting, Thumbnail, Timing,
};
pub use self::text::visible;

/// What a report is made from besides the folder of the run.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ReportOptions {
    /// Folder of the training images, to show some of them.
    pub train_images: Option<PathBuf>,
    /// Folder of the validation images, to show some of them.
    pub validation_images: Option<PathBuf>,
    /// The training features, if they no longer lie where the run found them.
    pub train: Option<PathBuf>,
    /// The validation features, if they no longer lie where the run found them.
    pub validation: Option<PathBuf>,
    /// Cosine distance of the features up to which two images count as near-duplicates.
    pub duplicate_distance: f64,
}

impl Default for ReportOptions {
    fn default() -> Self {
        Self {
            train_images: None,
            validation_images: None,
            train: None,
            validation: None,
            duplicate_distance: 0.05,
        }
    }
}
