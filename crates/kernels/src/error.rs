//! What can be wrong with a call.

use crate::path::Path;

/// A shape that does not fit, or a path that this CPU does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A slice's length is not the product of its stated dimensions.
    #[error("{what}: expected {expected} values, found {found}")]
    Length {
        /// Which slice.
        what: String,
        /// The number of values that the shape asks for.
        expected: usize,
        /// The slice's length.
        found: usize,
    },
    /// Two layers, or a layer and its input, disagree about the number of channels.
    #[error("{what}: expected {expected} channels, found {found}")]
    Channels {
        /// Which layer.
        what: String,
        /// The channels that stand before it.
        expected: usize,
        /// The channels that it takes.
        found: usize,
    },
    /// A stack without a block, a block without a convolution, or a convolution without a channel.
    #[error("{0}: expected at least one, found none")]
    Empty(String),
    /// An image so small that a pooling would leave nothing of it.
    #[error("image of {height} x {width}: expected at least {smallest} x {smallest} for {blocks} poolings")]
    TooSmall {
        /// Height in pixels.
        height: usize,
        /// Width in pixels.
        width: usize,
        /// The smallest height and width.
        smallest: usize,
        /// How many poolings halve it.
        blocks: usize,
    },
    /// The forced path needs instructions that this CPU lacks.
    #[error("path {0}: this CPU does not have its instructions")]
    UnsupportedPath(Path),
    /// The system has no memory left.
    #[error("out of memory: asked for {values} values of 4 bytes")]
    Memory {
        /// How many.
        values: usize,
    },
    /// `HEADSTART_KERNELS` holds a word that names no path.
    #[error("HEADSTART_KERNELS={found}: expected one of auto, portable, avx2, avx512")]
    UnknownPath {
        /// The variable's value.
        found: String,
    },
}

impl Error {
    pub(crate) fn check_length(what: &str, expected: usize, found: usize) -> Result<(), Self> {
        if expected == found { Ok(()) } else { Err(Self::Length { what: what.to_owned(), expected, found }) }
    }
}
