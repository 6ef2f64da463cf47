//! Models read and written in any of the layouts of a head.

use std::io::Read;
use std::path::Path;

use crate::atomic::check_writable;
use crate::error::Shape;
use crate::hdf5_file::Hdf5File;
use crate::head_reader::{dense_layers, layers_of};
use crate::head_writer::{check_head_path, save_keras};
use crate::keras_archive::KerasArchive;
use crate::keras_config::{self, DataFormat, KerasConfig};
use crate::layout::{Container, detect_safetensors};
use crate::model_text::{self, ModelText};
use crate::{
    Error, FlattenOrder, HeadLayer, Layout, Model, ModelMetadata, SaveOptions, model_file, regular_file,
};

/// What a file does not say, or says wrongly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImportOptions {
    /// The order in which the file's rows were flattened.
    pub flatten_order: Option<FlattenOrder>,
    /// Shape of a row, whichever the order: channels, height, width.
    pub row_shape: Option<[usize; 3]>,
}

/// What [`import_model`] read.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// The model, its first kernel for channels-first rows.
    pub model: Model,
    /// The order that its first kernel had in the file.
    pub flatten_order: FlattenOrder,
}

/// [`import_model`] where the file says everything itself.
///
/// # Errors
/// As [`import_model`].
///
/// # Examples
/// ```
/// use headstart_weights::{Array, HeadLayer, Model, ModelMetadata, SaveOptions, load_model, save_model};
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
/// save_model(&path, &model, &SaveOptions::default())?;
/// assert_eq!(load_model(&path)?, model);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn load_model(path: &Path) -> Result<Model, Error> {
    import_model(path, &ImportOptions::default()).map(|imported| imported.model)
}

/// Reads a head with all that its file says about it. The layout is told from the content:
///
/// - safetensors that [`save_model`] wrote;
/// - `.h5` of Keras 1.2, 2 and 3, weights alone or the whole model, and `.weights.h5` and `.keras` of Keras 3.
///
/// Rows that were flattened height, width, channels are reordered. The order is, in this order: the options'; what
/// headstart wrote down; what Keras wrote down, if it is a whole model; channels, height, width.
///
/// # Errors
/// [`Error::UnknownRowShape`] if rows must be reordered and neither file nor options say their shape;
/// [`Error::UnclearOrder`] if what Keras wrote down contradicts the shape; [`Error::Unsupported`] for layers and
/// activations that are no head's, and for shapes that do not belong together; besides, what
/// [`load_head`](crate::load_head) returns.
pub fn import_model(path: &Path, options: &ImportOptions) -> Result<Imported, Error> {
    let mut start = Vec::new();
    let refused = |e| Error::io(path, "read it", e);
    regular_file::open(path)?.take(4).read_to_end(&mut start).map_err(refused)?;
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
    let dense = config.layer_names.iter().zip(&config.head).filter(|(_, layer)| layer["layer"] == "dense");
    for (layer, (name, _)) in layers.iter_mut().zip(dense) {
        layer.name.clone_from(name);
    }
    let (flatten_order, row_shape) = rows(path, config, options)?;
    let metadata =
        ModelMetadata { head: Some(config.head.clone().into()), row_shape, ..ModelMetadata::default() };
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

/// Puts the first kernel into our order, after the options have had their say.
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
    Ok(Imported { model, flatten_order })
}

/// Reorders the rows of the first kernel; `check` holds it against the shape of a row even if nothing moves.
fn reorder(
    path: &Path,
    model: &mut Model,
    from: FlattenOrder,
    to: FlattenOrder,
    check: bool,
) -> Result<(), Error> {
    let Some(first) = model.layers.first_mut() else { return Ok(()) };
    if from == to && !check {
        return Ok(());
    }
    let row_shape = model.metadata.row_shape.as_slice();
    let unknown = || Error::UnknownRowShape {
        path: path.to_owned(),
        layer: first.name.clone(),
        found: row_shape.to_vec(),
    };
    let row_shape: [usize; 3] = row_shape.try_into().map_err(|_| unknown())?;
    first.kernel = from.permuted(&first.kernel, row_shape, to).map_err(|_| Error::Unsupported {
        path: path.to_owned(),
        expected: "a first kernel with a row for each value of a feature map",
        found: format!("{}: a kernel {} for {}", first.name, Shape(&first.kernel.shape), Shape(&row_shape)),
    })?;
    Ok(())
}

/// [`export_model`] with rows in our own order.
///
/// # Errors
/// As [`export_model`].
pub fn save_model(path: &Path, model: &Model, options: &SaveOptions) -> Result<(), Error> {
    export_model(path, model, FlattenOrder::ChannelsFirst, options)
}

/// Writes a model. The suffix of `path` chooses the layout: `.safetensors` is headstart's own, which any safetensors
/// library opens (tensors `dense_1/kernel` (in, out), `dense_1/bias`; the description in `__metadata__`); `.h5`,
/// `.hdf5` and `.weights.h5` are [`save_head`](crate::save_head)'s, with the description in the attribute `headstart` of
/// the root, which Keras does not look at.
///
/// Each of them holds everything, so converting to and fro gives the same bytes. The same model gives the same bytes. The
/// file is whole under its name or not there.
///
/// `flatten_order` is the order of the first kernel's rows in the file: channels-last for a Keras model whose feature
/// maps are (height, width, channels). A `.safetensors` is always channels-first.
///
/// # Errors
/// [`Error::UnknownRowShape`] if rows must be reordered and the model has no `row_shape` of three axes;
/// [`Error::Unsupported`] if that shape is not the first kernel's, or channels-last is asked for in `.safetensors`; besides,
/// what [`save_head`](crate::save_head) returns.
pub fn export_model(
    path: &Path,
    model: &Model,
    flatten_order: FlattenOrder,
    options: &SaveOptions,
) -> Result<(), Error> {
    if is_safetensors(path) {
        if flatten_order == FlattenOrder::ChannelsFirst {
            return model_file::write(path, model, options);
        }
        return Err(Error::Unsupported {
            path: path.to_owned(),
            expected: "rows in the order channels, height, width, as in every .safetensors model",
            found: "height, width, channels asked for".to_owned(),
        });
    }
    let mut model = model.clone();
    reorder(path, &mut model, FlattenOrder::ChannelsFirst, flatten_order, false)?;
    save_keras(path, &model.layers, &model.layer_names, &model.metadata, flatten_order, options)
}

/// Checks before training what [`save_model`] would refuse after it, as [`check_head_path`] does.
///
/// # Errors
/// [`Error::UnknownSuffix`], [`Error::Exists`], [`Error::NotAFile`] and [`Error::Io`].
pub fn check_model_path(path: &Path, options: &SaveOptions) -> Result<(), Error> {
    if is_safetensors(path) {
        check_writable(path, options.overwrite)
    } else {
        check_head_path(path, options)
    }
}

fn is_safetensors(path: &Path) -> bool {
    path.extension().is_some_and(|suffix| suffix == "safetensors")
}
