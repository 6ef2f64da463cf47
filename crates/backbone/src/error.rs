//! What can be wrong with a network or a call.

use crate::architecture::{Architecture, SMALLEST_IMAGE};

/// Why a network could not be built or run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The weights file could not be read, or does not fit the network.
    #[error(transparent)]
    Weights(#[from] headstart_weights::Error),
    /// The number of convolutions handed in is not the network's.
    #[error("{architecture}: expected the parameters of {expected} convolutions, found {found}")]
    ParameterCount {
        /// The network.
        architecture: Architecture,
        /// How many convolutions it has.
        expected: usize,
        /// How many were handed in.
        found: usize,
    },
    /// A kernel or bias has another shape than the network's.
    #[error("{layer}: expected a {what} of shape {expected:?}, found {found:?}")]
    ParameterShape {
        /// The layer's Keras name.
        layer: String,
        /// `kernel` or `bias`.
        what: &'static str,
        /// The network's shape.
        expected: Vec<usize>,
        /// The shape handed in.
        found: Vec<usize>,
    },
    /// A batch that is not `N x 3 x H x W` of f32.
    #[error("images: expected f32 of shape N x 3 x H x W, found {dtype} of shape {shape:?}")]
    Images {
        /// The tensor's element type.
        dtype: &'static str,
        /// The tensor's shape.
        shape: Vec<usize>,
    },
    /// Images that five poolings would reduce to nothing.
    #[error(
        "images of {height} x {width}: expected at least {SMALLEST_IMAGE} x {SMALLEST_IMAGE}, for five \
         poolings halve them"
    )]
    TooSmall {
        /// Height in pixels.
        height: usize,
        /// Width in pixels.
        width: usize,
    },
    /// A name that is none of the networks'.
    #[error("backbone {found}: expected one of vgg11, vgg13, vgg16, vgg19")]
    UnknownArchitecture {
        /// The name.
        found: String,
    },
    /// The kernels refused a shape or a forced path.
    #[error(transparent)]
    Kernels(#[from] headstart_kernels::Error),
    /// candle failed: memory, or a device.
    #[error("candle: {0}")]
    Candle(#[from] candle_core::Error),
}
