//! The commands from images to features.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use headstart_backbone::Architecture;
use headstart_dataset::{Interpolation, Preset};
use headstart_weights::KernelConvention;

use super::at_least_one;
use crate::limits::ImageLimits;
use crate::shard::ShardChoice;

/// Look for what is wrong with folders of images, before a run; changes nothing
///
/// Tells which images an extraction would skip, and what would hurt the result: images that stand in both folders or
/// under two labels, classes that differ, are empty or out of balance. Changes nothing, and takes seconds: headers and
/// the structure of each file are read, and pixels decoded only where these leave a doubt.
#[derive(Debug, Args)]
#[command(after_help = "\
Severities:
  error    extraction would skip the image, or the folder can't be used
  warning  it would hurt the result: the same image in both folders or under
           two labels; classes that differ, are empty, or nearly share a
           name; fewer than 10 images in a class to train on; a largest class
           of more than 10 times the smallest; images left out by extension
  note     good to know: a largest class of more than 3 times the smallest,
           copies within a class, files left out, colours, sizes

Exit codes:
  0  nothing worse than notes
  1  failed
  2  usage
  3  warnings, or images that would be skipped
  4  a folder can't be used as a dataset

Example:
  headstart doctor data/train data/validation")]
pub(crate) struct Doctor {
    /// Folder with one sub-folder per class
    pub(crate) images: PathBuf,

    /// The folder to validate on, compared with IMAGES
    pub(crate) validation: Option<PathBuf>,

    /// Decode every pixel, as an extraction does, to find damage that the structure does not show
    #[arg(long)]
    pub(crate) decode: bool,

    /// Follow symbolic links in the folders
    #[arg(long)]
    pub(crate) follow_links: bool,

    #[command(flatten)]
    pub(crate) limits: ImageLimits,
}

/// Run the backbone over a folder of images and store the bottleneck features
///
/// IMAGES holds one sub-folder per class; classes are numbered in sorted order. The features are written as a .npy
/// that numpy opens, N x 512 x h x w, with a manifest (.jsonl) beside it that says which image each row is.
///
/// What was computed is never computed again: run it again after an interruption, and it goes on where it was; run it on
/// a folder that changed, and only images of new content are computed. The result is the same as a fresh run's.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  headstart extract data/train -o bottleneck_features_train.npy \
                        --weights data/weights/vgg16_weights.h5\n\n\
                        What limits there are for weights and features, too: README.md, Limits")]
pub(crate) struct Extract {
    /// Folder with one sub-folder per class
    pub(crate) images: PathBuf,

    /// The .npy to write; its manifest takes the same name with .jsonl
    #[arg(short, long, value_name = "FILE.npy")]
    pub(crate) output: PathBuf,

    /// Pretrained weights: Keras .h5 (legacy layer_k/param_p, or Keras 1 to 3), or torchvision .safetensors
    #[arg(long, value_name = "FILE")]
    pub(crate) weights: PathBuf,

    /// The network that the weights are of: vgg11, vgg13, vgg16 or vgg19
    #[arg(long, value_name = "NAME", default_value = "vgg16")]
    pub(crate) backbone: Architecture,

    /// How pixels become the network's input: blog repeats the script, caffe is what the shipped weights were
    /// trained for, torchvision is for torchvision's weights
    #[arg(long, value_name = "NAME", default_value = "blog")]
    pub(crate) preset: Preset,

    /// Height x width that images are resized to, at least 32 x 32
    #[arg(long, value_name = "HxW", default_value = "150x150")]
    pub(crate) size: Size,

    /// nearest, bilinear, bicubic or lanczos; the preset's own where it is left out
    #[arg(long, value_name = "NAME")]
    pub(crate) interpolation: Option<Interpolation>,

    /// Images per batch
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = at_least_one)]
    pub(crate) batch_size: usize,

    /// Whether the file's kernels must be flipped: auto flips legacy files, which were written for Theano
    #[arg(long, value_enum, value_name = "WHICH", default_value_t = Kernels::Auto)]
    pub(crate) kernels: Kernels,

    /// Follow symbolic links in IMAGES
    #[arg(long)]
    pub(crate) follow_links: bool,

    /// Extract one of N shards of the folder, I from 0 to N-1, to be merged later; auto takes both from a SLURM array
    /// (SLURM_ARRAY_TASK_ID, _MIN, _COUNT), auto/N the index from a Kubernetes job too (JOB_COMPLETION_INDEX)
    #[arg(long, value_name = "I/N", num_args = 0..=1, default_missing_value = "auto")]
    pub(crate) shard: Option<ShardChoice>,

    /// Stop at the first image that can't be read, instead of skipping it
    #[arg(long)]
    pub(crate) strict: bool,

    /// Start over: replace what stands at the output, and use no row of it
    #[arg(long)]
    pub(crate) fresh: bool,

    #[command(flatten)]
    pub(crate) limits: ImageLimits,
}

/// Put the shards of a folder together
///
/// The result is what one run of extract over the whole folder writes, to the byte. All shards must be there, of the same
/// folder and extracted in the same way.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  headstart extract data/train -o 0.npy --shard 0/2 --weights vgg16_weights.h5\n  \
                        headstart extract data/train -o 1.npy --shard 1/2 --weights vgg16_weights.h5\n  \
                        headstart merge 0.npy 1.npy -o bottleneck_features_train.npy"
)]
pub(crate) struct Merge {
    /// The .npy of each shard, in any order
    #[arg(required = true, value_name = "SHARD.npy")]
    pub(crate) shards: Vec<PathBuf>,

    /// The .npy to write; its manifest takes the same name with .jsonl
    #[arg(short, long, value_name = "FILE.npy")]
    pub(crate) output: PathBuf,

    /// Replace what stands at the output
    #[arg(long)]
    pub(crate) fresh: bool,

    #[command(flatten)]
    pub(crate) limits: ImageLimits,
}

/// What the kernels of a weights file were written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kernels {
    /// Told by the file's layout
    Auto,
    /// Correlation: used as they are
    Correlation,
    /// Convolution: both spatial axes are reversed
    Convolution,
}

impl From<Kernels> for KernelConvention {
    fn from(kernels: Kernels) -> Self {
        match kernels {
            Kernels::Auto => Self::Auto,
            Kernels::Correlation => Self::Correlation,
            Kernels::Convolution => Self::Convolution,
        }
    }
}

/// Height and width, written 150x150.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) height: usize,
    pub(crate) width: usize,
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let sides = text.split_once(['x', 'X']).and_then(|(height, width)| {
            Some(Self { height: height.trim().parse().ok()?, width: width.trim().parse().ok()? })
        });
        sides.ok_or_else(|| format!("expected HEIGHTxWIDTH such as 150x150, found {text}"))
    }
}
