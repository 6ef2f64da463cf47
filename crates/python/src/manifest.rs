//! The manifest of a file of features.

use std::path::PathBuf;

use headstart::{Features, Manifest};
use pyo3::prelude::*;
use serde::Serialize;

use crate::errors::{exception, usage};
use crate::json;

/// What the rows have in common.
#[derive(Serialize)]
struct Header<'a> {
    classes: &'a [String],
    network: &'a str,
    weights: &'a str,
    weights_blake3: &'a str,
    preprocessing: &'a headstart::Preprocessing,
    pool: String,
    row_shape: &'a [usize],
    fingerprint: &'a str,
    computed_by: &'a str,
    data_hash: Option<&'a str>,
    /// Index, number of shards, images of the whole folder.
    shard: Option<(u32, u32, usize)>,
}

/// Columns: paths, labels and hashes of the rows; path, label and reason of each skipped image.
type Columns = (Vec<String>, Vec<u32>, Vec<String>, Vec<(String, u32, String)>);

/// Reads the manifest of a `.npy`.
#[pyfunction]
pub(crate) fn read_manifest(py: Python<'_>, features: PathBuf) -> PyResult<(Bound<'_, PyAny>, Columns)> {
    let features = py.detach(|| Features::open(&features)).map_err(exception)?;
    let path = features.path().display();
    let Some(Manifest { header, rows, skipped, data_hash, .. }) = features.manifest() else {
        return Err(usage(format!("{path}: expected a manifest beside it, found none")));
    };
    let provenance = &header.provenance;
    let record = Header {
        classes: &header.classes,
        network: &provenance.backbone,
        weights: &provenance.weights.name,
        weights_blake3: &provenance.weights.blake3,
        preprocessing: &provenance.preprocessing,
        pool: provenance.pooling.to_string(),
        row_shape: &header.row_shape,
        fingerprint: &provenance.fingerprint,
        computed_by: &header.computed_by,
        data_hash: data_hash.as_deref(),
        shard: header.shard.as_ref().map(|shard| (shard.index, shard.count, shard.images)),
    };
    let paths = rows.iter().map(|row| row.path.clone()).collect();
    let labels = rows.iter().map(|row| row.label).collect();
    let hashes = rows.iter().map(|row| row.hash.clone()).collect();
    let skipped = skipped.iter().map(|image| (image.path.clone(), image.label, image.reason.clone()));
    Ok((json::to_python(py, &record)?, (paths, labels, hashes, skipped.collect())))
}
