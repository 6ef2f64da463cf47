//! Whole models of Keras 3, written as `.keras`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use hdf5::FileBuilder;
use serde_json::{Map, Value, json};
use zip::write::{SimpleFileOptions, ZipWriter};
use zip::{CompressionMethod, DateTime};

use crate::adapter::KernelAxes;
use crate::hdf5_file::guarded;
use crate::head_writer::keras3_layers;
use crate::keras_archive::{CONFIG, METADATA, WEIGHTS};
use crate::{Array, Error, IfExists, Parameter};

/// The Keras whose layout this is. Every Keras 3 reads it.
const KERAS_VERSION: &str = "3.0.0";

/// A Sequential model of Keras 3: what each layer is and its variables. Channels are the last axis of its maps.
///
/// # Examples
/// ```
/// use headstart_weights::{Array, IfExists, KerasLayer, KerasModel, Parameter};
///
/// let folder = tempfile::tempdir()?;
/// let kernel = Array::new(vec![4, 1], vec![0.5; 4])?;
/// let dense = KerasLayer::new("Dense", "dense_1")
///     .with("units", 1)
///     .with("use_bias", false)
///     .variable(Parameter::Kernel, kernel);
/// let model = KerasModel { name: "head".into(), input: "features".into(), shape: vec![4], layers: vec![dense] };
/// model.write(&folder.path().join("head.keras"), &Default::default(), IfExists::Refuse)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct KerasModel {
    /// Its name.
    pub name: String,
    /// The name of its input.
    pub input: String,
    /// The shape of one row of its input: values, or height, width and channels.
    pub shape: Vec<usize>,
    /// The layers, in order.
    pub layers: Vec<KerasLayer>,
}

/// A layer of a [`KerasModel`].
#[derive(Debug, Clone)]
pub struct KerasLayer {
    /// The class in `keras.layers`.
    class: &'static str,
    name: String,
    settings: Map<String, Value>,
    variables: Vec<(Parameter, Array)>,
}

impl KerasLayer {
    /// A layer of a class of `keras.layers`. No other layer of its model should have its name.
    #[must_use]
    pub fn new(class: &'static str, name: impl Into<String>) -> Self {
        Self { class, name: name.into(), settings: Map::new(), variables: Vec::new() }
    }

    /// An argument of its class. Those that are left out have their defaults.
    #[must_use]
    pub fn with(mut self, argument: &str, value: impl Into<Value>) -> Self {
        self.settings.insert(argument.to_owned(), value.into());
        self
    }

    /// A variable, after those that it has: the kernel, then the bias. The kernel of a convolution is (out, in, height, width)
    /// here, as everywhere in this crate; Keras gets its own axes.
    #[must_use]
    pub fn variable(mut self, parameter: Parameter, array: Array) -> Self {
        self.variables.push((parameter, array));
        self
    }
}

impl KerasModel {
    /// Writes the model. The same model gives the same bytes. `texts` are kept beside Keras's own metadata, which does not mind
    /// them.
    ///
    /// # Errors
    /// [`Error::File`] if the name is taken or can't be written.
    pub fn write(
        &self,
        path: &Path,
        texts: &BTreeMap<String, String>,
        if_exists: IfExists,
    ) -> Result<(), Error> {
        let mut metadata = json!({ "keras_version": KERAS_VERSION, "date_saved": "" });
        if !texts.is_empty() {
            metadata["headstart"] = json!(texts);
        }
        let weights = self.weights();
        headstart_files::write(path, if_exists, |writer| {
            let mut archive = ZipWriter::new_stream(writer);
            // Keras does not compress. The time is the first that an archive can have.
            let stored = SimpleFileOptions::default()
                .compression_method(CompressionMethod::Stored)
                .last_modified_time(DateTime::default());
            let failed = |error: zip::result::ZipError| Error::io(path, "write it")(error.into());
            for (name, text) in [(METADATA, metadata.to_string()), (CONFIG, self.config().to_string())] {
                archive.start_file(name, stored).map_err(failed)?;
                archive.write_all(text.as_bytes()).map_err(Error::io(path, "write it"))?;
            }
            archive.start_file(WEIGHTS, stored).map_err(failed)?;
            guarded(path, "the model", || weights.finish_to(&mut archive))?;
            archive.finish().map_err(failed)?;
            Ok(())
        })
    }

