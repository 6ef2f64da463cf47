//! What a whole model that Keras saved says about its layers: the JSON of `model_config` and `config.json`.
//!
//! Keras 1 writes `output_dim`, `bias`, `p`; Keras 2 and 3 `units`, `use_bias`, `rate`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::{Shape, list};
use crate::keras_graph::{GraphError, as_axis, chain, input_shape, is_model, layer_name};
use crate::{Activation, Error, HeadLayer, LayerConfig};

/// A Sequential model, or a functional one that is a chain, of Flatten, Dense, Dropout and activations, and of such models.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct KerasConfig {
    /// Its layers.
    pub(crate) head: Vec<LayerConfig>,
    /// A name for each of them.
    pub(crate) layer_names: Vec<String>,
    /// Where the parameters of each Dense layer are.
    pub(crate) places: Vec<Place>,
    /// Inputs' shape without the axis of the batch, if the file says it and it is fixed.
    pub(crate) input_shape: Option<Vec<usize>>,
    /// `data_format` of Flatten, which knows one since Keras 2.2.
    pub(crate) flatten: Option<DataFormat>,
}

/// Where the parameters of a Dense layer are.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Place {
    /// The models that it is in, from the outside: the class in lower case, and the position among the layers of that class.
    pub(crate) models: Vec<(String, usize)>,
    /// Its position among the Dense layers of the innermost model.
    pub(crate) position: usize,
    /// The name of the layer of the outermost model that it is or is in.
    pub(crate) top: String,
    /// Its own name.
    pub(crate) name: String,
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
    let mut config = KerasConfig { input_shape: input_shape(&model), ..KerasConfig::default() };
    reader.add_model(&mut config, &model, &Place::default())?;
    Ok(config)
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
            expected: "a head: a chain of Flatten, Dense, Dropout and activations",
            found,
        }
    }

    /// Adds the layers of a model, which may be within another one.
    fn add_model(&self, config: &mut KerasConfig, model: &Value, place: &Place) -> Result<(), Error> {
        let layers = chain(model).map_err(|error| match error {
            GraphError::Wrong(found) => self.wrong(found),
            GraphError::Branch(at) => self.unsupported(format!("a model that branches at {at}")),
        })?;
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for layer in layers {
            let class =
                layer["class_name"].as_str().ok_or_else(|| self.wrong("a layer without class_name"))?;
            self.check_origin(layer, class)?;
            let count = counts.entry(class).or_default();
            let name = layer_name(layer).to_owned();
            let top = if place.models.is_empty() { name.clone() } else { place.top.clone() };
            let mut place = Place { models: place.models.clone(), position: *count, top, name };
            *count += 1;
            if is_model(class) {
                place.models.push((class.to_lowercase(), place.position));
                self.add_model(config, layer, &place)?;
            } else {
                self.add_layer(config, layer, class, place)?;
            }
        }
        Ok(())
    }

    /// Refuses a class that is not Keras's own: it may compute anything.
    fn check_origin(&self, layer: &Value, class: &str) -> Result<(), Error> {
        let module = layer["module"].as_str().is_none_or(|module| module.starts_with("keras"));
        let registered = layer["registered_name"].as_str().is_none_or(|name| name == class);
        if module && registered {
            return Ok(());
        }
        Err(self.unsupported(format!("the layer {} (a {class} that is not Keras's own)", layer_name(layer))))
    }

    fn add_layer(
        &self,
        config: &mut KerasConfig,
        layer: &Value,
        class: &str,
        place: Place,
    ) -> Result<(), Error> {
        let settings = &layer["config"];
        let either = |old, new| if settings[new].is_null() { &settings[old] } else { &settings[new] };
        let missing = |what: &str| self.wrong(&format!("{} without {what}", layer_name(layer)));
        let described = match class {
            "Flatten" | "Reshape" => {
                let format = match (class, settings["data_format"].as_str()) {
                    ("Flatten", Some("channels_first")) => Some(DataFormat::ChannelsFirst),
                    ("Flatten", Some("channels_last")) => Some(DataFormat::ChannelsLast),
                    ("Flatten", _) => None,
                    // It takes the values as they lie.
                    _ if settings["target_shape"].as_array().is_some_and(|shape| shape.len() == 1) => {
                        Some(DataFormat::ChannelsLast)
                    }
                    _ => return Err(self.unsupported_layer(layer, class)),
                };
                // What follows the first has nothing left to lay out.
                if config.head.iter().all(|layer| matches!(layer, LayerConfig::Dropout { .. })) {
                    config.flatten = format;
                }
                LayerConfig::Flatten
            }
            "Dense" => {
                let flat = config.input_shape.as_ref().is_none_or(|shape| shape.len() < 2)
                    || config.head.contains(&LayerConfig::Flatten);
                if !flat {
                    let found = format!("the layer {} (Dense on feature maps)", layer_name(layer));
                    return Err(self.unsupported(found));
                }
                let units = as_axis(either("output_dim", "units")).ok_or_else(|| missing("units"))?;
                let use_bias = either("bias", "use_bias").as_bool().ok_or_else(|| missing("use_bias"))?;
                config.places.push(place.clone());
                LayerConfig::Dense { units, activation: self.activation(layer)?, use_bias }
            }
            "Dropout" => {
                let rate = either("p", "rate").as_f64().ok_or_else(|| missing("rate"))?;
                LayerConfig::Dropout { rate: rate as f32 }
            }
            "Activation" | "ReLU" | "ELU" | "Softmax" => {
                let own = self.activation_layer(layer, class)?;
                return self.apply(config, own, layer);
            }
            // These change nothing when a model predicts.
            "InputLayer"
            | "Identity"
            | "ActivityRegularization"
            | "AlphaDropout"
            | "GaussianDropout"
            | "GaussianNoise"
            | "SpatialDropout1D"
            | "SpatialDropout2D" => return Ok(()),
            other => return Err(self.unsupported_layer(layer, other)),
        };
        config.head.push(described);
        let mut name = place.name;
        while config.layer_names.contains(&name) {
            name.push('_');
        }
        config.layer_names.push(name);
        Ok(())
    }

    fn unsupported_layer(&self, layer: &Value, class: &str) -> Error {
        self.unsupported(format!("the layer {} ({class})", layer_name(layer)))
    }

    /// After a linear Dense layer, an activation is that layer's own. Dropout between them changes nothing.
    fn apply(&self, config: &mut KerasConfig, own: Activation, layer: &Value) -> Result<(), Error> {
        if own == Activation::Linear {
            return Ok(());
        }
        let before = config.head.iter_mut().rfind(|layer| !matches!(layer, LayerConfig::Dropout { .. }));
        match before {
            Some(LayerConfig::Dense { activation: activation @ Activation::Linear, .. }) => {
                *activation = own;
                Ok(())
            }
            _ => Err(self.unsupported(format!("{} after no linear Dense", layer_name(layer)))),
        }
    }

    /// The function of a layer that is nothing else. Only Keras's defaults are functions that heads have.
    fn activation_layer(&self, layer: &Value, class: &str) -> Result<Activation, Error> {
        let settings = &layer["config"];
        let is = |key: &str, number: f64| settings[key].as_f64().is_none_or(|found| found == number);
        match class {
            "Activation" => self.activation(layer),
            "ReLU"
                if settings["max_value"].is_null() && is("negative_slope", 0.0) && is("threshold", 0.0) =>
            {
                Ok(Activation::Relu)
            }
            "ELU" if is("alpha", 1.0) => Ok(Activation::Elu),
            "Softmax" if is("axis", -1.0) => Ok(Activation::Softmax),
            _ => Err(self
                .unsupported(format!("the layer {} ({class} with settings of its own)", layer_name(layer)))),
        }
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
