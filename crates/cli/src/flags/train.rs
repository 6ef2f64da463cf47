//! The command from features to a head.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use headstart_head::{Monitor, RmsProp};

use super::at_least_one;
use crate::objective::Objective;
use crate::sweep::SweepFlags;

/// Train a head on stored features
///
/// The head for two classes is Flatten, Dense 256 relu, Dropout 0.5, Dense 1 sigmoid, as the script has it. For more
/// classes it ends in Dense with a unit a class, trained on softmax cross-entropy from logits: the file's last layer has
/// no activation, so give it activation="softmax" in Keras to predict, or from_logits=True in the loss to train on.
/// Labels come from the manifests beside the .npy files, or from --counts for a .npy that another tool wrote.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  headstart train --train bottleneck_features_train.npy \
                        --validation bottleneck_features_validation.npy -o bottleneck_fc_model.h5")]
pub(crate) struct Train {
    /// Features to train on
    #[arg(long, value_name = "FILE.npy")]
    pub(crate) train: PathBuf,

    /// Features to validate on after each epoch
    #[arg(long, value_name = "FILE.npy")]
    pub(crate) validation: Option<PathBuf>,

    /// The head to write: .safetensors is what predict takes, .h5 loads in every Keras, .weights.h5 in Keras 3
    #[arg(short, long, value_name = "FILE", required_unless_present = "sweep")]
    pub(crate) output: Option<PathBuf>,

    /// Folder for the run's record: settings, metrics of each epoch, best and last head, timings, and TensorBoard's
    /// events
    #[arg(long, value_name = "FOLDER")]
    pub(crate) run: Option<PathBuf>,

    /// Rows of each class in --train, for a .npy without a manifest: 1000,1000
    #[arg(long, value_name = "N,N", value_delimiter = ',')]
    pub(crate) counts: Option<Vec<usize>>,

    /// Rows of each class in --validation, for a .npy without a manifest
    #[arg(long, value_name = "N,N", value_delimiter = ',', requires = "validation")]
    pub(crate) validation_counts: Option<Vec<usize>>,

    /// Passes over the training features; with --sweep 20 where it is left out
    #[arg(default_value_if("sweep", "true", "20"))]
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = at_least_one)]
    pub(crate) epochs: usize,

    /// Rows per update
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = at_least_one)]
    pub(crate) batch_size: usize,

    /// Seed of initial kernels, shuffling and dropout
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,

    /// Units of the hidden Dense layer; 0 leaves it and its dropout out, which is logistic regression
    #[arg(long, value_name = "N", default_value_t = 256)]
    pub(crate) units: usize,

    /// Share of the hidden units that are dropped while training, in [0, 1)
    #[arg(long, value_name = "RATE", default_value_t = 0.5)]
    pub(crate) dropout: f32,

    /// Whose RMSprop: keras1, the default, is what the script ran with, keras3 is today's
    #[arg(long, value_enum, value_name = "WHICH")]
    pub(crate) rmsprop: Option<RmsPropChoice>,

    /// Step size; the default is Keras's: 0.001, of sgd 0.01
    #[arg(long, value_name = "LR")]
    pub(crate) learning_rate: Option<f32>,

    /// End when the monitored metric has not got better for N epochs in a row
    #[arg(long, value_name = "N", requires = "validation")]
    pub(crate) early_stopping: Option<usize>,

    /// By how much the metric must get better to count for --early-stopping
    #[arg(long, value_name = "DELTA", default_value_t = 0.0, requires = "early_stopping")]
    pub(crate) min_delta: f32,

    /// Write the epoch that was best by the monitored metric, instead of the last
    #[arg(long, requires = "validation")]
    pub(crate) keep_best: bool,

    /// What --early-stopping and --keep-best look at
    #[arg(long, value_enum, value_name = "METRIC", default_value_t = MonitorChoice::ValLoss)]
    pub(crate) monitor: MonitorChoice,

    /// Start over: replace what stands at the output
    #[arg(long)]
    pub(crate) fresh: bool,

    #[command(flatten)]
    pub(crate) sweep: SweepFlags,

    #[command(flatten)]
    pub(crate) objective: Objective,
}

/// A generation of Keras, for its RMSprop constants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RmsPropChoice {
    /// Epsilon 1e-8, outside the root
    Keras1,
    /// Epsilon 1e-7, outside the root
    Keras2,
    /// Epsilon 1e-7, inside the root
    Keras3,
}

impl From<RmsPropChoice> for RmsProp {
    fn from(choice: RmsPropChoice) -> Self {
        match choice {
            RmsPropChoice::Keras1 => Self::keras1(),
            RmsPropChoice::Keras2 => Self::keras2(),
            RmsPropChoice::Keras3 => Self::keras3(),
        }
    }
}

/// A metric, by Keras's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum MonitorChoice {
    /// The lowest validation loss
    ValLoss,
    /// The highest validation accuracy
    ValAccuracy,
}

impl From<MonitorChoice> for Monitor {
    fn from(choice: MonitorChoice) -> Self {
        match choice {
            MonitorChoice::ValLoss => Self::ValLoss,
            MonitorChoice::ValAccuracy => Self::ValAccuracy,
        }
    }
}
