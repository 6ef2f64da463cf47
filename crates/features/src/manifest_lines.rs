//! The manifest's text: JSON, a line for each record, and a last line that shows that nothing was cut off.

use std::path::Path;

use headstart_provenance::{Pooling, Preprocessing, Provenance, WeightsFile};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::Error;
use crate::manifest::{ManifestHeader, RowRecord, SkippedRecord};
use crate::shard::Shard;

/// First line's `format`.
const FORMAT: &str = "headstart.features";

/// First line's `version`; raised when a reader of this version could misread the lines.
const VERSION: u32 = 1;

/// The most bytes of the first line with its end. Ten thousand class names of a hundred letters fit.
pub(crate) const MAX_HEADER: usize = 1 << 20;

/// The most bytes of any other line. A path of 4096 bytes fits, each escaped to six, and once more in a reason.
pub(crate) const MAX_RECORD: usize = 1 << 16;

/// The most bytes of all skipped images' lines together, about four hundred thousand images. The rows' lines need no
/// such limit, because the `.npy` says how many there can be.
pub(crate) const MAX_SKIPPED: usize = 64 << 20;

#[derive(Serialize, Deserialize)]
struct HeaderLine {
    format: String,
    version: u32,
    classes: Vec<String>,
    preset: String,
    /// As JSON, in which singles are written as doubles and keys are sorted.
    preprocessing: Value,
    backbone: String,
    weights: Weights,
    /// Left out if there is none, as in all manifests of the time before it.
    #[serde(default, skip_serializing_if = "is_none")]
    pooling: Pooling,
    row_shape: Vec<usize>,
    fingerprint: String,
    computed_by: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    shard: Option<Shard>,
}

fn is_none(pooling: &Pooling) -> bool {
    pooling.is_none()
}

#[derive(Serialize, Deserialize)]
struct Weights {
    name: String,
    blake3: String,
}

#[derive(Serialize)]
struct RowLine<'a> {
    row: usize,
    path: &'a str,
    label: u32,
    hash: &'a str,
}

#[derive(Serialize)]
struct SkippedLine<'a> {
    skipped: &'a str,
    label: u32,
    reason: &'a str,
}

#[derive(Serialize)]
struct EndLine<'a> {
    end: End<'a>,
}

#[derive(Serialize)]
struct End<'a> {
    rows: usize,
    skipped: usize,
    data_hash: &'a str,
}

/// The first line, without its line end.
pub(crate) fn header_line(header: &ManifestHeader) -> serde_json::Result<String> {
    let ManifestHeader { classes, provenance, row_shape, computed_by, shard } = header.clone();
    let Provenance { backbone, weights, preprocessing, pooling, fingerprint, .. } = provenance;
    serde_json::to_string(&HeaderLine {
        format: FORMAT.to_owned(),
        version: VERSION,
        classes,
        preset: preprocessing.preset.clone(),
        preprocessing: serde_json::to_value(preprocessing)?,
        backbone,
        weights: Weights { name: weights.name, blake3: weights.blake3 },
        pooling,
        row_shape,
        fingerprint,
        computed_by,
        shard,
    })
}

/// A row's line, without its line end.
pub(crate) fn row_line(row: usize, record: &RowRecord) -> serde_json::Result<String> {
    let RowRecord { path, label, hash } = record;
    serde_json::to_string(&RowLine { row, path, label: *label, hash })
}

/// A skipped image's line, without its line end.
pub(crate) fn skipped_line(record: &SkippedRecord) -> serde_json::Result<String> {
    let SkippedRecord { path, label, reason } = record;
    serde_json::to_string(&SkippedLine { skipped: path, label: *label, reason })
}

/// The last line, without its line end.
pub(crate) fn end_line(rows: usize, skipped: usize, data_hash: &str) -> serde_json::Result<String> {
    serde_json::to_string(&EndLine { end: End { rows, skipped, data_hash } })
}

/// A line with its end, if the reader accepts it: it must not be longer than `limit`.
pub(crate) fn closed(line: serde_json::Result<String>, limit: usize, what: &str) -> Result<String, String> {
    let mut line = line.map_err(|cause| cause.to_string())?;
    line.push('\n');
    if line.len() > limit {
        let found = line.len();
        return Err(format!(
            "expected a manifest line of at most {limit} bytes for the {what}, found {found}"
        ));
    }
    Ok(line)
}

/// Why a header can't be used.
pub(crate) enum BadHeader {
    /// It is damaged, or of something else.
    Damaged(String),
    /// It is whole, but this version of headstart can't use it.
    Unsupported(String),
}

impl BadHeader {
    /// The error about the first line of a file.
    pub(crate) fn into_error(self, path: &Path) -> Error {
        let path = path.to_path_buf();
        match self {
            Self::Damaged(reason) => Error::Manifest { path, line: 1, reason },
            Self::Unsupported(reason) => Error::Unsupported { path, reason },
        }
    }
}

/// Reads the first line.
pub(crate) fn parse_header(text: &str) -> Result<ManifestHeader, BadHeader> {
    let damaged = |cause: serde_json::Error| BadHeader::Damaged(cause.to_string());
    // The format comes first, so that the error about another tool's .jsonl does not speak of a missing key.
    let value: Value = serde_json::from_str(text).map_err(damaged)?;
    let (format, version) = (&value["format"], &value["version"]);
    if format != FORMAT {
        return Err(BadHeader::Damaged(format!("expected format {FORMAT:?}, found {format}")));
    }
    if version != VERSION {
        return Err(BadHeader::Unsupported(format!("expected version {VERSION}, found version {version}")));
    }
    let line: HeaderLine = serde_json::from_value(value).map_err(damaged)?;
    let preprocessing: Preprocessing = serde_json::from_value(line.preprocessing)
        .map_err(|cause| BadHeader::Unsupported(format!("its preprocessing is not known: {cause}")))?;
    if line.preset != preprocessing.preset {
        let (stated, found) = (line.preset, preprocessing.preset);
        let reason = format!("expected one preset, found {stated:?} and {found:?} in the preprocessing");
        return Err(BadHeader::Damaged(reason));
    }
    let weights = WeightsFile { name: line.weights.name, blake3: line.weights.blake3 };
    let provenance =
        Provenance::stored(line.backbone, weights, preprocessing, line.pooling, line.fingerprint);
    let mut header = ManifestHeader::new(line.classes, provenance, line.row_shape, line.computed_by);
    header.shard = line.shard;
    if header.row_shape.len() != header.row_rank() {
        let (rank, shape, pooling) = (header.row_rank(), &header.row_shape, line.pooling);
        let reason =
            format!("expected a row shape of {rank} dimensions for pooling {pooling}, found {shape:?}");
        return Err(BadHeader::Damaged(reason));
    }
    Ok(header)
}
