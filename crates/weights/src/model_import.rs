//! Models read from any of the layouts of a head.

use std::io::Read;
use std::path::Path;

use crate::hdf5_file::Hdf5File;
use crate::head_reader::{dense_layers, layers_of};
use crate::keras_archive::KerasArchive;
use crate::keras_config::{self, DataFormat, KerasConfig};
use crate::layout::{Container, detect_safetensors};
use crate::model_rows::reorder;
use crate::model_text::{self, ModelText};
use crate::{
    Activation, Error, FlattenOrder, HeadLayer, LayerConfig, Layout, Model, ModelMetadata, model_file,
};

/// What a file does not say, or says wrongly.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImportOptions {
    /// The order in which the rows of the file were flattened.
    pub flatten_order: Option<FlattenOrder>,
    /// Shape of a row: channels, height, width, for either order.
    pub row_shape: Option<[usize; 3]>,
    /// The activation of each dense layer, for a file that does not say its layers' settings. The head is then Flatten and
    /// the dense layers.
    pub activations: Option<Vec<Activation>>,
}

/// What [`import_model`] read.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Imported {
    /// The model, its first kernel for channels-first rows.
    pub model: Model,
    /// The order that its first kernel had in the file.
    pub flatten_order: FlattenOrder,
}

/// [`import_model`] for a file that says everything itself.
///
/// # Errors
/// As [`import_model`].
///
/// # Examples
/// ```
/// use headstart_weights::{Array, HeadLayer, IfExists, Model, ModelMetadata, load_model, save_model};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("model.safetensors");
/// let dense = HeadLayer {
///     name: "dense_1".into(),
///     kernel: Array::new(vec![2, 1], vec![0.5, -0.5])?,
///     bias: Some(Array::new(vec![1], vec![0.25])?),
/// };
/// let metadata = ModelMetadata { classes: vec!["cat".into(), "dog".into()], ..ModelMetadata::default() };
/// let layer_names = vec!["flatten_1".into(), "dense_1".into()];
/// let model = Model { layers: vec![dense], layer_names, metadata };
/// save_model(&path, &model, IfExists::Refuse)?;
/// assert_eq!(load_model(&path)?, model);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn load_model(path: &Path) -> Result<Model, Error> {
    import_model(path, &ImportOptions::default()).map(|imported| imported.model)
}

/// Reads a head with everything that its file says about it. The layout is detected from the content:
///
/// - safetensors that [`save_model`](crate::save_model) wrote;
/// - `.h5` of Keras 1.2, 2 and 3, weights alone or the whole model, and `.weights.h5` and `.keras` of Keras 3.
///
/// Rows that were flattened height, width, channels are reordered. The order is, in this order: the options'; what
/// headstart wrote down; what Keras wrote down, if it is a whole model; channels, height, width.
///
/// # Errors
/// [`Error::UnknownRowShape`] if rows must be reordered and neither file nor options say their shape;
/// [`Error::UnclearOrder`] if what Keras wrote down contradicts the shape; [`Error::ActivationsStated`] and
/// [`Error::ActivationCount`] if the options' activations do not fit the file; [`Error::Unsupported`] for layers and
/// activations that no head has, and for shapes that do not fit each other; and what
/// [`load_head`](crate::load_head()) returns.
pub fn import_model(path: &Path, options: &ImportOptions) -> Result<Imported, Error> {
    let mut start = Vec::new();
    let read = headstart_files::open(path)?.take(4).read_to_end(&mut start);
    read.map_err(Error::io(path, "read it"))?;
    if KerasArchive::recognises(&start) {
        let KerasArchive { config, metadata, weights } = KerasArchive::open(path)?;
        let metadata: serde_json::Value =
            serde_json::from_str(&metadata).map_err(|e| Error::damaged(path, "metadata.json", e))?;
        let config = keras_config::parse(path, &config, major(metadata["keras_version"].as_str()))?;
        return from_keras(path, &weights, Some(&config), options);
    }
    match Container::open(path)? {
        Container::Safetensors(file) if detect_safetensors(&file) == Some(Layout::Model) => {
            let (layers, text) = model_file::read(path, &file)?;
            described(path, layers, text, options)
        }
        Container::Safetensors(_) => Err(Error::Unsupported {
            path: path.to_owned(),
            expected: "a head: a headstart model, or a file of Keras",
            found: "a safetensors file of something else".to_owned(),
        }),
        Container::Hdf5(file) => {
            let attribute = |name| -> Result<Option<String>, Error> {
                Ok(file.attributes("")?.get(name).and_then(hdf5::AttrValue::as_str).map(str::to_owned))
            };
            if let Some(text) = attribute(model_text::ATTRIBUTE)? {
                let text = ModelText::from_json(path, &text)?;
                let layers = dense_layers(path, layers_of(&file)?, &|tensor| file.read(tensor))?;
                return described(path, layers, text, options);
            }
            let version = attribute("keras_version")?;
            let config = attribute("model_config")?
                .map(|config| keras_config::parse(path, &config, major(version.as_deref())))
                .transpose()?;
            from_keras(path, &file, config.as_ref(), options)
        }
    }
}

