//! What an image is, and whether it can be read, without decoding its pixels where its structure tells enough.

use image::ImageDecoder;
use image::metadata::Orientation;

use super::{
    Reading, bmp, contained, decode_by_content, jpeg, open_with_image, orientation_of, png, pnm, tiff, webp,
};
use crate::{DecodeError, Format, Limits};

/// How far [`examine`] looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Depth {
    /// The header, and the structure up to its end. Pixels are decoded only where these leave a doubt.
    #[default]
    Structure,
    /// Every pixel.
    Pixels,
}

/// How an image stores its colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Colour {
    /// Black and white or grey.
    Grey,
    /// Red, green and blue, also where they are stored as luminance and chroma.
    Rgb,
    /// Indices of a palette.
    Palette,
    /// Four inks.
    Cmyk,
}

/// What the header of an image says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageInfo {
    /// The format of the content.
    pub format: Format,
    /// Width in pixels, as stored.
    pub width: u32,
    /// Height in pixels, as stored.
    pub height: u32,
    /// How the colours are stored.
    pub colour: Colour,
    /// Bits of a sample: 8 for most images; 5 for BMP of 16 bits a pixel.
    pub bits: u8,
    /// Whether there is an alpha channel or a transparent colour.
    pub alpha: bool,
    /// Whether the EXIF orientation turns or mirrors it. False for TIFF, which is turned in any case.
    pub turned: bool,
    /// Whether the structure promises more than the file holds. The image can be read all the same.
    pub short: bool,
}

impl ImageInfo {
    /// An upright 8-bit RGB image.
    pub(super) fn new(format: Format, width: u32, height: u32) -> Self {
        let (colour, bits) = (Colour::Rgb, 8);
        Self { format, width, height, colour, bits, alpha: false, turned: false, short: false }
    }
}

/// Whether a file holds all that its structure promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    Whole,
    /// Something is missing. A decoder may not need it.
    Short,
    /// Only decoding tells.
    Unknown,
}

impl Extent {
    pub(super) fn of(whole: bool) -> Self {
        if whole { Self::Whole } else { Self::Short }
    }
}

/// Tells what an image is, or why [`decode`](crate::decode) fails on it.
///
/// Whatever is an error here is the same error there, for the header is read by the same code, and an image whose
/// structure is short is decoded before it is called broken. The reverse holds at [`Depth::Pixels`] alone: damage within
/// the pixels shows only where they are decoded.
///
/// # Errors
///
/// As [`decode`](crate::decode).
pub fn examine(bytes: &[u8], limits: &Limits, depth: Depth) -> Result<ImageInfo, DecodeError> {
    contained(|| {
        let (mut info, extent) = describe(bytes, limits)?;
        if depth == Depth::Pixels || extent != Extent::Whole {
            decode_by_content(bytes, limits, Reading::OF_PILLOW)?;
        }
        info.short = extent == Extent::Short;
        Ok(info)
    })
}

fn describe(bytes: &[u8], limits: &Limits) -> Result<(ImageInfo, Extent), DecodeError> {
    let format = Format::of(bytes)?;
    match format {
        Format::Pnm => pnm::describe(bytes, limits),
        Format::Tiff => tiff::describe(bytes, limits),
        Format::Png => {
            let info = describe_with_image(bytes, format, limits)?;
            let (bits, colour) = png::storage(bytes);
            Ok((ImageInfo { bits, colour, ..info }, png::extent(bytes)))
        }
        Format::Jpeg => {
            let components = jpeg::check(bytes)?;
            let info = describe_with_image(bytes, format, limits)?;
            let colour = match components {
                1 => Colour::Grey,
                4 => Colour::Cmyk,
                _ => Colour::Rgb,
            };
            Ok((ImageInfo { colour, ..info }, Extent::Whole))
        }
        Format::Bmp => {
            let info = match bmp::header_16_bit(bytes, limits) {
                Some(header) => {
                    let header = header?;
                    ImageInfo { bits: 5, ..ImageInfo::new(format, header.width, header.height()) }
                }
                None => {
                    let info = describe_with_image(bytes, format, limits)?;
                    match bmp::bits_per_pixel(bytes) {
                        bits @ 1..=8 => ImageInfo { colour: Colour::Palette, bits: bits as u8, ..info },
                        _ => info,
                    }
                }
            };
            Ok((info, bmp::extent(bytes)))
        }
        Format::WebP => Ok((describe_with_image(bytes, format, limits)?, webp::extent(bytes))),
    }
}

fn describe_with_image(bytes: &[u8], format: Format, limits: &Limits) -> Result<ImageInfo, DecodeError> {
    let mut decoder = open_with_image(bytes, format, limits)?;
    let (width, height) = decoder.dimensions();
    let alpha = decoder.color_type().has_alpha();
    let turned = orientation_of(&mut decoder) != Orientation::NoTransforms;
    Ok(ImageInfo { alpha, turned, ..ImageInfo::new(format, width, height) })
}
