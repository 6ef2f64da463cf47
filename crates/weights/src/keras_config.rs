//! What a whole model that Keras saved says about its layers: the JSON of `model_config` and `config.json`.
//!
//! Keras 1 writes `output_dim`, `bias`, `p`; Keras 2 and 3 `units`, `use_bias`, `rate`.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::{Shape, list};
use crate::{Activation, Error, HeadLayer, LayerConfig};

/// A Sequential model, or a functional one that is a chain, of Flatten, Dense, Dropout and Activation.
#[derive(Debug, PartialEq)]
pub(crate) struct KerasConfig {
    /// Its layers.
    pub(crate) head: Vec<LayerConfig>,
    /// A name for each of them.
    pub(crate) layer_names: Vec<String>,
    /// Inputs' shape without the axis of the batch, if the file says it and it is fixed.
    pub(crate) input_shape: Option<Vec<usize>>,
    /// `data_format` of Flatten, which knows one since Keras 2.2.
    pub(crate) flatten: Option<DataFormat>,
}

impl KerasConfig {
    /// The error if the file's own layers are not those of the configuration.
    pub(crate) fn check_shapes(&self, path: &Path, layers: &[HeadLayer]) -> Result<(), Error> {
        let stored = layers.iter().map(|layer| (layer.kernel.shape[1], layer.bias.is_some()));
        if dense_settings(&self.head).eq(stored) {
            return Ok(());
        }
        let kernels: Vec<String> =
            layers.iter().map(|layer| Shape(&layer.kernel.shape).to_string()).collect();
        Err(Error::Unsupported {
            path: path.to_owned(),
            expected: "the parameters of the Dense layers that its configuration lists",
            found: format!("kernels of {}", list(&kernels, 6)),
        })
    }
}

/// The order of a feature map's axes, as Keras names it.
///
/// Flatten moves the channels of `channels_first` maps to the end before it lays them out, and takes `channels_last`
/// maps as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DataFormat {
    ChannelsFirst,
    ChannelsLast,
}

impl DataFormat {
    /// Whether a feature map of this shape is more likely of the other order: the channels are the longest axis of a deep
    /// network's output.
    pub(crate) fn is_contradicted_by(self, shape: [usize; 3]) -> bool {
        let [first, middle, last] = shape;
        match self {
            Self::ChannelsFirst => last > first && last > middle,
            Self::ChannelsLast => first > middle && first > last,
        }
    }
}

/// Units and bias of the Dense layers, for comparison with the stored shapes.
fn dense_settings(head: &[LayerConfig]) -> impl Iterator<Item = (usize, bool)> {
    head.iter().filter_map(|layer| match layer {
        LayerConfig::Dense { units, use_bias, .. } => Some((*units, *use_bias)),
        LayerConfig::Flatten | LayerConfig::Dropout { .. } => None,
    })
}

/// Reads the configuration. `major` is the version of Keras that wrote it.
///
/// # Errors
/// [`Error::WrongAttribute`] if it is none, [`Error::Unsupported`] for other layers, branches, and functions that
/// another Keras computes in another way.
pub(crate) fn parse(path: &Path, text: &str, major: u64) -> Result<KerasConfig, Error> {
    let reader = Reader { path: path.to_owned(), major };
    let model: Value = serde_json::from_str(text).map_err(|e| reader.wrong(&e.to_string()))?;
    let layers = reader.chain(&model)?;
    let mut config =
        KerasConfig { head: Vec::new(), layer_names: Vec::new(), input_shape: None, flatten: None };
    if let Some(first) = layers.first() {
        let settings = &first["config"];
        let shape = ["batch_input_shape", "batch_shape"].iter().find_map(|key| settings[key].as_array());
        config.input_shape = shape.and_then(|axes| axes.iter().skip(1).map(as_axis).collect());
    }
    for layer in layers {
        reader.add(&mut config, layer)?;
    }
    Ok(config)
}

fn as_axis(axis: &Value) -> Option<usize> {
    axis.as_u64().and_then(|axis| usize::try_from(axis).ok())
}

struct Reader {
    path: PathBuf,
    major: u64,
}

impl Reader {
    fn wrong(&self, found: &str) -> Error {
        Error::WrongAttribute {
            path: self.path.clone(),
            object: "the file".to_owned(),
            attribute: "model_config".to_owned(),
            expected: "the configuration of a Keras model",
            found: format!("something else ({found})"),
        }
    }

