//! What can go wrong with a file, whatever is in it.

use std::io;
use std::path::{Path, PathBuf};

use crate::ErrorKind;

/// Why a file could not be opened or written. The message names the file and states the cause.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused: a missing file, a full disk, a folder that can't be written.
    #[error("{}: cannot {action}: {cause}", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried, as a verb phrase: "open it for reading".
        action: &'static str,
        /// The system's answer.
        cause: io::Error,
    },
    /// A path that must be a regular file is something else.
    #[error("{}: expected a file, found a folder or a special file", .path.display())]
    NotAFile {
        /// The path as given.
        path: PathBuf,
    },
    /// A link stands where a file is to be written. It is neither replaced nor followed.
    #[error(
        "{}: expected a file or a free name, found a link{}; give the path that it leads to, or remove the link",
        .path.display(), .target.as_deref().map(|target| format!(" to {}", target.display())).unwrap_or_default()
    )]
    Link {
        /// The path as given.
        path: PathBuf,
        /// Where the link leads, if the system says.
        target: Option<PathBuf>,
    },
    /// The name is taken, and the file there was not to be replaced.
    #[error("{}: already exists; choose another name, or ask for it to be replaced", .path.display())]
    Exists {
        /// The file that is in the way.
        path: PathBuf,
    },
}

impl Error {
    /// An error of the system, with what was tried: `map_err(Error::io(path, "read it"))`.
    pub fn io(path: impl Into<PathBuf>, action: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |cause| Self::Io { path, action, cause }
    }

    /// The file or folder that it is about.
    #[must_use]
    pub fn path(&self) -> &Path {
        let (Self::Io { path, .. }
        | Self::NotAFile { path }
        | Self::Link { path, .. }
        | Self::Exists { path }) = self;
        path
    }

    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Io { cause, .. } if cause.kind() == io::ErrorKind::NotFound => ErrorKind::Missing,
            _ => ErrorKind::Resources,
        }
    }
}
