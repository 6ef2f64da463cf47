//! The manifest: which image each row is, and what the rows were made with.

use std::path::{Path, PathBuf};

use headstart_provenance::{Difference, Provenance};

use crate::shard::Shard;

/// What the rows of a file have in common.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ManifestHeader {
    /// Class names. A label is a position in this list.
    pub classes: Vec<String>,
    /// What the rows' values depend on.
    pub provenance: Provenance,
    /// Channels, height and width of a row, `[512, 4, 4]` for VGG16 at 150 x 150; channels alone, `[512]`, if the maps were
    /// pooled.
    pub row_shape: Vec<usize>,
    /// What computed the rows, as far as it decides their last bits: `"fma, tiled"`. Rows of different ones agree
    /// within rounding, but one file never mixes them.
    pub computed_by: String,
    /// Which part of a folder's images the rows are of; none if they are of all images.
    pub shard: Option<Shard>,
}

impl ManifestHeader {
    /// A header for the rows of a whole folder. For a part of it, set [`shard`](Self::shard) afterwards.
    #[must_use]
    pub fn new(
        classes: Vec<String>,
        provenance: Provenance,
        row_shape: impl Into<Vec<usize>>,
        computed_by: impl Into<String>,
    ) -> Self {
        let row_shape = row_shape.into();
        Self { classes, provenance, row_shape, computed_by: computed_by.into(), shard: None }
    }

    /// The dimensions that a row has: one if its maps were pooled, else three.
    pub(crate) fn row_rank(&self) -> usize {
        if self.provenance.pooling.is_none() { 3 } else { 1 }
    }

    /// Values in a row; none if the shape has other dimensions than the pooling gives, is empty, or is beyond this
    /// machine's memory.
    pub(crate) fn row_len(&self) -> Option<usize> {
        let product = self.row_shape.iter().try_fold(1_usize, |product, &axis| product.checked_mul(axis))?;
        let fits = self.row_shape.len() == self.row_rank();
        Some(product).filter(|&n| fits && n > 0 && n < usize::MAX / 8)
    }

    /// In what the two differ that decides the rows' values or their shape.
    pub(crate) fn differences(&self, other: &Self) -> Vec<Difference> {
        let mut found = self.provenance.differences(&other.provenance);
        let shape = |header: &Self| format!("{:?}", header.row_shape);
        found.extend(Difference::between("row shape", shape(self), shape(other)));
        found
    }
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
#[non_exhaustive]
pub struct Manifest {
    /// What the rows have in common.
    pub header: ManifestHeader,
    /// A record for each row, in row order.
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

/// The path of a `.npy`'s manifest: beside it, with the suffix `.jsonl`.
///
/// ```
/// let manifest = headstart_features::manifest_path("runs/bottleneck_features_train.npy".as_ref());
/// assert_eq!(manifest, std::path::Path::new("runs/bottleneck_features_train.jsonl"));
/// ```
#[must_use]
pub fn manifest_path(npy: &Path) -> PathBuf {
    npy.with_extension("jsonl")
}
