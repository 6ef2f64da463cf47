//! A head and what a prediction needs besides.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::HeadLayer;

/// A head with its description.
///
/// The rows of its first kernel are channels-first ([`FlattenOrder::ChannelsFirst`](crate::FlattenOrder)), whatever the
/// file has that it came from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Model {
    /// The dense layers, in order.
    pub layers: Vec<HeadLayer>,
    /// The names of every layer in order, those without parameters (`flatten_1`, `dropout_1`) included as far as they
    /// are known.
    pub layer_names: Vec<String>,
    /// What is known about it.
    pub metadata: ModelMetadata,
}

/// What a model says about itself. Everything may be absent: a file of weights that Keras wrote has only parameters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelMetadata {
    /// Class names; a label is a position in them. Empty if unknown.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<String>,
    /// The layers with their settings, in order: a list of objects such as `{"layer": "flatten"}`, `{"layer": "dense",
    /// "units": 256, "activation": "relu", "use_bias": true}` and `{"layer": "dropout", "rate": 0.5}`. This crate does
    /// not look into it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head: Option<Value>,
    /// Shape of the rows that it takes: channels, height, width, or the number of values if they are flat. Empty if
    /// unknown.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub row_shape: Vec<usize>,
    /// Name of the preset that made the pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    /// The complete preprocessing, as the features' manifest has it. This crate does not look into it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preprocessing: Option<Value>,
    /// Height in pixels that images are resized to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<usize>,
    /// Width in pixels that images are resized to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<usize>,
    /// Name of the network that makes the features.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backbone: Option<String>,
    /// File name of the network's weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights_name: Option<String>,
    /// [`fingerprint`](crate::fingerprint()) of the file of the network's weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights_hash: Option<String>,
    /// Fingerprint of the features that it was trained on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// How it was trained and how well that went. This crate does not look into it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub training: Option<Value>,
    /// The headstart that trained it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headstart_version: Option<String>,
}
