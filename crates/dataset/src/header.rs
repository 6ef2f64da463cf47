//! Headers and file structure, format by format: everything about an image but its pixels.
//!
//! Decoding and examining both start here, so that they fail on the same files for the same reasons.

pub(crate) mod bmp;
pub(crate) mod common;
pub(crate) mod jpeg;
pub(crate) mod png;
pub(crate) mod pnm;
pub(crate) mod tiff;
mod tiff_directory;
mod webp;

use crate::image_info::{Colour, Extent, ImageInfo};
use crate::{DecodeError, Format, Limits};

/// What the header states, and whether the file holds everything that its structure declares.
pub(crate) fn describe(bytes: &[u8], limits: &Limits) -> Result<(ImageInfo, Extent), DecodeError> {
    let format = Format::of(bytes)?;
    match format {
        Format::Pnm => pnm::describe(bytes, limits),
        Format::Tiff => tiff::describe(bytes, limits),
        Format::Png => {
            let info = common::describe(bytes, format, limits)?;
            let (bits, colour) = png::storage(bytes);
            Ok((ImageInfo { bits, colour, ..info }, png::extent(bytes)))
        }
        Format::Jpeg => jpeg::describe(bytes, limits),
        Format::Bmp => {
            let info = match bmp::header_16_bit(bytes, limits) {
                Some(header) => {
                    let header = header?;
                    ImageInfo { bits: 5, ..ImageInfo::new(format, header.width, header.height()) }
                }
                None => {
                    let info = common::describe(bytes, format, limits)?;
                    match bmp::bits_per_pixel(bytes) {
                        bits @ 1..=8 => ImageInfo { colour: Colour::Palette, bits: bits as u8, ..info },
                        _ => info,
                    }
                }
            };
            Ok((info, bmp::extent(bytes)))
        }
        Format::WebP => Ok((common::describe(bytes, format, limits)?, webp::extent(bytes))),
    }
}
