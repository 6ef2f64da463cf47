//! The command `headstart`: it translates flags into calls of the library `headstart`, and results into words.
//!
//! It is a library so that the binary and the Python package run the same code. [`run`] is all that it gives.
//!
//! Results go to standard output, progress and notes to standard error. The module `outcome` has the exit codes.

#![allow(
    clippy::disallowed_methods,
    reason = "the binary talks to the person who runs it, and ends the process"
)]

mod commands;
mod fault;
mod flags;
mod outcome;
mod output;
mod progress;
mod settings;
mod signals;
mod words;

use std::ffi::OsString;

use anyhow::Context;

use crate::flags::Flags;
use crate::outcome::Outcome;
use crate::settings::Settings;

/// Runs the command that the arguments name; the first is the program's own name. Returns the exit code.
///
/// It ends the process itself where clap does, for help and refused flags, and on a second Ctrl-C.
#[must_use]
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    leave_out_contained_panics();
    let outcome = Settings::read(arguments.into_iter().collect()).and_then(|settings| {
        output::set_loudness(settings.flags.quiet, settings.flags.verbose);
        let outcome =
            if settings.flags.show_settings { settings.show() } else { run_command(&settings.flags)? };
        output::finish().context("cannot write the result to standard output")?;
        Ok(outcome)
    });
    if let Err(error) = &outcome {
        output::error_line(&words::message(error));
    }
    outcome::exit_code(&outcome)
}

fn run_command(flags: &Flags) -> anyhow::Result<Outcome> {
    if flags.threads > 0 {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(flags.threads.into());
        pool.build_global().context("starting the threads")?;
    }
    commands::run(flags)
}

/// A decoder that panics costs one image, which is told as skipped. Only panics that end the program are reported.
fn leave_out_contained_panics() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !headstart::panic_is_contained() {
            report(panic);
        }
    }));
}
