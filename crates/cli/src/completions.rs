//! `headstart completions`: a shell's completion script, from the flags' definition.

use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};

use crate::flags::Flags;
use crate::outcome::Outcome;
use crate::output::say;

/// Print a script with which a shell completes commands and flags
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  source <(headstart completions bash)\n  \
                        headstart completions fish > ~/.config/fish/completions/headstart.fish")]
pub(crate) struct Completions {
    /// The shell that the script is for
    shell: Shell,
}

pub(crate) fn run(command: &Completions) -> anyhow::Result<Outcome> {
    let mut script = Vec::new();
    generate(command.shell, &mut Flags::command(), "headstart", &mut script);
    say!("{}", String::from_utf8(script)?.trim_end());
    Ok(Outcome::Done)
}