/// The first number of a version; files without one are Keras 1's.
fn major(version: Option<&str>) -> u64 {
    version.and_then(|version| version.split('.').next()?.parse().ok()).unwrap_or(1)
}

/// A model that headstart described.
fn described(
    path: &Path,
    layers: Vec<HeadLayer>,
    text: ModelText,
    options: &ImportOptions,
) -> Result<Imported, Error> {
    let ModelText { layer_names, flatten_order, metadata } = text;
    let mut rest = layer_names.iter();
    if let Some(layer) = layers.iter().find(|layer| !rest.any(|name| *name == layer.name)) {
        return Err(Error::Unsupported {
            path: path.to_owned(),
            expected: "the layers that its description names, in that order",
            found: format!("the layer {}", layer.name),
        });
    }
    imported(path, Model { layers, layer_names, metadata }, flatten_order, options)
}

/// A model that Keras wrote.
fn from_keras(
    path: &Path,
    file: &Hdf5File,
    config: Option<&KerasConfig>,
    options: &ImportOptions,
) -> Result<Imported, Error> {
    let stored = layers_of(file)?;
    let stored_names = stored.iter().map(|layer| layer.name.clone()).collect();
    let mut layers = dense_layers(path, stored, &|tensor| file.read(tensor))?;
    let Some(config) = config else {
        let model = Model { layers, layer_names: stored_names, metadata: ModelMetadata::default() };
        return imported(path, model, FlattenOrder::default(), options);
    };
    config.check_shapes(path, &layers)?;
    // The file's own names are the configuration's, or Keras 3's numbers.
    let is_dense = |layer: &LayerConfig| matches!(layer, LayerConfig::Dense { .. });
    let dense = config.layer_names.iter().zip(&config.head).filter(|(_, layer)| is_dense(layer));
    for (layer, (name, _)) in layers.iter_mut().zip(dense) {
        layer.name.clone_from(name);
    }
    let (flatten_order, row_shape) = rows(path, config, options)?;
    let metadata = ModelMetadata { head: Some(config.head.clone()), row_shape, ..ModelMetadata::default() };
    let model = Model { layers, layer_names: config.layer_names.clone(), metadata };
    imported(path, model, flatten_order, options)
}

/// The order in which a whole Keras model flattens its rows, and their shape, channels first.
fn rows(
    path: &Path,
    config: &KerasConfig,
    options: &ImportOptions,
) -> Result<(FlattenOrder, Vec<usize>), Error> {
    let shape = config.input_shape.clone().unwrap_or_default();
    let &[a, b, c] = shape.as_slice() else { return Ok((FlattenOrder::default(), shape)) };
    if config.flatten == Some(DataFormat::ChannelsFirst) {
        // Flatten itself moves the channels to the end.
        return Ok((FlattenOrder::ChannelsLast, shape));
    }
    // A Flatten that knows no data format is of a time when the order was Theano's as often as not.
    let format = match (options.flatten_order, config.flatten) {
        (Some(FlattenOrder::ChannelsFirst), _) | (None, None) => DataFormat::ChannelsFirst,
        (Some(FlattenOrder::ChannelsLast), _) | (None, Some(_)) => DataFormat::ChannelsLast,
    };
    if options.flatten_order.is_none() && format.is_contradicted_by([a, b, c]) {
        let said = match format {
            DataFormat::ChannelsFirst => "channels, height, width",
            DataFormat::ChannelsLast => "height, width, channels",
        };
        return Err(Error::UnclearOrder { path: path.to_owned(), shape, said });
    }
    Ok(match format {
        DataFormat::ChannelsFirst => (FlattenOrder::ChannelsFirst, shape),
        DataFormat::ChannelsLast => (FlattenOrder::ChannelsLast, vec![c, a, b]),
    })
}

/// Applies the options, and puts the first kernel's rows into our order.
fn imported(
    path: &Path,
    mut model: Model,
    said: FlattenOrder,
    options: &ImportOptions,
) -> Result<Imported, Error> {
    if let Some(row_shape) = options.row_shape {
        model.metadata.row_shape = row_shape.to_vec();
    }
    let flatten_order = options.flatten_order.unwrap_or(said);
    reorder(path, &mut model, flatten_order, FlattenOrder::ChannelsFirst, options.row_shape.is_some())?;
    if let Some(activations) = &options.activations {
        model.metadata.head = Some(named_layers(path, &model, activations)?);
    }
    Ok(Imported { model, flatten_order })
}

/// The layers of a file that does not say them: Flatten, and the dense layers with the activations that the caller names.
fn named_layers(path: &Path, model: &Model, activations: &[Activation]) -> Result<Vec<LayerConfig>, Error> {
    let path = path.to_owned();
    if model.metadata.head.is_some() {
        return Err(Error::ActivationsStated { path });
    }
    let (expected, found) = (model.layers.len(), activations.len());
    if expected != found {
        return Err(Error::ActivationCount { path, expected, found });
    }
    let dense = model.layers.iter().zip(activations).map(|(layer, &activation)| LayerConfig::Dense {
        units: layer.kernel.shape[1],
        activation,
        use_bias: layer.bias.is_some(),
    });
    Ok(std::iter::once(LayerConfig::Flatten).chain(dense).collect())
}
