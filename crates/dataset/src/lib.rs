#![doc = include_str!("../README.md")]
//! # Where to start
//!
//! - [`Dataset::folder`], or [`scan`] with options, lists the samples with their labels.
//! - [`Loader`] gives batches of pixels in sample order, decoded in parallel and ahead of the consumer. A
//!   [`Preprocessing`] says how pixels become the network's input. An image that can't be read becomes a [`Skipped`]
//!   entry: it never shifts a row against its label.
//! - [`decode()`], [`resize()`], [`preprocess()`] and [`load()`] are the single steps, for one image.
//! - [`survey`](mod@survey) looks at every image of a folder before a run, mostly without decoding it, and
//!   [`diagnosis`] lists the problems: images that would be skipped, and everything that would hurt the result.
//!
//! # Limits
//!
//! A small file can declare, or compress, an image of any size. [`Limits`] bound the pixels, the sides and the memory
//! of one image, its file included. They are checked before memory is allocated. A [`Skipped`] image names the
//! [`Limit`] that it exceeds.
//!
//! # What this crate does not know
//!
//! Networks and tensors, files of features or weights, augmentation, shuffling. It never prints. Pixels are plain
//! slices, 3 x height x width.

mod batch;
mod class_names;
mod contained;
mod decode;
mod decode_error;
pub mod diagnosis;
mod error;
mod examine;
mod extensions;
mod fit;
pub mod foreign;
mod format;
mod header;
mod image_info;
mod left_out;
mod limits;
mod load;
mod loader;
mod nesting;
mod preprocess;
mod resize;
mod scan;
pub mod survey;

pub use batch::{Batch, Row, Skipped};
pub use class_names::did_you_mean;
pub use contained::panic_is_contained;
pub use decode::{decode, decode_upright};
pub use decode_error::{DecodeError, Limit};
pub use error::Error;
pub use examine::{Depth, examine};
pub use extensions::EXTENSIONS;
pub use fit::fitted;
pub use format::Format;
pub use headstart_files::ErrorKind;
pub use headstart_provenance::{ChannelOrder, Fit, Grey16, Interpolation, Preprocessing, Preset};
pub use image::RgbImage;
pub use image_info::{Colour, ImageInfo};
pub use left_out::LeftOut;
pub use limits::Limits;
pub use load::{content_hashes, load, load_file};
pub use loader::{Loader, LoaderOptions};
pub use nesting::Nesting;
pub use preprocess::preprocess;
pub use resize::resize;
pub use scan::{Dataset, Sample, ScanOptions, list, scan, text_of};
