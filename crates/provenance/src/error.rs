//! What can be wrong with a setting.

use headstart_files::ErrorKind;

use crate::{Interpolation, Pooling, Preset};

/// Why a setting can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A preprocessing setting is out of range.
    #[error("preprocessing {field}: expected {expected}, found {found}")]
    Setting {
        /// The setting.
        field: &'static str,
        /// What it must be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// A preset name that is not known.
    #[error("unknown preset {found:?}: expected one of {}", Preset::ALL.map(Preset::name).join(", "))]
    UnknownPreset {
        /// The name that was given.
        found: String,
    },
    /// An interpolation name that is not known.
    #[error(
        "unknown interpolation {found:?}: expected one of {}", Interpolation::ALL.map(Interpolation::name).join(", ")
    )]
    UnknownInterpolation {
        /// The name that was given.
        found: String,
    },
    /// A pooling name that is not known.
    #[error("unknown pooling {found:?}: expected one of {}", Pooling::ALL.map(Pooling::name).join(", "))]
    UnknownPooling {
        /// The name that was given.
        found: String,
    },
}

impl Error {
    /// What kind of failure it is: always [`ErrorKind::Usage`].
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::Usage
    }
}
