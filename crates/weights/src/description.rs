//! What a file holds, for people: `headstart inspect`.

use std::collections::BTreeMap;
use std::fmt;

use hdf5::AttrValue;
use serde::Serialize;

use crate::hdf5_file::{Hdf5File, join};
use crate::layout::{Container, detect_hdf5, detect_safetensors, keras_root};
use crate::stored::StoredTensor;
use crate::{Error, Layout, Source, model_file};

/// Attributes that say how a file was made.
const TELLING: [&str; 7] = [
    "backend",
    "headstart",
    "image_data_format",
    "keras_version",
    "layer_names",
    "layer_names0",
    "nb_layers",
];

/// The format of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Format {
    /// HDF5, of any version.
    Hdf5,
    /// safetensors.
    Safetensors,
    /// A `.keras` archive, whose weights are HDF5.
    Keras,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hdf5 => "HDF5",
            Self::Safetensors => "safetensors",
            Self::Keras => ".keras archive",
        })
    }
}

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Description {
    /// The format, detected from the content.
    pub format: Format,
    /// How its parameters are arranged; `None` if this crate does not know the arrangement.
    pub layout: Option<Layout>,
    /// Length of the file in bytes.
    pub bytes: u64,
    /// Number of values in all tensors.
    pub parameters: u64,
    /// Attributes of the root that say how the file was made, or the free texts of a safetensors header; by name.
    pub attributes: BTreeMap<String, String>,
    /// Every tensor: by name in safetensors, group after group in HDF5.
    pub tensors: Vec<TensorDescription>,
}

/// One tensor of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TensorDescription {
    /// Its full name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// The type of its values as they are stored: `f32`, `f16 big-endian`.
    pub dtype: String,
    /// How they lie in the file: `contiguous`, `chunked (16, 3, 3, 3), shuffle, deflate`.
    pub storage: String,
}

/// Lists what an HDF5 or safetensors file or a `.keras` archive holds, without reading any value. It is given by its path or
/// its bytes.
///
/// # Errors
/// [`Error::UnknownFormat`] for another kind of file, [`Error::Damaged`] for one that cannot be parsed,
/// [`Error::File`] if it can't be read.
pub fn describe<'a>(source: impl Into<Source<'a>>) -> Result<Description, Error> {
    let source = source.into();
    let container = Container::open(source).map_err(Error::where_any_file_is)?;
    let bytes = match source {
        Source::File(path) => {
            headstart_files::open(path)?.metadata().map_err(Error::io(path, "read it"))?.len()
        }
        Source::Part { length, .. } => length,
        Source::Memory { bytes, .. } => bytes.len() as u64,
    };
    let (format, layout, attributes, tensors) = match container {
        Container::Hdf5(mut file) => {
            let (layout, tensors) = (detect_hdf5(&file)?, every_tensor(&file)?);
            match file.archive.take() {
                Some(texts) => (Format::Keras, layout, texts, tensors),
                None => (Format::Hdf5, layout, telling_attributes(&file)?, tensors),
            }
        }
        Container::Safetensors(file) => {
            let tensors = file.tensors().cloned().map(TensorDescription::from).collect();
            (Format::Safetensors, detect_safetensors(&file), file.texts, tensors)
        }
    };
    // Bytes that come with a model are no parameters.
    let parameters =
        tensors.iter().filter(|tensor| !is_attached(tensor, layout)).map(count).fold(0, u64::saturating_add);
    Ok(Description { format, layout, bytes, parameters, attributes, tensors })
}

impl From<StoredTensor> for TensorDescription {
    fn from(tensor: StoredTensor) -> Self {
        Self { name: tensor.name, shape: tensor.shape, dtype: tensor.dtype, storage: tensor.storage }
    }
}

fn is_attached(tensor: &TensorDescription, layout: Option<Layout>) -> bool {
    layout == Some(Layout::Model) && model_file::is_attached(&tensor.name)
}

fn count(tensor: &TensorDescription) -> u64 {
    tensor.shape.iter().fold(1, |product: u64, &axis| product.saturating_mul(axis as u64))
}

fn every_tensor(file: &Hdf5File) -> Result<Vec<TensorDescription>, Error> {
    let mut tensors = Vec::new();
    for (group, datasets) in file.walk_beside_links("", &|_| true)? {
        for dataset in datasets {
            tensors.push(file.tensor(&join(&group, &dataset), "its group")?.into());
        }
    }
    Ok(tensors)
}

fn telling_attributes(file: &Hdf5File) -> Result<BTreeMap<String, String>, Error> {
    let root = keras_root(file)?.unwrap_or_default();
    let attributes = file.attributes(root)?;
    Ok(attributes
        .into_iter()
        .filter(|(name, _)| TELLING.contains(&name.as_str()))
        .map(|(name, value)| (name, text(&value)))
        .collect())
}

fn text(value: &AttrValue) -> String {
    match (value.as_str(), value.as_strings()) {
        (Some(one), _) => one.to_owned(),
        (None, Some(many)) => many.join(", "),
        (None, None) => value.to_string(),
    }
}
