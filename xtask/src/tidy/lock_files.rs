//! The lock file of a workspace of its own must choose the versions that the main one chooses.

use std::collections::{BTreeMap, BTreeSet};

use super::Finding;

/// Checks a lock file; `root` is the main one. A package that only one of them has may have any version.
pub(crate) fn check(file: &str, text: &str, root: &str) -> Vec<Finding> {
    let mut known: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (_, name, version) in packages(root) {
        known.entry(name).or_default().insert(version);
    }
    let other = |(line, name, version): (usize, &str, &str)| {
        let expected = known.get(name).filter(|versions| !versions.contains(version))?;
        let expected = expected.iter().copied().collect::<Vec<_>>().join(" or ");
        let message = format!(
            "expected {name} {expected}, as in the workspace's Cargo.lock, found {version}; run cargo update -p {name} \
             --precise in that folder"
        );
        Some(Finding::new(file, line, message))
    };
    packages(text).filter_map(other).collect()
}

/// Line, name and version of each package.
fn packages(text: &str) -> impl Iterator<Item = (usize, &str, &str)> {
    let lines = (1..).zip(text.lines());
    let value = |line: &'_ str, key: &str| -> Option<(usize, usize)> {
        let rest = line.strip_prefix(key)?.strip_prefix(" = \"")?;
        let end = rest.find('"')?;
        let start = line.len() - rest.len();
        Some((start, start + end))
    };
    let mut name = None;
    lines.filter_map(move |(number, line)| {
        if let Some((start, end)) = value(line, "name") {
            name = Some(&line[start..end]);
        }
        let (start, end) = value(line, "version")?;
        Some((number, name.take()?, &line[start..end]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n\n[[package]]\nname = \"a\"\n\
                        version = \"2.0.0\"\n";

    #[test]
    fn another_version_is_refused_and_a_package_of_its_own_is_not() {
        let lock =
            |name: &str, version: &str| format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n");
        for (name, version) in [("a", "1.0.0"), ("a", "2.0.0"), ("b", "9.0.0")] {
            assert_eq!(check("Cargo.lock", &lock(name, version), ROOT), []);
        }
        let found = check("Cargo.lock", &lock("a", "2.0.1"), ROOT);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].line, 3);
        assert!(found[0].message.contains("expected a 1.0.0 or 2.0.0"), "{}", found[0]);
    }
}
