//! Resizing as Pillow does it, to the bit.

mod convolution;
mod nearest;

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use image::RgbImage;
use serde::{Deserialize, Serialize};

use crate::{DecodeError, Error, Preprocessing};

/// How an image of another size is brought to the network's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Interpolation {
    /// The pixel under the centre of each target pixel.
    Nearest,
    /// Triangle filter, widened when shrinking (antialiased).
    Bilinear,
    /// Cubic convolution with a = -0.5, widened when shrinking.
    Bicubic,
    /// Lanczos with three lobes, widened when shrinking.
    Lanczos,
}

impl Interpolation {
    /// Every interpolation, in the order in which help texts list them.
    pub const ALL: [Self; 4] = [Self::Nearest, Self::Bilinear, Self::Bicubic, Self::Lanczos];

    /// The name as it is written on a command line and in files. Keras uses the same names.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nearest => "nearest",
            Self::Bilinear => "bilinear",
            Self::Bicubic => "bicubic",
            Self::Lanczos => "lanczos",
        }
    }
}

impl fmt::Display for Interpolation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Interpolation {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|interpolation| interpolation.name() == name)
            .ok_or_else(|| Error::UnknownInterpolation { found: name.to_owned() })
    }
}

/// Stretches an image to `height` x `width` pixels, with the result of Pillow's `Image.resize`. An image of that
/// size already is returned as it is.
///
/// # Errors
///
/// When the image has no pixel, or a target side is not in 1..=[`Preprocessing::MAX_SIDE`].
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
