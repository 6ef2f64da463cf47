//! Files that are broken, mislabelled or meant to harm, given to the binary: each is refused by name, with what was
//! expected and what was found, and nothing but what the command says it writes is created, changed or removed.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

#[path = "../common/mod.rs"]
mod common;
mod features;
mod folders;
mod images;
mod manifests;
mod names;
mod outputs;
mod snapshot;
mod weights;

use std::fs;

use common::root;

/// A file of the goldens.
fn golden(name: &str) -> Vec<u8> {
    fs::read(root().join("tests/golden").join(name)).unwrap()
}

/// With the first `from` replaced by `to`, of the same length.
fn replaced(mut bytes: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = bytes.windows(from.len()).position(|found| found == from).expect("bytes to replace");
    bytes[at..at + to.len()].copy_from_slice(to);
    bytes
}

/// The first half.
fn cut(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(bytes.len() / 2);
    bytes
}
