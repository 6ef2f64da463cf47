//! Models read from any of the layouts of a head.

use std::path::Path;

use crate::{Activation, Error, FlattenOrder, HeadFile, Model};

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
    /// The order that its first kernel had in the file. Where nobody said one, it is our own.
    pub flatten_order: FlattenOrder,
    /// What neither the file nor the options say.
    pub unstated: Vec<Unstated>,
}

/// A part of a head that a file of weights alone does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unstated {
    /// The activations of its layers.
    Activations,
    /// The order in which it flattens feature maps.
    FlattenOrder,
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
/// let model = Model { layers: vec![dense], layer_names, metadata, ..Model::default() };
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
/// headstart wrote down; what Keras wrote down, if it is a whole model; channels, height, width. The last is a guess, which
/// [`Imported::unstated`] tells: [`HeadFile::for_rows`] does without it.
///
/// # Errors
/// [`Error::UnknownRowShape`] if rows must be reordered and neither file nor options say their shape;
/// [`Error::UnclearOrder`] if what Keras wrote down contradicts the shape, or the shape is that of a cube;
/// [`Error::ActivationsStated`] and
/// [`Error::ActivationCount`] if the options' activations do not fit the file; [`Error::Unsupported`] for layers and
/// activations that no head has, and for shapes that do not fit each other; and what
/// [`load_head`](crate::load_head()) returns.
pub fn import_model(path: &Path, options: &ImportOptions) -> Result<Imported, Error> {
    HeadFile::open(path, options)?.imported()
}
