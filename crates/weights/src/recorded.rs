//! Answers that a model gave when it was made, so that a machine or another program can be compared with them.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::safetensors_file::SafetensorsFile;

/// The field of the description.
pub(crate) const FIELD: &str = "recorded";

/// What a model said of a few images when it was made. The images are of a formula, and not stored.
///
/// Only headstart's `.safetensors` keep it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordedAnswers {
    /// The formula of the images; there is one, 1.
    pub formula: u32,
    /// The probability of each class, for each image.
    pub probabilities: Vec<Vec<f32>>,
    /// Some of the features of each image, evenly spaced from the first on.
    pub features: Vec<Vec<f32>>,
}

impl RecordedAnswers {
    /// Reads what a file has of it, if it has it.
    pub(crate) fn read(path: &Path, file: &SafetensorsFile<'_>) -> Result<Option<Self>, Error> {
        let Some(text) = file.texts.get(FIELD) else { return Ok(None) };
        match serde_json::from_str::<Self>(text) {
            Ok(recorded) if recorded.is_even() => Ok(Some(recorded)),
            _ => Err(Error::Unsupported {
                path: path.to_owned(),
                expected: "recorded answers: as many probabilities and features for each image",
                found: format!("something else in {FIELD}"),
            }),
        }
    }

    /// Whether each image has as many numbers as the first, and all of them are finite.
    fn is_even(&self) -> bool {
        let Self { probabilities, features, .. } = self;
        let is_even = |rows: &[Vec<f32>]| {
            rows.iter().all(|row| row.len() == rows[0].len() && row.iter().all(|value| value.is_finite()))
        };
        probabilities.len() == features.len() && is_even(probabilities) && is_even(features)
    }
}
