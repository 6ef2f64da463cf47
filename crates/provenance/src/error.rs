//! What can be wrong with a setting, or with a configuration that states it.

use headstart_files::ErrorKind;

use crate::{Interpolation, Pooling, Preset};

/// Why a setting or a configuration can't be used.
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
    /// A configuration is no JSON.
    #[error("expected a configuration in JSON, found something else: {reason}")]
    NoJson {
        /// What its reader says.
        reason: String,
    },
    /// A value of a configuration is missing, or is none that it can have.
    #[error("{key}: expected {expected}, found {found}")]
    Config {
        /// The key, with those of the objects that it is in.
        key: String,
        /// What it must be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// A configuration asks for something that headstart does not do.
    #[error("{key} is {found}, which is not supported: expected {expected}")]
    UnsupportedConfig {
        /// The key, with those of the objects that it is in.
        key: String,
        /// What is supported.
        expected: String,
        /// What it is.
        found: String,
    },
}

impl Error {
    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Setting { .. }
            | Self::UnknownPreset { .. }
            | Self::UnknownInterpolation { .. }
            | Self::UnknownPooling { .. } => ErrorKind::Usage,
            Self::NoJson { .. } | Self::Config { .. } | Self::UnsupportedConfig { .. } => ErrorKind::BadData,
        }
    }
}
