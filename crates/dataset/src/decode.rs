//! From a file's bytes to 8-bit RGB, as Pillow's `Image.open(f).convert("RGB")` gives it.

mod bmp;
mod gif;
mod jpeg;
mod pillow;
mod pnm;
mod tiff;

use image::metadata::Orientation;
use image::{DynamicImage, RgbImage};

use crate::contained::contained;
use crate::header::common::{decode_error, open, orientation_of};
use crate::header::{png, webp};
use crate::{DecodeError, Format, Grey16, Limits};

/// Decodes an image by its content, whatever its file is called, and converts it to RGB.
///
/// The conversion is Pillow's for each of its modes:
///
/// | stored as | becomes |
/// | --- | --- |
/// | 1 bit, grey up to 8 bits | replicated; 2 and 4 bits are spread to 0-255 |
/// | grey, 16 or 32 bits, integer or float | cut off to 0-255 and truncated, not scaled: 256 and above are white |
/// | float grey within 0 to 1, and not all 0 | scaled by 255 and truncated; Pillow makes it black |
/// | palette | the palette's colour, its transparency ignored; black beyond its colours |
/// | alpha | dropped without blending; divided out where a TIFF says that it is multiplied in |
/// | RGB, CMYK, grey with alpha, of 16 bits each | the high byte of each sample |
/// | CMYK | (255 - c)(255 - k) / 255 and so on; CMYK JPEG is taken as inverted, as Adobe writes it |
/// | PNM of another maximum | scaled to 0-255, or for grey above 255 to 0-65535 and cut off |
///
/// Cutting off 16-bit grey makes photographs white. In [`load`](crate::load()), [`Grey16`] decides.
///
/// PNG, GIF, BMP, PNM, TIFF and WebP agree with Pillow 13 to the bit. JPEG does not, because its standard leaves rounding
/// and the smoothing of subsampled colour open. Over the repository's photographs, 380 for training and 140 for
/// validation, the largest difference is 23 and 13 levels of 255, the mean 0.0965 and 0.0953; 93 % of the values are
/// equal, and 99.98 % within 2 levels. `tests/golden/decode/dump_jpegs.py` repeats the measurement.
///
/// This is the fast decoder of JPEG, for grey and YCbCr in the usual layouts. Other layouts have a careful decoder, which
/// agrees with Pillow to the bit: components in scans of their own, any sampling by whole factors, RGB, CMYK, markers in
/// unusual places, and whatever the fast decoder complains about. What the components mean is decided as libjpeg does:
/// JFIF, then Adobe's transform, then the components' names.
///
/// A JPEG of which a part is missing is refused, where Pillow often fills it with grey: data that end early, a restart
/// marker that is lost or doubled, a component without a scan. Damage that leaves the number of bits plausible is not
/// noticed, by neither.
///
/// Pillow also reads the following, which are [`DecodeError::Unsupported`] here:
///
/// - TIFF in YCbCr or CIE Lab; grey of 12 bits; compressed as JPEG, CCITT group 3, LZMA or Zstandard. Read are
///   uncompressed, PackBits, LZW, Deflate and CCITT group 4.
/// - JPEG in arithmetic coding, and progressive JPEG that stops before its last scans.
///
/// Pillow's other formats, PFM and JPEG 2000 for instance, are [`DecodeError::UnknownFormat`] here, which names them.
/// So are the raw files of cameras that start as TIFF does: Pillow reads the small preview in them.
///
/// Pillow 13 misreads these, which are read here as they are stored: TIFF of 16 bits that is stored plane by plane, where
/// it takes bytes for samples; compressed big-endian TIFF of signed or float greys, whose bytes it swaps; BMP of 4 or 8
/// bits whose few colours are all grey; a GIF's local palette of greys beside a global one of colours.
///
/// A file that breaks rules and has all of its pixels is read if Pillow reads it: a PNG without its end or with a wrong
/// checksum on chunks of pixels, a TIFF without lengths, a BMP of no planes. A file without all of its pixels never is, nor a PNG
/// that was cut within the checksum of its pixels, which Pillow reads.
///
/// No colour profile and no gamma is applied. Of several pages or frames, the first is read. EXIF orientation is
/// ignored, as in Pillow, except for TIFF, which Pillow turns upright while it loads it.
///
/// # Errors
///
/// If the bytes are no image of a known format, are corrupt or truncated, use an unsupported variant, or exceed
/// `limits`. A panic in a decoder becomes [`DecodeError::Panicked`].
pub fn decode(bytes: &[u8], limits: &Limits) -> Result<RgbImage, DecodeError> {
    decode_as(bytes, limits, Reading::OF_PILLOW)
}

/// As [`decode`], and then turns and mirrors the image as its EXIF orientation says, like Pillow's
/// `ImageOps.exif_transpose`. An orientation outside 1-8 is ignored.
///
/// # Errors
///
/// As [`decode`].
pub fn decode_upright(bytes: &[u8], limits: &Limits) -> Result<RgbImage, DecodeError> {
    decode_as(bytes, limits, Reading { upright: true, ..Reading::OF_PILLOW })
}

/// What a preprocessing decides about decoding.
#[derive(Clone, Copy)]
pub(crate) struct Reading {
    /// Apply the EXIF orientation.
    pub(crate) upright: bool,
    pub(crate) grey16: Grey16,
}

impl Reading {
    /// `Image.open(f).convert("RGB")`.
    pub(crate) const OF_PILLOW: Self = Self { upright: false, grey16: Grey16::CutOff };
}

pub(crate) fn decode_as(bytes: &[u8], limits: &Limits, reading: Reading) -> Result<RgbImage, DecodeError> {
    contained(|| decode_by_content(bytes, limits, reading))
}

pub(crate) fn decode_by_content(
    bytes: &[u8],
    limits: &Limits,
    reading: Reading,
) -> Result<RgbImage, DecodeError> {
    match Format::of(bytes)? {
        Format::Pnm => pnm::decode(bytes, limits, reading.grey16),
        Format::Tiff => tiff::decode(bytes, limits, reading.grey16),
        Format::Jpeg => jpeg::decode(bytes, limits, reading.upright),
        Format::Bmp => bmp::decode(bytes, limits),
        Format::Gif => gif::decode(bytes, limits),
        Format::Png => {
            let decode = |bytes: &[u8]| decode_with_image(bytes, Format::Png, limits, reading);
            png::with_mended(bytes, limits, decode)
        }
        Format::WebP => decode_with_image(bytes, Format::WebP, limits, reading)
            .map_err(|error| webp::cut_or_corrupt(bytes, error)),
    }
}

fn decode_with_image(
    bytes: &[u8],
    format: Format,
    limits: &Limits,
    reading: Reading,
) -> Result<RgbImage, DecodeError> {
    let mut decoder = open(bytes, format, limits)?;
    let orientation =
        if reading.upright { orientation_of(bytes, format, &mut decoder) } else { Orientation::NoTransforms };
    let decoded =
        DynamicImage::from_decoder(decoder).map_err(|error| decode_error(format.name(), error, limits))?;
    let grey = format == Format::Png && png::is_grey(bytes);
    let rgb = pillow::rgb_of(decoded, grey, reading.grey16, format.name())?;
    let mut upright = DynamicImage::ImageRgb8(rgb);
    upright.apply_orientation(orientation);
    Ok(upright.into_rgb8())
}
