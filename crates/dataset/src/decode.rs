//! From a file's bytes to 8-bit RGB, as Pillow's `Image.open(f).convert("RGB")` gives it.

mod bmp;
mod examine;
mod jpeg;
mod pillow;
mod png;
mod pnm;
mod tiff;
mod webp;

use std::any::Any;
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use image::error::{ImageError, LimitErrorKind};
use image::{DynamicImage, ImageDecoder, ImageReader, RgbImage, metadata::Orientation};

pub use self::examine::{Colour, Depth, ImageInfo, examine};
pub(crate) use self::pnm::is_pnm;
pub(crate) use self::tiff::is_tiff;
use crate::{DecodeError, Format, Grey16, Limits};

/// Decodes an image by its content, whatever its file is called, and converts it to RGB.
///
/// The conversion is Pillow's for each of its modes:
///
/// | stored as | becomes |
/// | --- | --- |
/// | 1 bit, grey up to 8 bits | replicated; 2 and 4 bits are spread to 0-255 |
/// | grey, 16 or 32 bits, integer or float | cut off to 0-255 and truncated, not scaled: 256 and above are white |
/// | palette | the palette's colour, its transparency ignored |
/// | alpha | dropped without blending; divided out where a TIFF says that it is multiplied in |
/// | RGB, CMYK, grey with alpha, of 16 bits each | the high byte of each sample |
/// | CMYK | (255 - c)(255 - k) / 255 and so on; CMYK JPEG is taken as inverted, as Adobe writes it |
/// | PNM of another maximum | scaled to 0-255, or for grey above 255 to 0-65535 and cut off |
///
/// Cutting off 16-bit grey makes photographs white; [`load`](crate::load) does with it what [`Grey16`] says.
///
/// PNG, BMP, PNM, TIFF and WebP agree with Pillow 13 to the bit. JPEG does not, for its standard leaves rounding and
/// the smoothing of subsampled colour open: over the repository's photographs, 380 for training and 140 for
/// validation, the largest difference is 23 and 13 levels of 255, the mean 0.0965 and 0.0953; 93 % of the values are
/// equal, and 99.98 % within 2 levels. `tests/golden/decode/dump_jpegs.py` tells how to measure it again.
///
/// What Pillow reads and this does not, told as [`DecodeError::Unsupported`]:
///
/// - TIFF in YCbCr or CIE Lab; grey of 12 bits; a palette with alpha; bits in reverse order (`FillOrder` 2); compressed
///   as JPEG, CCITT group 3, LZMA or Zstandard. Read are uncompressed, PackBits, LZW, Deflate and CCITT group 4.
/// - JPEG in arithmetic coding.
///
/// Where Pillow reads its other formats, GIF and PFM for instance, this says [`DecodeError::UnknownFormat`]. Where
/// Pillow 13 misreads TIFF of 16 bits that is stored plane by plane, taking bytes for samples, this reads samples.
///
/// No colour profile and no gamma is applied. Of several pages or frames the first is read. EXIF orientation is
/// ignored, as Pillow ignores it, but for TIFF, which Pillow turns upright while it loads it.
///
/// # Errors
///
/// When the bytes are no image of a known format, are corrupt or truncated, use a variant that is not read here,
/// or exceed `limits`. A panic in a decoder becomes [`DecodeError::Panicked`].
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

/// What a preprocessing may choose about decoding.
#[derive(Clone, Copy)]
pub(crate) struct Reading {
    /// Apply the EXIF orientation.
    pub(crate) upright: bool,
    pub(crate) grey16: Grey16,
}

impl Reading {
    /// `Image.open(f).convert("RGB")`.
    const OF_PILLOW: Self = Self { upright: false, grey16: Grey16::CutOff };
}

pub(crate) fn decode_as(bytes: &[u8], limits: &Limits, reading: Reading) -> Result<RgbImage, DecodeError> {
    contained(|| decode_by_content(bytes, limits, reading))
}

