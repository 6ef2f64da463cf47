//! Which crate may depend on which. The table is the picture of ARCHITECTURE.md; any other crate or edge is a finding.

use std::fs;
use std::path::Path;

use anyhow::Context;
use serde_json::Value;

use super::Finding;

/// A crate of the workspace, and which other crates of the workspace it uses.
struct Drawn {
    name: &'static str,
    /// What the crate, its tests and its build script may use.
    uses: &'static [&'static str],
    /// What its tests may use besides.
    tested_with: &'static [&'static str],
}

const LIBRARIES: &[&str] = &[
    "headstart",
    "headstart-server",
    "headstart-dataset",
    "headstart-backbone",
    "headstart-features",
    "headstart-head",
    "headstart-weights",
    "headstart-kernels",
    "headstart-cuda",
    "headstart-provenance",
    "headstart-files",
];

const DRAWN: &[Drawn] = &[
    Drawn {
        name: "headstart-cli",
        uses: &["headstart", "headstart-server", "headstart-files"],
        // The tests make the binary's inputs and read what it wrote.
        tested_with: &["headstart-dataset", "headstart-features", "headstart-head", "headstart-weights"],
    },
    drawn("headstart-python", &["headstart", "headstart-cli"]),
    drawn("headstart-server", &["headstart"]),
    drawn(
        "headstart",
        &[
            "headstart-dataset",
            "headstart-backbone",
            "headstart-features",
            "headstart-head",
            "headstart-weights",
            "headstart-provenance",
            "headstart-files",
        ],
    ),
    drawn(
        "headstart-backbone",
        &[
            "headstart-weights",
            "headstart-kernels",
            "headstart-cuda",
            "headstart-provenance",
            "headstart-files",
        ],
    ),
    drawn("headstart-cuda", &["headstart-kernels"]),
    drawn("headstart-head", &["headstart-weights", "headstart-kernels", "headstart-files"]),
    drawn("headstart-dataset", &["headstart-provenance", "headstart-files"]),
    drawn("headstart-features", &["headstart-provenance", "headstart-files"]),
    drawn("headstart-weights", &["headstart-provenance", "headstart-files"]),
    drawn("headstart-provenance", &["headstart-files"]),
    drawn("headstart-kernels", &["headstart-files"]),
    drawn("headstart-files", &[]),
    drawn("headstart-benches", LIBRARIES),
    drawn("xtask", &[]),
];

/// A crate whose tests use no more than the crate itself.
const fn drawn(name: &'static str, uses: &'static [&'static str]) -> Drawn {
    Drawn { name, uses, tested_with: &[] }
}

/// File formats with one owner: the package, and the only crate that may use it.
const OWNED: &[(&str, &str)] = &[
    ("hdf5", "headstart-weights"),
    ("hdf5-pure", "headstart-weights"),
    ("safetensors", "headstart-weights"),
    ("npyz", "headstart-features"),
];

/// Crates that know no tensors.
const WITHOUT_CANDLE: &[&str] = &[
    "headstart-cli",
    "headstart-dataset",
    "headstart-features",
    "headstart-files",
    "headstart-kernels",
    "headstart-provenance",
    "headstart-python",
    "headstart-server",
    "headstart-weights",
    "xtask",
];

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
        let in_tests = dependency["kind"] == "dev";
        if let Some(message) = refusal(drawn, used, in_tests) {
            let key = dependency["rename"].as_str().unwrap_or(used);
            findings.push(Finding::new(file, line_of(text, key), message));
        }
    }
    findings
}

/// Why `drawn` may not use the package `used`; none if it may.
fn refusal(drawn: &Drawn, used: &str, in_tests: bool) -> Option<String> {
    let name = drawn.name;
    if DRAWN.iter().any(|other| other.name == used) {
        let allowed = drawn.uses.contains(&used) || (in_tests && drawn.tested_with.contains(&used));
        return (!allowed)
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
        refused("headstart-backbone", "headstart-dataset", None);
        refused("headstart-head", "headstart-dataset", None);
        refused("headstart-head", "headstart-provenance", None);
        refused("headstart-dataset", "headstart", None);
        refused("headstart-provenance", "headstart-dataset", None);
        refused("headstart-files", "headstart-provenance", None);
        refused("headstart", "headstart-kernels", None);
        refused("headstart", "headstart-cli", None);
        refused("headstart", "headstart-server", None);
        refused("xtask", "headstart-features", None);
    }

    #[test]
    fn the_binary_uses_the_facade_only() {
        allowed("headstart-cli", "headstart", None);
        allowed("headstart-cli", "headstart-files", None);
        allowed("headstart-cli", "headstart-server", None);
        allowed("headstart-server", "headstart", None);
        let facades = ["headstart", "headstart-server", "headstart-files"];
        for used in LIBRARIES.iter().filter(|used| !facades.contains(used)) {
            refused("headstart-cli", used, None);
            refused("headstart-server", used, None);
        }
    }

    #[test]
    fn the_python_package_uses_the_facade_and_the_command() {
        allowed("headstart-python", "headstart", None);
        allowed("headstart-python", "headstart-cli", None);
        refused("headstart-python", "headstart-features", None);
        refused("headstart-python", "candle-core", None);
        refused("headstart-cli", "headstart-python", None);
    }

    #[test]
    fn tests_use_no_more_than_their_crate_but_for_the_binary_s() {
        allowed("headstart-head", "headstart-weights", Some("dev"));
        refused("headstart-head", "headstart-features", Some("dev"));
        refused("headstart-backbone", "headstart-dataset", Some("dev"));
        allowed("headstart-cli", "headstart-weights", Some("dev"));
        refused("headstart-cli", "headstart-weights", Some("build"));
        refused("headstart-cli", "headstart-kernels", Some("dev"));
    }

    #[test]
    fn drawn_edges_pass() {
        for used in LIBRARIES {
            allowed("headstart-benches", used, Some("dev"));
        }
        for used in ["dataset", "backbone", "features", "head", "weights", "provenance", "files"] {
            allowed("headstart", &format!("headstart-{used}"), None);
        }
        for used in ["dataset", "features", "weights", "backbone"] {
            allowed(&format!("headstart-{used}"), "headstart-provenance", None);
        }
        let without = ["headstart-files", "headstart-cuda", "headstart-server"];
        for used in LIBRARIES.iter().filter(|used| !without.contains(used)) {
            allowed(used, "headstart-files", None);
        }
        allowed("headstart-backbone", "headstart-cuda", None);
        allowed("headstart-cuda", "headstart-kernels", None);
        allowed("headstart-head", "headstart-kernels", None);
        allowed("headstart-backbone", "headstart-kernels", None);
        allowed("headstart-backbone", "candle-core", None);
        allowed("headstart", "candle-core", None);
    }

    #[test]
    fn every_crate_is_drawn_once_and_no_edge_goes_back() {
        for (at, crate_) in DRAWN.iter().enumerate() {
            let again = DRAWN[at + 1..].iter().any(|other| other.name == crate_.name);
            assert!(!again, "{}", crate_.name);
            for used in crate_.uses {
                let back = DRAWN.iter().any(|other| other.name == *used && other.uses.contains(&crate_.name));
                assert!(!back && *used != crate_.name, "{} -> {used}", crate_.name);
            }
        }
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
        for package in WITHOUT_CANDLE {
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
