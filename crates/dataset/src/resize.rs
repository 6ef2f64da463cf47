//! Resizing as Pillow does it, to the bit.

mod convolution;
mod nearest;
mod pass;

use std::borrow::Cow;
use std::ops::Range;

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
    if ![width, height].iter().all(|side| (1..=Preprocessing::MAX_SIDE).contains(side)) {
        let reason = format!("to {width} x {height}: expected sides of 1 to {}", Preprocessing::MAX_SIDE);
        return Err(DecodeError::Resize { reason });
    }
    resize_part(image, &Part::whole([width, height]), interpolation)
}

/// A part of an image that is resized. Sizes and positions are in pixels, across and down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    /// The size of the whole resized image.
    pub(crate) of: [usize; 2],
    /// Where the part begins in it.
    pub(crate) at: [usize; 2],
    /// The size of the part. It lies inside the whole.
    pub(crate) size: [usize; 2],
}

impl Part {
    /// All of the resized image.
    pub(crate) fn whole(size: [usize; 2]) -> Self {
        Self { of: size, at: [0, 0], size }
    }

    /// The columns and rows of the part.
    fn ranges(&self) -> [Range<usize>; 2] {
        [0, 1].map(|axis| self.at[axis]..self.at[axis] + self.size[axis])
    }
}

/// The part of the result of Pillow's `Image.resize`.
pub(crate) fn resize_part<'a>(
    image: &'a RgbImage,
    part: &Part,
    interpolation: Interpolation,
) -> Result<Cow<'a, RgbImage>, DecodeError> {
    let size = [image.width() as usize, image.height() as usize];
    if *part == Part::whole(size) {
        return Ok(Cow::Borrowed(image));
    }
    if image.as_raw().is_empty() {
        let reason = format!("from {} x {}: it has no pixel", image.width(), image.height());
        return Err(DecodeError::Resize { reason });
    }
    let filter = match interpolation {
        Interpolation::Nearest => return Ok(Cow::Owned(nearest::resized(image, part))),
        Interpolation::Bilinear => convolution::BILINEAR,
        Interpolation::Bicubic => convolution::BICUBIC,
        Interpolation::Lanczos => convolution::LANCZOS,
    };
    Ok(Cow::Owned(convolution::resized(image, part, filter)))
}
