//! A `.npy` in short, as `headstart inspect` shows it: layout, statistics and a summary of the manifest.

use std::path::{Path, PathBuf};

use headstart_provenance::{Pooling, Provenance};
use serde::{Serialize, Serializer};

use crate::error::Error;
use crate::features::{manifest_beside, open_npy, walk_data};
use crate::file::PositionedFile;
use crate::manifest::{Manifest, manifest_path};

/// A `.npy` file in short.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Description {
    /// Format version, `"1.0"`.
    pub version: String,
    /// numpy's name of the value type, `"<f4"`.
    pub dtype: String,
    /// `"C"` or `"Fortran"`.
    pub order: String,
    /// All dimensions, rows first.
    pub shape: Vec<usize>,
    /// Length of the file.
    pub bytes: u64,
    /// Where the data begins.
    pub data_offset: u64,
    /// What the values are like.
    pub statistics: Statistics,
    /// The manifest, if one lies beside the file.
    pub manifest: Option<ManifestSummary>,
}

/// Statistics of all values, as singles.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Statistics {
    /// How many values there are.
    pub values: usize,
    /// Smallest finite value; none if there is no finite one.
    pub min: Option<f32>,
    /// Largest finite value.
    pub max: Option<f32>,
    /// Mean of the finite values, summed in f64.
    pub mean: Option<f64>,
    /// Share of values that are 0, from 0 to 1; none if there are no values.
    pub zeros: Option<f64>,
    /// How many are not a number.
    pub nan: usize,
    /// How many are infinite.
    pub infinite: usize,
}

/// A manifest in short.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ManifestSummary {
    /// The manifest's file.
    pub path: PathBuf,
    /// Classes in label order.
    pub classes: Vec<ClassCount>,
    /// What the values depend on; its parts are keys of their own in JSON.
    #[serde(flatten, serialize_with = "parts")]
    pub provenance: Provenance,
    /// Images left out.
    pub skipped: usize,
    /// Whether the values are those that the manifest was written for; none if it has no hash.
    pub data_matches: Option<bool>,
}

/// A provenance in the words of the manifest.
fn parts<S: Serializer>(provenance: &Provenance, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Parts<'a> {
        preset: &'a str,
        preprocessing: serde_json::Value,
        backbone: &'a str,
        weights_name: &'a str,
        weights_hash: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        pooling: Option<Pooling>,
        fingerprint: &'a str,
    }
    let Provenance { backbone, weights, preprocessing, pooling, fingerprint, .. } = provenance;
    let preset = &preprocessing.preset;
    // A value, so that singles are written as doubles, as in the manifest.
    let preprocessing = serde_json::to_value(preprocessing).map_err(serde::ser::Error::custom)?;
    let (weights_name, weights_hash) = (&weights.name, &weights.blake3);
    let pooling = Some(*pooling).filter(|pooling| !pooling.is_none());
    Parts { preset, preprocessing, backbone, weights_name, weights_hash, pooling, fingerprint }
        .serialize(serializer)
}

/// A class and its rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClassCount {
    /// The class's name.
    pub name: String,
    /// How many rows have its label.
    pub rows: usize,
}

/// Describes a `.npy` that [`Features::open`](crate::Features::open) could read, or one without rows.
///
/// The values are streamed; memory does not grow with the file.
///
/// # Errors
/// Those of [`Features::open`](crate::Features::open), except for a file without rows. Values that don't match the
/// manifest's hash are no error: see [`ManifestSummary::data_matches`].
pub fn describe(path: &Path) -> Result<Description, Error> {
    let (file, header) = open_npy(path)?;
    let bytes = file.metadata().map_err(Error::io(path, "read it"))?.len();
    let manifest = manifest_beside(path, header.shape[0], &header.shape[1..])?;
    let mut tally = Tally::default();
    let mut hasher = blake3::Hasher::new();
    let mut values = Vec::new();
    let data_bytes = header.elements as u64 * header.item.size() as u64;
    walk_data(&PositionedFile::new(file), path, header.data_offset, data_bytes, |bytes| {
        hasher.update(bytes);
        values.resize(bytes.len() / header.item.size(), 0.0);
        header.item.decode(bytes, &mut values);
        tally.add(&values);
    })?;
    let data_hash = hasher.finalize().to_hex();
    Ok(Description {
        version: format!("{}.{}", header.version.0, header.version.1),
        dtype: header.item.name().to_owned(),
        order: if header.fortran_order { "Fortran" } else { "C" }.to_owned(),
        shape: header.shape,
        bytes,
        data_offset: header.data_offset,
        statistics: tally.statistics(),
        manifest: manifest.map(|manifest| summarise(manifest, path, data_hash.as_str())),
    })
}

fn summarise(manifest: Manifest, npy: &Path, data_hash: &str) -> ManifestSummary {
    let counts = manifest.class_counts();
    let header = manifest.header;
    ManifestSummary {
        path: manifest_path(npy),
        classes: header
            .classes
            .into_iter()
            .zip(counts)
            .map(|(name, rows)| ClassCount { name, rows })
            .collect(),
        provenance: header.provenance,
        skipped: manifest.skipped.len(),
        data_matches: manifest.data_hash.map(|stated| stated == data_hash),
    }
}

/// Running statistics.
#[derive(Default)]
struct Tally {
    values: usize,
    finite: usize,
    zeros: usize,
    nan: usize,
    min: Option<f32>,
    max: Option<f32>,
    sum: f64,
}

impl Tally {
    fn add(&mut self, values: &[f32]) {
        self.values += values.len();
        for &value in values {
            if value.is_finite() {
                self.finite += 1;
                self.sum += f64::from(value);
                self.min = Some(self.min.map_or(value, |min| min.min(value)));
                self.max = Some(self.max.map_or(value, |max| max.max(value)));
                self.zeros += usize::from(value == 0.0);
            } else {
                self.nan += usize::from(value.is_nan());
            }
        }
    }

    fn statistics(&self) -> Statistics {
        let share = |part: f64, whole: usize| (whole > 0).then(|| part / whole as f64);
        Statistics {
            values: self.values,
            min: self.min,
            max: self.max,
            mean: share(self.sum, self.finite),
            zeros: share(self.zeros as f64, self.values),
            nan: self.nan,
            infinite: self.values - self.finite - self.nan,
        }
    }
}
