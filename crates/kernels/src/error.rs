//! What can be wrong with a call.

use headstart_files::ErrorKind;

use crate::path::Path;

/// A shape that does not fit, a path that this CPU can't run, or too little memory.
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
        /// The channels of the layer before it, or of the images.
        expected: usize,
        /// The channels of its own input.
        found: usize,
    },
    /// A stack without a block, a block without a convolution, or a convolution without a channel.
    #[error("{0}: expected at least one, found none")]
    Empty(String),
    /// An image that is too small: a pooling would leave nothing of it.
    #[error("image of {height} x {width}: expected at least {smallest} x {smallest} for {blocks} poolings")]
    TooSmall {
        /// Height in pixels.
        height: usize,
        /// Width in pixels.
        width: usize,
        /// The smallest height and width.
        smallest: usize,
        /// The number of poolings, each of which halves it.
        blocks: usize,
    },
    /// Groups that do not divide the channels of a convolution.
    #[error("{what}: expected a number of groups that divides {} and {} channels, found {groups}", .channels[0], .channels[1])]
    Groups {
        /// Which convolution.
        what: String,
        /// The number of groups.
        groups: usize,
        /// Channels of its input and of its output.
        channels: [usize; 2],
    },
    /// A window without a pixel, one that does not move, or padding as large as a window of a pooling.
    #[error("{what}: expected a window of at least one pixel that moves and is larger than its padding")]
    Window {
        /// Which operation.
        what: String,
    },
    /// Maps that are too small for the next operation's window.
    #[error("{what}: its window does not fit on maps of {height} x {width}; larger images are needed")]
    TooSmallFor {
        /// Which operation.
        what: String,
        /// Height of its input in pixels.
        height: usize,
        /// Width of its input in pixels.
        width: usize,
    },
    /// Maps of different sizes that are added, concatenated or multiplied.
    #[error("{what}: expected maps of {} x {}, found {} x {}", .expected[0], .expected[1], .found[0], .found[1])]
    Sizes {
        /// Which operation.
        what: String,
        /// Height and width of the first maps.
        expected: [usize; 2],
        /// Those of the others.
        found: [usize; 2],
    },
    /// The path needs instructions that this CPU does not have.
    #[error("path {0}: this CPU does not have its instructions; choose another path, or auto")]
    UnsupportedPath(Path),
    /// The system has too little memory.
    #[error("out of memory: asked for {values} values of 4 bytes")]
    Memory {
        /// The number of values.
        values: usize,
    },
    /// `HEADSTART_KERNELS` is not the name of a path.
    #[error("HEADSTART_KERNELS={found}: expected one of auto, portable, avx2, avx512")]
    UnknownPath {
        /// The variable's value.
        found: String,
    },
}

impl Error {
    /// What kind of failure it is: [`ErrorKind::Resources`] for memory, otherwise [`ErrorKind::Usage`].
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Memory { .. } => ErrorKind::Resources,
            Self::Length { .. }
            | Self::Channels { .. }
            | Self::Empty(_)
            | Self::TooSmall { .. }
            | Self::Groups { .. }
            | Self::Window { .. }
            | Self::TooSmallFor { .. }
            | Self::Sizes { .. }
            | Self::UnsupportedPath(_)
            | Self::UnknownPath { .. } => ErrorKind::Usage,
        }
    }

    pub(crate) fn check_length(what: &str, expected: usize, found: usize) -> Result<(), Self> {
        if expected == found { Ok(()) } else { Err(Self::Length { what: what.to_owned(), expected, found }) }
    }
}
