//! From 8-bit RGB pixels to the numbers a network reads.

use image::RgbImage;
use serde::{Deserialize, Serialize};

use crate::{DecodeError, Error, Interpolation, resize};

/// Order of the colour planes in a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChannelOrder {
    /// Red, green, blue.
    Rgb,
    /// Blue, green, red, as Caffe and OpenCV order them.
    Bgr,
}

/// How grey of 16 bits a sample becomes 8 bits.
///
/// It concerns PNG, TIFF and PGM whose samples are unsigned 16-bit greys, PGM after its maximum was scaled to 65535.
/// Signed, 32-bit and float greys of a TIFF are numbers rather than photographs, and always cut off; grey with alpha,
/// RGB and CMYK of 16 bits always give their high byte, as in Pillow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grey16 {
    /// 256 and above become 255, as Pillow's `convert("RGB")` does, which turns a photograph white. A TIFF that
    /// declares its largest value black is not inverted.
    CutOff,
    /// The value's high byte, value >> 8, as libpng's `png_set_strip_16`, `tf.io.decode_png` and `torchvision.io`
    /// take it. A TIFF that declares its largest value black is inverted, as it is with 8 bits.
    HighByte,
}

/// All that happens between an image file and the network's input, as it is stored beside features and models.
///
/// The file is decoded to 8-bit RGB as [`decode`](crate::decode) does it, but for `grey16`. The image is turned
/// upright if `apply_exif_orientation` says so, resized, split into planes in
/// `channel_order`, and each 8-bit value x of plane c (0-255) becomes, in float32 arithmetic,
///
/// ```text
/// (x * scale - mean[c]) / std[c]
/// ```
///
/// A mean of 0 and a std of 1 change no bit of the product.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preprocessing {
    /// Name of the preset this was made from. It names, and decides nothing: the other fields do.
    pub preset: String,
    /// Height of the network's input in pixels.
    pub height: usize,
    /// Width of the network's input in pixels.
    pub width: usize,
    /// How images of another size are resized. The aspect ratio is not kept.
    pub interpolation: Interpolation,
    /// Order of the colour planes; `mean` and `std` follow it.
    pub channel_order: ChannelOrder,
    /// Factor on the 8-bit value.
    pub scale: f32,
    /// What is subtracted from each plane after scaling.
    pub mean: [f32; 3],
    /// What each plane is divided by at last.
    pub std: [f32; 3],
    /// Turn and mirror photos as their EXIF orientation says.
    pub apply_exif_orientation: bool,
    /// How 16-bit grey becomes 8 bits.
    pub grey16: Grey16,
}

impl Preprocessing {
    /// Longest side that [`Preprocessing::validate`] accepts, in pixels: an image is then 192 MiB of floats, and a
    /// larger number is a slip of the keyboard.
    pub const MAX_SIDE: usize = 4096;

    /// Number of values an image becomes: 3 x height x width.
    pub fn len(&self) -> usize {
        self.height.saturating_mul(self.width).saturating_mul(3)
    }

    /// Whether an image becomes no value at all, which [`Preprocessing::validate`] rejects.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Checks every setting, before the first image is decoded.
    ///
    /// # Errors
    ///
    /// When a side is not in 1..=[`Preprocessing::MAX_SIDE`], a number is not finite, or a std is zero.
    pub fn validate(&self) -> Result<(), Error> {
        let side = |field, found: usize| {
            if (1..=Self::MAX_SIDE).contains(&found) {
                Ok(())
            } else {
                let expected = format!("1 to {} pixels", Self::MAX_SIDE);
                Err(Error::Preprocessing { field, expected, found: found.to_string() })
            }
        };
        let number = |field, found: f32, valid: bool, expected: &str| {
            if valid {
                Ok(())
            } else {
                Err(Error::Preprocessing { field, expected: expected.to_owned(), found: found.to_string() })
            }
        };
        side("height", self.height)?;
        side("width", self.width)?;
        number("scale", self.scale, self.scale.is_finite(), "a finite number")?;
        for mean in self.mean {
            number("mean", mean, mean.is_finite(), "finite numbers")?;
        }
        for std in self.std {
            number("std", std, std.is_finite() && std != 0.0, "finite numbers other than zero")?;
        }
        Ok(())
    }

    /// Resizes an upright image and writes its planes to `out`.
    ///
    /// # Shapes
    ///
    /// `image` has any size; `out` is 3 x height x width, C order.
    ///
    /// # Errors
    ///
    /// When `out` has another length, or as [`resize`](crate::resize).
    pub fn apply(&self, image: &RgbImage, out: &mut [f32]) -> Result<(), DecodeError> {
        if out.len() != self.len() {
            return Err(DecodeError::OutputLength { expected: self.len(), found: out.len() });
        }
        let resized = resize(image, self.height, self.width, self.interpolation)?;
        let plane_len = self.height * self.width;
        if plane_len == 0 {
            return Ok(());
        }
        for (plane, out) in out.chunks_exact_mut(plane_len).enumerate() {
            let channel = match self.channel_order {
                ChannelOrder::Rgb => plane,
                ChannelOrder::Bgr => 2 - plane,
            };
            let values = self.values_of(plane);
            for (value, pixel) in out.iter_mut().zip(resized.as_raw().chunks_exact(3)) {
                *value = values[usize::from(pixel[channel])];
            }
        }
        Ok(())
    }

    /// The formula's result for each of the 256 values that a channel can have: three operations a value would be
    /// done again for every pixel.
    fn values_of(&self, plane: usize) -> [f32; 256] {
        let mut values = [0.0; 256];
        for (value, x) in values.iter_mut().zip(0u8..=255) {
            *value = (f32::from(x) * self.scale - self.mean[plane]) / self.std[plane];
        }
        values
    }
}
