//! The manifest: which image each row is, and what the rows were made with.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::shard::Shard;

/// What the rows of a file have in common.
#[derive(Debug, Clone, PartialEq)]
pub struct ManifestHeader {
    /// Class names; a label is a position in this list.
    pub classes: Vec<String>,
    /// Name of the preset that chose the preprocessing.
    pub preset: String,
    /// How an image became the network's input. Opaque here: stored and given back as it is.
    pub preprocessing: Value,
    /// The network's name, `"vgg16"`.
    pub backbone: String,
    /// Name of the weight file, without its folder.
    pub weights_name: String,
    /// blake3 of the weight file, hexadecimal.
    pub weights_hash: String,
    /// Channels, height and width of a row: `[512, 4, 4]` for VGG16 at 150 x 150.
    pub row_shape: [usize; 3],
    /// What a row's values depend on, as [`fingerprint`](crate::fingerprint) gives it.
    pub fingerprint: String,
    /// What computed the rows, as far as it decides their last bits: `"fma, tiled"`. Rows of different ones agree
    /// within rounding, but a file holds those of one alone.
    pub computed_by: String,
    /// Which part of a folder's images the rows are of; none where it is all of them.
    pub shard: Option<Shard>,
}

impl ManifestHeader {
    /// Values in a row, or none where the shape is empty or beyond this machine's memory.
    pub(crate) fn row_len(&self) -> Option<usize> {
        let [channels, height, width] = self.row_shape;
        channels.checked_mul(height)?.checked_mul(width).filter(|&n| n > 0 && n < usize::MAX / 8)
    }
}

/// In what two headers differ that decides the rows' values and their order, each as name, ours and theirs.
pub(crate) fn differences(
    ours: &ManifestHeader,
    theirs: &ManifestHeader,
) -> Vec<(&'static str, String, String)> {
    let parts = |header: &ManifestHeader| {
        [
            ("backbone", header.backbone.clone()),
            ("weights", format!("{} ({})", header.weights_name, header.weights_hash)),
            ("preset", header.preset.clone()),
            ("preprocessing", header.preprocessing.to_string()),
            ("row shape", format!("{:?}", header.row_shape)),
            ("fingerprint", header.fingerprint.clone()),
        ]
    };
    let pairs = parts(ours).into_iter().zip(parts(theirs));
    pairs.filter(|(ours, theirs)| ours != theirs).map(|((name, a), (_, b))| (name, a, b)).collect()
}

/// The image that a row was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowRecord {
    /// The image, as the scan named it.
    pub path: String,
    /// Its class: a position in [`ManifestHeader::classes`].
    pub label: u32,
    /// Hash of the image file's content, hexadecimal.
    pub hash: String,
}

/// An image that has no row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedRecord {
    /// The image, as the scan named it.
    pub path: String,
    /// The class whose folder it lay in.
    pub label: u32,
    /// Why it could not be read.
    pub reason: String,
}

/// A whole manifest, as read.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// What the rows have in common.
    pub header: ManifestHeader,
    /// A record a row, in row order.
    pub rows: Vec<RowRecord>,
    /// The images that were left out, in scan order.
    pub skipped: Vec<SkippedRecord>,
    /// blake3 of the `.npy`'s data (all that follows its header), hexadecimal.
    pub data_hash: Option<String>,
}

impl Manifest {
    /// Rows of each class, in label order.
    #[must_use]
    pub fn class_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.header.classes.len()];
        for row in &self.rows {
            if let Some(count) = counts.get_mut(row.label as usize) {
                *count += 1;
            }
        }
        counts
    }
}

/// Where the manifest of a `.npy` lies: beside it, with the suffix `.jsonl`.
///
/// ```
/// let manifest = headstart_features::manifest_path("runs/bottleneck_features_train.npy".as_ref());
/// assert_eq!(manifest, std::path::Path::new("runs/bottleneck_features_train.jsonl"));
/// ```
#[must_use]
pub fn manifest_path(npy: &Path) -> PathBuf {
    npy.with_extension("jsonl")
}
