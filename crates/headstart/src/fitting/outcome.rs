//! What a fitting gives.

use std::path::PathBuf;

use headstart_dataset::diagnosis::Diagnosis;
use headstart_head::analysis::Probabilities;
use headstart_head::evaluation::Evaluation;

use super::findings::{LikelyLabelError, NearPair};
use super::record::FitRecord;
use crate::{Classifier, Extracted, SkippedImage};

/// What a [`Fitting`](crate::Fitting) made, and how good it is.
#[derive(Debug)]
#[non_exhaustive]
pub struct Fitted {
    /// The classifier, fitted to all images but those of a test.
    pub classifier: Classifier,
    /// The file that it was written to.
    pub output: PathBuf,
    /// What the file says about the fitting.
    pub record: FitRecord,
    /// All images that were trained on, each judged by a head that had not seen it, and calibrated by the answers to the images
    /// of other folds.
    pub cross_validation: Evaluation,
    /// The images of the test, judged by the classifier.
    pub test: Option<Evaluation>,
    /// The answers that the cross-validation judges.
    pub held_out: Answers,
    /// The answers that the test judges.
    pub tested: Option<Answers>,
    /// The folder of the images.
    pub images: PathBuf,
    /// The folder of the test, if it is another one.
    pub test_images: Option<PathBuf>,
    /// What the doctor found.
    pub diagnosis: Diagnosis,
    /// The images that were left out of the training, because they or their group are in the test folder too.
    pub leaks: Vec<String>,
    /// The images whose labels are probably wrong, the likeliest first.
    pub label_errors: Vec<LikelyLabelError>,
    /// The images that are nearly the same under two labels, the nearest first; then those that are in the test folder too.
    pub near_pairs: Vec<NearPair>,
    /// The features of the folder.
    pub extracted: Extracted,
    /// The features of a test folder.
    pub test_extracted: Option<Extracted>,
    /// Seconds that all of it took.
    pub seconds: f64,
}

/// Answers of a head that has not seen the images.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Answers {
    /// The rows of features that the images have: of a test folder's features if there are such, else of the folder's.
    pub rows: Vec<usize>,
    /// The group of each; no head that judges a group was trained on it.
    pub groups: Vec<usize>,
    /// The probability of each class for each of them.
    pub probabilities: Probabilities,
}

impl Fitted {
    /// The images of both folders that could not be read.
    pub fn skipped(&self) -> impl Iterator<Item = &SkippedImage> {
        std::iter::once(&self.extracted).chain(&self.test_extracted).flat_map(|extracted| &extracted.skipped)
    }
}
