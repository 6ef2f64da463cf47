//! The schema of a head: its layers without their parameters.

use serde::{Deserialize, Serialize};

use crate::Activation;

/// What a layer of a head is, without its parameters. The names are Keras's.
///
/// A model's description holds a list of them as JSON: `{"layer": "flatten"}`, `{"layer": "dense", "units": 256,
/// "activation": "relu", "use_bias": true}`, `{"layer": "dropout", "rate": 0.5}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "layer", rename_all = "snake_case")]
pub enum LayerConfig {
    /// N x ... to N x values, in C order: channels, height, width (Keras's 'th' order).
    Flatten,
    /// activation(x . kernel + bias).
    Dense {
        /// Number of outputs, > 0.
        units: usize,
        /// The activation.
        activation: Activation,
        /// Whether it has a bias.
        use_bias: bool,
    },
    /// Inverted dropout.
    Dropout {
        /// Probability in [0, 1) that a value is dropped.
        rate: f32,
    },
}

impl LayerConfig {
    /// The head of the bottleneck-features script: Flatten, Dense 256 relu, Dropout 0.5, Dense 1 sigmoid.
    #[must_use]
    pub fn default_head() -> Vec<Self> {
        Self::binary_head(256, 0.5)
    }

    /// The script's head with another hidden layer: Flatten, Dense `units` relu, Dropout `rate`, Dense 1 sigmoid. With
    /// no units it is logistic regression: Flatten, Dense 1 sigmoid.
    #[must_use]
    pub fn binary_head(units: usize, rate: f32) -> Vec<Self> {
        let output = Self::Dense { units: 1, activation: Activation::Sigmoid, use_bias: true };
        Self::with_hidden(units, rate, output)
    }

    /// The same for many classes. The last layer is Dense `classes` without an activation, because the loss takes its
    /// logits. Softmax of them gives probabilities.
    #[must_use]
    pub fn multiclass_head(classes: usize, units: usize, rate: f32) -> Vec<Self> {
        let output = Self::Dense { units: classes, activation: Activation::Linear, use_bias: true };
        Self::with_hidden(units, rate, output)
    }

    /// The head for two classes or more: [`binary_head`](Self::binary_head) for two, else
    /// [`multiclass_head`](Self::multiclass_head).
    #[must_use]
    pub fn head_for(classes: usize, units: usize, rate: f32) -> Vec<Self> {
        if classes == 2 {
            Self::binary_head(units, rate)
        } else {
            Self::multiclass_head(classes, units, rate)
        }
    }

    /// The same layers for feature maps: with Flatten before the first Dense layer, if there is none.
    #[must_use]
    pub fn laid_flat(layers: &[Self]) -> Vec<Self> {
        let flat = layers.iter().find(|layer| !matches!(layer, Self::Dropout { .. })) == Some(&Self::Flatten);
        let flatten = if flat { None } else { Some(Self::Flatten) };
        flatten.into_iter().chain(layers.iter().cloned()).collect()
    }

    fn with_hidden(units: usize, rate: f32, output: Self) -> Vec<Self> {
        if units == 0 {
            return vec![Self::Flatten, output];
        }
        let hidden = Self::Dense { units, activation: Activation::Relu, use_bias: true };
        vec![Self::Flatten, hidden, Self::Dropout { rate }, output]
    }

    /// The names of layers as Keras 1 and 2 number them, each class from 1: `flatten_1`, `dense_1`, `dropout_1`,
    /// `dense_2`.
    #[must_use]
    pub fn numbered_names(configs: &[Self]) -> Vec<String> {
        let name = |(index, config): (usize, &Self)| {
            let class = config.keras_name();
            let number = configs[..=index].iter().filter(|other| other.keras_name() == class).count();
            format!("{class}_{number}")
        };
        configs.iter().enumerate().map(name).collect()
    }

    /// The class name in Keras, in lower case.
    #[must_use]
    pub fn keras_name(&self) -> &'static str {
        match self {
            Self::Flatten => "flatten",
            Self::Dense { .. } => "dense",
            Self::Dropout { .. } => "dropout",
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn layers_are_named_as_keras_numbers_them() {
        let names = LayerConfig::numbered_names(&LayerConfig::default_head());
        assert_eq!(names, ["flatten_1", "dense_1", "dropout_1", "dense_2"]);
    }

    #[test]
    fn the_json_form_is_the_documented_one() {
        let expected = json!([
            {"layer": "flatten"},
            {"layer": "dense", "units": 7, "activation": "relu", "use_bias": true},
            {"layer": "dropout", "rate": 0.25},
            {"layer": "dense", "units": 3, "activation": "linear", "use_bias": true},
        ]);
        assert_eq!(serde_json::to_value(LayerConfig::head_for(3, 7, 0.25)).unwrap(), expected);
        assert_eq!(
            serde_json::from_value::<Vec<LayerConfig>>(expected).unwrap(),
            LayerConfig::head_for(3, 7, 0.25)
        );
    }

    #[test]
    fn no_hidden_units_are_logistic_regression() {
        assert_eq!(LayerConfig::head_for(2, 0, 0.5).len(), 2);
    }
}
