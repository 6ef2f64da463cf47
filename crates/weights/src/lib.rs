#![doc = include_str!("../README.md")]
//! # What this crate does not know
//!
//! Tensor libraries, images and networks: the caller hands in what a network asks of a file ([`LayerSlot`]s).
//!
//! # Limits
//!
//! Files are not trusted. Declared sizes are checked before memory is allocated, and nothing in a file makes this crate
//! panic.
//!
//! - A safetensors header takes at most 100 MB, the format's own limit, and no more than the file.
//! - In an HDF5 file groups are at most 24 deep, with 100 000 objects, 20 000 tensors and 16 MiB of full names in all.
//! - A dataset has no more bytes than the file, or 1032 times as many if it is compressed, which is the most that Deflate
//!   expands. Its chunks lie within the file, and are no larger than the dataset or 16 MiB.
//! - Values that were never written, which take no room in the file, have 256 MiB in all of its datasets that are read.
//! - [`load_layers`] reads no tensor whose shape is not that of a slot, so that its memory is that of the network.

mod activation;
mod adapter;
mod array;
mod attached;
mod bystander;
mod description;
mod error;
mod fingerprint;
mod flatten_order;
mod float;
mod foreign;
mod hdf5_fault;
mod hdf5_file;
mod hdf5_source;
mod hdf5_values;
mod head;
mod head_file;
mod head_reader;
mod head_writer;
mod keras;
mod keras3;
mod keras3_head;
mod keras_archive;
mod keras_config;
mod keras_graph;
mod keras_model;
mod known;
mod layer_config;
mod layout;
pub mod legacy;
mod load;
mod load_check;
mod metadata;
mod model;
mod model_export;
mod model_file;
mod model_import;
mod model_rows;
mod model_text;
mod onnx;
mod parameter;
mod recorded;
mod report;
mod row_order;
mod safetensors_file;
mod safetensors_writer;
mod slot;
mod source;
mod stored;
mod survey;
mod torchvision;

pub use activation::{Activation, UnknownActivation};
pub use array::Array;
pub use attached::{Attached, ImageMarks, StoredFile};
pub use description::{Description, Format, TensorDescription, describe};
pub use error::{Error, ShapeHint};
pub use fingerprint::fingerprint;
pub use flatten_order::FlattenOrder;
pub use head::HeadLayer;
pub use head_file::HeadFile;
pub use head_reader::load_head;
pub use head_writer::{check_head_path, save_head};
pub use headstart_files::{ErrorKind, IfExists};
pub use keras_model::{KerasLayer, KerasModel};
pub use known::{KnownImages, UnknownRule};
pub use layer_config::LayerConfig;
pub use layout::Layout;
pub use load::{Fit, KernelConvention, LoadOptions, Loaded, check_each, check_layers, load_layers};
pub use metadata::{ModelMetadata, TrainingRecord};
pub use model::Model;
pub use model_export::{check_model_path, export_model, save_model};
pub use model_import::{ImportOptions, Imported, Unstated, import_model, load_model};
pub use onnx::{OnnxAttribute, OnnxAxis, OnnxGraph, OnnxValue};
pub use parameter::Parameter;
pub use recorded::RecordedAnswers;
pub use report::{LoadReport, Unused};
pub use row_order::order_by_shape;
pub use safetensors_writer::save_arrays;
pub use slot::{LayerParameters, LayerSlot, ParameterSlot};
pub use source::Source;
