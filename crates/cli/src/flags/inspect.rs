//! The flags of `headstart inspect`.

use std::path::PathBuf;

use clap::Args;

/// Show what is in a .npy, .h5 or .safetensors file
///
/// Prints shapes, types and attributes; for features also classes, statistics and how they were made; for weights also their
/// network, and the preset, size and resizing that extract takes for them without flags.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  headstart inspect bottleneck_features_train.npy")]
pub(crate) struct Inspect {
    /// The file
    pub(crate) file: PathBuf,
}
