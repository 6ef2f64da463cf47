//! Whether what the Python package and the workspace both depend on is compiled once. With other features it is compiled again.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};

use crate::cargo;

/// The crate of the workspace that the package has all its shared dependencies from.
const SHARED: &str = "headstart-cli";

/// Compares the features of shared dependencies, and tells those that differ.
///
/// # Errors
/// cargo can't be started, or does not know the dependencies.
pub(super) fn check(root: &Path, package: &Path) -> anyhow::Result<ExitCode> {
    let differing = differing(&tree(root, &["--package", SHARED])?, &tree(package, &[])?);
    for line in &differing {
        eprintln!("xtask: {line}: expected these features in the workspace, too");
    }
    if differing.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("xtask: add them to crates/cli/Cargo.toml, which says why");
    Ok(ExitCode::FAILURE)
}

/// A line for each dependency that is compiled: `name version [features]`.
fn tree(folder: &Path, package: &[&str]) -> anyhow::Result<String> {
    let mut command = cargo(folder);
    command.args(["tree", "--locked", "--edges", "no-dev", "--prefix", "none", "--format", "{p} [{f}]"]);
    let output = command.args(package).output().context("cannot run cargo tree")?;
    if !output.status.success() {
        bail!("cargo tree in {}: {}", folder.display(), String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// The lines about dependencies that are in both, each with features that it has in the second alone.
fn differing(workspace: &str, package: &str) -> Vec<String> {
    let lines = |tree: &str| {
        let plain = |line: &str| line.replace(" (*)", "").replace(" (proc-macro)", "");
        // Crates of the workspace have their folder in the line.
        tree.lines().map(plain).filter(|line| !line.contains('(')).collect::<BTreeSet<_>>()
    };
    let name = |line: &str| line.split_once(" [").map_or(line, |(name, _)| name).to_owned();
    let workspace = lines(workspace);
    let names: BTreeSet<String> = workspace.iter().map(|line| name(line)).collect();
    let missing = lines(package).into_iter().filter(|line| !workspace.contains(line));
    missing.filter(|line| names.contains(&name(line))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_with_other_features_is_told() {
        let workspace = "headstart-cli v0.1.0 (/x/crates/cli) [default]\nsyn v3.0.1 [full]\nsyn v2.0.9 [full]\nserde_derive v1.0.1 (proc-macro) []\n";
        let package = "headstart-python v0.1.0 (/x/crates/python) []\nsyn v3.0.1 [full,visit-mut]\nsyn v2.0.9 [full] (*)\n\
                       pyo3 v0.30.1 [default]\nserde_derive v1.0.1 (proc-macro) []\n";
        assert_eq!(differing(workspace, package), ["syn v3.0.1 [full,visit-mut]"]);
        assert_eq!(differing(package, workspace), ["syn v3.0.1 [full]"]);
        assert_eq!(differing(package, package), [""; 0]);
    }
}
