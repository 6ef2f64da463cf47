//! The flags of `headstart man`.

use std::path::PathBuf;

use clap::Args;

/// Print headstart's man page, or write one for every command
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  headstart man > headstart.1\n  \
                        headstart man -o ~/.local/share/man/man1 && man headstart-extract")]
pub(crate) struct Man {
    /// Folder for headstart.1, headstart-extract.1 and so on; existing files with these names are replaced
    #[arg(short, long, value_name = "FOLDER")]
    pub(crate) output: Option<PathBuf>,
}
