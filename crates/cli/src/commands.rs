//! The commands, a file each. They call the library and say what came of it; no job is written here.

mod completions;
mod convert;
mod described;
mod doctor;
mod evaluate;
mod extract;
mod fit;
mod inspect;
mod man;
mod merge;
mod network;
mod predict;
mod report;
#[cfg(feature = "serve")]
mod serve;
mod train;
mod verify;

use crate::flags::{Command, Flags};
use crate::outcome::Outcome;

/// Runs the command that the flags name.
pub(crate) fn run(flags: &Flags) -> anyhow::Result<Outcome> {
    match &flags.command {
        Command::Fit(command) => fit::run(flags, command),
        Command::Doctor(command) => doctor::run(flags, command),
        Command::Extract(command) => extract::run(flags, command),
        Command::Merge(command) => merge::run(flags, command),
        Command::Train(command) => train::run(flags, command),
        Command::Inspect(command) => inspect::run(flags, command),
        Command::Evaluate(command) => evaluate::run(flags, command),
        Command::Convert(command) => convert::run(flags, command),
        Command::Report(command) => report::run(flags, command),
        Command::Completions(command) => completions::run(command),
        Command::Man(command) => man::run(flags, command),
        Command::Predict(command) => predict::run(flags, command),
        Command::Verify(command) => verify::run(flags, command),
        #[cfg(feature = "serve")]
        Command::Serve(command) => serve::run(flags, command),
    }
}