    fn unsupported(&self, found: String) -> Error {
        Error::Unsupported {
            path: self.path.clone(),
            expected: "a head: a chain of Flatten, Dense, Dropout and Activation",
            found,
        }
    }

    /// The layers, first to last.
    fn chain<'a>(&self, model: &'a Value) -> Result<&'a [Value], Error> {
        let class = model["class_name"].as_str().ok_or_else(|| self.wrong("no class_name"))?;
        let config = &model["config"];
        let layers = config.as_array().or_else(|| config["layers"].as_array());
        let layers = layers.ok_or_else(|| self.wrong("no layers"))?.as_slice();
        if class != "Sequential" {
            // The layers of a functional model are listed in the order in which they were called.
            for (index, layer) in layers.iter().enumerate() {
                let mut inputs = Vec::new();
                names_within(&layer["inbound_nodes"], layers, &mut inputs);
                let before = index.checked_sub(1).map(|before| layer_name(&layers[before]));
                if inputs != Vec::from_iter(before) {
                    return Err(self.unsupported(format!("a model that branches at {}", layer_name(layer))));
                }
            }
        }
        Ok(layers)
    }

    fn add(&self, config: &mut KerasConfig, layer: &Value) -> Result<(), Error> {
        let class = layer["class_name"].as_str().ok_or_else(|| self.wrong("a layer without class_name"))?;
        let settings = &layer["config"];
        let either = |old, new| if settings[new].is_null() { &settings[old] } else { &settings[new] };
        let missing = |what: &str| self.wrong(&format!("{} without {what}", layer_name(layer)));
        let described = match class {
            "InputLayer" => return Ok(()),
            "Flatten" => {
                config.flatten = match settings["data_format"].as_str() {
                    Some("channels_first") => Some(DataFormat::ChannelsFirst),
                    Some("channels_last") => Some(DataFormat::ChannelsLast),
                    _ => None,
                };
                LayerConfig::Flatten
            }
            "Dense" => {
                let units = as_axis(either("output_dim", "units")).ok_or_else(|| missing("units"))?;
                let use_bias = either("bias", "use_bias").as_bool().ok_or_else(|| missing("use_bias"))?;
                LayerConfig::Dense { units, activation: self.activation(layer)?, use_bias }
            }
            "Dropout" => {
                let rate = either("p", "rate").as_f64().ok_or_else(|| missing("rate"))?;
                LayerConfig::Dropout { rate: rate as f32 }
            }
            "Activation" => {
                // After a linear Dense layer it is that layer's own activation.
                let own = self.activation(layer)?;
                return match config.head.last_mut() {
                    Some(LayerConfig::Dense { activation: activation @ Activation::Linear, .. }) => {
                        *activation = own;
                        Ok(())
                    }
                    _ => Err(self.unsupported(format!("{} after no linear Dense", layer_name(layer)))),
                };
            }
            other => return Err(self.unsupported(format!("the layer {} ({other})", layer_name(layer)))),
        };
        config.head.push(described);
        config.layer_names.push(layer_name(layer).to_owned());
        Ok(())
    }

    fn activation(&self, layer: &Value) -> Result<Activation, Error> {
        match &layer["config"]["activation"] {
            Value::Null => Ok(Activation::Linear),
            Value::String(name) if name == "hard_sigmoid" && self.major < 3 => Err(self.unsupported(
                format!("hard_sigmoid of Keras {}, which Keras 3 defines otherwise", self.major),
            )),
            Value::String(name) => {
                name.parse().map_err(|unknown| self.unsupported(format!("{}: {unknown}", layer_name(layer))))
            }
            other => Err(self.unsupported(format!("the activation {other}"))),
        }
    }
}

fn layer_name(layer: &Value) -> &str {
    layer["config"]["name"].as_str().or(layer["name"].as_str()).unwrap_or_default()
}

