//! Who may depend on whom. The table is the picture of ARCHITECTURE.md; a crate or an edge that it lacks is a finding.

use std::fs;
use std::path::Path;

use anyhow::Context;
use serde_json::Value;

use super::Finding;

/// A crate of the workspace and what it, its tests and its build script may use of the workspace.
struct Drawn {
    name: &'static str,
    uses: &'static [&'static str],
}

const ALL: &[&str] = &[
    "headstart-dataset",
    "headstart-backbone",
    "headstart-features",
    "headstart-head",
    "headstart-weights",
    "headstart-kernels",
];

const DRAWN: &[Drawn] = &[
    Drawn {
        name: "headstart-cli",
        uses: &[
            "headstart-dataset",
            "headstart-backbone",
            "headstart-features",
            "headstart-head",
            "headstart-weights",
        ],
    },
    Drawn { name: "headstart-backbone", uses: &["headstart-weights", "headstart-kernels"] },
    Drawn { name: "headstart-head", uses: &["headstart-weights", "headstart-kernels"] },
    Drawn { name: "headstart-dataset", uses: &[] },
    Drawn { name: "headstart-features", uses: &[] },
    Drawn { name: "headstart-weights", uses: &[] },
    Drawn { name: "headstart-kernels", uses: &[] },
    Drawn { name: "headstart-benches", uses: ALL },
    Drawn { name: "xtask", uses: &[] },
];

/// File formats with one owner: the package, and the only crate that may use it.
const OWNED: &[(&str, &str)] = &[
    ("hdf5", "headstart-weights"),
    ("hdf5-pure", "headstart-weights"),
    ("safetensors", "headstart-weights"),
    ("npyz", "headstart-features"),
];

/// Crates that know no tensors.
const WITHOUT_CANDLE: &[&str] =
    &["headstart-kernels", "headstart-dataset", "headstart-weights", "headstart-features", "xtask"];

/// Checks every member of the workspace.
pub(crate) fn check(root: &Path, metadata: &Value) -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for package in metadata["packages"].as_array().context("cargo metadata lists no packages")? {
        let manifest = Path::new(package["manifest_path"].as_str().context("a package without a manifest")?);
        let text =
            fs::read_to_string(manifest).with_context(|| format!("cannot read {}", manifest.display()))?;
        let file = manifest.strip_prefix(root).unwrap_or(manifest).to_string_lossy().replace('\\', "/");
        findings.extend(check_package(package, &file, &text));
    }
    Ok(findings)
}

/// Checks a package's direct dependencies of every kind.
fn check_package(package: &Value, file: &str, text: &str) -> Vec<Finding> {
    let name = package["name"].as_str().unwrap_or_default();
    let Some(drawn) = DRAWN.iter().find(|drawn| drawn.name == name) else {
        return vec![Finding::new(
            file,
            1,
            format!("expected a crate that ARCHITECTURE.md draws, found {name}"),
        )];
    };
    let mut findings = Vec::new();
    for dependency in package["dependencies"].as_array().into_iter().flatten() {
        let used = dependency["name"].as_str().unwrap_or_default();
        if let Some(message) = refusal(drawn, used) {
            let key = dependency["rename"].as_str().unwrap_or(used);
            findings.push(Finding::new(file, line_of(text, key), message));
        }
    }
    findings
}

/// Why `drawn` may not use the package `used`, if it may not.
fn refusal(drawn: &Drawn, used: &str) -> Option<String> {
    let name = drawn.name;
    if DRAWN.iter().any(|other| other.name == used) {
        let drawn = drawn.uses.contains(&used);
        return (!drawn)
            .then(|| format!("expected an edge that ARCHITECTURE.md draws, found {name} -> {used}"));
    }
    if let Some((_, owner)) = OWNED.iter().find(|(package, owner)| *package == used && *owner != name) {
        return Some(format!("expected {used} in {owner} only, found it in {name}"));
    }
    if used.starts_with("candle") && WITHOUT_CANDLE.contains(&name) {
        return Some(format!("expected no candle in {name}, found {used}"));
    }
    None
}

