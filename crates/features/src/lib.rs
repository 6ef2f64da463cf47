#![doc = include_str!("../README.md")]
//! # What this crate does not know
//!
//! Networks, images and tensors: a row is a slice of f32 with a shape, an image is a path, a label and a hash. It is the
//! only crate of the workspace that knows the `.npy` format.
//!
//! # Files
//!
//! Row i of `X.npy` is row line i of `X.jsonl` beside it.
//!
//! The `.npy` is what `numpy.save` writes for a C-order f32 array, to the byte: version 1.0, type `<f4`, shape
//! (rows, channels, height, width), or (rows, channels) if the maps were pooled, the data at a multiple of 64 bytes.
//!
//! The manifest is JSON, one record on each line, each line with its end:
//!
//! ```text
//! {"format":"headstart.features","version":1,"classes":[...],"preset":...,"preprocessing":...,
//!  "backbone":...,"weights":{"name":...,"blake3":...},"row_shape":[512,4,4],"fingerprint":...,"computed_by":...}
//! {"row":0,"path":"animals/ant.png","label":0,"hash":...}      one for each row
//! {"skipped":"food/torn.jpg","label":1,"reason":...}           one for each image that could not be read
//! {"end":{"rows":1,"skipped":1,"data_hash":...}}               shows that nothing was cut off
//! ```
//!
//! The header is one line; it is broken here to fit the page. That of pooled features has `"pooling":"avg"` before a
//! `row_shape` of one number. `data_hash` is the blake3 of the `.npy`'s data.
//!
//! # Limits
//!
//! A manifest's header has at most 1 MiB, any other line 64 KiB, all skipped images together 64 MiB. More is neither
//! written nor read, and no row is read past the `.npy`'s. So a hostile manifest can't take more memory.
//!
//! A `.npy` header's text has at most 10 000 bytes, numpy's own limit. Before memory is allocated for a row, the file's
//! length must be exactly what the shape says. A file in C order may have any length, because it is read row by row.
//!
//! # While rows are being computed
//!
//! Hidden files lie beside the result's names. `.X.npy.partial` holds the rows in the order in which they came.
//! `.X.jsonl.partial`, which is locked meanwhile, vouches for those that are on the disk: after the manifest's header it
//! has a line for each flush, `{"rows":[hash,...],"data_hash":...}`, with the content hashes of their images and the
//! blake3 of all rows up to there. The result is put together under names that end in `.draft`. They are renamed to
//! `.ready` when both files are complete; after that only renames are left to do.

mod array;
mod description;
mod draft;
mod error;
mod features;
mod file;
mod foreign;
mod found;
mod header;
mod header_text;
mod journal;
mod known;
mod manifest;
mod manifest_lines;
mod manifest_reader;
mod merge;
mod names;
mod shard;
mod values;
mod values_draft;
mod writer;

pub use array::write_array;
pub use description::{ClassCount, Description, ManifestSummary, Statistics, describe};
pub use error::Error;
pub use features::Features;
pub use found::Outdated;
pub use headstart_files::ErrorKind;
pub use manifest::{Manifest, ManifestHeader, RowRecord, SkippedRecord, manifest_path};
pub use merge::{merge, merge_watched};
pub use shard::Shard;
pub use writer::{Existing, Summary, Writer};
