//! Headers and file structure, format by format: everything about an image but its pixels.
//!
//! Decoding and examining both start here, so that they fail on the same files for the same reasons.

pub(crate) mod bmp;
pub(crate) mod common;
pub(crate) mod gif;
pub(crate) mod jpeg;
pub(crate) mod png;
mod png_mended;
pub(crate) mod pnm;
pub(crate) mod tiff;
mod tiff_directory;
mod tiff_samples;
pub(crate) mod webp;

use crate::image_info::{Extent, ImageInfo};
use crate::{DecodeError, Format, Limits};

/// What the header states, and whether the file holds everything that its structure declares.
pub(crate) fn describe(bytes: &[u8], limits: &Limits) -> Result<(ImageInfo, Extent), DecodeError> {
    let format = Format::of(bytes)?;
    match format {
        Format::Pnm => pnm::describe(bytes, limits),
        Format::Tiff => tiff::describe(bytes, limits),
        Format::Png => {
            let info = png::with_mended(bytes, limits, |bytes| common::describe(bytes, format, limits))?;
            let (bits, colour) = png::storage(bytes);
            Ok((ImageInfo { bits, colour, ..info }, png::extent(bytes)))
        }
        Format::Jpeg => jpeg::describe(bytes, limits),
        Format::Bmp => bmp::describe(bytes, limits),
        Format::Gif => gif::describe(bytes, limits),
        Format::WebP => {
            let info = common::describe(bytes, format, limits);
            let info = info.map_err(|error| webp::cut_or_corrupt(bytes, error))?;
            Ok((info, webp::extent(bytes)))
        }
    }
}
