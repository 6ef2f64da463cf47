//! JPEG: a fast decoder for what is in order, and a careful one for the rest.
//!
//! The fast decoder is zune-jpeg. It reads the usual layouts, and is asked to be strict: what it complains about, the
//! careful decoder looks at again. That one does in plain steps what libjpeg does, and agrees with Pillow to the bit. It
//! refuses a picture of which a part is missing.

mod bits;
mod blocks;
mod careful;
mod colours;
mod fast;
mod huffman;
mod inverse_dct;
mod plane;
mod progressive;
mod quantization;
mod sequential;
mod upsampling;

use image::{DynamicImage, RgbImage};

use super::pillow::image_of;
use crate::header::jpeg::Structure;
use crate::{DecodeError, Format, Limits};

/// Decodes a file to RGB; if `upright`, turned as its EXIF orientation says.
pub(super) fn decode(bytes: &[u8], limits: &Limits, upright: bool) -> Result<RgbImage, DecodeError> {
    let structure = Structure::of(bytes)?;
    let orientation = structure.orientation();
    let (width, height) = (structure.frame.width.into(), structure.frame.height.into());
    let rgb = image_of(width, height, pixels(structure, limits)?, Format::Jpeg.name())?;
    if !upright {
        return Ok(rgb);
    }
    let mut image = DynamicImage::ImageRgb8(rgb);
    image.apply_orientation(orientation);
    Ok(image.into_rgb8())
}

fn pixels(structure: Structure<'_>, limits: &Limits) -> Result<Vec<u8>, DecodeError> {
    if structure.is_ordinary() {
        structure.check(limits, false)?;
        if let Some(pixels) = fast::decode(&structure) {
            return Ok(pixels);
        }
    }
    structure.check(limits, true)?;
    careful::decode(structure)
}

#[cfg(test)]
mod tests;
