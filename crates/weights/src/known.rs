//! What a model knows of the images that it was fitted to, so that others can be told from them.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::safetensors_file::SafetensorsFile;
use crate::{Array, Error};

/// The tensor's name in safetensors.
pub(crate) const TENSOR: &str = "known/class_means";

/// The field of the description.
pub(crate) const FIELD: &str = "known";

/// The images that a model was fitted to: an image whose features are further from each class is unknown to it.
///
/// Only headstart's `.safetensors` keep it.
#[derive(Clone, Debug, PartialEq)]
pub struct KnownImages {
    /// The mean of each class's features, of length 1: `classes x values of a row`.
    pub class_means: Array,
    /// From what it takes to be unknown.
    pub rule: UnknownRule,
}

/// When an image is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnknownRule {
    /// The largest cosine distance of its features to the nearest class's mean that a known image has.
    pub distance: f64,
    /// The share of images of the known classes that is beyond it, as it was asked for.
    pub share: f64,
}

impl KnownImages {
    /// Reads what a file has of it, if it has it.
    pub(crate) fn read(path: &Path, file: &SafetensorsFile<'_>) -> Result<Option<Self>, Error> {
        let (tensor, text) = (file.tensor(TENSOR), file.texts.get(FIELD));
        let rule = text.and_then(|text| serde_json::from_str::<UnknownRule>(text).ok());
        let (Some(tensor), Some(rule)) = (tensor, rule) else {
            return match (tensor, text) {
                (None, None) => Ok(None),
                (Some(_), _) => Err(unusable(path, format!("a tensor {TENSOR} without a rule in {FIELD}"))),
                (None, Some(text)) => Err(unusable(path, format!("no tensor {TENSOR} for {FIELD} {text}"))),
            };
        };
        let class_means = Array { shape: tensor.shape.clone(), values: file.read(tensor)? };
        if class_means.shape.len() != 2 || class_means.shape.contains(&0) || !rule.distance.is_finite() {
            let found = format!("{TENSOR} of shape {:?} at distance {}", class_means.shape, rule.distance);
            return Err(unusable(path, found));
        }
        Ok(Some(Self { class_means, rule }))
    }
}

fn unusable(path: &Path, found: String) -> Error {
    let expected = "means of the classes and the distance of an unknown image, both or none";
    Error::Unsupported { path: path.to_owned(), expected, found }
}
