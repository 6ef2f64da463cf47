//! The workspace's own commands, as `cargo xtask <command>`; one file a command.
//!
//! It knows none of the workspace's crates, so it builds in seconds. It runs cargo, reads files, and drives the binary.
#![allow(clippy::print_stderr, clippy::print_stdout, reason = "a command talks to the person who runs it")]

mod bench;
mod build;
mod flags;
mod pipeline;
mod python;
mod test_suite;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::Context;

fn main() -> anyhow::Result<ExitCode> {
    let flags = flags::Xtask::from_env_or_exit();
    match flags.subcommand {
        flags::XtaskCmd::Bench(flags) => bench::run(&flags),
        flags::XtaskCmd::Pipeline(flags) => pipeline::run(&flags),
        flags::XtaskCmd::Python(flags) => python::run(&flags),
        flags::XtaskCmd::Test(_) => test_suite::run(),
        flags::XtaskCmd::Tidy(_) => tidy::run(),
    }
}

/// The root of the workspace, where every command works.
fn workspace_root() -> anyhow::Result<PathBuf> {
    // cargo's answer at run time comes first, because the workspace may have been moved after the build.
    let xtask = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let root = Path::new(&xtask).parent().context("xtask has no folder above it")?;
    Ok(root.to_path_buf())
}

/// The cargo that started this program, in the workspace's root.
fn cargo(root: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root);
    command
}
