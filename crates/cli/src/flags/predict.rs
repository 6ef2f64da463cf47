//! The flags of `headstart predict`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::limits::ImageLimits;
use super::model::ModelFlags;
use super::values::at_least_one;

/// Predict the classes of images
///
/// The model file says which preprocessing, network and classes it was trained with. The answers are in the order of the
/// images. For an image that can't be read, the answer is the reason, and the exit code is 3.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  headstart predict model.safetensors photos\n  \
                        headstart predict vgg.safetensors photos --weights vgg16_weights.h5\n  \
                        headstart predict model.safetensors photos --copy-to sorted\n  \
                        find photos -name '*.jpg' | headstart predict model.safetensors --format csv")]
pub(crate) struct Predict {
    /// The head: a .safetensors that train wrote, or a .h5
    pub(crate) model: PathBuf,

    /// Images and folders of images, or features that extract stored (.npy). With - or nothing, standard input is read: an image,
    /// or paths of images, one per line, which are answered as they come. Its first bytes tell which
    pub(crate) images: Vec<PathBuf>,

    /// Also print the K most probable classes
    #[arg(long, value_name = "K", value_parser = at_least_one::<usize>)]
    pub(crate) top_k: Option<usize>,

    /// Answer "unknown" if no class has at least this probability
    #[arg(long, value_name = "P", value_parser = probability)]
    pub(crate) reject: Option<f32>,

    /// Answer with a class also where an image is unlike all that the model was fitted to. Without it such an image is
    /// answered with "unknown", if the model says which images it knows, as those of fit do
    #[arg(long)]
    pub(crate) answer_all: bool,

    /// How answers are written: table (the default) for people, jsonl with one JSON object per line (as with --json), or csv
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) format: Option<Format>,

    /// Write the answers to this file, whole or not at all, instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Replace an existing output
    #[arg(long, requires = "output")]
    pub(crate) fresh: bool,

    /// Copy each image into a folder of its class in this one. Nothing is overwritten: an image that is there is left, and one
    /// whose name another image has gets a number
    #[arg(long, value_name = "FOLDER", conflicts_with = "link_to")]
    pub(crate) copy_to: Option<PathBuf>,

    /// The same with symbolic links
    #[arg(long, value_name = "FOLDER")]
    pub(crate) link_to: Option<PathBuf>,

    /// Answer only the N images whose most probable class is the least certain, the least certain first
    #[arg(long, value_name = "N", value_parser = at_least_one::<usize>)]
    pub(crate) uncertain: Option<usize>,

    /// Keep the images' features in this file, as extract does, so that a second run computes new images only
    #[arg(long, value_name = "FILE.npy")]
    pub(crate) cache: Option<PathBuf>,

    /// Images per batch. More take more memory. Default: 32 for VGG networks, 16 for all others, and as many as
    /// keep it busy on a GPU
    #[arg(long, value_name = "N", value_parser = at_least_one::<usize>)]
    pub(crate) batch_size: Option<usize>,

    /// Follow symbolic links in folders
    #[arg(long)]
    pub(crate) follow_links: bool,

    #[command(flatten)]
    pub(crate) network: ModelFlags,

    #[command(flatten)]
    pub(crate) limits: ImageLimits,
}

/// How answers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Columns for a person
    Table,
    /// A JSON object a line
    Jsonl,
    /// Comma-separated values with a header
    Csv,
}

fn probability(text: &str) -> Result<f32, String> {
    let number = text.parse().ok().filter(|number| (0.0..=1.0).contains(number));
    number.ok_or_else(|| format!("expected a number from 0 to 1, found {text}"))
}
