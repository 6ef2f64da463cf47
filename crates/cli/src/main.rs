//! `headstart`: look over folders of images, extract bottleneck features, train a head on them, use it on
//! other images, inspect what was written.
//!
//! Results go to standard output, progress and notes to standard error. The exit code tells what happened:
//! see [`outcome`].

mod backbone;
mod completions;
mod convert;
mod device;
mod doctor;
mod evaluate;
mod extract;
mod flags;
mod inspect;
mod labelled;
mod limits;
mod manual;
mod merge;
mod model;
mod objective;
mod outcome;
mod output;
mod predict;
mod progress;
mod report;
mod run_folder;
mod settings;
mod shard;
mod signals;
mod sweep;
mod train;
mod whole_file;
mod writer_thread;

use std::process::ExitCode;

use anyhow::Context;

use crate::flags::{Command, Flags};
use crate::outcome::Outcome;
use crate::output::note;
use crate::settings::Settings;

fn main() -> ExitCode {
    let outcome = Settings::read().and_then(|settings| {
        let outcome = if settings.flags.show_settings { settings.show() } else { run(&settings.flags)? };
        output::finish().context("cannot write the result to standard output")?;
        Ok(outcome)
    });
    if let Err(error) = &outcome {
        note!("headstart: {}", outcome::message(error));
    }
    outcome::exit_code(&outcome)
}

fn run(flags: &Flags) -> anyhow::Result<Outcome> {
    if flags.threads > 0 {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(flags.threads.into());
        pool.build_global().context("starting the threads")?;
    }
    match &flags.command {
        Command::Doctor(command) => doctor::run(flags, command),
        Command::Extract(command) => extract::run(flags, command),
        Command::Merge(command) => merge::run(flags, command),
        Command::Train(command) => train::run(flags, command),
        Command::Inspect(command) => inspect::run(flags, command),
        Command::Evaluate(command) => evaluate::run(flags, command),
        Command::Convert(command) => convert::run(flags, command),
        Command::Report(command) => report::run(flags, command),
        Command::Completions(command) => completions::run(command),
        Command::Man(command) => manual::run(flags, command),
        Command::Predict(command) => predict::run(flags, command),
    }
}
