//! The flags of `headstart verify`.

use std::path::PathBuf;

use clap::Args;

use super::values::PrecisionName;

/// Check that a model answers as it did when it was made: here, on a GPU, or in another program
///
/// A model that fit or train --bundle wrote has its answers for four small images, which are computed by a formula. verify computes
/// them again and says how far the answers are from those. For an exported model, --inputs writes the images, and --outputs
/// compares what the other program answered. The exit code is 1 where a probability differs by more than --tolerance.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  headstart verify model.safetensors\n  \
                        headstart verify model.safetensors --inputs images.npy\n  \
                        headstart verify model.safetensors --outputs probabilities.npy")]
pub(crate) struct Verify {
    /// The model: a .safetensors that fit or train --bundle wrote
    pub(crate) model: PathBuf,

    /// The network's weights. Default: they are found as predict finds them
    #[arg(long, value_name = "FILE", conflicts_with_all = ["inputs", "outputs"])]
    pub(crate) weights: Option<PathBuf>,

    /// Write the images for another program, and compute nothing: N x 3 x height x width, RGB, 0 to 255
    #[arg(long, value_name = "FILE.npy", conflicts_with = "outputs")]
    pub(crate) inputs: Option<PathBuf>,

    /// Compare the probabilities that another program gave for these images: a .npy, or JSON with an array of numbers an image
    #[arg(long, value_name = "FILE")]
    pub(crate) outputs: Option<PathBuf>,

    /// Replace an existing file of --inputs
    #[arg(long, requires = "inputs")]
    pub(crate) fresh: bool,

    /// The largest difference of a probability that is no failure. Features may differ by ten times as much of the largest one
    #[arg(long, value_name = "P", default_value_t = 1e-4, value_parser = tolerance)]
    pub(crate) tolerance: f64,

    /// How a GPU multiplies
    #[arg(long, value_enum, value_name = "NAME", default_value_t = PrecisionName::F32)]
    pub(crate) precision: PrecisionName,
}

fn tolerance(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number| (0.0..=1.0).contains(number));
    number.ok_or_else(|| format!("expected a number from 0 to 1, found {text}"))
}
