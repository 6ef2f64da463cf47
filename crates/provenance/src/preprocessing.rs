//! How pixels become the numbers that a network reads, as data.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::fit::covered;
use crate::{Error, Fit, Interpolation};

/// Order of the colour planes in a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChannelOrder {
    /// Red, green, blue.
    Rgb,
    /// Blue, green, red, as Caffe and OpenCV order them.
    Bgr,
}

impl fmt::Display for ChannelOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rgb => "rgb",
            Self::Bgr => "bgr",
        })
    }
}

/// How grey of 16 bits a sample becomes 8 bits.
///
/// It concerns PNG, TIFF and PGM whose samples are unsigned 16-bit greys, PGM after its maximum was scaled to 65535.
/// Signed, 32-bit and float greys of a TIFF are numbers rather than photographs, and always cut off, but for floats that
/// all lie within 0 to 1, which are scaled; grey with alpha, RGB and CMYK of 16 bits always give their high byte, as in
/// Pillow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
/// The file is decoded to 8-bit RGB; `grey16` decides how 16-bit grey becomes 8 bits. The image is turned upright if
/// `apply_exif_orientation` is set, resized as `fit` and `interpolation` say, and split into planes in `channel_order`. Each 8-bit value x of plane c
/// (0-255) becomes, in float32 arithmetic,
///
/// ```text
/// (x * scale - mean[c]) / std[c]
/// ```
///
/// A mean of 0 and a std of 1 change no bit of the product. With `mirror` the network also reads the planes with their columns
/// in the opposite order, and the pooled features of both are averaged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preprocessing {
    /// Name of the preset this was made from. It is a name only: the other fields decide what happens.
    pub preset: String,
    /// Height of the network's input in pixels.
    pub height: usize,
    /// Width of the network's input in pixels.
    pub width: usize,
    /// How images of another size are resized.
    pub interpolation: Interpolation,
    /// Order of the colour planes; `mean` and `std` follow it.
    pub channel_order: ChannelOrder,
    /// Factor on the 8-bit value.
    pub scale: f32,
    /// What is subtracted from each plane after scaling.
    pub mean: [f32; 3],
    /// What each plane is divided by in the end.
    pub std: [f32; 3],
    /// Whether photos are turned and mirrored as their EXIF orientation says.
    pub apply_exif_orientation: bool,
    /// How 16-bit grey becomes 8 bits. Records that do not state it were made when all greys were cut off.
    #[serde(default = "Grey16::before_it_was_stored")]
    pub grey16: Grey16,
    /// How images of another shape are brought to the size. Records that do not state it are of stretched images, and those
    /// of stretched images do not state it, so that their fingerprints are what they always were.
    #[serde(default, skip_serializing_if = "Fit::is_stretch")]
    pub fit: Fit,
    /// Whether the features are the mean of those of the image and those of its mirror image. Records that do not state it are
    /// of the image alone, and do not state it, so that their fingerprints are what they always were.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mirror: bool,
}

impl fmt::Display for Grey16 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CutOff => "cut off",
            Self::HighByte => "high byte",
        })
    }
}

impl Grey16 {
    fn before_it_was_stored() -> Self {
        Self::CutOff
    }
}

impl Preprocessing {
    /// Longest side that [`Preprocessing::validate`] accepts, in pixels. An image of this size takes 192 MiB as floats;
    /// a larger number is most likely a typing error.
    pub const MAX_SIDE: usize = 4096;

    /// Number of values an image becomes: 3 x height x width.
    #[must_use]
    pub fn len(&self) -> usize {
        self.height.saturating_mul(self.width).saturating_mul(3)
    }

    /// Whether an image becomes no value at all, which [`Preprocessing::validate`] rejects.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Height and width in pixels of the box that the resized image covers or fits into: that of the input, but for a crop
    /// the larger one that the input is cut from.
    #[must_use]
    pub fn resize_box(&self) -> [usize; 2] {
        let sides = [self.height, self.width];
        match self.fit {
            Fit::Crop { fraction } => sides.map(|side| covered(side, fraction)),
            Fit::Stretch | Fit::Pad => sides,
        }
    }

    /// Red, green and blue of the bars beside a padded image: the level whose value in the network's input is next to 0,
    /// mean / scale, at most 255.
    ///
    /// A level within a thousandth of a half is rounded up, because float32(1/255) is not exactly 1/255: a mean of 0.5 gives
    /// 128, as in timm.
    #[must_use]
    pub fn padding_colour(&self) -> [u8; 3] {
        let mut colour = self.mean.map(|mean| {
            let level = f64::from(mean) / f64::from(self.scale);
            (level + 0.501).floor() as u8
        });
        if self.channel_order == ChannelOrder::Bgr {
            colour.reverse();
        }
        colour
    }

    /// Checks every setting, before the first image is decoded.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] if a side is not in 1..=[`Preprocessing::MAX_SIDE`], a number is not finite, a std is zero, or a
    /// crop's fraction is not in 0..=1 or asks for a box of longer sides than that.
    pub fn validate(&self) -> Result<(), Error> {
        let sides = 1..=Self::MAX_SIDE;
        let pixels = format!("1 to {} pixels", Self::MAX_SIDE);
        check("height", self.height, &pixels, sides.contains(&self.height))?;
        check("width", self.width, &pixels, sides.contains(&self.width))?;
        check("scale", self.scale, "a finite number", self.scale.is_finite())?;
        for mean in self.mean {
            check("mean", mean, "finite numbers", mean.is_finite())?;
        }
        for std in self.std {
            check("std", std, "finite numbers other than zero", std.is_finite() && std != 0.0)?;
        }
        if let Fit::Crop { fraction } = self.fit {
            let inside = fraction > 0.0 && fraction <= 1.0;
            // Short, however small it is.
            let shown = format!("{fraction:?}");
            check("crop fraction", &shown, "a number above 0, at most 1", inside)?;
            let largest = self.height.max(self.width) as f64 / Self::MAX_SIDE as f64;
            let expected = format!("at least {largest}, so that images are resized to {pixels}");
            let within = self.resize_box().iter().all(|side| sides.contains(side));
            check("crop fraction", shown, &expected, within)?;
        }
        Ok(())
    }
}

/// An error about a setting unless it is valid.
fn check(field: &'static str, found: impl fmt::Display, expected: &str, valid: bool) -> Result<(), Error> {
    if valid {
        return Ok(());
    }
    Err(Error::Setting { field, expected: expected.to_owned(), found: found.to_string() })
}
