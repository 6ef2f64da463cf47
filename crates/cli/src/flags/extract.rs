//! The flags of `headstart extract`.

use std::path::PathBuf;

use clap::Args;
use headstart::ShardChoice;

use super::limits::ImageLimits;
use super::network::NetworkFlags;
use super::values::at_least_one;

/// Run the backbone over a folder of images and store the bottleneck features
///
/// IMAGES has one sub-folder per class. Classes are numbered in sorted order. The features are written as a .npy
/// that numpy opens, N x C x h x w, or N x C if they are pooled, with a manifest (.jsonl) beside it that says which image each row is.
///
/// Nothing is computed twice. After an interruption, the same command continues where it stopped. On a folder that
/// changed, it computes only the images whose content is new. The result is the same as that of a fresh run.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  headstart extract data/train -o train.npy --backbone efficientnet_lite2\n  \
                        headstart extract data/train -o train.npy --weights vgg16_weights.h5\n\n\
                        docs/limits.md lists the limits for weights and features."
)]
pub(crate) struct Extract {
    /// Folder with one sub-folder per class
    pub(crate) images: PathBuf,

    /// The .npy to write; the manifest gets the same name with .jsonl
    #[arg(short, long, value_name = "FILE.npy")]
    pub(crate) output: PathBuf,

    #[command(flatten)]
    pub(crate) network: NetworkFlags,

    /// Take the input of the blog post's script for any file of a VGG network: the preset blog at 150x150, unless a file beside
    /// the weights states another. Without it that is so for files of the script's own layout (layer_k/param_p)
    #[arg(long, conflicts_with = "preset")]
    pub(crate) script: bool,

    /// Images per batch. More take more memory. Default: 32 for VGG networks, 16 for all others, and as many as
    /// keep it busy on a GPU
    #[arg(long, value_name = "N", value_parser = at_least_one::<usize>)]
    pub(crate) batch_size: Option<usize>,

    /// Follow symbolic links in IMAGES
    #[arg(long)]
    pub(crate) follow_links: bool,

    /// Extract one of N shards of the folder, to merge later; I is 0 to N-1. auto takes I and N from a SLURM array
    /// (SLURM_ARRAY_TASK_ID, _MIN, _COUNT). auto/N takes I from there, or from a Kubernetes job (JOB_COMPLETION_INDEX)
    #[arg(long, value_name = "I/N", num_args = 0..=1, default_missing_value = "auto")]
    pub(crate) shard: Option<ShardChoice>,

    /// Stop at the first image that can't be read, instead of skipping it
    #[arg(long)]
    pub(crate) strict: bool,

    /// End with exit code 0, not 3, if images were skipped: for schedulers that take any other code for a failure
    #[arg(long, conflicts_with = "strict")]
    pub(crate) skipped_ok: bool,

    /// Start over: replace an existing output, and use none of its rows
    #[arg(long)]
    pub(crate) fresh: bool,

    #[command(flatten)]
    pub(crate) limits: ImageLimits,
}
