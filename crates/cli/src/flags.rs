//! The command line as types. What a flag means is said here, or where the type of a flattened field is.

mod heads;
mod images;
mod train;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

pub(crate) use self::heads::{Convert, Evaluate, Inspect, Order, Report};
pub(crate) use self::images::{Doctor, Extract, Kernels, Merge, Size};
pub(crate) use self::train::{RmsPropChoice, Train};
use crate::completions::Completions;
use crate::device::DeviceChoice;
use crate::manual::Man;
use crate::predict::Predict;

/// Turns a folder of labelled images into a trained classifier: a pretrained VGG runs once over the images, and a
/// small head is trained on its features in seconds.
///
/// Exit codes: 0 done; 1 failed; 2 usage; 3 done, but some images were skipped or there are warnings; 4 bad data or
/// weights; 130 and 143 ended by Ctrl-C and by SIGTERM.
///
/// A flag that is not given takes its value from a variable such as HEADSTART_EXTRACT_BATCH_SIZE or HEADSTART_THREADS, else
/// from a settings file: TOML with the flags' names as keys, in a table for each command; else its default.
#[derive(Debug, Parser)]
#[command(name = "headstart", version, arg_required_else_help = true)]
#[command(
    after_help = "Example:\n  headstart extract data/train -o train.npy --weights vgg16_weights.h5\n  \
                        headstart train --train train.npy -o model.h5"
)]
pub(crate) struct Flags {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// Threads to compute with, at most 1024; 0 takes one per core
    #[arg(long, global = true, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u16).range(..=1024))]
    pub(crate) threads: u16,

    /// Where to compute: cpu, cuda:N, or auto, which is the first GPU where the binary was built with the feature cuda,
    /// else the CPU
    #[arg(long, global = true, value_name = "DEVICE", default_value = "auto")]
    pub(crate) device: DeviceChoice,

    /// Print the result as JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Settings file; headstart.toml in the current folder where it is left out and that exists
    #[arg(long, global = true, value_name = "FILE.toml")]
    pub(crate) config: Option<PathBuf>,

    /// Print the command's settings and where each is from, as a settings file, and do nothing else
    #[arg(long, global = true)]
    pub(crate) show_settings: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Doctor(Doctor),
    Extract(Extract),
    Merge(Merge),
    Train(Train),
    Evaluate(Evaluate),
    Predict(Predict),
    Report(Report),
    Convert(Convert),
    Inspect(Inspect),
    Completions(Completions),
    Man(Man),
}

/// A count that must not be zero.
pub(crate) fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("expected at least 1".to_owned()),
        Ok(count) => Ok(count),
        Err(_) => Err(format!("expected a whole number of at least 1, found {text}")),
    }
}
