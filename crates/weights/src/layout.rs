//! How a file arranges its parameters, detected from its content.

use std::fmt;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use serde::Serialize;

use crate::error::list;
use crate::hdf5_file::Hdf5File;
use crate::hdf5_source::Hdf5Source;
use crate::keras_archive::KerasArchive;
use crate::safetensors_file::SafetensorsFile;
use crate::{Error, Source, foreign, model_text};

/// What an HDF5 file without a user block starts with.
const HDF5_SIGNATURE: &[u8] = b"\x89HDF\r\n\x1a\n";

/// The arrangements of parameters that this crate reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Layout {
    /// Keras before 1.2: `layer_{k}/param_{p}` with the attributes nb_layers and nb_params. Kernels are
    /// (out, in, h, w), written for Theano's convolution, which flips them.
    LegacySequential,
    /// Keras 1.2 and 2 (`.h5`, and Keras 3 for that suffix): attributes layer_names and weight_names. Kernels are
    /// (h, w, in, out).
    Keras,
    /// Keras 3 (`.weights.h5`): `layers/.../vars/0`. Kernels are (h, w, in, out).
    Keras3,
    /// safetensors with the names of torchvision and timm: `features.0.weight`. Kernels are (out, in, h, w).
    Safetensors,
    /// headstart's own model in safetensors: `dense_1/kernel` (in, out), and a description in its header.
    Model,
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LegacySequential => "legacy Keras (layer_k/param_p)",
            Self::Keras => "Keras 1 and 2 (layer_names)",
            Self::Keras3 => "Keras 3 (.weights.h5)",
            Self::Safetensors => "safetensors (names of torchvision or timm)",
            Self::Model => "headstart model",
        })
    }
}

/// An open file of either format.
pub(crate) enum Container<'a> {
    Hdf5(Hdf5File),
    Safetensors(SafetensorsFile<'a>),
}

impl<'a> Container<'a> {
    /// Opens a file by its content; its suffix is not looked at. A `.keras` archive is its weights.
    pub(crate) fn open(source: Source<'a>) -> Result<Self, Error> {
        let path = match source {
            Source::File(path) => path,
            Source::Part { path, start, length } => return Self::open_part(path, start, length),
            Source::Memory { bytes, .. } if SafetensorsFile::recognises(bytes) => {
                return SafetensorsFile::open(source).map(Self::Safetensors);
            }
            Source::Memory { name, .. } => {
                return Err(Error::Unsupported {
                    path: name.to_owned(),
                    expected: "a safetensors file, the one kind that is read out of memory",
                    found: "bytes of another kind".to_owned(),
                });
            }
        };
        let mut file = match headstart_files::open(path) {
            Err(error) => return Err(foreign::model_folder(path).unwrap_or(error.into())),
            Ok(file) => file,
        };
        let mut start = Vec::new();
        let read = file.by_ref().take(16).read_to_end(&mut start);
        read.map_err(Error::io(path, "read it"))?;
        if SafetensorsFile::recognises(&start) {
            return SafetensorsFile::open(source).map(Self::Safetensors);
        }
        if KerasArchive::recognises(&start) {
            return Ok(Self::Hdf5(KerasArchive::open(path)?.into_weights()));
        }
        // The signature may also come after a user block, at 512, 1024, ...
        if hdf5::is_hdf5(path).map_err(Error::io(path, "read it"))? {
            return Hdf5File::open(path).map(Self::Hdf5);
        }
        Err(foreign::unknown(path, &file)?)
    }
}

impl<'a> Container<'a> {
    /// Opens a part of a file.
    fn open_part(path: &'a Path, start: u64, length: u64) -> Result<Self, Error> {
        let mut file = headstart_files::open(path)?;
        let mut beginning = Vec::new();
        let read = file
            .seek(SeekFrom::Start(start))
            .and_then(|_| file.by_ref().take(length.min(16)).read_to_end(&mut beginning));
        read.map_err(Error::io(path, "read it"))?;
        if SafetensorsFile::recognises(&beginning) {
            return SafetensorsFile::open(Source::Part { path, start, length }).map(Self::Safetensors);
        }
        if beginning.starts_with(HDF5_SIGNATURE) {
            return Hdf5File::from_source(path, Hdf5Source::part(file, start, length)).map(Self::Hdf5);
        }
        Err(Error::Unsupported {
            path: path.to_owned(),
            expected: "an HDF5 or a safetensors file within it, the kinds that are read there",
            found: "bytes of another kind".to_owned(),
        })
    }
}

impl Container<'_> {
    /// Tensors whose values were never written, of those that were read.
    pub(crate) fn unwritten(&self) -> Vec<String> {
        match self {
            Self::Hdf5(file) => file.unwritten_tensors(),
            Self::Safetensors(_) => Vec::new(),
        }
    }
}

/// The group that carries `layer_names`: the root, or `model_weights` in a file that holds a whole Keras 1 or 2
/// model. `None` if there is none.
pub(crate) fn keras_root(file: &Hdf5File) -> Result<Option<&'static str>, Error> {
    if file.names("", "layer_names")?.is_some() {
        return Ok(Some(""));
    }
    let whole_model = file.children("")?.groups.iter().any(|g| g == "model_weights");
    if whole_model && file.names("model_weights", "layer_names")?.is_some() {
        return Ok(Some("model_weights"));
    }
    Ok(None)
}

/// The layout of an HDF5 file; `None` if it follows none that is known.
pub(crate) fn detect_hdf5(file: &Hdf5File) -> Result<Option<Layout>, Error> {
    if keras_root(file)?.is_some() {
        return Ok(Some(Layout::Keras));
    }
    let groups = file.children("")?.groups;
    let has = |name: &str| groups.iter().any(|g| g == name);
    Ok(if has("layer_0") || file.attributes("")?.contains_key("nb_layers") {
        Some(Layout::LegacySequential)
    } else if has("layers") || has("_layer_checkpoint_dependencies") {
        Some(Layout::Keras3)
    } else {
        None
    })
}

/// The layout of a safetensors file; `None` if it is neither a model of ours nor has names of torchvision or timm.
pub(crate) fn detect_safetensors(file: &SafetensorsFile<'_>) -> Option<Layout> {
    if file.texts.get("format").is_some_and(|format| format == model_text::FORMAT) {
        return Some(Layout::Model);
    }
    // As a part of a larger model the names have a prefix, and the features alone are numbers.
    let is_torchvision = |name: &str| {
        let number = name.split('.').next().unwrap_or_default();
        name.starts_with("features.") || name.contains(".features.") || number.parse::<u16>().is_ok()
    };
    // timm has names of its own for each family, and batch normalizations, or a folded convolution, in all that are read.
    let is_timm = |name: &str| name.ends_with(".running_mean") || name.ends_with(".reparam_conv.weight");
    let is_known = |name: &str| is_torchvision(name) || is_timm(name);
    file.tensors().any(|tensor| is_known(&tensor.name)).then_some(Layout::Safetensors)
}

/// The error for a file of no known layout. It shows the names at the top of the file.
pub(crate) fn unknown_hdf5(file: &Hdf5File) -> Result<Error, Error> {
    let children = file.children("")?;
    let names: Vec<String> = children.groups.into_iter().chain(children.datasets).collect();
    let found = if names.is_empty() { "an empty file".to_owned() } else { list(&names, 6) };
    Ok(Error::UnknownLayout { path: file.path().to_owned(), found })
}
