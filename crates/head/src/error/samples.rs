//! Why rows could not be read.

use headstart_files::ErrorKind;

/// The failure of a source of rows ([`Samples`](crate::Samples)): the message of the source's own error, and its kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SamplesError {
    kind: ErrorKind,
    message: String,
}

impl SamplesError {
    /// From the source's own error: `SamplesError::new(error.kind(), error)`.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl ToString) -> Self {
        Self { kind, message: message.to_string() }
    }

    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl From<headstart_files::Error> for SamplesError {
    fn from(error: headstart_files::Error) -> Self {
        Self::new(error.kind(), error)
    }
}
