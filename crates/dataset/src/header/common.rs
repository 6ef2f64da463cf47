//! Headers that the image crate reads: PNG and WebP.

use std::io::Cursor;

use image::error::{ImageError, LimitErrorKind};
use image::metadata::Orientation;
use image::{ImageDecoder, ImageReader};

use super::webp;
use crate::image_info::ImageInfo;
use crate::{DecodeError, Format, Limits};

/// Reads the header, and checks the size that it declares.
pub(crate) fn open<'a>(
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
    limits.check(format.name(), width.into(), height.into(), bytes.len() as u64, bytes_per_pixel.into())?;
    Ok(decoder)
}

/// The EXIF orientation. Metadata that can't be read is no reason to lose the picture: Pillow, too, takes it as
/// upright.
pub(crate) fn orientation_of(bytes: &[u8], format: Format, decoder: &mut impl ImageDecoder) -> Orientation {
    let orientation = match format {
        // The decoder would allocate as much memory as the chunk declares, whatever the file has.
        Format::WebP => webp::exif(bytes).and_then(Orientation::from_exif_chunk),
        _ => decoder.orientation().ok(),
    };
    orientation.unwrap_or(Orientation::NoTransforms)
}

/// What the header states.
pub(super) fn describe(bytes: &[u8], format: Format, limits: &Limits) -> Result<ImageInfo, DecodeError> {
    let mut decoder = open(bytes, format, limits)?;
    let (width, height) = decoder.dimensions();
    let alpha = decoder.color_type().has_alpha();
    let turned = orientation_of(bytes, format, &mut decoder) != Orientation::NoTransforms;
    Ok(ImageInfo { alpha, turned, ..ImageInfo::new(format, width, height) })
}

pub(crate) fn decode_error(format: &'static str, error: ImageError, limits: &Limits) -> DecodeError {
    match error {
        ImageError::Limits(error) => match error.kind() {
            LimitErrorKind::InsufficientMemory => limits.memory_error(),
            _ => {
                DecodeError::Unsupported { format, found: "a size that the decoder does not take".to_owned() }
            }
        },
        ImageError::Unsupported(_) => {
            DecodeError::Unsupported { format, found: "a variant that the decoder does not know".to_owned() }
        }
        ImageError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            DecodeError::Truncated { format, reason: "the file ends within the image data".to_owned() }
        }
        // Its words are those of the decoder's code.
        _ => DecodeError::Corrupt { format, reason: "its data are damaged".to_owned() },
    }
}
