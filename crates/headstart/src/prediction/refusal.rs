//! When an image is answered with "unknown", and an answer as programs read it.

use serde::Serialize;

use super::Prediction;

/// What is answered in place of a class.
pub const UNKNOWN: &str = "unknown";

/// When an image is answered with [`UNKNOWN`].
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Refusal {
    /// If no class has at least this probability.
    pub reject: f32,
    /// Not because the image is unlike all that the classifier was fitted to.
    pub answer_all: bool,
}

impl Refusal {
    /// The class that is answered. An image that is unlike all known ones is answered with [`UNKNOWN`], unless a class has that
    /// name itself.
    #[must_use]
    pub fn label<'a>(&self, prediction: &'a Prediction, classes: &[String]) -> &'a str {
        let refuses = !self.answer_all && prediction.is_unknown();
        let refused = prediction.probability < self.reject
            || (refuses && !classes.iter().any(|class| class == UNKNOWN));
        if refused { UNKNOWN } else { &prediction.label }
    }
}

/// An answer as programs read it, in JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AnswerRecord<'a> {
    /// The image, as it was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<&'a str>,
    /// Its class or [`UNKNOWN`]; none if it could not be read.
    pub label: Option<&'a str>,
    /// The probability of the most probable class, which is the label unless that is refused.
    pub probability: Option<f32>,
    /// The most probable classes, the most probable first, if they are asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top: Option<Vec<Ranked<'a>>>,
    /// Why it could not be read.
    pub error: Option<&'a str>,
    /// How unlike the image is to all that the classifier was fitted to; above 1 it is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub novelty: Option<f32>,
}

/// A class with its probability.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Ranked<'a> {
    /// The class.
    pub label: &'a str,
    /// Its probability.
    pub probability: f32,
}

impl<'a> AnswerRecord<'a> {
    /// The record of a prediction, with so many of the most probable classes.
    #[must_use]
    pub fn new(
        path: Option<&'a str>,
        prediction: &'a Prediction,
        classes: &'a [String],
        refusal: Refusal,
        top_k: Option<usize>,
    ) -> Self {
        let Prediction { probability, probabilities, novelty, .. } = prediction;
        let ranked = |class: usize| Ranked { label: &classes[class], probability: probabilities[class] };
        Self {
            path,
            label: Some(refusal.label(prediction, classes)),
            probability: Some(*probability),
            top: top_k.map(|k| prediction.top(k).into_iter().map(ranked).collect()),
            error: None,
            novelty: *novelty,
        }
    }

    /// The record of an image that could not be read.
    #[must_use]
    pub fn failure(path: Option<&'a str>, error: &'a str, top_k: Option<usize>) -> Self {
        let top = top_k.map(|_| Vec::new());
        Self { path, label: None, probability: None, top, error: Some(error), novelty: None }
    }
}
