//! `headstart man`: man pages, from the flags' definition.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, CommandFactory};

use crate::flags::Flags;
use crate::outcome::Outcome;
use crate::output::say;

/// Print headstart's man page, or write one for every command
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  headstart man > headstart.1\n  \
                        headstart man -o ~/.local/share/man/man1 && man headstart-extract")]
pub(crate) struct Man {
    /// Folder to write headstart.1, headstart-extract.1 and so on into; what stands under these names is replaced
    #[arg(short, long, value_name = "FOLDER")]
    output: Option<PathBuf>,
}

pub(crate) fn run(flags: &Flags, command: &Man) -> anyhow::Result<Outcome> {
    let mut root = Flags::command().disable_help_subcommand(true);
    root.build();
    let Some(folder) = &command.output else {
        let (_, page) = render(&root)?;
        say!("{}", String::from_utf8(page)?.trim_end());
        return Ok(Outcome::Done);
    };
    fs::create_dir_all(folder).with_context(|| format!("{}: cannot make the folder", folder.display()))?;
    let mut written = Vec::new();
    for command in std::iter::once(&root).chain(root.get_subcommands()) {
        let (name, page) = render(command)?;
        let path = folder.join(&name);
        write_whole(folder, &name, &page).with_context(|| format!("{}: cannot write it", path.display()))?;
        written.push(path.display().to_string());
    }
    if flags.json {
        say!("{}", serde_json::to_string_pretty(&written)?);
    } else {
        written.iter().for_each(|path| say!("{path}"));
    }
    Ok(Outcome::Done)
}

/// A page's file name and its text.
fn render(command: &clap::Command) -> io::Result<(String, Vec<u8>)> {
    let page =
        clap_mangen::Man::new(command.clone()).source(concat!("headstart ", env!("CARGO_PKG_VERSION")));
    let mut text = Vec::new();
    page.render(&mut text)?;
    Ok((page.get_filename(), text))
}

/// Writes beside the final name and renames, so that no page is ever there in part.
fn write_whole(folder: &Path, name: &str, page: &[u8]) -> io::Result<()> {
    let partial = folder.join(format!(".{name}.partial"));
    let mut file = File::create(&partial)?;
    file.write_all(page)?;
    file.sync_all()?;
    fs::rename(partial, folder.join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_page_has_the_flags_and_the_example_of_its_command() {
        let mut root = Flags::command().disable_help_subcommand(true);
        root.build();
        for command in root.get_subcommands() {
            let (name, page) = render(command).unwrap();
            let page = String::from_utf8(page).unwrap();
            assert_eq!(name, format!("headstart-{}.1", command.get_name()));
            for flag in command.get_arguments().filter_map(|argument| argument.get_long()) {
                let escaped = format!(r"\-\-{}\fR", flag.replace('-', r"\-"));
                assert!(page.contains(&escaped), "{name}: --{flag}");
            }
            assert!(page.contains(&format!("  headstart {}", command.get_name())), "{name}: {page}");
        }
    }

    #[test]
    fn the_top_page_names_every_command() {
        let mut root = Flags::command().disable_help_subcommand(true);
        root.build();
        let page = String::from_utf8(render(&root).unwrap().1).unwrap();
        for command in root.get_subcommands() {
            assert!(page.contains(&format!(r"headstart\-{}(1)", command.get_name())), "{page}");
        }
    }
}
