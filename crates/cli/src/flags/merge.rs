//! The flags of `headstart merge`.

use std::path::PathBuf;

use clap::Args;

use super::limits::ImageLimits;

/// Merge the shards of a folder into one file of features
///
/// The result is the same, to the byte, as that of one run of extract over the whole folder. All shards must be there, of
/// the same folder and extracted in the same way.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  headstart extract data/train -o 0.npy --shard 0/2 --weights vgg16_weights.h5\n  \
                        headstart extract data/train -o 1.npy --shard 1/2 --weights vgg16_weights.h5\n  \
                        headstart merge 0.npy 1.npy -o bottleneck_features_train.npy"
)]
pub(crate) struct Merge {
    /// The .npy of each shard, in any order; a folder stands for every .npy in it but the output
    #[arg(required = true, value_name = "SHARD.npy")]
    pub(crate) shards: Vec<PathBuf>,

    /// The .npy to write; the manifest gets the same name with .jsonl
    #[arg(short, long, value_name = "FILE.npy")]
    pub(crate) output: PathBuf,

    /// End with exit code 0, not 3, if images were skipped: for schedulers that take any other code for a failure
    #[arg(long)]
    pub(crate) skipped_ok: bool,

    /// Replace an existing output
    #[arg(long)]
    pub(crate) fresh: bool,

    #[command(flatten)]
    pub(crate) limits: ImageLimits,
}
