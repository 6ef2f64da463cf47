//! What a model says about its fitting.

use headstart_head::evaluation::{Evaluation, Interval};
use headstart_head::logistic::LearningPoint;
use headstart_head::{ClassWeight, Platt, Temperature, TrainOptions};
use serde::{Deserialize, Serialize};

use super::recipe::FitRecipe;
use crate::Classifier;

/// How a head was fitted, and how good it is. It is the `training` of the model's description.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FitRecord {
    /// "logistic": L2-regularized logistic regression on standardized features; or another [`FitRecipe`](crate::FitRecipe).
    pub recipe: String,
    /// Rows of features that the head was fitted to.
    pub rows: usize,
    /// Groups that these come in. A group is never on both sides.
    pub groups: usize,
    /// The expression whose matches keep images together, if there is one; those of the same content are in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_by: Option<String>,
    /// Whether the features were standardized. The head's kernel and bias have it in them.
    pub standardized: bool,
    /// C, chosen by cross-validation: how much the losses count against the penalty. 0 for a head that is trained by epochs.
    pub strength: f64,
    /// Whether that is the smallest or the largest that could be chosen.
    pub strength_at_the_end: bool,
    /// Folds of the cross-validation.
    pub folds: usize,
    /// The seed of the folds, of a share to test on, and of the draws for the intervals.
    pub seed: u64,
    /// What the logits are divided by. The head's kernel and bias have it in them. With [`platt`](Self::platt) it is
    /// 1 / slope.
    pub temperature: Temperature,
    /// The method that minimizes the objective: "newton", "adam" or "rmsprop".
    pub solver: String,
    /// The fit ended when no derivative of the objective was larger in absolute value.
    pub tolerance: f64,
    /// Whether it came to that.
    pub converged: bool,
    /// How good such heads are on images that they have not seen, by cross-validation. The strength was chosen by the same
    /// folds. Against a nested cross-validation that lowered the log loss by nothing on the shipped images and by 1 % on 360
    /// photographs of six classes.
    pub cross_validation: Estimate,
    /// How good this head is on images that were kept for a test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<TestRecord>,
    /// How good heads on a part of the images are, by the same cross-validation; at probabilities before the temperature.
    pub learning_curve: Vec<LearningPoint>,
    /// Platt's two numbers, where they are better than a temperature. The head's kernel and bias have them in them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platt: Option<Platt>,
    /// The table that keeps images together, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups_file: Option<String>,
    /// How much the rows of each class counted.
    #[serde(default, skip_serializing_if = "is_unweighted")]
    pub class_weight: ClassWeight,
    /// The images that are nearly the same as another one, if there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub near_duplicates: Option<NearDuplicatesRecord>,
    /// What a cross-validation would have claimed that splits the groups; none where fewer than one image in a hundred shares
    /// its group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ungrouped: Option<Estimate>,
    /// From when on an image is unknown, if the model tells that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<UnknownRecord>,
    /// Whether the probabilities are calibrated. Records that do not say it are of calibrated ones.
    #[serde(default = "yes")]
    pub calibrated: bool,
    /// How a head was trained that is trained by epochs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training: Option<TrainOptions>,
}

fn yes() -> bool {
    true
}

fn is_unweighted(weight: &ClassWeight) -> bool {
    *weight == ClassWeight::None
}

/// Images that are nearly the same as another one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NearDuplicatesRecord {
    /// The cosine distance of standardized features up to which images are nearly the same.
    pub distance: f64,
    /// How many images are nearly the same as another one.
    pub images: usize,
    /// Whether these were kept together.
    pub together: bool,
}

/// From when on an image is unknown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct UnknownRecord {
    /// The largest cosine distance of a known image's features to the nearest class's mean.
    pub distance: f64,
    /// The share of images of the known classes that was to be beyond it.
    pub share: f64,
    /// The share of the held-out images that is.
    pub refused: f64,
    /// The share of the images of the test that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused_of_test: Option<f64>,
}

/// The images of a test, and how they are answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TestRecord {
    /// The share of the images that was asked for; none where they are of another folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
    /// What came of it.
    #[serde(flatten)]
    pub estimate: Estimate,
}

/// The main figures of an evaluation of images that no judging head was trained on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Estimate {
    /// The number of images.
    pub images: usize,
    /// The share that is answered right.
    pub accuracy: f64,
    /// Its 95 % interval, from draws of groups.
    pub accuracy_interval: Option<Interval>,
    /// The mean cross-entropy.
    pub loss: f64,
    /// Its 95 % interval.
    pub loss_interval: Option<Interval>,
    /// See [`Evaluation::expected_calibration_error`].
    pub expected_calibration_error: f64,
    /// The share of each class that is found.
    pub recall: Vec<ClassRecall>,
}

/// How much of a class is found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ClassRecall {
    /// Its name.
    pub class: String,
    /// The share of its images that is answered right; 0 for a class without images.
    pub recall: f64,
    /// The number of its images.
    pub images: u64,
}

impl FitRecord {
    /// What a cross-validation would have claimed that splits the groups, if that is more than is true: an accuracy that is
    /// at least 0.01 higher.
    #[must_use]
    pub fn claimed(&self) -> Option<&Estimate> {
        self.ungrouped.as_ref().filter(|claimed| claimed.accuracy - self.cross_validation.accuracy >= 0.01)
    }

    /// The record of a classifier that a [`Fitting`](crate::Fitting) made; none for any other.
    #[must_use]
    pub fn of(classifier: &Classifier) -> Option<Self> {
        let record: Self = classifier.metadata().training.as_ref()?.read()?;
        record.recipe.parse::<FitRecipe>().is_ok().then_some(record)
    }

    /// The figures of the test, or where there was none those of the cross-validation.
    #[must_use]
    pub fn headline(&self) -> &Estimate {
        self.test.as_ref().map_or(&self.cross_validation, |test| &test.estimate)
    }
}

impl Estimate {
    pub(super) fn of(evaluation: &Evaluation) -> Self {
        let intervals = evaluation.intervals.as_ref();
        let recall = evaluation.per_class.iter().map(|class| ClassRecall {
            class: class.class.clone(),
            recall: class.scores.recall,
            images: class.support,
        });
        Self {
            images: evaluation.rows,
            accuracy: evaluation.accuracy,
            accuracy_interval: intervals.map(|intervals| intervals.accuracy),
            loss: evaluation.loss,
            loss_interval: intervals.map(|intervals| intervals.loss),
            expected_calibration_error: evaluation.expected_calibration_error,
            recall: recall.collect(),
        }
    }
}
