//! What `/v1/model` answers.

use headstart::{Classifier, Complete, CrossValidated, Estimate, FitRecord, Preprocessing, Provenance};
use serde::Serialize;
use serde_json::Value;

/// A model as clients see it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelRecord {
    /// Its file's name.
    name: String,
    /// The version of the server.
    version: &'static str,
    /// Class names, in label order.
    classes: Vec<String>,
    /// The network that makes its features.
    network: String,
    /// How an image becomes the network's input.
    preprocessing: Preprocessing,
    /// What becomes of the network's maps.
    pooling: String,
    /// Whether it tells images that are of none of its classes.
    tells_unknown: bool,
    /// How good it was measured to be, and on what; none if its file does not say it.
    measured: Option<Measured>,
    /// What its features depend on besides, if its file says it.
    provenance: Option<Origin>,
    /// How it was trained, as its file says it.
    training: Option<Value>,
}

/// What features depend on besides the network and the preprocessing.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Origin {
    /// The name of the file of the weights.
    weights: String,
    /// BLAKE3 of its content.
    weights_blake3: String,
    /// The hash of all that features depend on.
    fingerprint: String,
}

/// How good a model was measured to be.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Measured {
    /// "test": images that it has not seen; "cross-validation".
    on: &'static str,
    #[serde(flatten)]
    figures: Figures,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
enum Figures {
    Fitted(Estimate),
    Swept(CrossValidated),
}

impl Origin {
    fn of(provenance: &Provenance) -> Self {
        let Provenance { weights, fingerprint, .. } = provenance;
        let (name, blake3) = (weights.name.clone(), weights.blake3.clone());
        Self { weights: name, weights_blake3: blake3, fingerprint: fingerprint.clone() }
    }
}

impl ModelRecord {
    /// Describes a classifier with what was given besides, under a name.
    #[must_use]
    pub fn new(name: impl Into<String>, classifier: &Classifier, complete: &Complete) -> Self {
        let measured = match (FitRecord::of(classifier), classifier.cross_validated()) {
            (Some(record), _) => {
                let on = if record.test.is_some() { "test" } else { "cross-validation" };
                Some(Measured { on, figures: Figures::Fitted(record.headline().clone()) })
            }
            (None, Some(swept)) => Some(Measured { on: "cross-validation", figures: Figures::Swept(swept) }),
            (None, None) => None,
        };
        Self {
            name: name.into(),
            version: env!("CARGO_PKG_VERSION"),
            classes: complete.classes.clone(),
            network: complete.backbone.to_string(),
            preprocessing: complete.preprocessing.clone(),
            pooling: complete.pooling.to_string(),
            tells_unknown: classifier.model().known.is_some(),
            measured,
            provenance: classifier.provenance().map(Origin::of),
            training: classifier.metadata().training.as_ref().and_then(|record| record.read()),
        }
    }
}
