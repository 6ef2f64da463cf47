//! TIFF, from the samples as they are stored, as Pillow's `TiffImagePlugin` interprets them.
//!
//! The image crate's own TIFF decoder does not read palettes, and converts CMYK in another way than Pillow.

use image::{DynamicImage, RgbImage};
use tiff::decoder::DecodingResult;
use tiff::{ColorType, TiffError};

use super::pillow::{self, clip_f32, clip_i32, high_byte, image_of, level_of_grey16};
use crate::header::tiff::{
    BLACK_IS_ZERO, FORMAT, Layout, PALETTE, TiffDecoder, WHITE_IS_ZERO, decode_error, unsupported,
    with_layout, with_memory,
};
use crate::{DecodeError, Grey16, Limits};

/// Decodes the first page and turns it upright: Pillow applies a TIFF's orientation while it loads it.
pub(super) fn decode(bytes: &[u8], limits: &Limits, grey16: Grey16) -> Result<RgbImage, DecodeError> {
    with_layout(bytes, limits, |decoder, layout| Page { layout, grey16 }.pixels(decoder, limits))
}

/// The first page of a file.
struct Page {
    layout: Layout,
    grey16: Grey16,
}

impl Page {
    fn pixels(&self, decoder: TiffDecoder<'_>, limits: &Limits) -> Result<RgbImage, DecodeError> {
        let memory = usize::try_from(limits.max_bytes_of_memory).unwrap_or(usize::MAX);
        let mut decoder = with_memory(decoder, memory);
        let mut samples = DecodingResult::U8(Vec::new());
        let buffer = decoder.read_image_to_buffer(&mut samples).map_err(|error| match error {
            TiffError::LimitsExceeded => limits.memory_error(),
            error => decode_error(error),
        })?;
        if samples.as_buffer(0).as_bytes().len() < buffer.complete_len {
            return Err(limits.memory_error());
        }
        let pixels = if buffer.planes > 1 {
            let plane_len = buffer.plane_stride.map_or(0, |stride| stride.get());
            let interleaved = self.interleaved(samples, plane_len, buffer.planes)?;
            self.rgb(&interleaved)?
        } else {
            self.rgb(&samples)?
        };

        let layout = &self.layout;
        let mut upright = DynamicImage::ImageRgb8(image_of(layout.width, layout.height, pixels, FORMAT)?);
        upright.apply_orientation(layout.orientation);
        Ok(upright.into_rgb8())
    }

    /// Three bytes a pixel from interleaved samples.
    fn rgb(&self, samples: &DecodingResult) -> Result<Vec<u8>, DecodeError> {
        match (self.layout.color, samples) {
            (ColorType::Gray(bits @ (1 | 2 | 4 | 8)), DecodingResult::U8(packed)) => {
                self.rgb_of_small(packed, bits)
            }
            (ColorType::Gray(_), samples) if self.layout.photometric != PALETTE => {
                self.rgb_of_wide_grey(samples)
            }
            // Grey with alpha. Pillow can't convert it when the alpha is multiplied in.
            (ColorType::Multiband { bit_depth: 8, num_samples: 2 }, DecodingResult::U8(samples))
                if !self.layout.associated_alpha && self.layout.photometric == BLACK_IS_ZERO =>
            {
                Ok(samples.chunks_exact(2).flat_map(|pixel| [pixel[0]; 3]).collect())
            }
            (ColorType::RGB(8), DecodingResult::U8(samples)) => Ok(samples.clone()),
            (ColorType::RGB(16), DecodingResult::U16(samples)) => {
                Ok(samples.iter().map(|&sample| high_byte(sample)).collect())
            }
            (ColorType::RGBA(8), DecodingResult::U8(samples)) => {
                Ok(pixels_of(samples, |pixel| self.rgb_of_rgba(pixel)))
            }
            (ColorType::RGBA(16), DecodingResult::U16(samples)) => {
                Ok(pixels_of(samples, |pixel| self.rgb_of_rgba(pixel.map(high_byte))))
            }
            (ColorType::CMYK(8), DecodingResult::U8(samples)) => Ok(pixels_of(samples, pillow::rgb_of_cmyk)),
            (ColorType::CMYK(16), DecodingResult::U16(samples)) => {
                Ok(pixels_of(samples, |pixel| pillow::rgb_of_cmyk(pixel.map(high_byte))))
            }
            _ => Err(self.unsupported(samples)),
        }
    }

