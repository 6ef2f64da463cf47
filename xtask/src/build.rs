//! Programs of the workspace, built when a command needs them.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, bail};
use serde_json::Value;

/// Builds what the arguments of `cargo build` choose, in the release profile, and returns the paths of the named programs.
///
/// # Errors
/// cargo can't be started, or the build fails, or it makes no such program.
pub(crate) fn executables<const N: usize>(
    root: &Path,
    chosen: &[&str],
    names: [&str; N],
) -> anyhow::Result<[PathBuf; N]> {
    let all = names.join(" and ");
    eprintln!("building {all}");
    let mut cargo = crate::cargo(root);
    cargo.args(["build", "--release", "--message-format=json-render-diagnostics"]).args(chosen);
    let output = cargo.stderr(Stdio::inherit()).output().context("starting cargo")?;
    if !output.status.success() {
        bail!("building {all} failed: {}", output.status);
    }
    let messages = String::from_utf8(output.stdout).context("reading what cargo built")?;
    let messages: Vec<Value> = messages.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let program = |name: &str| {
        let mut built = messages.iter().filter(|message| message["target"]["name"] == name);
        built.find_map(|message| message["executable"].as_str()).map(PathBuf::from)
    };
    let programs: Option<Vec<PathBuf>> = names.map(program).into_iter().collect();
    programs
        .and_then(|programs| programs.try_into().ok())
        .with_context(|| format!("cargo named no program {all}"))
}
