//! What the Cargo.toml of every crate must have: the shared lints, a reason for each dependency, and what crates.io shows.

use super::Finding;

/// The crates that have lints of their own, because they allow what the shared ones forbid.
const UNSAFE_CRATES: [&str; 2] = ["crates/kernels/Cargo.toml", "crates/cuda/Cargo.toml"];

/// The lint that these crates may leave out or change.
const UNSAFE_LINT: &str = "unsafe_code";

/// What `cargo package` or crates.io ask of a crate.
const PUBLISHED: [&str; 5] = ["description", "readme", "documentation", "version", "license"];

/// Checks one member's Cargo.toml; `root` is the workspace's.
pub(crate) fn check(file: &str, text: &str, root: &str) -> Vec<Finding> {
    let mut findings = unexplained(file, text);
    for key in unstated(text) {
        let what = "in [package], or publish = false";
        findings.push(Finding::new(file, 1, format!("expected {key} {what}, found neither")));
    }
    if UNSAFE_CRATES.contains(&file) {
        for missing in missing_lints(text, root) {
            findings.push(Finding::new(
                file,
                1,
                format!("expected the workspace's lint {missing}, found none"),
            ));
        }
    } else if !shares_lints(text) {
        findings.push(Finding::new(file, 1, "expected [lints] workspace = true, found none"));
    }
    findings
}

/// Checks that a crate that is a workspace of its own has the workspace's version, lints and profile: what both depend on is
/// compiled once.
pub(crate) fn check_own_workspace(file: &str, text: &str, root: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for [theirs, ours] in [
        ["[workspace.package]", "[package]"],
        ["[workspace.lints.rust]"; 2],
        ["[workspace.lints.clippy]"; 2],
        ["[profile.release]"; 2],
        ["[profile.release.package]"; 2],
    ] {
        let is_shared = |line: &&str| {
            ours != "[package]" || line.starts_with("version ") || line.starts_with("rust-version ")
        };
        let [expected, found] = [(root, theirs), (text, ours)]
            .map(|(text, head)| section_lines(text, head).filter(is_shared).collect::<Vec<_>>());
        for missing in expected.iter().filter(|line| !found.contains(line)) {
            let line = text.lines().position(|line| line.trim() == ours).map_or(1, |at| at + 1);
            let message =
                format!("expected {missing} in {ours}, as in the workspace's Cargo.toml, found none");
            findings.push(Finding::new(file, line, message));
        }
    }
    findings
}

/// The keys that a crate for crates.io lacks.
fn unstated(text: &str) -> Vec<&'static str> {
    let package: Vec<&str> = section_lines(text, "[package]").collect();
    if package.is_empty() || package.contains(&"publish = false") {
        return Vec::new();
    }
    let states = |key: &str| package.iter().any(|line| line.split(['.', '=', ' ']).next() == Some(key));
    PUBLISHED.into_iter().filter(|key| !states(key)).collect()
}

fn shares_lints(text: &str) -> bool {
    let in_section = section_lines(text, "[lints]").any(|line| line.replace(' ', "") == "workspace=true");
    in_section || text.lines().any(|line| line.replace(' ', "") == "lints.workspace=true")
}

/// The lints of the workspace that a crate with lints of its own does not repeat.
fn missing_lints<'a>(text: &'a str, root: &'a str) -> impl Iterator<Item = &'a str> {
    ["rust", "clippy"].into_iter().flat_map(move |tool| {
        let stated: Vec<&str> = section_lines(text, &format!("[lints.{tool}]")).collect();
        section_lines(root, &format!("[workspace.lints.{tool}]"))
            .filter(|lint| !lint.starts_with(UNSAFE_LINT))
            .filter(|lint| !stated.contains(lint))
            .collect::<Vec<_>>()
    })
}

/// The entries of a section.
fn section_lines<'a>(text: &'a str, head: &str) -> impl Iterator<Item = &'a str> {
    let lines = text.lines().map(str::trim).skip_while(move |line| *line != head).skip(1);
    lines.take_while(|line| !line.starts_with('[')).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Dependencies without a comment above them or above their unbroken group of lines.
fn unexplained(file: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut in_dependencies = false;
    // Whether a comment covers the current line. A blank line or the head of a section ends its reach.
    let mut explained = false;
    // Brackets that an entry over several lines has left open.
    let mut open = 0_i32;
    for (number, line) in (1..).zip(text.lines().map(str::trim)) {
        let continued = open > 0;
        if !line.starts_with('#') {
            open += brackets(line);
        }
        if continued {
            continue;
        }
        if line.starts_with('#') {
            explained = true;
        } else if line.starts_with('[') {
            let (plain, single) = section_kind(line);
            if single && !explained {
                findings.push(unexplained_finding(file, number, line));
            }
            in_dependencies = plain;
            explained = false;
        } else if line.is_empty() {
            explained = false;
        } else if in_dependencies && !explained {
            findings.push(unexplained_finding(file, number, line));
        }
    }
    findings
}

fn unexplained_finding(file: &str, number: usize, line: &str) -> Finding {
    Finding::new(file, number, format!("expected a comment above that says why, found only {line}"))
}

