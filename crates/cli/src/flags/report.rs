//! The flags of `headstart report`.

use std::path::PathBuf;

use clap::Args;

use super::values::finite;

/// Show a trained head, its errors and its data in one HTML page
///
/// The page contains everything that it shows, images too, and loads nothing, so you can send it and keep it. RUN is a
/// folder that train --run wrote. The run needs validation features.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  headstart train --train train.npy --validation validation.npy -o model.safetensors \
                        --run run\n  headstart report run -o report.html --train-images data/train \
                        --validation-images data/validation"
)]
pub(crate) struct Report {
    /// Folder of the run
    pub(crate) run: PathBuf,

    /// The page to write
    #[arg(short, long, value_name = "FILE.html")]
    pub(crate) output: PathBuf,

    /// Folder of the training images, to show some of them
    #[arg(long, value_name = "FOLDER")]
    pub(crate) train_images: Option<PathBuf>,

    /// Folder of the validation images, to show some of them
    #[arg(long, value_name = "FOLDER")]
    pub(crate) validation_images: Option<PathBuf>,

    /// The training features, if they were moved since the run
    #[arg(long, value_name = "FILE.npy")]
    pub(crate) train: Option<PathBuf>,

    /// The validation features, if they were moved since the run
    #[arg(long, value_name = "FILE.npy")]
    pub(crate) validation: Option<PathBuf>,

    /// Cosine distance of the features, from 0 to 2, up to which two images count as near-duplicates
    #[arg(long, value_name = "DISTANCE", default_value_t = 0.05, value_parser = distance)]
    pub(crate) duplicate_distance: f64,

    /// Replace an existing output
    #[arg(long)]
    pub(crate) fresh: bool,
}

/// A cosine distance.
fn distance(text: &str) -> Result<f64, String> {
    let number = finite::<f64>(text).ok().filter(|number| (0.0..=2.0).contains(number));
    number.ok_or_else(|| format!("expected a number from 0 to 2, found {text}"))
}
