//! Programs of the workspace, built when a command needs them.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, bail};
use serde_json::Value;

/// Builds what the arguments of `cargo build` choose, in the release profile, and tells where the program lies.
///
/// # Errors
/// cargo that can't be started, a build that fails or makes no program.
pub(crate) fn executable(root: &Path, chosen: &[&str]) -> anyhow::Result<PathBuf> {
    let name = chosen.last().context("nothing to build")?;
    eprintln!("building {name}");
    let mut cargo = crate::cargo(root);
    cargo.args(["build", "--release", "--message-format=json-render-diagnostics"]).args(chosen);
    let output = cargo.stderr(Stdio::inherit()).output().context("starting cargo")?;
    if !output.status.success() {
        bail!("building {name} failed: {}", output.status);
    }
    let messages = String::from_utf8(output.stdout).context("reading what cargo built")?;
    let program = |line: &str| {
        let message: Value = serde_json::from_str(line).ok()?;
        Some(PathBuf::from(message.get("executable")?.as_str()?))
    };
    messages.lines().filter_map(program).next_back().context("cargo named no executable")
}