/// The line of a dependency's entry.
fn line_of(text: &str, key: &str) -> usize {
    let is_entry = |line: &str| {
        let named = line.strip_prefix(key).is_some_and(|rest| rest.starts_with(['.', ' ', '=']));
        named || line.trim_end().ends_with(&format!("dependencies.{key}]"))
    };
    text.lines().position(is_entry).map_or(1, |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn findings(package: &str, dependency: &str, kind: Option<&str>) -> Vec<Finding> {
        let value =
            json!({"name": package, "dependencies": [{"name": dependency, "kind": kind, "rename": null}]});
        check_package(
            &value,
            "Cargo.toml",
            &format!("[dependencies]\n# Why.\n{dependency}.workspace = true\n"),
        )
    }

    fn refused(package: &str, dependency: &str, kind: Option<&str>) {
        let found = findings(package, dependency, kind);
        assert_eq!(found.len(), 1, "{package} -> {dependency}");
        assert_eq!(found[0].line, 3);
        assert!(found[0].message.contains(package) && found[0].message.contains(dependency), "{}", found[0]);
    }

    fn allowed(package: &str, dependency: &str, kind: Option<&str>) {
        assert_eq!(findings(package, dependency, kind), [], "{package} -> {dependency}");
    }

    #[test]
    fn an_edge_that_is_not_drawn_is_refused() {
        refused("headstart-features", "headstart-dataset", None);
        refused("headstart-weights", "headstart-kernels", None);
        refused("headstart-kernels", "headstart-weights", Some("build"));
        refused("headstart-backbone", "headstart-head", None);
        refused("headstart-head", "headstart-dataset", None);
        refused("headstart-dataset", "headstart-cli", None);
        refused("headstart-cli", "headstart-kernels", None);
        refused("xtask", "headstart-features", None);
    }

    #[test]
    fn tests_may_use_no_more_than_their_crate() {
        allowed("headstart-head", "headstart-weights", Some("dev"));
        refused("headstart-head", "headstart-features", Some("dev"));
        refused("headstart-backbone", "headstart-dataset", Some("dev"));
        refused("headstart-cli", "headstart-kernels", Some("dev"));
    }

    #[test]
    fn drawn_edges_pass() {
        for used in ALL {
            allowed("headstart-benches", used, Some("dev"));
        }
        for used in ["dataset", "backbone", "features", "head", "weights"] {
            allowed("headstart-cli", &format!("headstart-{used}"), None);
        }
        allowed("headstart-head", "headstart-kernels", None);
        allowed("headstart-backbone", "headstart-kernels", None);
        allowed("headstart-backbone", "candle-core", None);
    }

    #[test]
    fn file_formats_stay_with_their_owner() {
        refused("headstart-cli", "hdf5-pure", None);
        refused("headstart-backbone", "safetensors", Some("dev"));
        refused("headstart-head", "npyz", None);
        allowed("headstart-weights", "hdf5-pure", None);
        allowed("headstart-weights", "safetensors", None);
        allowed("headstart-features", "npyz", None);
    }

    #[test]
    fn candle_is_kept_out_of_the_crates_that_know_no_tensors() {
        for package in ["headstart-kernels", "headstart-dataset", "headstart-weights", "headstart-features"] {
            refused(package, "candle-core", None);
            refused(package, "candle-nn", Some("dev"));
        }
    }

    #[test]
    fn a_crate_that_is_not_drawn_is_refused() {
        let found = check_package(&json!({"name": "headstart-new", "dependencies": []}), "Cargo.toml", "");
        assert!(found[0].message.contains("headstart-new"));
    }

    #[test]
    fn a_renamed_dependency_is_found_by_its_package() {
        let value = json!({"name": "headstart-cli",
            "dependencies": [{"name": "hdf5-pure", "kind": null, "rename": "hdf5"}]});
        let found =
            check_package(&value, "Cargo.toml", "[dependencies]\nhdf5 = { package = \"hdf5-pure\" }\n");
        assert_eq!((found.len(), found[0].line), (1, 2));
    }
}
