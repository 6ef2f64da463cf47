//! The network of a model, and what its file may not say: flags of the commands that answer images.

use std::path::PathBuf;

use clap::Args;

use super::described::Described;
use super::head::HeadFlags;
use super::values::PrecisionName;

/// The network of a model, and what its file may not say.
#[derive(Debug, Args)]
pub(crate) struct ModelFlags {
    /// The network's weights: the file that the features were computed with. Default: those that the model holds, or else the
    /// same file where the variable HEADSTART_WEIGHTS says, beside the model, in the user's data folder
    /// (~/.local/share/headstart), or in this program
    #[arg(long, value_name = "FILE")]
    pub(crate) weights: Option<PathBuf>,

    /// How a GPU multiplies
    #[arg(long, value_enum, value_name = "NAME", default_value_t = PrecisionName::F32)]
    pub(crate) precision: PrecisionName,

    #[command(flatten)]
    pub(crate) described: Described,

    #[command(flatten)]
    pub(crate) head: HeadFlags,
}
