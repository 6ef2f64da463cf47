//! The commands that look at heads and features, and convert heads.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use headstart_head::Activation;
use headstart_weights::FlattenOrder;

use super::at_least_one;

/// Tell how good a trained head is on stored features
///
/// Accuracy, F1, ROC AUC, loss and calibration with intervals that tell how much chance there is in the choice of these
/// rows, each class's figures, and which classes are taken for which. Labels come from the manifest beside the .npy, or
/// from --counts.
///
/// The loss is that of probabilities clipped to 1e-7, as Keras computes it, so a row costs at most 16.1; train's val_loss
/// is that of the logits, which has no limit, and larger where a head is sure and wrong.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  headstart evaluate bottleneck_fc_model.h5 bottleneck_features_validation.npy"
)]
pub(crate) struct Evaluate {
    /// The head, as train writes it
    pub(crate) model: PathBuf,

    /// Features to evaluate it on
    #[arg(value_name = "FEATURES.npy")]
    pub(crate) features: PathBuf,

    /// Rows of each class, for a .npy without a manifest: 1000,1000
    #[arg(long, value_name = "N,N", value_delimiter = ',')]
    pub(crate) counts: Option<Vec<usize>>,

    /// Draws of the bootstrap that gives the 95 % intervals; 0 gives none
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(crate) resamples: usize,

    /// Seed of the draws
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,

    /// Rows per batch
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = at_least_one)]
    pub(crate) batch_size: usize,
}

/// Show a trained head, its errors and its data in one HTML page
///
/// The page holds all it shows, images too, and loads nothing: it can be sent and kept. RUN is a folder that train --run
/// wrote; a run without validation features can't be shown.
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

    /// The training features, where they no longer lie where the run found them
    #[arg(long, value_name = "FILE.npy")]
    pub(crate) train: Option<PathBuf>,

    /// The validation features, where they no longer lie where the run found them
    #[arg(long, value_name = "FILE.npy")]
    pub(crate) validation: Option<PathBuf>,

    /// Cosine distance of the features up to which two images count as near-duplicates
    #[arg(long, value_name = "DISTANCE", default_value_t = 0.05)]
    pub(crate) duplicate_distance: f64,

    /// Replace what stands at the output
    #[arg(long)]
    pub(crate) fresh: bool,
}

/// Convert a head between .h5, .weights.h5 and .safetensors
///
/// Reads heads of headstart and of Keras 1, 2 and 3: weights alone or whole models (.h5, .weights.h5, .keras). Everything
/// that a head says about itself goes along, so converting to and fro gives the same file.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  headstart convert bottleneck_fc_model.h5 -o model.safetensors\n  \
                        headstart convert keras.weights.h5 -o model.safetensors --from-order tf --row-shape 512x4x4 \
                        --activations relu,sigmoid")]
pub(crate) struct Convert {
    /// The head to read; its layout is told by its content
    pub(crate) input: PathBuf,

    /// The head to write: .safetensors is headstart's model, .h5 loads in every Keras, .weights.h5 in Keras 3
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,

    /// How feature maps were flattened for the head: th is channels, height, width; tf height, width, channels; where it
    /// is left out, what the file says, or else th
    #[arg(long, value_enum, value_name = "WHICH")]
    pub(crate) from_order: Option<Order>,

    /// How feature maps will be flattened for the head that is written
    #[arg(long, value_enum, value_name = "WHICH", default_value_t = Order::Th)]
    pub(crate) to_order: Order,

    /// Channels x height x width of a feature map, where the file does not say it
    #[arg(long, value_name = "CxHxW")]
    pub(crate) row_shape: Option<RowShape>,

    /// Activations of the Dense layers, first to last, where the file does not say them: relu,sigmoid
    #[arg(long, value_name = "NAME,NAME", value_delimiter = ',')]
    pub(crate) activations: Option<Vec<Activation>>,

    /// Replace what stands at the output
    #[arg(long)]
    pub(crate) fresh: bool,
}

/// An order of flattening, as Keras 1 names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Order {
    /// Channels, height, width
    Th,
    /// Height, width, channels
    Tf,
}

impl From<Order> for FlattenOrder {
    fn from(order: Order) -> Self {
        match order {
            Order::Th => Self::ChannelsFirst,
            Order::Tf => Self::ChannelsLast,
        }
    }
}

/// Channels, height and width, written 512x4x4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RowShape(pub(crate) [usize; 3]);

impl FromStr for RowShape {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let axes: Option<Vec<usize>> = text.split(['x', 'X']).map(|axis| axis.trim().parse().ok()).collect();
        let shape =
            axes.and_then(|axes| axes.try_into().ok()).filter(|shape: &[usize; 3]| !shape.contains(&0));
        shape.map(Self).ok_or_else(|| format!("expected CHANNELSxHEIGHTxWIDTH such as 512x4x4, found {text}"))
    }
}

/// Tell what is in a .npy, .h5 or .safetensors file
///
/// Shapes, types and attributes; for features also their classes, statistics and how they were made.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  headstart inspect bottleneck_features_train.npy")]
pub(crate) struct Inspect {
    /// The file
    pub(crate) file: PathBuf,
}
