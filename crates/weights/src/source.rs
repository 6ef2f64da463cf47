//! Where the bytes of a file of parameters are.

use std::path::{Path, PathBuf};

/// A file of parameters: on the disk, or in memory.
///
/// A path is a source, so functions that take one can be given a path.
///
/// ```
/// use headstart_weights::{Format, Source, describe};
///
/// let header = br#"{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
/// let bytes = [&(header.len() as u64).to_le_bytes()[..], header, &1.5_f32.to_le_bytes()].concat();
/// let source = Source::Memory { name: "tiny.safetensors".as_ref(), bytes: &bytes };
/// let description = describe(source)?;
/// assert_eq!((description.format, description.parameters), (Format::Safetensors, 1));
/// # Ok::<(), headstart_weights::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// A file of any format that is read.
    File(&'a Path),
    /// A part of a file that is itself a file of HDF5 or safetensors, such as the weights within a model.
    Part {
        /// The file around it.
        path: &'a Path,
        /// Where it starts, in bytes.
        start: u64,
        /// How many bytes it has. They must all be there.
        length: u64,
    },
    /// A safetensors file whose bytes are at hand, such as one that is part of the program. They are read where they lie.
    Memory {
        /// What errors call it.
        name: &'a Path,
        /// All of it.
        bytes: &'a [u8],
    },
}

impl<'a> Source<'a> {
    /// The file's path, or what errors call the bytes.
    #[must_use]
    pub fn path(self) -> &'a Path {
        match self {
            Self::File(path) | Self::Part { path, .. } => path,
            Self::Memory { name, .. } => name,
        }
    }
}

impl<'a> From<&'a Path> for Source<'a> {
    fn from(path: &'a Path) -> Self {
        Self::File(path)
    }
}

impl<'a> From<&'a PathBuf> for Source<'a> {
    fn from(path: &'a PathBuf) -> Self {
        Self::File(path)
    }
}
