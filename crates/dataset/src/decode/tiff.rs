//! TIFF, from the samples as they are stored, as Pillow's `TiffImagePlugin` interprets them.
//!
//! Strips and tiles are read here. Decoders at hand do not read planes in tiles, or files without lengths, and take a
//! predictor for fewer samples than a pixel has.

mod chunks;
mod compression;

use image::{DynamicImage, RgbImage};

use super::pillow::{self, clip_f32, clip_i32, high_byte, image_of, level_of_grey16};
use crate::header::tiff::{FORMAT, Layout, Meaning, Number, read};
use crate::{DecodeError, Grey16, Limits};

/// Decodes the first page and turns it upright: Pillow applies a TIFF's orientation while it loads it.
pub(super) fn decode(bytes: &[u8], limits: &Limits, grey16: Grey16) -> Result<RgbImage, DecodeError> {
    let layout = read(bytes, limits)?;
    let samples = chunks::samples(&layout, bytes)?;
    let pixels = Page { layout: &layout, grey16 }.rgb(samples);
    let mut upright = DynamicImage::ImageRgb8(image_of(layout.width, layout.height, pixels, FORMAT)?);
    upright.apply_orientation(layout.orientation);
    Ok(upright.into_rgb8())
}

/// The first page of a file.
struct Page<'a> {
    layout: &'a Layout,
    grey16: Grey16,
}

impl Page<'_> {
    /// Three bytes a pixel.
    fn rgb(&self, samples: Vec<u8>) -> Vec<u8> {
        let &Layout { meaning, bits, samples: count, number, .. } = self.layout;
        match meaning {
            Meaning::Grey { white_is_zero } if bits <= 8 => {
                let brightest = (1usize << bits) - 1;
                let colours: Vec<_> = (0..=brightest)
                    .map(|value| {
                        let level = (value * 255 / brightest) as u8;
                        [if white_is_zero { 255 - level } else { level }; 3]
                    })
                    .collect();
                looked_up(&samples, count, &colours)
            }
            Meaning::Palette => {
                let map = |channel: usize, value: usize| self.layout.colour_map[(channel << bits) + value];
                let colours: Vec<_> = (0..1 << bits)
                    .map(|value| [0, 1, 2].map(|channel| high_byte(map(channel, value) as u16)))
                    .collect();
                looked_up(&samples, count, &colours)
            }
            Meaning::Grey { white_is_zero } => self.rgb_of_wide_grey(&samples, number, white_is_zero),
            Meaning::Rgb { .. } if bits == 8 && count == 3 => samples,
            Meaning::Rgb { associated_alpha } if associated_alpha => self
                .pixels_of(&samples, |[red, green, blue, alpha]| {
                    pillow::unmultiplied([red, green, blue, alpha])
                }),
            Meaning::Rgb { .. } => self.pixels_of(&samples, |colours: [u8; 3]| colours),
            Meaning::Cmyk => self.pixels_of(&samples, pillow::rgb_of_cmyk),
        }
    }

    /// From the first samples of each pixel, of which the high bytes count.
    fn pixels_of<const N: usize>(&self, samples: &[u8], rgb: impl Fn([u8; N]) -> [u8; 3]) -> Vec<u8> {
        let count = self.layout.samples;
        if self.layout.bits == 8 {
            samples
                .chunks_exact(count)
                .filter_map(|pixel| pixel.first_chunk())
                .flat_map(|&p| rgb(p))
                .collect()
        } else {
            let high = |pixel: &[u8]| {
                std::array::from_fn(|at| high_byte(u16::from_ne_bytes([pixel[2 * at], pixel[2 * at + 1]])))
            };
            samples.chunks_exact(2 * count).flat_map(|pixel| rgb(high(pixel))).collect()
        }
    }

    fn rgb_of_wide_grey(&self, samples: &[u8], number: Number, white_is_zero: bool) -> Vec<u8> {
        fn grey<const LEN: usize>(samples: &[u8], level: impl Fn([u8; LEN]) -> u8) -> Vec<u8> {
            samples.as_chunks().0.iter().flat_map(|&sample| [level(sample); 3]).collect()
        }
        match (self.layout.bits, number) {
            (16, Number::Unsigned) => {
                let level = level_of_grey16(self.grey16);
                let inverted = white_is_zero && self.grey16 == Grey16::HighByte;
                grey(samples, |sample| {
                    let level = level(u16::from_ne_bytes(sample));
                    if inverted { 255 - level } else { level }
                })
            }
            (16, _) => grey(samples, |sample| clip_i32(i16::from_ne_bytes(sample).into())),
            (_, Number::Float) => {
                let scale = scale_of_floats(samples);
                grey(samples, |sample| clip_f32(f32::from_ne_bytes(sample) * scale))
            }
            // Mode I is signed: the upper half of the unsigned range wraps to negative numbers.
            _ => grey(samples, |sample| clip_i32(i32::from_ne_bytes(sample))),
        }
    }
}

/// 255 for an image whose floats all lie within 0 to 1, and are not all zero. Pillow makes it black. 1 for others.
fn scale_of_floats(samples: &[u8]) -> f32 {
    let floats = samples.as_chunks().0.iter().map(|&sample| f32::from_ne_bytes(sample));
    let (mut within, mut light) = (true, false);
    for float in floats.filter(|float| float.is_finite()) {
        within &= (0.0..=1.0).contains(&float);
        light |= float > 0.0;
    }
    if within && light { 255.0 } else { 1.0 }
}

/// The colours of the first samples of all pixels.
fn looked_up(samples: &[u8], count: usize, colours: &[[u8; 3]]) -> Vec<u8> {
    samples.iter().step_by(count).flat_map(|&sample| colours[usize::from(sample)]).collect()
}
