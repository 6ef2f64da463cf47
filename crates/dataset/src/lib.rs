//! A folder of class folders as an ordered list of samples, and its images as float tensors, the way Keras's
//! `flow_from_directory` and Pillow read them.
//!
//! [`scan`] lists the samples with their labels, [`decode`] turns a file's bytes into RGB as Pillow does, a
//! [`Preprocessing`] says how pixels become the network's input, and a [`Loader`] does it all for batch after
//! batch, in parallel and ahead of the consumer, in sample order. An image that can't be read becomes a
//! [`Skipped`] entry and never shifts a row against its label.
//!
//! [`survey`] looks at every image of a folder before a run, mostly without decoding it, and [`diagnose`] turns what it
//! saw into [`Finding`]s: what would be skipped, and what would hurt the result.
//!
//! Deliberately absent: any network or tensor library, files of features or weights, augmentation, shuffling, and
//! printing. Pixels come as plain slices, 3 x height x width.
//!
//! # Limits
//!
//! A small file can claim, or compress, an image of any size. [`Limits`] bound the pixels, the sides and the memory of one
//! image, its file included, and are checked before memory is set aside; a [`Skipped`] image tells which [`Limit`] refused it.
//!
//! # Example
//!
//! ```
//! use headstart_dataset::{Loader, LoaderOptions, Preprocessing, Preset, ScanOptions, scan};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let root = tempfile::tempdir()?;
//! for (class, level) in [("cats", 255), ("dogs", 51)] {
//!     std::fs::create_dir(root.path().join(class))?;
//!     image::GrayImage::from_pixel(3, 2, image::Luma([level])).save(root.path().join(class).join("1.png"))?;
//! }
//! std::fs::write(root.path().join("dogs/2.jpg"), "not an image")?;
//!
//! let dataset = scan(root.path(), &ScanOptions::default())?;
//! assert_eq!(dataset.classes, ["cats", "dogs"]);
//! assert_eq!(dataset.class_counts(), [1, 2]);
//!
//! let preprocessing = Preprocessing::preset(Preset::Blog, 150, 150);
//! for batch in Loader::new(dataset, preprocessing, LoaderOptions::default())? {
//!     assert_eq!(batch.rows.len(), 2);
//!     assert_eq!(batch.pixels.len(), 2 * 3 * 150 * 150);
//!     assert_eq!(batch.pixels[0], 1.0);
//!     assert_eq!(batch.skipped[0].path, "dogs/2.jpg");
//! }
//! # Ok(())
//! # }
//! ```

mod batch;
mod decode;
mod diagnosis;
mod error;
mod format;
mod limits;
mod load;
mod loader;
mod preprocessing;
mod preset;
mod resize;
mod scan;
mod survey;

pub use batch::{Batch, Row, Skipped};
pub use decode::{Colour, Depth, ImageInfo, decode, decode_upright, examine};
pub use diagnosis::{
    ClassSummary, Diagnosis, Entry, FEW_IMAGES, Finding, Folder, FolderSummary, IMBALANCE, Place, SMALL_SIDE,
    STRONG_IMBALANCE, Severity, SizeSummary, SizedImage, Split, What, diagnose,
};
pub use error::{DecodeError, Error};
pub use format::Format;
pub use image::RgbImage;
pub use limits::{Limit, Limits};
pub use load::{content_hashes, load, load_file};
pub use loader::{Loader, LoaderOptions};
pub use preprocessing::{ChannelOrder, Grey16, Preprocessing};
pub use preset::Preset;
pub use resize::{Interpolation, resize};
pub use scan::{Dataset, EXTENSIONS, LeftOut, Sample, ScanOptions, list, scan};
pub use survey::{Fault, Image, Survey, SurveyOptions, survey};
