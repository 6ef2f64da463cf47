//! What an image is, as its header states it.

use crate::Format;

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

/// What the header of an image states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
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
    /// Whether the file is shorter than its structure declares. The image can be read all the same.
    pub short: bool,
}

impl ImageInfo {
    /// An upright 8-bit RGB image.
    pub(crate) fn new(format: Format, width: u32, height: u32) -> Self {
        let (colour, bits) = (Colour::Rgb, 8);
        Self { format, width, height, colour, bits, alpha: false, turned: false, short: false }
    }
}

/// Whether a file holds everything that its structure declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    Whole,
    /// Something is missing. A decoder may not need it.
    Short,
    /// Only decoding can tell.
    Unknown,
}

impl Extent {
    pub(crate) fn of(whole: bool) -> Self {
        if whole { Self::Whole } else { Self::Short }
    }
}
