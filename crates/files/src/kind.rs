//! What kind of failure an error is, for programs that must react to it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why something failed, as far as a program cares: it chooses the exit code, the HTTP status, the exception.
///
/// Every error type of the workspace has a method `kind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// The caller asked for something that can't be done: a setting out of range, settings that exclude each other.
    Usage,
    /// A file or a folder holds something else than it must. Trying again with the same input can't help.
    BadData,
    /// A file or a folder is not there.
    Missing,
    /// The system refused: space, memory, permissions, a device, a lock, a name that is taken.
    Resources,
    /// Somebody asked for the work to end.
    Interrupted,
    /// A bug, or a failure of a library that should not happen.
    Internal,
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Usage => "usage",
            Self::BadData => "bad data",
            Self::Missing => "missing",
            Self::Resources => "resources",
            Self::Interrupted => "interrupted",
            Self::Internal => "internal",
        })
    }
}