    /// What Keras builds the model of.
    fn config(&self) -> Value {
        let shape: Vec<Value> =
            std::iter::once(Value::Null).chain(self.shape.iter().map(|&axis| json!(axis))).collect();
        let input = json!({
            "module": "keras.layers",
            "class_name": "InputLayer",
            "config": { "batch_shape": shape, "dtype": "float32", "sparse": false, "name": self.input },
            "registered_name": null,
        });
        let layer = |layer: &KerasLayer| {
            let mut config = json!({ "name": layer.name, "trainable": true, "dtype": "float32" });
            if let Some(config) = config.as_object_mut() {
                config.extend(layer.settings.clone());
            }
            json!({
                "module": "keras.layers",
                "class_name": layer.class,
                "config": config,
                "registered_name": null,
            })
        };
        let layers: Vec<Value> = std::iter::once(input).chain(self.layers.iter().map(layer)).collect();
        json!({
            "module": "keras",
            "class_name": "Sequential",
            "config": {
                "name": self.name,
                "trainable": true,
                "dtype": "float32",
                "layers": layers,
                "build_input_shape": shape,
            },
            "registered_name": null,
            "build_config": { "input_shape": shape },
            "compile_config": null,
        })
    }

    /// The variables, where Keras 3 looks for them: by the class of the layer and its number among those of its class.
    fn weights(&self) -> FileBuilder {
        let axes = KernelAxes::HeightWidthInOut;
        let stored = |(parameter, array): &(Parameter, Array)| {
            let values = axes.to_stored(*parameter, &array.shape, &array.values);
            Cow::Owned(Array { shape: axes.stored_shape(*parameter, &array.shape), values })
        };
        keras3_layers(self.layers.iter().map(|layer| {
            let variables = layer.variables.iter().map(stored).collect();
            (snake_case(layer.class), layer.name.as_str(), variables)
        }))
    }
}

/// A class's name as Keras's files have it: `MaxPooling2D` is `max_pooling2d`.
fn snake_case(class: &str) -> String {
    let letters: Vec<char> = class.chars().collect();
    let mut name = String::new();
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).map(|before| letters[before]);
        let begins = letter.is_ascii_uppercase()
            && before.is_some_and(|before| {
                before.is_ascii_lowercase() || letters.get(at + 1).is_some_and(char::is_ascii_lowercase)
            });
        if begins {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Activation, ImportOptions, LayerConfig, import_model};

    #[test]
    fn classes_are_named_as_in_files_of_keras() {
        for (class, name) in [
            ("Dense", "dense"),
            ("Conv2D", "conv2d"),
            ("DepthwiseConv2D", "depthwise_conv2d"),
            ("MaxPooling2D", "max_pooling2d"),
            ("GlobalAveragePooling2D", "global_average_pooling2d"),
            ("ReLU", "re_lu"),
        ] {
            assert_eq!(snake_case(class), name);
        }
    }

    #[test]
    fn a_head_comes_back_and_its_bytes_are_the_same_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let array = |shape: &[usize]| {
            let count = shape.iter().product::<usize>();
            Array::new(shape.to_vec(), (0..count).map(|at| at as f32).collect()).unwrap()
        };
        let dense = |name: &str, units: usize, activation: &str, inputs: usize| {
            KerasLayer::new("Dense", name)
                .with("units", units)
                .with("activation", activation)
                .with("use_bias", true)
                .variable(Parameter::Kernel, array(&[inputs, units]))
                .variable(Parameter::Bias, array(&[units]))
        };
        let dropout = KerasLayer::new("Dropout", "dropout_1").with("rate", 0.5);
        let layers = vec![dense("dense_1", 4, "relu", 6), dropout, dense("dense_2", 3, "softmax", 4)];
        let model = KerasModel { name: "head".into(), input: "features".into(), shape: vec![6], layers };
        let path = folder.path().join("head.keras");
        let texts = BTreeMap::from([("classes".to_owned(), "[\"é\"]".to_owned())]);
        model.write(&path, &texts, IfExists::Refuse).unwrap();
        let found = import_model(&path, &ImportOptions::default()).unwrap().model;
        assert_eq!(found.layers.len(), 2);
        assert_eq!(found.layers[0].kernel, array(&[6, 4]));
        assert_eq!(found.layers[1].bias, Some(array(&[3])));
        assert_eq!(found.metadata.row_shape, [6]);
        let head = found.metadata.head.unwrap();
        let softmax = Activation::Softmax;
        assert_eq!(head[1], LayerConfig::Dropout { rate: 0.5 });
        assert_eq!(head[2], LayerConfig::Dense { units: 3, activation: softmax, use_bias: true });

        let again = folder.path().join("again.keras");
        model.write(&again, &texts, IfExists::Refuse).unwrap();
        assert!(std::fs::read(&path).unwrap() == std::fs::read(&again).unwrap());
        assert!(matches!(model.write(&path, &texts, IfExists::Refuse), Err(Error::File(_))));
    }
}
