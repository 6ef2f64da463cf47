//! Which network computes features, and of what: flags of every command that runs one over a folder.

use std::path::PathBuf;

use clap::Args;
use headstart::{Architecture, Interpolation, Pooling, Preset};

use super::values::{Kernels, PrecisionName, Resize, Size, fraction, networks, one_of, presets, sizes};

/// The network, its weights, and how an image becomes its input.
#[derive(Debug, Args)]
pub(crate) struct NetworkFlags {
    /// Pretrained weights: Keras .h5 (legacy layer_k/param_p, or Keras 1 to 3), or .safetensors of torchvision or timm. Default:
    /// those of --backbone, from the file or folder that the variable HEADSTART_WEIGHTS names, from the user's data folder
    /// (~/.local/share/headstart), or from this program
    #[arg(long, value_name = "FILE")]
    pub(crate) weights: Option<PathBuf>,

    #[arg(long, value_name = "NAME", help = backbone_help(), hide_possible_values = true, value_parser = networks())]
    pub(crate) backbone: Option<Architecture>,

    /// How pixels become the network's input: blog as in the script of the blog post, caffe as the shipped VGG16 was
    /// trained, torchvision for weights from torchvision, inception for those of TensorFlow with pixels from -1 to 1.
    /// Default: what config.json (timm) or preprocessor_config.json (transformers) beside the weights states; without such a
    /// file the one that the weights were trained for; extract takes blog for a VGG in the layout of the script's own file
    #[arg(long, value_name = "NAME", hide_possible_values = true, value_parser = presets())]
    pub(crate) preset: Option<Preset>,

    /// Height x width of the network's input. Default: as of --preset, which is 150x150 for the VGG of the script
    #[arg(long, value_name = "HxW", hide_possible_values = true, value_parser = sizes())]
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
    /// .npy is N x C. Default: avg, and none for VGG networks in extract
    #[arg(long, value_name = "NAME")]
    pub(crate) pool: Option<Pooling>,

    /// Whether the file's kernels must be flipped: auto flips those of legacy files and of files that name Theano as their
    /// backend
    #[arg(long, value_enum, value_name = "WHICH", default_value_t = Kernels::Auto)]
    pub(crate) kernels: Kernels,

    /// How a GPU multiplies. The features tell it
    #[arg(long, value_enum, value_name = "NAME", default_value_t = PrecisionName::F32)]
    pub(crate) precision: PrecisionName,
}

fn backbone_help() -> String {
    let names: Vec<&str> = Architecture::all().map(Architecture::name).collect();
    format!(
        "The network that the weights are of: {}. Default: the one that --weights tells; fit without both takes efficientnet_lite2",
        one_of(&names)
    )
}
