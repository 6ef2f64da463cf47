//! Everything that lies in a folder, to be compared before and after a command.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use assert_cmd::assert::Assert;
use headstart_weights::fingerprint;

use crate::common::{Workplace, fails, weights};

/// Names below a folder, each with what it is: a file's hash, or the kind of thing that it is.
fn of(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    add(folder, "", &mut found);
    found
}

fn add(folder: &Path, below: &str, found: &mut BTreeMap<String, String>) {
    // A folder that may not be looked into has no content to lose.
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.map(Result::unwrap) {
        let name = format!("{below}{}", entry.file_name().display());
        // Rows that an extraction had already computed, for the next one.
        if name.ends_with(".partial") {
            continue;
        }
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        if kind.is_dir() {
            add(&path, &format!("{name}/"), found);
        }
        let content = if kind.is_file() { fingerprint(&path).ok() } else { None };
        found.insert(name, content.unwrap_or_else(|| format!("{kind:?}")));
    }
}

/// Runs a command that must fail with this code and these texts, and leave all as it was.
pub(crate) fn refused(place: &Workplace, arguments: &[&str], code: i32, texts: &[&str]) {
    let stderr = adds(place, arguments, &[], |assert| fails(assert, code, &[]));
    for text in texts {
        assert!(stderr.contains(text), "{arguments:?}: expected {text:?} in: {stderr}");
    }
}

/// Runs a command, which may add these files and change nothing else.
pub(crate) fn adds<T>(
    place: &Workplace,
    arguments: &[&str],
    added: &[&str],
    check: impl FnOnce(Assert) -> T,
) -> T {
    let before = of(&place.path(""));
    let checked = check(place.run(arguments));
    let mut after = of(&place.path(""));
    for name in added {
        assert!(after.remove(*name).is_some() && !before.contains_key(*name), "{name} was not added");
    }
    assert_eq!(before, after, "{arguments:?}");
    checked
}

#[test]
#[should_panic(expected = "f.npy")]
fn a_file_that_a_command_adds_is_seen() {
    let place = Workplace::new(1);
    let weights = weights();
    let arguments = ["extract", "images", "-o", "f.npy", "--size", "32x32", "--weights"];
    let arguments = [&arguments[..], &[weights.to_str().unwrap()]].concat();
    adds(&place, &arguments, &["f.jsonl"], |assert| fails(assert, 0, &[]));
}
