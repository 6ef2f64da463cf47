//! What the benchmarks share: where the shipped data lies.

use std::path::{Path, PathBuf};

/// A file or folder under `data`.
#[must_use]
pub fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../data").join(name)
}
