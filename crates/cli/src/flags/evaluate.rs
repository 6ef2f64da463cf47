//! The flags of `headstart evaluate`.

use std::path::PathBuf;

use clap::Args;

use super::head::{HeadFlags, Order};
use super::values::{at_least_one, whole};

/// Measure how good a trained head is on stored features
///
/// Prints accuracy, F1, ROC AUC, loss and calibration, the figures of each class, and the confusion matrix. The intervals
/// show how much the choice of these rows matters. Labels come from the manifest beside the .npy, or from --counts.
///
/// The loss is computed from probabilities clipped to 1e-7, as in Keras, so one row adds at most 16.1. The val_loss of
/// train is computed from the logits and has no limit, so it is larger where a head is sure and wrong.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  headstart evaluate bottleneck_fc_model.h5 bottleneck_features_validation.npy\n  \
                        headstart evaluate keras.weights.h5 validation.npy --from-order tf --activations relu,sigmoid"
)]
pub(crate) struct Evaluate {
    /// The head: a file that train wrote, or a head of Keras
    pub(crate) model: PathBuf,

    /// Features to evaluate it on
    #[arg(value_name = "FEATURES.npy")]
    pub(crate) features: PathBuf,

    /// Rows of each class, for a .npy without a manifest: 1000,1000
    #[arg(long, value_name = "N,N", value_delimiter = ',', value_parser = whole::<usize>)]
    pub(crate) counts: Option<Vec<usize>>,

    /// Order of the axes of feature maps in a .npy without a manifest: th is channels, height, width; tf is height, width,
    /// channels
    #[arg(long, value_enum, value_name = "WHICH")]
    pub(crate) features_order: Option<Order>,

    /// Bootstrap samples for the 95 % intervals, at most 1000000; 0 leaves the intervals out
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = whole::<usize>)]
    pub(crate) resamples: usize,

    /// Seed of the bootstrap
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = whole::<u64>)]
    pub(crate) seed: u64,

    /// Rows per batch
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = at_least_one::<usize>)]
    pub(crate) batch_size: usize,

    /// Fail where the head was trained on an image of the features, instead of telling it
    #[arg(long)]
    pub(crate) strict: bool,

    #[command(flatten)]
    pub(crate) head: HeadFlags,
}
