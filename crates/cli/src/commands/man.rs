//! `headstart man`: man pages, from the flags' definition.

use std::fs;
use std::io;

use anyhow::Context;
use clap::CommandFactory;
use clap::builder::Resettable;
use clap_mangen::roff::{Roff, roman};
use headstart_files::{IfExists, write_bytes};

use crate::flags::{Flags, Man};
use crate::outcome::Outcome;
use crate::output::{give, say};

pub(crate) fn run(flags: &Flags, command: &Man) -> anyhow::Result<Outcome> {
    let mut root = Flags::command().disable_help_subcommand(true);
    root.build();
    let Some(folder) = &command.output else {
        let (_, page) = render(&root)?;
        give!("{}", String::from_utf8(page)?.trim_end());
        return Ok(Outcome::Done);
    };
    fs::create_dir_all(folder).with_context(|| format!("{}: cannot make the folder", folder.display()))?;
    let mut written = Vec::new();
    for command in std::iter::once(&root).chain(root.get_subcommands()) {
        let (name, page) = render(command)?;
        let path = folder.join(&name);
        write_bytes(&path, IfExists::Replace, &page).map_err(headstart::Error::from)?;
        written.push(path.display().to_string());
    }
    if flags.json {
        give!("{}", serde_json::to_string_pretty(&written)?);
    } else {
        written.iter().for_each(|path| say!("{path}"));
    }
    Ok(Outcome::Done)
}

/// A page's file name and its text. What help ends with is kept line for line, which clap_mangen would fill up.
fn render(command: &clap::Command) -> io::Result<(String, Vec<u8>)> {
    let notes = command.get_after_help().map(ToString::to_string);
    let source = concat!("headstart ", env!("CARGO_PKG_VERSION"));
    let page = clap_mangen::Man::new(command.clone().after_help(Resettable::Reset)).source(source);
    let mut text = Vec::new();
    page.render(&mut text)?;
    if let Some(notes) = notes {
        let mut section = Roff::new();
        section.control("SH", ["NOTES"]).control("nf", []).text([roman(notes)]).control("fi", []);
        section.to_writer(&mut text)?;
    }
    Ok((page.get_filename(), text))
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
