//! Resizing as Pillow does it, to the bit.

mod convolution;
mod nearest;

use std::borrow::Cow;

use headstart_provenance::{Interpolation, Preprocessing};
use image::RgbImage;

use crate::DecodeError;

/// Stretches an image to `height` x `width` pixels, with the result of Pillow's `Image.resize`. An image that already
/// has this size is returned as it is.
///
/// # Errors
///
/// If the image has no pixel, or a target side is not in 1..=[`Preprocessing::MAX_SIDE`].
pub fn resize(
    image: &RgbImage,
    height: usize,
    width: usize,
    interpolation: Interpolation,
) -> Result<Cow<'_, RgbImage>, DecodeError> {
    let side = |side: usize| match u32::try_from(side) {
        Ok(pixels) if (1..=Preprocessing::MAX_SIDE).contains(&side) => Ok(pixels),
        _ => Err(DecodeError::Resize {
            reason: format!("to {width} x {height}: expected sides of 1 to {}", Preprocessing::MAX_SIDE),
        }),
    };
    let (to_width, to_height) = (side(width)?, side(height)?);
    if image.dimensions() == (to_width, to_height) {
        return Ok(Cow::Borrowed(image));
    }
    if image.as_raw().is_empty() {
        let reason = format!("from {} x {}: it has no pixel", image.width(), image.height());
        return Err(DecodeError::Resize { reason });
    }
    let filter = match interpolation {
        Interpolation::Nearest => return Ok(Cow::Owned(nearest::resized(image, to_width, to_height))),
        Interpolation::Bilinear => convolution::BILINEAR,
        Interpolation::Bicubic => convolution::BICUBIC,
        Interpolation::Lanczos => convolution::LANCZOS,
    };
    Ok(Cow::Owned(convolution::resized(image, to_width, to_height, filter)))
}