/// Runs a decoder, and turns its panic into an error: one hostile file must not end a run over thousands. The
/// process's panic hook still reports it.
fn contained<T>(decode: impl FnOnce() -> Result<T, DecodeError>) -> Result<T, DecodeError> {
    // A decoder only changes what it made itself, so its panic leaves nothing half-changed behind.
    catch_unwind(AssertUnwindSafe(decode))
        .unwrap_or_else(|panic| Err(DecodeError::Panicked { message: message_of(panic.as_ref()) }))
}

fn decode_by_content(bytes: &[u8], limits: &Limits, reading: Reading) -> Result<RgbImage, DecodeError> {
    match Format::of(bytes)? {
        Format::Pnm => pnm::decode(bytes, limits, reading.grey16),
        Format::Tiff => tiff::decode(bytes, limits, reading.grey16),
        Format::Jpeg => {
            jpeg::check(bytes)?;
            decode_with_image(bytes, Format::Jpeg, limits, reading)
        }
        Format::Bmp => bmp::decode_16_bit(bytes, limits)
            .unwrap_or_else(|| decode_with_image(bytes, Format::Bmp, limits, reading)),
        format @ (Format::Png | Format::WebP) => decode_with_image(bytes, format, limits, reading),
    }
}

/// Reads the header with the image crate, and checks the size that it claims.
fn open_with_image<'a>(
    bytes: &'a [u8],
    format: Format,
    limits: &Limits,
) -> Result<impl ImageDecoder + use<'a>, DecodeError> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format.of_image_crate());
    let mut allocation = image::Limits::no_limits();
    allocation.max_alloc = Some(limits.max_bytes_of_memory);
    reader.limits(allocation);
    let decoder = reader.into_decoder().map_err(|error| decode_error(format.name(), error, limits))?;

    let (width, height) = decoder.dimensions();
    let bytes_per_pixel = decoder.color_type().bytes_per_pixel();
    // The JPEG decoder keeps a copy of the file.
    let file_copies = if format == Format::Jpeg { 2 } else { 1 };
    let held = file_copies * bytes.len() as u64;
    limits.check(format.name(), width.into(), height.into(), held, bytes_per_pixel.into())?;
    Ok(decoder)
}

/// The EXIF orientation. Metadata that can't be read is no reason to lose the picture: Pillow, too, takes it as
/// upright.
fn orientation_of(decoder: &mut impl ImageDecoder) -> Orientation {
    decoder.orientation().unwrap_or(Orientation::NoTransforms)
}

fn decode_with_image(
    bytes: &[u8],
    format: Format,
    limits: &Limits,
    reading: Reading,
) -> Result<RgbImage, DecodeError> {
    let mut decoder = open_with_image(bytes, format, limits)?;
    let orientation = if reading.upright { orientation_of(&mut decoder) } else { Orientation::NoTransforms };
    let decoded =
        DynamicImage::from_decoder(decoder).map_err(|error| decode_error(format.name(), error, limits))?;
    let grey = format == Format::Png && png::is_grey(bytes);
    let rgb = pillow::rgb_of(decoded, grey, reading.grey16, format.name())?;
    let mut upright = DynamicImage::ImageRgb8(rgb);
    upright.apply_orientation(orientation);
    Ok(upright.into_rgb8())
}

fn decode_error(format: &'static str, error: ImageError, limits: &Limits) -> DecodeError {
    match error {
        ImageError::Limits(error) => match error.kind() {
            LimitErrorKind::InsufficientMemory => limits.memory_error(),
            _ => DecodeError::Unsupported { format, found: error.to_string() },
        },
        ImageError::Unsupported(error) => DecodeError::Unsupported { format, found: error.to_string() },
        ImageError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            DecodeError::Truncated { format, reason: "the file ends within the image data".to_owned() }
        }
        error => DecodeError::Corrupt { format, reason: error.to_string() },
    }
}

fn message_of(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|message| (*message).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "it panicked without a message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panicking_decoder_becomes_an_error() {
        let index = 7;
        let error = contained(|| Ok([1u8; 3][std::hint::black_box(index)])).unwrap_err();
        assert!(
            matches!(&error, DecodeError::Panicked { message } if message.contains("index is 7")),
            "{error}"
        );
        let error = contained::<u8>(|| std::panic::panic_any(7)).unwrap_err();
        assert!(matches!(&error, DecodeError::Panicked { message } if message.contains("without a message")));
    }
}