/// Names of `layers` that occur anywhere within `value`, each once: Keras 2 and 3 nest them differently.
fn names_within<'a>(value: &Value, layers: &'a [Value], found: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => {
            if let Some(layer) = layers.iter().find(|layer| layer_name(layer) == text)
                && !found.contains(&layer_name(layer))
            {
                found.push(layer_name(layer));
            }
        }
        Value::Array(values) => values.iter().for_each(|value| names_within(value, layers, found)),
        Value::Object(values) => values.values().for_each(|value| names_within(value, layers, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str, major: u64) -> Result<KerasConfig, Error> {
        parse(Path::new("model.h5"), text, major)
    }

    const KERAS1: &str = r#"{"class_name": "Sequential", "config": [
        {"class_name": "Flatten", "config": {"name": "flatten_1", "batch_input_shape": [null, 512, 4, 4]}},
        {"class_name": "Dense", "config": {"name": "dense_1", "output_dim": 5, "activation": "linear", "bias": false}},
        {"class_name": "Activation", "config": {"name": "activation_1", "activation": "relu"}},
        {"class_name": "Dropout", "config": {"name": "dropout_1", "p": 0.5}}]}"#;

    #[test]
    fn the_words_of_keras_1_are_understood() {
        let config = parsed(KERAS1, 1).unwrap();
        assert_eq!(config.input_shape, Some(vec![512, 4, 4]));
        assert_eq!(config.flatten, None);
        assert_eq!(config.layer_names, ["flatten_1", "dense_1", "dropout_1"]);
        let dense = LayerConfig::Dense { units: 5, activation: Activation::Relu, use_bias: false };
        assert_eq!(config.head, [LayerConfig::Flatten, dense, LayerConfig::Dropout { rate: 0.5 }]);
    }

    #[test]
    fn what_is_no_head_is_refused() {
        for (from, to, complaint) in [
            ("\"Dropout\"", "\"LSTM\"", "dropout_1 (LSTM)"),
            ("\"linear\"", "\"tanh\"", "activation_1 after no linear Dense"),
            ("\"relu\"", "\"hard_sigmoid\"", "hard_sigmoid of Keras 1"),
            ("\"relu\"", "\"mish\"", "activation_1: activation mish: expected one of linear"),
            ("\"relu\"", "{\"class_name\": \"own\"}", "the activation {"),
            ("\"output_dim\"", "\"width\"", "dense_1 without units"),
            ("\"class_name\": \"Sequential\"", "\"class_name\": \"Model\"", "branches at dense_1"),
            ("\"config\": [", "\"config\": [[", "something else"),
        ] {
            let error = parsed(&KERAS1.replacen(from, to, 1), 1).unwrap_err().to_string();
            assert!(error.contains(complaint), "{complaint}: {error}");
        }
        assert!(parsed(&"[".repeat(100_000), 1).is_err());
        assert!(parsed(&KERAS1.replacen("\"relu\"", "\"hard_sigmoid\"", 1), 3).is_ok());
    }

    #[test]
    fn a_chain_of_functional_layers_is_a_head_and_a_branch_is_not() {
        let layer = |class: &str, name: &str, settings: &str, input: &str| {
            format!(
                r#"{{"class_name": "{class}", "name": "{name}", "config": {{"name": "{name}"{settings}}},
                "inbound_nodes": {input}}}"#
            )
        };
        let dense = r#", "units": 2, "activation": "swish", "use_bias": true"#;
        let model = |last: &str| {
            let layers = [
                layer("InputLayer", "in", r#", "batch_shape": [null, 4, 4, 8]"#, "[]"),
                layer("Flatten", "flat", r#", "data_format": "channels_last""#, r#"[[["in", 0, 0, {}]]]"#),
                layer("Dense", "out", dense, last),
            ];
            format!(r#"{{"class_name": "Functional", "config": {{"layers": [{}]}}}}"#, layers.join(","))
        };
        let keras3 = r#"[{"args": [{"class_name": "__keras_tensor__", "config": {"keras_history": ["flat", 0, 0]}}]}]"#;
        for input in [r#"[[["flat", 0, 0, {}]]]"#, keras3] {
            let config = parsed(&model(input), 3).unwrap();
            assert_eq!(config.input_shape, Some(vec![4, 4, 8]));
            assert_eq!(config.flatten, Some(DataFormat::ChannelsLast));
            let dense = LayerConfig::Dense { units: 2, activation: Activation::Silu, use_bias: true };
            assert_eq!(config.head[1], dense);
        }
        for input in [r#"[[["in", 0, 0, {}]]]"#, r#"[[["flat", 0, 0, {}], ["in", 0, 0, {}]]]"#, "[]"] {
            assert!(parsed(&model(input), 3).unwrap_err().to_string().contains("branches at out"));
        }
    }
}
