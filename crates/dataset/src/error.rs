//! What can go wrong, for a whole folder and for one image.

use std::io;
use std::path::PathBuf;

use thiserror::Error as ThisError;

use crate::{Limit, Preset};

/// Why a folder can't be used as a dataset, or a setting can't be used at all.
///
/// A single unreadable image is never an `Error`: it is listed as skipped, with its [`DecodeError`] as reason.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum Error {
    /// The data folder does not exist or can't be looked at.
    #[error("{}: can't open the data folder: {source}; it must hold one sub-folder per class", path.display())]
    Root {
        /// The folder that was asked for.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The data folder is a file.
    #[error("{}: expected a folder with one sub-folder per class, found a file", path.display())]
    NotAFolder {
        /// The path that was asked for.
        path: PathBuf,
    },
    /// A folder below the data folder can't be read.
    #[error("{}: can't list the folder: {source}", path.display())]
    Walk {
        /// The entry that can't be read.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A followed link leads to a folder that contains it.
    #[error(
        "{}: the link leads back to {}, which contains it; remove it or scan without following links",
        path.display(), ancestor.display()
    )]
    LinkLoop {
        /// The link.
        path: PathBuf,
        /// The folder it leads to.
        ancestor: PathBuf,
    },
    /// A file or folder name is not UTF-8, so that no manifest could carry it.
    #[error("{}: the name is not valid UTF-8, shown here with replacements; rename it", path.display())]
    NotUtf8 {
        /// The entry.
        path: PathBuf,
    },
    /// The data folder has no sub-folder.
    #[error(
        "{}: expected one sub-folder per class, found none ({loose_files} files lie directly in the folder); \
         put the images of each class into a sub-folder named after it", path.display()
    )]
    NoClasses {
        /// The data folder.
        path: PathBuf,
        /// Number of files that lie directly in it.
        loose_files: usize,
    },
    /// The data folder has a single sub-folder.
    #[error(
        "{}: expected at least two class folders, found only {class:?}; a classifier needs two classes, \
         so check that this is the folder above the class folders", path.display()
    )]
    OneClass {
        /// The data folder.
        path: PathBuf,
        /// Name of its only class.
        class: String,
    },
    /// There are class folders, but no image in any.
    #[error(
        "{}: found {classes} class folders and no image in them ({left_out} other entries were left out); \
         images end in {}", path.display(), crate::EXTENSIONS.join(", ")
    )]
    NoImages {
        /// The data folder.
        path: PathBuf,
        /// Number of class folders.
        classes: usize,
        /// Number of files, folders and links that were passed over.
        left_out: usize,
    },
    /// A preprocessing setting is out of range.
    #[error("preprocessing {field}: expected {expected}, found {found}")]
    Preprocessing {
        /// The setting.
        field: &'static str,
        /// What it must be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// A preset name that is not known.
    #[error("unknown preset {found:?}: expected one of {}", Preset::ALL.map(|preset| preset.to_string()).join(", "))]
    UnknownPreset {
        /// The name that was given.
        found: String,
    },
    /// An interpolation name that is not known.
    #[error("unknown interpolation {found:?}: expected one of nearest, bilinear, bicubic, lanczos")]
    UnknownInterpolation {
        /// The name that was given.
        found: String,
    },
    /// A batch of no image.
    #[error("batch size: expected at least 1, found 0")]
    BatchSize,
    /// The threads that decode can't be started.
    #[error("can't start the decoding threads: {reason}")]
    Threads {
        /// What the system said.
        reason: String,
    },
}

impl Error {
    /// Whether the folder's content is at fault, so that trying again can't help.
    ///
    /// False where the operating system refused, and where a setting is out of range.
    #[must_use]
    pub fn is_bad_data(&self) -> bool {
        matches!(
            self,
            Self::NotAFolder { .. }
                | Self::LinkLoop { .. }
                | Self::NotUtf8 { .. }
                | Self::NoClasses { .. }
                | Self::OneClass { .. }
                | Self::NoImages { .. }
        )
    }
}

/// Why one image can't be turned into pixels. The message does not name the file; who has a path adds it.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum DecodeError {
    /// The file can't be read.
    #[error("can't read the file: {0}")]
    Read(#[from] io::Error),
    /// The path is a folder, a pipe, or another thing that is no file.
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
    /// The content is no image, or one of a format that is not read here.
    #[error("expected a PNG, JPEG, BMP, PNM, TIFF or WebP image, found {found}")]
    UnknownFormat {
        /// The format that was recognised, or the first bytes.
        found: String,
    },
    /// The format is read here, but not this variant of it.
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
        /// What the decoder said.
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
    /// The decoder panicked on this content. It is a bug of the decoder, contained here.
    #[error("the decoder failed on this image: {message}")]
    Panicked {
        /// The panic's message.
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

impl DecodeError {
    /// The limit that refused the image; `None` where no other [`Limits`](crate::Limits) would let it through.
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