    /// Grey or palette indices of 1, 2, 4 or 8 bits. Each row starts on a new byte.
    fn rgb_of_small(&self, packed: &[u8], bits: u8) -> Result<Vec<u8>, DecodeError> {
        let width = self.layout.width as usize;
        let entries = 1usize << bits;
        let palette = self.layout.photometric == PALETTE;
        if palette && self.layout.color_map.len() < 3 * entries {
            let found = self.layout.color_map.len();
            let reason = format!("expected a colour map of {} entries, found {found}", 3 * entries);
            return Err(DecodeError::Corrupt { format: FORMAT, reason });
        }
        let mask = (entries - 1) as u8;
        let per_byte = 8 / usize::from(bits);
        let colors: Vec<[u8; 3]> = (0..entries)
            .map(|value| {
                if palette {
                    [0, 1, 2].map(|channel| high_byte(self.layout.color_map[channel * entries + value]))
                } else {
                    [(value * 255 / (entries - 1)) as u8; 3]
                }
            })
            .collect();
        let mut pixels = Vec::with_capacity(3 * width * self.layout.height as usize);
        for row in packed.chunks_exact(width.div_ceil(per_byte)) {
            for column in 0..width {
                let shift = usize::from(bits) * (per_byte - 1 - column % per_byte);
                let value = row[column / per_byte] >> shift & mask;
                pixels.extend_from_slice(&colors[usize::from(value)]);
            }
        }
        Ok(pixels)
    }

    fn rgb_of_wide_grey(&self, samples: &DecodingResult) -> Result<Vec<u8>, DecodeError> {
        fn grey<T: Copy>(samples: &[T], level: impl Fn(T) -> u8) -> Vec<u8> {
            samples.iter().flat_map(|&sample| [level(sample); 3]).collect()
        }
        match samples {
            // Signed bytes are taken as they lie in the file.
            DecodingResult::I8(samples) => Ok(grey(samples, |sample| sample as u8)),
            DecodingResult::U16(samples) => {
                let level = level_of_grey16(self.grey16);
                let inverted = self.layout.photometric == WHITE_IS_ZERO && self.grey16 == Grey16::HighByte;
                Ok(grey(samples, |sample| if inverted { 255 - level(sample) } else { level(sample) }))
            }
            DecodingResult::I16(samples) => Ok(grey(samples, |sample| clip_i32(sample.into()))),
            // Mode I is signed: the upper half of the unsigned range wraps to negative numbers.
            DecodingResult::U32(samples) => Ok(grey(samples, |sample| clip_i32(sample as i32))),
            DecodingResult::I32(samples) => Ok(grey(samples, clip_i32)),
            DecodingResult::F32(samples) => Ok(grey(samples, clip_f32)),
            _ => Err(self.unsupported(samples)),
        }
    }

    fn rgb_of_rgba(&self, pixel: [u8; 4]) -> [u8; 3] {
        if self.layout.associated_alpha {
            pillow::unmultiplied(pixel)
        } else {
            [pixel[0], pixel[1], pixel[2]]
        }
    }

    fn unsupported(&self, samples: &DecodingResult) -> DecodeError {
        let kind = match samples {
            DecodingResult::F16(_) | DecodingResult::F32(_) | DecodingResult::F64(_) => "float",
            DecodingResult::I8(_)
            | DecodingResult::I16(_)
            | DecodingResult::I32(_)
            | DecodingResult::I64(_) => "signed",
            _ => "unsigned",
        };
        let palette = if self.layout.photometric == PALETTE { "palette indices as " } else { "" };
        unsupported(format!("{palette}{:?} with {kind} samples", self.layout.color))
    }

    /// Joins samples that are stored plane by plane.
    fn interleaved(
        &self,
        samples: DecodingResult,
        plane_bytes: usize,
        planes: usize,
    ) -> Result<DecodingResult, DecodeError> {
        fn join<T: Copy>(samples: &[T], plane_bytes: usize, planes: usize, pixels: usize) -> Option<Vec<T>> {
            let plane_len = plane_bytes / size_of::<T>();
            let planes = (0..planes)
                .map(|plane| samples.get(plane * plane_len..)?.get(..pixels))
                .collect::<Option<Vec<_>>>()?;
            Some((0..pixels).flat_map(|pixel| planes.iter().map(move |plane| plane[pixel])).collect())
        }
        let pixels = self.layout.width as usize * self.layout.height as usize;
        let joined = match &samples {
            // Packed bits can't be joined byte by byte.
            DecodingResult::U8(samples) if self.layout.color.bit_depth() == 8 => {
                join(samples, plane_bytes, planes, pixels).map(DecodingResult::U8)
            }
            DecodingResult::U16(samples) => {
                join(samples, plane_bytes, planes, pixels).map(DecodingResult::U16)
            }
            _ => None,
        };
        joined.ok_or_else(|| self.unsupported(&samples))
    }
}

/// Three bytes a pixel from pixels of four samples.
fn pixels_of<T: Copy>(samples: &[T], rgb: impl Fn([T; 4]) -> [u8; 3]) -> Vec<u8> {
    samples.as_chunks::<4>().0.iter().flat_map(|&pixel| rgb(pixel)).collect()
}
