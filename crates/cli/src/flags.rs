//! The command line as types. What a flag means is said here, or where the type of a flattened field is.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand, ValueEnum};
use headstart_backbone::Architecture;
use headstart_dataset::{Interpolation, Preset};
use headstart_head::{Activation, Monitor, RmsProp};
use headstart_weights::{FlattenOrder, KernelConvention};

use crate::device::DeviceChoice;
use crate::limits::ImageLimits;
use crate::objective::Objective;
use crate::shard::ShardChoice;
use crate::sweep::SweepFlags;

/// Turns a folder of labelled images into a trained classifier: a pretrained VGG runs once over the images, and a
/// small head is trained on its features in seconds.
///
/// Exit codes: 0 done; 1 failed; 2 usage; 3 done, but some images were skipped or there are warnings; 4 bad data or
/// weights; 130 and 143 ended by Ctrl-C and by SIGTERM.
#[derive(Debug, Parser)]
#[command(name = "headstart", version, arg_required_else_help = true)]
pub(crate) struct Flags {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// Threads to compute with, at most 1024; 0 takes one per core
    #[arg(long, global = true, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u16).range(..=1024))]
    pub(crate) threads: u16,

    /// Where to compute: auto, cpu or cuda:N
    #[arg(long, global = true, value_name = "DEVICE", default_value = "auto")]
    pub(crate) device: DeviceChoice,

    /// Print the result as JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Doctor(Doctor),
    Extract(Extract),
    Merge(Merge),
    Train(Train),
    Inspect(Inspect),
    Evaluate(Evaluate),
    Convert(Convert),
    Report(Report),
}

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
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = at_least_one)]
    #[arg(default_value_if("sweep", "true", "20"))]
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
    pub(crate) objective: Objective,

    #[command(flatten)]
    pub(crate) sweep: SweepFlags,
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

/// Tell what is in a .npy, .h5 or .safetensors file
///
/// Shapes, types and attributes; for features also their classes, statistics and how they were made.
#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// The file
    pub(crate) file: PathBuf,
}

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

/// A count that must not be zero.
fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("expected at least 1".to_owned()),
        Ok(count) => Ok(count),
        Err(_) => Err(format!("expected a whole number of at least 1, found {text}")),
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
