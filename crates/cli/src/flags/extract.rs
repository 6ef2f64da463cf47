//! The flags of `headstart extract`.

use std::path::PathBuf;

use clap::Args;
use headstart::{Architecture, Interpolation, Pooling, Preset, ShardChoice};

use super::limits::ImageLimits;
use super::values::{Kernels, Resize, Size, at_least_one, fraction, one_of};

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

    /// Pretrained weights: Keras .h5 (legacy layer_k/param_p, or Keras 1 to 3), or .safetensors of torchvision or timm. Default:
    /// those of --backbone, if this program has them
    #[arg(long, value_name = "FILE")]
    pub(crate) weights: Option<PathBuf>,

    #[arg(long, value_name = "NAME", help = backbone_help())]
    pub(crate) backbone: Option<Architecture>,

    /// How pixels become the network's input: blog as in the script of the blog post, caffe as the shipped VGG16 was
    /// trained, torchvision for weights from torchvision, inception for those of TensorFlow with pixels from -1 to 1.
    /// Default: what config.json (timm) or preprocessor_config.json (transformers) beside the weights states; without such a
    /// file that of the network, which is blog for VGG
    #[arg(long, value_name = "NAME")]
    pub(crate) preset: Option<Preset>,

    /// Height x width of the network's input. Default: as of --preset, which is 150x150 for VGG
    #[arg(long, value_name = "HxW")]
    pub(crate) size: Option<Size>,

    /// How images of another shape are brought to the size. Default: as of --preset, which is stretch for VGG and crop for the
    /// other networks
    #[arg(long, value_enum, value_name = "HOW")]
    pub(crate) resize: Option<Resize>,

    /// The part of the resized image that a crop keeps, as timm's crop_pct. Images are then cropped,
    /// with any network. Default: that of the network, or 0.875
    #[arg(long, value_name = "FRACTION", value_parser = fraction)]
    pub(crate) crop_pct: Option<f64>,

    /// How images are resized: nearest, bilinear, bicubic or lanczos. Default: as of --preset; that of a preset that is given
    #[arg(long, value_name = "NAME")]
    pub(crate) interpolation: Option<Interpolation>,

    /// What becomes of the network's maps: none keeps them, avg and max keep the mean or the largest value of each, so that the
    /// .npy is N x C. Default: none for VGG networks, avg for all others
    #[arg(long, value_name = "NAME")]
    pub(crate) pool: Option<Pooling>,

    /// Images per batch. More take more memory. Default: 32 for VGG networks, 16 for all others
    #[arg(long, value_name = "N", value_parser = at_least_one::<usize>)]
    pub(crate) batch_size: Option<usize>,

    /// Whether the file's kernels must be flipped: auto flips those of legacy files and of files that name Theano as their
    /// backend
    #[arg(long, value_enum, value_name = "WHICH", default_value_t = Kernels::Auto)]
    pub(crate) kernels: Kernels,

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

    /// Start over: replace an existing output, and use none of its rows
    #[arg(long)]
    pub(crate) fresh: bool,

    #[command(flatten)]
    pub(crate) limits: ImageLimits,
}

fn backbone_help() -> String {
    let names: Vec<&str> = Architecture::all().map(Architecture::name).collect();
    format!("The network that the weights are of: {}. Default: the one that --weights tells", one_of(&names))
}