/// Whether a section lists dependencies, and whether it is itself a single one (`[dependencies.name]`).
fn section_kind(line: &str) -> (bool, bool) {
    let name = line.trim_matches(['[', ']']);
    let kinds = ["dependencies", "dev-dependencies", "build-dependencies"];
    let last = name.rsplit('.').next().unwrap_or(name);
    let plain = kinds.contains(&last);
    (plain, !plain && kinds.iter().any(|kind| name.contains(&format!("{kind}."))))
}

/// The number of opening brackets minus that of closing ones, outside of strings.
fn brackets(line: &str) -> i32 {
    let outside: String = line.split('"').step_by(2).collect();
    outside.chars().map(|c| i32::from(matches!(c, '[' | '{')) - i32::from(matches!(c, ']' | '}'))).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINTS: &str = "[lints]\nworkspace = true\n";

    fn lines(dependencies: &str) -> Vec<usize> {
        check("Cargo.toml", &format!("{LINTS}{dependencies}"), "")
            .iter()
            .map(|finding| finding.line)
            .collect()
    }

    #[test]
    fn a_dependency_without_a_reason_is_refused() {
        assert_eq!(lines("[dependencies]\nserde = \"1\"\n"), [4]);
        assert_eq!(lines("[dependencies]\n# Why.\nserde = \"1\"\n\nanyhow = \"1\"\n"), [7]);
        assert_eq!(lines("# About the section.\n[dev-dependencies]\nserde = \"1\"\n"), [5]);
        assert_eq!(lines("[target.'cfg(unix)'.dependencies]\nlibc = \"1\"\n"), [4]);
        assert_eq!(lines("[dependencies.serde]\nversion = \"1\"\n"), [3]);
    }

    #[test]
    fn a_reason_covers_the_group_below_it() {
        assert_eq!(lines("[dependencies]\n# Why both.\nserde = \"1\"\nserde_json = \"1\"\n"), [0; 0]);
        assert_eq!(
            lines("[dependencies]\n# Why.\nserde = { features = [\n  \"derive\",\n\n] }\nb = \"1\"\n"),
            [0; 0]
        );
        assert_eq!(lines("# Why.\n[dependencies.serde]\nversion = \"1\"\n"), [0; 0]);
        assert_eq!(lines("[features]\ncuda = []\n"), [0; 0]);
    }

    #[test]
    fn a_crate_that_can_be_published_says_what_crates_io_shows() {
        let package = "[package]\nname = \"x\"\ndescription = \"x\"\nreadme = \"README.md\"\nversion.workspace = true\n\
                       documentation = \"https://docs.rs/x\"\nlicense.workspace = true\n";
        let found = |package: &str| check("Cargo.toml", &format!("{package}{LINTS}"), "").len();
        assert_eq!(found(package), 0);
        assert_eq!(found(&package.replace("readme", "read-me")), 1);
        assert_eq!(found("[package]\nname = \"x\"\n"), 5);
        assert_eq!(found("[package]\nname = \"x\"\npublish = false\n"), 0);
    }

    #[test]
    fn a_member_without_the_shared_lints_is_refused() {
        for text in [
            "",
            "[lints]\n",
            "[package]\npublish = false\nworkspace = true\n",
            "[lints]\n# workspace = true\n",
        ] {
            assert_eq!(check("Cargo.toml", text, "").len(), 1, "{text}");
        }
        assert_eq!(check("Cargo.toml", LINTS, ""), []);
    }

    #[test]
    fn a_workspace_of_its_own_repeats_version_lints_and_profile() {
        let root = "[workspace.package]\nversion = \"1\"\nlicense = \"MIT\"\n\n[workspace.lints.rust]\na = \"deny\"\n\n\
                    [profile.release]\nstrip = \"symbols\"\n";
        let own = "[workspace.lints.rust]\na = \"deny\"\n\n[package]\nversion = \"1\"\n\n[profile.release]\n\
                   strip = \"symbols\"\n";
        assert_eq!(check_own_workspace("x/Cargo.toml", own, root), []);
        for (line, other) in [("version = \"1\"", 4), ("a = \"deny\"", 1), ("strip = \"symbols\"", 7)] {
            let found = check_own_workspace("x/Cargo.toml", &own.replace(line, ""), root);
            assert_eq!(found.iter().map(|finding| finding.line).collect::<Vec<_>>(), [other], "{line}");
        }
    }

    #[test]
    fn the_unsafe_crate_repeats_every_other_lint() {
        let root = "[workspace.lints.rust]\nunsafe_code = \"deny\"\nmissing_docs = \"deny\"\n\n\
                    [workspace.lints.clippy]\ntodo = \"deny\"\n";
        let own = "[lints.rust]\nmissing_docs = \"deny\"\n# Only here.\nunsafe_code = \"allow\"\n\n\
                   [lints.clippy]\ntodo = \"deny\"\n";
        assert_eq!(check(UNSAFE_CRATES[0], own, root), []);
        for weaker in
            [own.replace("missing_docs = \"deny\"", ""), own.replace("todo = \"deny\"", "todo = \"allow\"")]
        {
            assert_eq!(check(UNSAFE_CRATES[0], &weaker, root).len(), 1, "{weaker}");
        }
        assert_eq!(check("crates/head/Cargo.toml", own, root).len(), 1);
    }
}
