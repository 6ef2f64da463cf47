//! What a model says about its fitting.

use headstart_head::Temperature;
use headstart_head::evaluation::{Evaluation, Interval};
use headstart_head::logistic::LearningPoint;
use serde::{Deserialize, Serialize};

use crate::Classifier;

/// The name of the recipe.
pub(super) const LOGISTIC: &str = "logistic";

/// How a head was fitted, and how good it is. It is the `training` of the model's description.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FitRecord {
    /// "logistic": L2-regularized logistic regression on standardized features.
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
    /// C, chosen by cross-validation: how much the losses count against the penalty.
    pub strength: f64,
    /// Whether that is the smallest or the largest that could be chosen.
    pub strength_at_the_end: bool,
    /// Folds of the cross-validation.
    pub folds: usize,
    /// The seed of the folds, of a share to test on, and of the draws for the intervals.
    pub seed: u64,
    /// What the logits are divided by. The head's kernel and bias have it in them.
    pub temperature: Temperature,
    /// The method that minimizes the objective: "newton".
    pub solver: String,
    /// The fit ended when no derivative of the objective was larger in absolute value.
    pub tolerance: f64,
    /// Whether it came to that.
    pub converged: bool,
    /// How good such heads are on images that they have not seen, by cross-validation.
    pub cross_validation: Estimate,
    /// How good this head is on images that were kept for a test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<TestRecord>,
    /// How good heads on a part of the images are, by the same cross-validation; at probabilities before the temperature.
    pub learning_curve: Vec<LearningPoint>,
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
    /// The record of a classifier that a [`Fitting`](crate::Fitting) made; none for any other.
    #[must_use]
    pub fn of(classifier: &Classifier) -> Option<Self> {
        let record: Self = classifier.metadata().training.as_ref()?.read()?;
        (record.recipe == LOGISTIC).then_some(record)
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
