//! What the tests of the store share.

use std::path::{Path, PathBuf};

use headstart_features::{Error, Existing, ManifestHeader, RowRecord, SkippedRecord, Summary, Writer};
use headstart_provenance::{Pooling, Preprocessing, Preset, Provenance, WeightsFile};

/// A file of the numpy goldens.
pub(crate) fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/npy").join(name)
}

/// The provenance of the tests' rows: network, hash of the weights, preprocessing.
pub(crate) fn provenance(backbone: &str, weights: &str, preset: Preset, side: usize) -> Provenance {
    let weights = WeightsFile { name: "vgg16_weights.h5".into(), blake3: weights.into() };
    Provenance::new(backbone, weights, Preprocessing::preset(preset, side, side), Pooling::None)
}

/// A header for two classes.
pub(crate) fn header(row_shape: [usize; 3]) -> ManifestHeader {
    let classes = vec!["animals".into(), "food".into()];
    ManifestHeader::new(classes, provenance("vgg16", "00ff", Preset::Blog, 64), row_shape, "fma, tiled")
}

/// A header for two classes whose rows are pooled.
pub(crate) fn pooled_header(pooling: Pooling, channels: usize) -> ManifestHeader {
    let Provenance { backbone, weights, preprocessing, .. } = provenance("vgg16", "00ff", Preset::Blog, 64);
    let provenance = Provenance::new(backbone, weights, preprocessing, pooling);
    ManifestHeader::new(header([1, 1, 1]).classes, provenance, [channels], "fma, tiled")
}

/// A header with a change.
pub(crate) fn changed(row_shape: [usize; 3], change: impl FnOnce(&mut ManifestHeader)) -> ManifestHeader {
    let mut header = header(row_shape);
    change(&mut header);
    header
}

/// The record of the image that row or skipped image `i` stands for.
pub(crate) fn record(i: usize, label: u32) -> RowRecord {
    RowRecord { path: format!("image_{i}.png"), label, hash: format!("{i:064x}") }
}

/// A skipped image.
pub(crate) fn skipped(i: usize, label: u32) -> SkippedRecord {
    SkippedRecord { path: format!("image_{i}.png"), label, reason: "no image".into() }
}

/// Writes three rows of 2 x 2 x 1, values (i / 4) - 1, labels 0 1 1, and a skipped image before the last.
pub(crate) fn write_three(path: &Path, existing: Existing) -> Result<Summary, Error> {
    let values: Vec<f32> = (0..12).map(|i| i as f32 / 4.0 - 1.0).collect();
    let mut writer = Writer::open(path, header([2, 2, 1]), existing)?;
    writer.append(&values[..8], &[record(0, 0), record(1, 1)])?;
    writer.skip(&skipped(2, 1))?;
    writer.append(&values[8..], &[record(3, 1)])?;
    writer.finish()
}

/// Names in a folder, sorted.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// The message of an error that must come.
pub(crate) fn message<T>(result: Result<T, Error>) -> String {
    match result {
        Ok(_) => panic!("expected an error"),
        Err(error) => error.to_string(),
    }
}

/// Asserts that a message holds all of these.
pub(crate) fn says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{message:?} does not say {part:?}");
    }
}
