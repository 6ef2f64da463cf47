//! What is in a file: features, or weights.

use std::io::Read;
use std::path::Path;

pub use headstart_features::{
    ClassCount, Description as FeaturesDescription, ManifestSummary, Statistics,
    describe as describe_features,
};
pub use headstart_weights::{
    Description as WeightsDescription, Format, Layout, TensorDescription, describe as describe_weights,
};
use serde::Serialize;

use crate::Error;

/// The first bytes of every `.npy` file.
const NPY_MAGIC: &[u8] = b"\x93NUMPY";

/// What is in a file.
#[derive(Debug, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum FileDescription {
    /// A `.npy`, with its manifest if there is one.
    Features(Box<FeaturesDescription>),
    /// A file of weights or a head.
    Weights(WeightsDescription),
}

/// Describes a file of features, of weights or of a head. The content decides which it is. A file that is none of them gets
/// the error of the kind that its name promises.
///
/// # Errors
/// A file that can't be read, or that is of another kind.
pub fn describe(path: impl AsRef<Path>) -> Result<FileDescription, Error> {
    let path = path.as_ref();
    Ok(if starts_as_npy(path)? || path.extension().is_some_and(|suffix| suffix.eq_ignore_ascii_case("npy")) {
        FileDescription::Features(describe_features(path)?.into())
    } else {
        FileDescription::Weights(describe_weights(path)?)
    })
}

fn starts_as_npy(path: &Path) -> Result<bool, Error> {
    let mut start = Vec::new();
    let file = headstart_files::open(path)?;
    let read = file.take(NPY_MAGIC.len() as u64).read_to_end(&mut start);
    read.map_err(headstart_files::Error::io(path, "read it"))?;
    Ok(start == NPY_MAGIC)
}
