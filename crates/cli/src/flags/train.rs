//! The flags of `headstart train`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use headstart::Monitor;

use super::head::Order;
use super::objective::{Objective, RmsPropChoice};
use super::values::{at_least_one, finite, share, whole};

/// Train a head on stored features
///
/// For two classes the head is that of the blog post's script: Flatten, Dense 256 relu, Dropout 0.5, Dense 1 sigmoid. For
/// more classes it ends in a Dense layer with one unit per class, trained on softmax cross-entropy from logits. The last
/// layer in the file then has no activation. In Keras, give it activation="softmax" to predict, or train on with
/// from_logits=True in the loss. Labels come from the manifests beside the .npy files, or from --counts for a .npy of
/// another tool.
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

    /// The head to write: .safetensors for predict, .h5 for every Keras, .weights.h5 for Keras 3
    #[arg(short, long, value_name = "FILE", required_unless_present = "sweep")]
    pub(crate) output: Option<PathBuf>,

    /// Folder for a record of the run: settings, metrics of each epoch, the best and the last head, timings, and events for
    /// TensorBoard
    #[arg(long, value_name = "FOLDER")]
    pub(crate) run: Option<PathBuf>,

    /// Rows of each class in --train, if it has no manifest: 1000,1000
    #[arg(long, value_name = "N,N", value_delimiter = ',', value_parser = whole::<usize>)]
    pub(crate) counts: Option<Vec<usize>>,

    /// Rows of each class in --validation, if it has no manifest
    #[arg(long, value_name = "N,N", value_delimiter = ',', requires = "validation", value_parser = whole::<usize>)]
    pub(crate) validation_counts: Option<Vec<usize>>,

    /// Order of the axes of feature maps in a .npy without a manifest: th is channels, height, width; tf is height, width,
    /// channels. It is asked for if their shape does not tell
    #[arg(long, value_enum, value_name = "WHICH")]
    pub(crate) features_order: Option<Order>,

    /// Passes over the training features; with --sweep the default is 20
    #[arg(default_value_if("sweep", "true", "20"))]
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = at_least_one::<usize>)]
    pub(crate) epochs: usize,

    /// Rows per update
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = at_least_one::<usize>)]
    pub(crate) batch_size: usize,

    /// Seed of the initial kernels, of shuffling and of dropout
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = whole::<u64>)]
    pub(crate) seed: u64,

    /// Units of the hidden Dense layer; 0 leaves it and its dropout out, which is logistic regression
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = whole::<usize>)]
    pub(crate) units: usize,

    /// Share of the hidden units that is dropped while training, in [0, 1)
    #[arg(long, value_name = "RATE", default_value_t = 0.5, value_parser = share)]
    pub(crate) dropout: f32,

    /// RMSprop of which Keras: keras1 (the default) as in the script of the blog post, keras2, or keras3
    #[arg(long, value_enum, value_name = "WHICH")]
    pub(crate) rmsprop: Option<RmsPropChoice>,

    /// Learning rate. Default, as in Keras: 0.001, and 0.01 for sgd
    #[arg(long, value_name = "LR", value_parser = finite::<f32>)]
    pub(crate) learning_rate: Option<f32>,

    /// End the training when the monitored metric has not improved for N epochs in a row
    #[arg(long, value_name = "N", requires = "validation", value_parser = whole::<usize>)]
    pub(crate) early_stopping: Option<usize>,

    /// By how much the metric must improve to count for --early-stopping
    #[arg(long, value_name = "DELTA", default_value_t = 0.0, requires = "early_stopping", value_parser = finite::<f32>)]
    pub(crate) min_delta: f32,

    /// Write the head of the best epoch by the monitored metric, instead of the last epoch's
    #[arg(long, requires = "validation")]
    pub(crate) keep_best: bool,

    /// The metric for --early-stopping and --keep-best, and for the best head of --run
    #[arg(long, value_enum, value_name = "METRIC", default_value_t = MonitorChoice::ValLoss)]
    pub(crate) monitor: MonitorChoice,

    /// Put the network's weights into the model, so that predict needs no other file. Only a .safetensors can hold them. They are
    /// looked for as predict does, or given with --weights
    #[arg(long, requires = "output")]
    pub(crate) bundle: bool,

    /// The file of weights that the features were computed with, for --bundle
    #[arg(long, value_name = "FILE", requires = "bundle")]
    pub(crate) weights: Option<PathBuf>,

    /// Fail where an image of --validation is trained on, too, instead of telling it
    #[arg(long)]
    pub(crate) strict: bool,

    /// Replace an existing output, and an existing run
    #[arg(long)]
    pub(crate) fresh: bool,

    #[command(flatten)]
    pub(crate) sweep: SweepFlags,

    #[command(flatten)]
    pub(crate) objective: Objective,
}

#[derive(Debug, Args)]
pub(crate) struct SweepFlags {
    /// Compare logistic regression, nearest neighbours and heads of 64, 256 and 1024 units by cross-validation on --train,
    /// and say which to take and whether the best is better by more than chance. With -o, it trains the chosen head on all rows
    /// and writes it
    #[arg(long, conflicts_with_all = ["validation", "run", "units"])]
    pub(crate) sweep: bool,

    /// Folds of --sweep, from 2 to the number of rows
    #[arg(long, value_name = "N", default_value_t = 5, requires = "sweep", value_parser = whole::<usize>)]
    pub(crate) folds: usize,
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
