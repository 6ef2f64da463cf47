//! The flags of `headstart completions`.

use clap::Args;
use clap_complete::Shell;

/// Print a script that lets a shell complete commands and flags
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  source <(headstart completions bash)\n  \
                        headstart completions fish > ~/.config/fish/completions/headstart.fish")]
pub(crate) struct Completions {
    /// The shell that the script is for
    pub(crate) shell: Shell,
}
