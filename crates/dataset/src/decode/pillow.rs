//! Pillow's pixel conversions to 8-bit RGB (`libImaging/Convert.c`, `Unpack.c`), one function for each stored form.

use image::{DynamicImage, RgbImage};

use crate::{DecodeError, Grey16};

/// The 8-bit level of a 16-bit grey.
pub(super) fn level_of_grey16(grey16: Grey16) -> fn(u16) -> u8 {
    match grey16 {
        Grey16::CutOff => clip_u16,
        Grey16::HighByte => high_byte,
    }
}

/// Wide greys are cut off, not scaled: Pillow's modes `I;16`, `I` and `F` hold numbers, which `convert` clips.
fn clip_u16(sample: u16) -> u8 {
    sample.min(255) as u8
}

/// Mode `I` to `L`.
pub(super) fn clip_i32(sample: i32) -> u8 {
    sample.clamp(0, 255) as u8
}

/// Mode `F` to `L`: cut off and truncated towards zero; not-a-number becomes 0.
pub(super) fn clip_f32(sample: f32) -> u8 {
    // A float to integer cast saturates, truncates and maps NaN to 0.
    sample as u8
}

/// The `16B` and `16L` raw modes keep the high byte of a 16-bit colour sample.
pub(super) fn high_byte(sample: u16) -> u8 {
    (sample >> 8) as u8
}

/// a x b / 255, rounded: the macro `MULDIV255`.
fn mul_div_255(a: u8, b: u8) -> u8 {
    let product = u32::from(a) * u32::from(b) + 128;
    (((product >> 8) + product) >> 8) as u8
}

/// `cmyk2rgb`.
pub(super) fn rgb_of_cmyk([cyan, magenta, yellow, black]: [u8; 4]) -> [u8; 3] {
    let light = 255 - black;
    [cyan, magenta, yellow].map(|ink| light.saturating_sub(mul_div_255(ink, light)))
}

/// The raw mode `RGBa`: colour that was multiplied with alpha is divided by it again.
pub(super) fn unmultiplied([red, green, blue, alpha]: [u8; 4]) -> [u8; 3] {
    match alpha {
        0 => [0; 3],
        alpha => [red, green, blue].map(|colour| (u32::from(colour) * 255 / u32::from(alpha)).min(255) as u8),
    }
}

/// Converts an image that the image crate decoded. With `grey`, the alpha channel of 16-bit grey comes from a single
/// transparent value, and `grey16` decides about the grey.
pub(super) fn rgb_of(
    decoded: DynamicImage,
    grey: bool,
    grey16: Grey16,
    format: &'static str,
) -> Result<RgbImage, DecodeError> {
    let (width, height) = (decoded.width(), decoded.height());
    let level_of_grey16 = level_of_grey16(grey16);
    let pixels: Vec<u8> = match decoded {
        DynamicImage::ImageRgb8(rgb) => return Ok(rgb),
        DynamicImage::ImageLuma8(image) => image.as_raw().iter().flat_map(|&l| [l; 3]).collect(),
        DynamicImage::ImageLumaA8(image) => {
            image.as_raw().chunks_exact(2).flat_map(|pixel| [pixel[0]; 3]).collect()
        }
        DynamicImage::ImageRgba8(image) => {
            image.as_raw().chunks_exact(4).flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect()
        }
        DynamicImage::ImageLuma16(image) => {
            image.as_raw().iter().flat_map(|&l| [level_of_grey16(l); 3]).collect()
        }
        DynamicImage::ImageLumaA16(image) => {
            let narrow = if grey { level_of_grey16 } else { high_byte };
            image.as_raw().chunks_exact(2).flat_map(|pixel| [narrow(pixel[0]); 3]).collect()
        }
        DynamicImage::ImageRgb16(image) => image.as_raw().iter().map(|&sample| high_byte(sample)).collect(),
        DynamicImage::ImageRgba16(image) => image
            .as_raw()
            .chunks_exact(4)
            .flat_map(|pixel| [pixel[0], pixel[1], pixel[2]].map(high_byte))
            .collect(),
        other => {
            return Err(DecodeError::Unsupported { format, found: format!("{:?} samples", other.color()) });
        }
    };
    image_of(width, height, pixels, format)
}

/// An image of these pixels, three bytes each. Too few of them are an error.
pub(super) fn image_of(
    width: u32,
    height: u32,
    mut pixels: Vec<u8>,
    format: &'static str,
) -> Result<RgbImage, DecodeError> {
    let expected = 3 * width as usize * height as usize;
    let found = pixels.len();
    pixels.truncate(expected);
    RgbImage::from_raw(width, height, pixels).ok_or_else(|| DecodeError::Truncated {
        format,
        reason: format!("expected {expected} bytes of pixels, found {found}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cmyk_follows_pillows_rounding() {
        assert_eq!(rgb_of_cmyk([0, 0, 0, 0]), [255, 255, 255]);
        assert_eq!(rgb_of_cmyk([255, 0, 128, 0]), [0, 255, 127]);
        assert_eq!(rgb_of_cmyk([10, 20, 30, 255]), [0, 0, 0]);
        assert_eq!(rgb_of_cmyk([100, 50, 200, 77]), [108, 143, 38]);
    }

    #[test]
    fn floats_are_cut_off_and_truncated() {
        let found = [-5.0, 0.6, 254.9, 256.0, 1e9, f32::NAN].map(clip_f32);
        assert_eq!(found, [0, 0, 254, 255, 255, 0]);
    }
}
