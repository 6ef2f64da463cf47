//! The feature store: rows of f32 in a `.npy` file, and a manifest that says which image each row is.
//!
//! Row i of `X.npy` is row line i of `X.jsonl` beside it. [`Writer`] takes rows as they are computed, goes on from those
//! that an interrupted or an older run left, and puts both files in place only when they are whole; [`Features`] reads
//! them back row by row, and also reads a bare `.npy` that numpy or another tool wrote; [`describe`] sums a file up.
//!
//! This crate knows no network, no images and no tensors: a row is a slice of f32 with a shape, an image is a
//! path, a label and a hash. It is the only crate of the workspace that knows the `.npy` format.
//!
//! # The files
//!
//! The `.npy` is what `numpy.save` writes for a C-order f32 array, to the byte: version 1.0, type `<f4`, shape
//! (rows, channels, height, width), the data at a multiple of 64 bytes.
//!
//! The manifest is JSON, a line a record, each line with its end:
//!
//! ```text
//! {"format":"headstart.features","version":1,"classes":[...],"preset":...,"preprocessing":...,
//!  "backbone":...,"weights":{"name":...,"blake3":...},"row_shape":[512,4,4],"fingerprint":...,"computed_by":...}
//! {"row":0,"path":"animals/ant.png","label":0,"hash":...}      one a row
//! {"skipped":"food/torn.jpg","label":1,"reason":...}           one an image that could not be read
//! {"end":{"rows":1,"skipped":1,"data_hash":...}}               shows that nothing was cut off
//! ```
//!
//! The header is one line; it is broken here to fit the page. `data_hash` is the blake3 of the `.npy`'s data.
//!
//! # Limits
//!
//! A manifest's header takes at most 1 MiB, any other line 64 KiB, all skipped images together 64 MiB: neither written nor
//! read beyond that, nor is a row past the `.npy`'s, so a manifest that was made to do harm can take no more memory.
//!
//! A `.npy` header's text takes at most 10 000 bytes, numpy's own limit, with brackets 6 deep; the file must be as long as
//! its shape says, to the byte, before memory is set aside for a row. A file in C order may be of any length, for it is
//! read row by row.
//!
//! While rows are being computed, hidden files lie beside: `.X.npy.partial` holds them in the order in which they came,
//! and `.X.jsonl.partial`, which is locked meanwhile, vouches for those that are on the disk: after the same header a
//! line a flush, `{"rows":[hash,...],"data_hash":...}`, with the content hashes of their images and the blake3 of all
//! rows up to there. The two are put together under names that end in `.draft`, and renamed to `.ready` when they are
//! complete; only renames are left from there.
//!
//! # Example
//!
//! ```
//! use headstart_features::{Existing, Features, ManifestHeader, RowRecord, SkippedRecord, Writer, fingerprint};
//! use serde_json::json;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("bottleneck_features_train.npy");
//! let preprocessing = json!({"size": [150, 150], "resize": "nearest", "scale": 1.0 / 255.0});
//! let header = ManifestHeader {
//!     classes: vec!["animals".into(), "food".into()],
//!     preset: "blog".into(),
//!     fingerprint: fingerprint("00ff", "vgg16", &preprocessing),
//!     preprocessing,
//!     backbone: "vgg16".into(),
//!     weights_name: "vgg16_weights.h5".into(),
//!     weights_hash: "00ff".into(),
//!     row_shape: [2, 1, 1],
//!     computed_by: "fma, tiled".into(),
//!     shard: None,
//! };
//! let record = |path: &str, label, hash: &str| RowRecord { path: path.into(), label, hash: hash.into() };
//!
//! let mut writer = Writer::open(&path, header.clone(), Existing::Reuse)?;
//! writer.append(&[0.5, 0.0], &[record("animals/ant.png", 0, "ab")])?;
//! writer.flush()?;
//! drop(writer); // An interrupted run; the next one goes on.
//!
//! let mut writer = Writer::open(&path, header, Existing::Reuse)?;
//! assert!(writer.knows("ab"));
//! writer.keep(&record("animals/ant.png", 0, "ab"))?;
//! writer.skip(&SkippedRecord { path: "food/torn.jpg".into(), label: 1, reason: "truncated".into() })?;
//! writer.append(&[0.0, 2.0], &[record("food/pear.png", 1, "cd")])?;
//! let summary = writer.finish()?;
//! assert_eq!((summary.rows, summary.kept, summary.skipped), (2, 1, 1));
//!
//! let features = Features::open(&path)?;
//! assert_eq!((features.rows(), features.row_shape()), (2, &[2, 1, 1][..]));
//! assert_eq!(features.labels(), Some(vec![0, 1]));
//! let mut row = [0.0; 2];
//! features.read_rows(&[1], &mut row)?;
//! assert_eq!(row, [0.0, 2.0]);
//! # Ok(())
//! # }
//! ```

mod description;
mod draft;
mod error;
mod features;
mod file;
mod fingerprint;
mod header;
mod header_text;
mod journal;
mod manifest;
mod manifest_lines;
mod merge;
mod names;
mod shard;
mod values;
mod writer;

pub use description::{ClassCount, Description, ManifestSummary, Statistics, describe};
pub use error::Error;
pub use features::Features;
pub use fingerprint::{CODE_VERSION, fingerprint};
pub use manifest::{Manifest, ManifestHeader, RowRecord, SkippedRecord, manifest_path};
pub use merge::merge;
pub use shard::Shard;
pub use writer::{Existing, Outdated, Summary, Writer};
