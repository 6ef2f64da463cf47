//! `cargo xtask tidy`: the rules of the workspace that neither rustc nor clippy can check.
//!
//! Each rule is a function of text, so a test can show it a bad example. This file only collects the texts.

mod edges;
mod lock_files;
mod manifests;
mod plain_text;
mod sources;

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};

use crate::{cargo, workspace_root};

/// A broken rule and its place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    /// Relative to the workspace, with `/`.
    file: String,
    /// From 1.
    line: usize,
    /// What was expected, and what was found.
    message: String,
}

impl Finding {
    fn new(file: &str, line: usize, message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.message)
    }
}

/// Prints every finding; fails if there is one.
///
/// # Errors
/// cargo can't be run, or a file can't be read.
pub(crate) fn run() -> anyhow::Result<ExitCode> {
    let findings = check(&workspace_root()?)?;
    for finding in &findings {
        eprintln!("{finding}");
    }
    match findings.len() {
        0 => Ok(ExitCode::SUCCESS),
        n => {
            eprintln!("tidy: {n} findings");
            Ok(ExitCode::FAILURE)
        }
    }
}

/// All findings, in order of file and line.
fn check(root: &Path) -> anyhow::Result<Vec<Finding>> {
    let mut findings = edges::check(root, &metadata(root)?)?;
    findings.extend(edges::check(root, &metadata(&root.join(OWN_WORKSPACE))?)?);
    findings.extend(check_own_workspace(root)?);
    let root_manifest = fs::read_to_string(root.join("Cargo.toml")).context("cannot read Cargo.toml")?;
    let mut files = Vec::new();
    list_files(root, "", &ignored_names(root), &mut files)?;
    for file in files {
        let Some(text) = read_text(&root.join(&file))? else { continue };
        findings.extend(plain_text::check(&file, &text));
        if file.ends_with(".rs") {
            findings.extend(sources::check(&file, &text));
        }
        // A crate's README is its front page, with examples that run.
        if file.starts_with("crates/") && file.ends_with("/README.md") {
            findings.extend(sources::check_readme(&file, &text));
        }
        // The root's file has the versions. A crate that takes a dependency says why in its own file.
        if file.ends_with("/Cargo.toml") {
            findings.extend(manifests::check(&file, &text, &root_manifest));
        }
    }
    findings.sort();
    Ok(findings)
}

/// A crate that is a workspace of its own, and shares what the others compiled.
const OWN_WORKSPACE: &str = "crates/python";

/// What must be the same there as here, so that nothing is compiled twice.
fn check_own_workspace(root: &Path) -> anyhow::Result<Vec<Finding>> {
    let read =
        |file: &str| fs::read_to_string(root.join(file)).with_context(|| format!("cannot read {file}"));
    let [lock, manifest] = ["Cargo.lock", "Cargo.toml"].map(|name| format!("{OWN_WORKSPACE}/{name}"));
    let mut findings = lock_files::check(&lock, &read(&lock)?, &read("Cargo.lock")?);
    findings.extend(manifests::check_own_workspace(&manifest, &read(&manifest)?, &read("Cargo.toml")?));
    Ok(findings)
}

/// `cargo metadata` of the workspace's own crates.
fn metadata(root: &Path) -> anyhow::Result<serde_json::Value> {
    let output =
        cargo(root).args(["metadata", "--no-deps", "--format-version", "1", "--offline"]).output()?;
    if !output.status.success() {
        bail!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    }
    serde_json::from_slice(&output.stdout).context("cargo metadata printed no JSON")
}

/// Names at the root that git ignores. They are read from the `/name` lines of .gitignore, so git itself is not needed.
fn ignored_names(root: &Path) -> Vec<String> {
    let text = fs::read_to_string(root.join(".gitignore")).unwrap_or_default();
    text.lines()
        .filter_map(|line| line.strip_prefix('/'))
        .map(|name| name.trim_end_matches('/').to_owned())
        .collect()
}

/// All files below a folder, sorted, as paths relative to the root.
fn list_files(root: &Path, below: &str, ignored: &[String], files: &mut Vec<String>) -> anyhow::Result<()> {
    let folder = root.join(below);
    let mut entries = fs::read_dir(&folder)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| format!("cannot list {}", folder.display()))?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if below.is_empty() { name.clone() } else { format!("{below}/{name}") };
        if name == ".git" || name == "__pycache__" || ignored.contains(&path) {
            continue;
        }
        let kind = entry.file_type()?;
        if kind.is_dir() {
            list_files(root, &path, ignored, files)?;
        } else if kind.is_file() {
            files.push(path);
        }
    }
    Ok(())
}

/// A file's text, which is UTF-8 without a NUL; none for a binary file.
fn read_text(path: &Path) -> anyhow::Result<Option<String>> {
    use std::io::Read;
    let unreadable = || format!("cannot read {}", path.display());
    let mut file = fs::File::open(path).with_context(unreadable)?;
    let mut start = Vec::new();
    // Weights and images have a NUL near their start and need not be read to the end.
    file.by_ref().take(8192).read_to_end(&mut start).with_context(unreadable)?;
    if start.contains(&0) {
        return Ok(None);
    }
    file.read_to_end(&mut start).with_context(unreadable)?;
    Ok(String::from_utf8(start).ok().filter(|text| !text.contains('\0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_is_tidy() {
        let findings = check(&workspace_root().unwrap()).unwrap();
        let told: Vec<String> = findings.iter().map(Finding::to_string).collect();
        assert!(told.is_empty(), "\n{}", told.join("\n"));
    }

    #[test]
    fn the_walk_sees_the_crates_and_skips_what_git_ignores() {
        let root = workspace_root().unwrap();
        let ignored = ignored_names(&root);
        assert!(ignored.contains(&"target".to_owned()));
        let mut files = Vec::new();
        list_files(&root, "", &ignored, &mut files).unwrap();
        assert!(files.contains(&"xtask/src/tidy.rs".to_owned()));
        assert!(files.contains(&"crates/kernels/Cargo.toml".to_owned()));
        assert!(!files.iter().any(|file| file.starts_with("target/") || file.starts_with(".git/")));
    }

    #[test]
    fn binary_files_are_left_alone() {
        let root = workspace_root().unwrap();
        assert_eq!(read_text(&root.join("data/weights/vgg16_weights.h5")).unwrap(), None);
        assert!(read_text(&root.join("Cargo.toml")).unwrap().is_some());
    }

    #[test]
    fn a_finding_shows_its_place() {
        assert_eq!(Finding::new("a/b.rs", 7, "expected less").to_string(), "a/b.rs:7: expected less");
    }
}
