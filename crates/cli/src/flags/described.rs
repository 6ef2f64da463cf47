//! What the file of a model may not say of images and their network: flags of every command that runs or writes a whole model.

use clap::Args;
use headstart::{Architecture, Interpolation, Pooling, Preset};

use super::head::HEADING;
use super::values::{Kernels, Resize, Size, fraction, networks, presets, sizes};

/// What a model states that headstart trained, and a file of Keras does not.
#[derive(Debug, Clone, Args)]
pub(crate) struct Described {
    /// Names of the classes, in the order of their labels
    #[arg(long, help_heading = HEADING, value_name = "NAME,NAME", value_delimiter = ',')]
    pub(crate) classes: Option<Vec<String>>,

    /// How pixels become the network's input
    #[arg(long, help_heading = HEADING, value_name = "NAME", hide_possible_values = true, value_parser = presets())]
    pub(crate) preset: Option<Preset>,

    /// Height x width that images are resized to
    #[arg(long, help_heading = HEADING, value_name = "HxW", hide_possible_values = true, value_parser = sizes())]
    pub(crate) size: Option<Size>,

    /// How images of another shape are brought to the size. Default: stretch
    #[arg(long, help_heading = HEADING, value_enum, value_name = "HOW")]
    pub(crate) resize: Option<Resize>,

    /// The part of the resized image that a crop keeps, as timm's crop_pct. Default: 0.875
    #[arg(long, help_heading = HEADING, value_name = "FRACTION", value_parser = fraction)]
    pub(crate) crop_pct: Option<f64>,

    /// How images are resized. Default: that of the preset
    #[arg(long, help_heading = HEADING, value_name = "NAME")]
    pub(crate) interpolation: Option<Interpolation>,

    /// The network that the weights are of
    #[arg(long, help_heading = HEADING, value_name = "NAME", hide_possible_values = true, value_parser = networks())]
    pub(crate) backbone: Option<Architecture>,

    /// What becomes of the network's maps: none, avg or max. Default: that of the network
    #[arg(long, help_heading = HEADING, value_name = "NAME")]
    pub(crate) pool: Option<Pooling>,

    /// Whether the kernels of the weights must be flipped. Default: auto
    #[arg(long, help_heading = HEADING, value_enum, value_name = "WHICH")]
    pub(crate) kernels: Option<Kernels>,
}
