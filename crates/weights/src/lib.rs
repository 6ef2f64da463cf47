//! Files of parameters made named arrays, and arrays made files.
//!
//! [`load_convolutions`] reads the convolutions of a VGG from any of four layouts, which it tells apart by
//! content: legacy Keras (`layer_k/param_p`), Keras 1.2 and 2, Keras 3, and torchvision's names in
//! safetensors. All come out the same: (out, in, kh, kw), for correlation. [`save_head`] and [`load_head`] write and
//! read dense layers as Keras does, [`save_model`] and [`load_model`] with a description, in safetensors too. [`describe`] lists what a file holds; [`fingerprint`] identifies it.
//!
//! This is the only crate of the workspace that knows HDF5 or safetensors. It deliberately knows no tensor
//! library, no network (its caller hands in the [`ConvolutionSlot`]s) and no images. Files are not trusted: what they
//! claim is checked before memory is set aside for it, and nothing in them makes this crate panic.
//!
//! # Limits
//!
//! - A safetensors header takes at most 100 MB, the format's own limit, and no more than the file.
//! - In an HDF5 file groups are at most 24 deep, with 100 000 objects in all, 20 000 tensors and 16 MiB of full names.
//! - A dataset has no more bytes than the file, or 1032 times as many where it is compressed, which is as far as Deflate
//!   goes. Its chunks lie within the file, and are no larger than it, or than 16 MiB.
//! - [`load_convolutions`] reads no tensor whose shape is not that of a slot, so that its memory is that of the network.
//!
//! # Examples
//!
//! A legacy file holds kernels for Theano, which flips them; they come back ready for frameworks that do not:
//!
//! ```
//! use headstart_weights::legacy::{self, LegacyLayer};
//! use headstart_weights::{Array, ConvolutionSlot, LoadOptions, SaveOptions, load_convolutions};
//!
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("weights.h5");
//! let kernel = Array::new(vec![1, 1, 3, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0])?;
//! let bias = Array::new(vec![1], vec![0.5])?;
//! let layers = [LegacyLayer { index: 1, parameters: vec![kernel, bias] }];
//! legacy::write(&path, &layers, &SaveOptions::default())?;
//!
//! let slots = [ConvolutionSlot {
//!     name: "block1_conv1".into(),
//!     legacy_layer: 1,
//!     torchvision: "features.0".into(),
//!     in_channels: 1,
//!     out_channels: 1,
//!     kernel_size: 3,
//! }];
//! let loaded = load_convolutions(&path, &slots, &LoadOptions::default())?;
//! assert!(loaded.report.flipped);
//! assert_eq!(loaded.parameters[0].kernel.values, [9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod adapter;
mod array;
mod atomic;
mod convolution;
mod description;
mod error;
mod fingerprint;
mod flatten_order;
mod float;
mod hdf5_file;
mod head;
mod head_reader;
mod head_writer;
mod keras;
mod keras3;
mod keras_archive;
mod keras_config;
mod layout;
pub mod legacy;
mod load;
mod model;
mod model_file;
mod model_import;
mod model_text;
mod regular_file;
mod report;
mod safetensors_file;
mod stored;
mod survey;
mod torchvision;

pub use array::Array;
pub use convolution::{ConvolutionParameters, ConvolutionSlot};
pub use description::{Description, Format, TensorDescription, describe};
pub use error::{Error, Parameter, ShapeHint};
pub use fingerprint::fingerprint;
pub use flatten_order::FlattenOrder;
pub use head::{HeadLayer, SaveOptions};
pub use head_reader::load_head;
pub use head_writer::{check_head_path, save_head};
pub use layout::Layout;
pub use load::{KernelConvention, LoadOptions, Loaded, load_convolutions};
pub use model::{Model, ModelMetadata};
pub use model_import::{
    ImportOptions, Imported, check_model_path, export_model, import_model, load_model, save_model,
};
pub use report::{LoadReport, Unused};
