//! What can be wrong with a network or a call.

use std::path::PathBuf;

use headstart_files::ErrorKind;
use headstart_weights::Parameter;

use crate::architecture::names;
use crate::{Architecture, Precision};

/// Why a network could not be found, built or run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The weights file can't be read, or does not fit the network.
    #[error(transparent)]
    Weights(#[from] headstart_weights::Error),
    /// A name that no network has.
    #[error("backbone {found}: expected one of {}", names(&Architecture::all().collect::<Vec<_>>()))]
    UnknownArchitecture {
        /// The name.
        found: String,
    },
    /// A file whose parameters fit no network.
    #[error("{}: expected the parameters of one of {known}, found {found}", .path.display())]
    NoNetwork {
        /// The file.
        path: PathBuf,
        /// The names of the networks.
        known: String,
        /// What the file holds.
        found: String,
    },
    /// A file whose parameters fit more than one network.
    #[error(
        "{}: expected the parameters of one network, found parameters that fit each of {found}; say which one it is",
        .path.display()
    )]
    SeveralNetworks {
        /// The file.
        path: PathBuf,
        /// The names of the networks.
        found: String,
    },
    /// A file with the parameters of another network than the one that was asked for.
    #[error("{}: expected the weights of {expected}, found those of {found}", .path.display())]
    OtherNetwork {
        /// The file.
        path: PathBuf,
        /// The network that was asked for.
        expected: Architecture,
        /// The network that the file fits.
        found: Architecture,
    },
    /// A network of another family than the one that was asked for.
    #[error("expected a VGG, found {architecture}")]
    NotVgg {
        /// The network.
        architecture: Architecture,
    },
    /// A network that is more than a list of layers.
    #[error("{architecture}: is no list of convolutions and the like, which other programs could compute")]
    NoLayers {
        /// The network.
        architecture: Architecture,
    },
    /// The number of layers handed in is not the network's.
    #[error("{architecture}: expected the parameters of {expected} layers, found {found}")]
    LayerCount {
        /// The network.
        architecture: Architecture,
        /// Number of layers that it has.
        expected: usize,
        /// Number of layers handed in.
        found: usize,
    },
    /// A parameter handed in is absent or has the wrong shape.
    #[error(
        "{layer}: expected a {parameter} of shape {expected:?}, found {}",
        .found.as_ref().map_or("none".to_owned(), |found| format!("{found:?}"))
    )]
    ParameterShape {
        /// The layer's name.
        layer: String,
        /// Which of its parameters.
        parameter: Parameter,
        /// The network's shape.
        expected: Vec<usize>,
        /// The shape handed in, if there is one.
        found: Option<Vec<usize>>,
    },
    /// A batch that is not `N x 3 x H x W` of f32.
    #[error("images: expected f32 of shape N x 3 x H x W, found {dtype} of shape {shape:?}")]
    Images {
        /// The tensor's element type.
        dtype: &'static str,
        /// The tensor's shape.
        shape: Vec<usize>,
    },
    /// A slice for features that is not as long as the features.
    #[error("features: expected room for {expected} values, found room for {found}")]
    Features {
        /// Values of the features.
        expected: usize,
        /// Length of the slice.
        found: usize,
    },
    /// Images that are too small for the network.
    #[error(
        "images of {height} x {width}: expected at least {smallest} x {smallest}, the smallest that {architecture} takes"
    )]
    TooSmall {
        /// The network.
        architecture: Architecture,
        /// Height in pixels.
        height: usize,
        /// Width in pixels.
        width: usize,
        /// The smallest height and width.
        smallest: usize,
    },
    /// The kernels refused a shape or a forced path.
    #[error(transparent)]
    Kernels(#[from] headstart_kernels::Error),
    /// A precision that only an NVIDIA GPU has.
    #[error("{precision} needs an NVIDIA GPU; the CPU computes in f32")]
    Precision {
        /// The precision.
        precision: Precision,
    },
    /// A batch for which a GPU has too little memory.
    #[error(
        "{images} images of {height} x {width} at a time: the GPU has too little free memory ({:.1} of {:.1} GB are left)",
        *.free as f64 / 1e9, *.total as f64 / 1e9
    )]
    GpuMemory {
        /// Images that were computed at once.
        images: usize,
        /// Height in pixels.
        height: usize,
        /// Width in pixels.
        width: usize,
        /// Bytes that are free.
        free: usize,
        /// Bytes of all memory.
        total: usize,
    },
    /// candle failed: memory, or a device.
    #[error("candle: {0}")]
    Candle(candle_core::Error),
}

impl From<candle_core::Error> for Error {
    fn from(error: candle_core::Error) -> Self {
        Self::Candle(error)
    }
}

impl Error {
    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Weights(error) => error.kind(),
            Self::Kernels(headstart_kernels::Error::Memory { .. })
            | Self::GpuMemory { .. }
            | Self::Candle(_) => ErrorKind::Resources,
            Self::UnknownArchitecture { .. }
            | Self::SeveralNetworks { .. }
            | Self::NoLayers { .. }
            | Self::TooSmall { .. }
            | Self::Precision { .. }
            | Self::Kernels(_) => ErrorKind::Usage,
            Self::NoNetwork { .. } | Self::OtherNetwork { .. } => ErrorKind::BadData,
            Self::NotVgg { .. }
            | Self::LayerCount { .. }
            | Self::ParameterShape { .. }
            | Self::Images { .. }
            | Self::Features { .. } => ErrorKind::Internal,
        }
    }
}
