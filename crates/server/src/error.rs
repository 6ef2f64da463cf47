//! Why a server can't start.

use std::io;
use std::net::SocketAddr;

use headstart::ErrorKind;

/// Why a server can't start or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing can listen there.
    #[error("cannot listen on {address}: {cause}")]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// The system's answer.
        cause: io::Error,
    },
    /// The system refused threads or timers.
    #[error("cannot start the server's threads: {reason}")]
    Threads {
        /// The system's answer.
        reason: String,
    },
    /// A setting can't be used.
    #[error("{setting}: {message}")]
    Setting {
        /// Its name, in snake case. The binary's flag has the same name.
        setting: &'static str,
        /// What was expected and what was found.
        message: String,
    },
}

impl Error {
    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Listen { .. } | Self::Threads { .. } => ErrorKind::Resources,
            Self::Setting { .. } => ErrorKind::Usage,
        }
    }

    pub(crate) fn threads(error: impl ToString) -> Self {
        Self::Threads { reason: error.to_string() }
    }
}
