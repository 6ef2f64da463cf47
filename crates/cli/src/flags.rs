//! The command line as types, a file a command. What a flag means is said where its field is.

mod completions;
mod convert;
mod described;
mod doctor;
mod evaluate;
mod extract;
mod fit;
mod head;
mod inspect;
mod limits;
mod man;
mod merge;
mod model;
mod network;
mod objective;
mod predict;
mod report;
#[cfg(feature = "serve")]
mod serve;
mod train;
mod values;
mod verify;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Parser, Subcommand};
use headstart::DeviceChoice;

pub(crate) use self::completions::Completions;
pub(crate) use self::convert::Convert;
pub(crate) use self::described::Described;
pub(crate) use self::doctor::Doctor;
pub(crate) use self::evaluate::Evaluate;
pub(crate) use self::extract::Extract;
pub(crate) use self::fit::{Fit, TestChoice};
pub(crate) use self::head::Order;
pub(crate) use self::inspect::Inspect;
pub(crate) use self::man::Man;
pub(crate) use self::merge::Merge;
pub(crate) use self::network::NetworkFlags;
pub(crate) use self::predict::{Format, Predict};
pub(crate) use self::report::Report;
#[cfg(feature = "serve")]
pub(crate) use self::serve::Serve;
pub(crate) use self::train::Train;
pub(crate) use self::values::fit;
pub(crate) use self::verify::Verify;

/// Above the flags of every command in its help.
const GLOBAL: &str = "Options of every command";

/// Turns a folder of labelled images into a classifier. A pretrained network runs once over the images, and a small
/// head is trained on its features in seconds.
///
/// Exit codes: 0 done; 1 failed; 2 wrong usage; 3 done, but some images were skipped or there are warnings; 4 bad data or
/// weights; 130 ended by Ctrl-C; 143 ended by SIGTERM.
///
/// A flag that you don't give takes its value from an environment variable such as HEADSTART_EXTRACT_BATCH_SIZE or
/// HEADSTART_THREADS, else from a settings file, else its default. The settings file is TOML. It has a table for each
/// command, and its keys are the names of the flags.
#[derive(Debug, Parser)]
#[command(name = "headstart", version, arg_required_else_help = true)]
#[command(
    after_help = "Example:\n  headstart fit data/train -o model.safetensors --test data/validation\n  \
                        headstart predict model.safetensors new.jpg"
)]
pub(crate) struct Flags {
    /// All arguments as they were given, for commands that name another one like them.
    #[arg(skip)]
    pub(crate) arguments: Vec<OsString>,

    #[command(subcommand)]
    pub(crate) command: Command,

    /// Number of threads, at most 1024; 0 means one per core
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "N", default_value_t = 0, value_parser = values::threads)]
    pub(crate) threads: u16,

    /// Where to compute: cpu, cuda:N or auto. auto is the first GPU if the binary was built with the feature cuda, else the
    /// CPU
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "DEVICE", default_value = "auto")]
    pub(crate) device: DeviceChoice,

    /// Print the result as JSON
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub(crate) json: bool,

    /// Settings file; without this flag, headstart.toml in the current folder, if there is one
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "FILE.toml")]
    pub(crate) config: Option<PathBuf>,

    /// Print the command's settings as a settings file, with where each comes from, and do nothing else
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub(crate) show_settings: bool,

    /// Print results and errors alone: no progress, no notes, no warnings
    #[arg(short, long, global = true, help_heading = GLOBAL, conflicts_with = "verbose")]
    pub(crate) quiet: bool,

    /// Print the figures of each epoch, also where standard error is no terminal
    #[arg(short, long, global = true, help_heading = GLOBAL)]
    pub(crate) verbose: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Fit(Fit),
    Doctor(Doctor),
    Extract(Extract),
    Merge(Merge),
    Train(Train),
    Evaluate(Evaluate),
    Predict(Predict),
    Verify(Verify),
    #[cfg(feature = "serve")]
    Serve(Serve),
    Report(Report),
    Convert(Convert),
    Inspect(Inspect),
    Completions(Completions),
    Man(Man),
}
