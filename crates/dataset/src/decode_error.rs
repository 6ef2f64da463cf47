//! Why one image can't be read.

use std::io;

use headstart_files::ErrorKind;
use serde::{Deserialize, Serialize};

use crate::error::kind_of_io;
use crate::format::any_name;

/// Why one image can't be turned into pixels. The message does not name the file; a caller that has a path adds it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The file can't be read.
    #[error("can't read the file: {0}")]
    Read(io::Error),
    /// The scan could not take it: a folder that can't be listed, or a name that is not UTF-8.
    #[error("{reason}")]
    Unlisted {
        /// Why not.
        reason: String,
    },
    /// The path is a folder, a pipe or a device.
    #[error("expected a file, found a folder or a special file")]
    NotAFile,
    /// The file has no content.
    #[error("the file is empty")]
    Empty,
    /// The file alone is larger than the memory an image may take.
    #[error("the file has {bytes} bytes, more than the limit of {limit}")]
    FileTooLarge {
        /// Size of the file in bytes.
        bytes: u64,
        /// [`Limits::max_bytes_of_memory`](crate::Limits::max_bytes_of_memory).
        limit: u64,
    },
    /// The content is no image, or an image of a format that is not supported.
    #[error("expected a {} image, found {found}", any_name())]
    UnknownFormat {
        /// What the content is, and what to do with it: "HEIC, which is not read: convert it to JPEG".
        found: String,
    },
    /// The format is supported, but not this variant of it.
    #[error("{format}: found {found}, which is not supported; convert the image to 8-bit RGB PNG")]
    Unsupported {
        /// Name of the file format.
        format: &'static str,
        /// The variant that was found.
        found: String,
    },
    /// The content breaks the rules of its format.
    #[error("{format}: the image is corrupt: {reason}")]
    Corrupt {
        /// Name of the file format.
        format: &'static str,
        /// Which rule, or what about the content is wrong.
        reason: String,
    },
    /// The content ends too early.
    #[error("{format}: the image is truncated: {reason}")]
    Truncated {
        /// Name of the file format.
        format: &'static str,
        /// What is missing.
        reason: String,
    },
    /// More pixels than the limits allow.
    #[error("the image is {width} x {height}, more than the limit of {limit} pixels")]
    TooManyPixels {
        /// Width in pixels.
        width: u64,
        /// Height in pixels.
        height: u64,
        /// [`Limits::max_pixels`](crate::Limits::max_pixels).
        limit: u64,
    },
    /// A longer side than the limits allow.
    #[error("the image is {width} x {height}, with a side longer than the limit of {limit} pixels")]
    TooLong {
        /// Width in pixels.
        width: u64,
        /// Height in pixels.
        height: u64,
        /// [`Limits::max_side`](crate::Limits::max_side).
        limit: u64,
    },
    /// Decoding would take more memory than the limits allow.
    #[error("decoding needs more than the limit of {limit} bytes of memory")]
    TooMuchMemory {
        /// [`Limits::max_bytes_of_memory`](crate::Limits::max_bytes_of_memory).
        limit: u64,
    },
    /// The decoder panicked on this content: a bug of the decoder, which does not end the run.
    #[error("the decoder failed on this image; open it in another program and save it as PNG")]
    Panicked {
        /// The panic's message, which is for the developers of the decoder.
        message: String,
    },
    /// The image can't be brought to the wanted size.
    #[error("can't resize: {reason}")]
    Resize {
        /// The sizes, and what is wrong with them.
        reason: String,
    },
    /// The slice for the result has the wrong length.
    #[error("the output slice must hold 3 x height x width = {expected} values, found {found}")]
    OutputLength {
        /// Values that the preprocessing makes.
        expected: usize,
        /// Length of the slice.
        found: usize,
    },
}

/// One of the [`Limits`](crate::Limits): the one that an image exceeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Limit {
    /// [`Limits::max_pixels`](crate::Limits::max_pixels).
    Pixels,
    /// [`Limits::max_side`](crate::Limits::max_side).
    Side,
    /// [`Limits::max_bytes_of_memory`](crate::Limits::max_bytes_of_memory).
    Memory,
}

impl DecodeError {
    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Read(cause) => kind_of_io(cause),
            Self::NotAFile | Self::Unlisted { .. } => ErrorKind::Resources,
            Self::Empty
            | Self::FileTooLarge { .. }
            | Self::UnknownFormat { .. }
            | Self::Unsupported { .. }
            | Self::Corrupt { .. }
            | Self::Truncated { .. }
            | Self::TooManyPixels { .. }
            | Self::TooLong { .. }
            | Self::TooMuchMemory { .. } => ErrorKind::BadData,
            Self::Resize { .. } | Self::OutputLength { .. } => ErrorKind::Usage,
            Self::Panicked { .. } => ErrorKind::Internal,
        }
    }

    /// The limit that refused the image; `None` if other [`Limits`](crate::Limits) would not admit it either.
    #[must_use]
    pub fn limit(&self) -> Option<Limit> {
        match self {
            Self::TooManyPixels { .. } => Some(Limit::Pixels),
            Self::TooLong { .. } => Some(Limit::Side),
            Self::FileTooLarge { .. } | Self::TooMuchMemory { .. } => Some(Limit::Memory),
            _ => None,
        }
    }
}

impl From<headstart_files::Error> for DecodeError {
    fn from(error: headstart_files::Error) -> Self {
        match error {
            headstart_files::Error::NotAFile { .. } => Self::NotAFile,
            headstart_files::Error::Io { cause, .. } => Self::Read(cause),
            // Opening a file fails in no other way.
            other => Self::Read(io::Error::other(other.to_string())),
        }
    }
}
