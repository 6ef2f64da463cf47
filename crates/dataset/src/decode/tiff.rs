//! TIFF, from the samples as they are stored, as Pillow's `TiffImagePlugin` interprets them.
//!
//! The image crate's own TIFF decoder knows no palettes, and its CMYK conversion is another than Pillow's.

mod photometric;

use std::io::Cursor;

use image::metadata::Orientation;
use image::{DynamicImage, RgbImage};
use tiff::decoder::{Decoder, DecodingResult, Limits as TiffLimits};
use tiff::tags::Tag;
use tiff::{ColorType, TiffError};

use self::photometric::{BLACK_IS_ZERO, PALETTE, WHITE_IS_ZERO, with_photometric};
use super::examine::{Colour, Extent, ImageInfo};
use super::pillow::{self, clip_f32, clip_i32, high_byte, image_of, level_of_grey16};
use crate::{DecodeError, Format, Grey16, Limits};

const FORMAT: &str = "TIFF";

type TiffDecoder<'a> = Decoder<Cursor<&'a [u8]>>;

/// `ExtraSamples` value of an alpha that the colours were multiplied with.
const ASSOCIATED_ALPHA: u16 = 1;

/// `Compression` values of JPEG within TIFF.
const OLD_JPEG: u16 = 6;
const JPEG: u16 = 7;

/// `FillOrder` value of bytes whose lowest bit comes first.
const LOWEST_BIT_FIRST: u16 = 2;
/// `PlanarConfiguration` value of samples that are stored plane by plane.
const PLANAR: u16 = 2;

/// Most memory for the values of one tag: the offsets of a million tiles fit.
const MAX_TAG_BYTES: usize = 64 << 20;

/// What the directory says about the samples.
struct Layout {
    photometric: u16,
    width: u32,
    height: u32,
    color: ColorType,
    associated_alpha: bool,
    /// The 3 x 2^bits 16-bit entries of a palette: all reds, all greens, all blues.
    color_map: Vec<u16>,
    orientation: Orientation,
    grey16: Grey16,
}

/// Whether the content starts as a TIFF or BigTIFF file, of either byte order.
pub(crate) fn is_tiff(bytes: &[u8]) -> bool {
    matches!(bytes, [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..])
}

/// Decodes the first page and turns it upright: Pillow applies a TIFF's orientation while it loads it.
pub(super) fn decode(bytes: &[u8], limits: &Limits, grey16: Grey16) -> Result<RgbImage, DecodeError> {
    with_layout(bytes, limits, grey16, |decoder, layout| pixels(decoder, &layout, limits))
}

/// What the directory says, and whether its strips or tiles lie within the file.
pub(super) fn describe(bytes: &[u8], limits: &Limits) -> Result<(ImageInfo, Extent), DecodeError> {
    with_layout(bytes, limits, Grey16::CutOff, |decoder, layout| {
        let (colour, alpha) = match layout.color {
            _ if layout.photometric == PALETTE => (Colour::Palette, false),
            ColorType::Gray(_) => (Colour::Grey, false),
            ColorType::GrayA(_) | ColorType::Multiband { num_samples: 2, .. } => (Colour::Grey, true),
            ColorType::RGBA(_) => (Colour::Rgb, true),
            ColorType::CMYK(_) => (Colour::Cmyk, false),
            ColorType::CMYKA(_) => (Colour::Cmyk, true),
            _ => (Colour::Rgb, false),
        };
        let extent = if layout.is_common() { extent(decoder, bytes, limits)? } else { Extent::Unknown };
        // Pillow turns it whatever is asked for, so its orientation is no choice of a preset.
        let (width, height, bits) = (layout.width, layout.height, layout.color.bit_depth());
        Ok((ImageInfo { colour, alpha, bits, ..ImageInfo::new(Format::Tiff, width, height) }, extent))
    })
}

/// Whether the strips or tiles of the first page lie within the file.
fn extent(decoder: &mut TiffDecoder<'_>, bytes: &[u8], limits: &Limits) -> Result<Extent, DecodeError> {
    let mut values = |tag| {
        let values = decoder.find_tag_unsigned_vec::<u64>(tag);
        values.map(Option::unwrap_or_default).map_err(|error| decode_error(error, limits))
    };
    let (mut offsets, mut lengths) = (values(Tag::StripOffsets)?, values(Tag::StripByteCounts)?);
    if offsets.is_empty() {
        (offsets, lengths) = (values(Tag::TileOffsets)?, values(Tag::TileByteCounts)?);
    }
    if offsets.is_empty() || offsets.len() != lengths.len() {
        return Ok(Extent::Unknown);
    }
    let end = offsets.iter().zip(&lengths).map(|(offset, length)| offset.saturating_add(*length)).max();
    Ok(Extent::of(end.is_some_and(|end| end <= bytes.len() as u64)))
}

/// Reads and checks the directory, and hands it over with a decoder of the first page's samples as they are stored.
fn with_layout<T>(
    bytes: &[u8],
    limits: &Limits,
    grey16: Grey16,
    then: impl FnOnce(&mut TiffDecoder<'_>, Layout) -> Result<T, DecodeError>,
) -> Result<T, DecodeError> {
    let mut decoder = open(bytes, limits)?;
    let photometric = tag_u16(&mut decoder, Tag::PhotometricInterpretation, limits)?.unwrap_or(BLACK_IS_ZERO);
    let bits = tag_u16s(&mut decoder, Tag::BitsPerSample, limits)?.first().copied().unwrap_or(1);

    // A strip that is cut would come out grey, and its decoder knows no limits.
    let compression = tag_u16(&mut decoder, Tag::Compression, limits)?;
    if let Some(compression @ (OLD_JPEG | JPEG)) = compression {
        return Err(unsupported(format!("JPEG compression (Compression {compression})")));
    }

    // The decoder does not look at it, and would give a wrong picture.
    if tag_u16(&mut decoder, Tag::FillOrder, limits)? == Some(LOWEST_BIT_FIRST) {
        return Err(unsupported("bytes with the lowest bit first (FillOrder 2)".to_owned()));
    }

    // The decoder refuses palettes, and inverts white-is-zero at all depths, where Pillow does so up to 8 bits.
    // Declared as black-is-zero, both give their samples as they are stored.
    let patched;
    let mut held = bytes.len() as u64;
    if photometric == PALETTE || (photometric == WHITE_IS_ZERO && bits > 8) {
        patched = with_photometric(bytes, BLACK_IS_ZERO)
            .ok_or_else(|| unsupported("a directory that can't be rewritten".to_owned()))?;
        held += patched.len() as u64;
        decoder = open(&patched, limits)?;
    }

    let fail = |error| decode_error(error, limits);
    let (width, height) = decoder.dimensions().map_err(fail)?;
    let color = decoder.colortype().map_err(fail)?;
    let bytes_per_pixel = u64::from(color.num_samples()) * u64::from(color.bit_depth().div_ceil(8));
    // Planes are joined in a copy.
    let copies = if tag_u16(&mut decoder, Tag::PlanarConfiguration, limits)? == Some(PLANAR) { 2 } else { 1 };
    limits.check(FORMAT, width.into(), height.into(), held, copies * bytes_per_pixel)?;
    let layout = Layout {
        photometric,
        width,
        height,
        color,
        associated_alpha: tag_u16s(&mut decoder, Tag::ExtraSamples, limits)?.first()
            == Some(&ASSOCIATED_ALPHA),
        color_map: tag_u16s(&mut decoder, Tag::ColorMap, limits)?,
        orientation: tag_u16(&mut decoder, Tag::Orientation, limits)?
            .and_then(|value| Orientation::from_exif(u8::try_from(value).ok()?))
            .unwrap_or(Orientation::NoTransforms),
        grey16,
    };
    then(&mut decoder, layout)
}

fn pixels(decoder: &mut TiffDecoder<'_>, layout: &Layout, limits: &Limits) -> Result<RgbImage, DecodeError> {
    let mut samples = DecodingResult::U8(Vec::new());
    let buffer = decoder.read_image_to_buffer(&mut samples).map_err(|error| decode_error(error, limits))?;
    if samples.as_buffer(0).as_bytes().len() < buffer.complete_len {
        return Err(limits.memory_error());
    }
    let pixels = if buffer.planes > 1 {
        let plane_len = buffer.plane_stride.map_or(0, |stride| stride.get());
        let interleaved = interleaved(samples, plane_len, buffer.planes, layout)?;
        layout.rgb(&interleaved)?
    } else {
        layout.rgb(&samples)?
    };

    let mut upright = DynamicImage::ImageRgb8(image_of(layout.width, layout.height, pixels, FORMAT)?);
    upright.apply_orientation(layout.orientation);
    Ok(upright.into_rgb8())
}

fn open<'a>(bytes: &'a [u8], limits: &Limits) -> Result<TiffDecoder<'a>, DecodeError> {
    let memory = usize::try_from(limits.max_bytes_of_memory).unwrap_or(usize::MAX);
    let mut allowed = TiffLimits::unlimited();
    allowed.decoding_buffer_size = memory;
    allowed.intermediate_buffer_size = memory;
    allowed.ifd_value_size = memory.min(MAX_TAG_BYTES);
    let decoder = Decoder::new(Cursor::new(bytes)).map_err(|error| decode_error(error, limits))?;
    Ok(decoder.with_limits(allowed))
}

impl Layout {
    /// Whether [`Layout::rgb`] surely knows the samples. Of the others only decoding tells.
    fn is_common(&self) -> bool {
        match self.color {
            ColorType::Gray(bits @ (1 | 2 | 4 | 8)) if self.photometric == PALETTE => {
                self.color_map.len() >= 3 << bits
            }
            ColorType::Gray(1 | 2 | 4 | 8 | 16 | 32) => self.photometric != PALETTE,
            ColorType::RGB(8 | 16) | ColorType::RGBA(8 | 16) | ColorType::CMYK(8 | 16) => true,
            _ => false,
        }
    }

    /// Three bytes a pixel from interleaved samples.
    fn rgb(&self, samples: &DecodingResult) -> Result<Vec<u8>, DecodeError> {
        match (self.color, samples) {
            (ColorType::Gray(bits @ (1 | 2 | 4 | 8)), DecodingResult::U8(packed)) => {
                self.rgb_of_small(packed, bits)
            }
            (ColorType::Gray(_), samples) if self.photometric != PALETTE => self.rgb_of_wide_grey(samples),
            // Grey with alpha. Pillow can't convert it when the alpha is multiplied in.
            (ColorType::Multiband { bit_depth: 8, num_samples: 2 }, DecodingResult::U8(samples))
                if !self.associated_alpha && self.photometric == BLACK_IS_ZERO =>
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
        let width = self.width as usize;
        let entries = 1usize << bits;
        let palette = self.photometric == PALETTE;
        if palette && self.color_map.len() < 3 * entries {
            let found = self.color_map.len();
            let reason = format!("expected a colour map of {} entries, found {found}", 3 * entries);
            return Err(DecodeError::Corrupt { format: FORMAT, reason });
        }
        let mask = (entries - 1) as u8;
        let per_byte = 8 / usize::from(bits);
        let colors: Vec<[u8; 3]> = (0..entries)
            .map(|value| {
                if palette {
                    [0, 1, 2].map(|channel| high_byte(self.color_map[channel * entries + value]))
                } else {
                    [(value * 255 / (entries - 1)) as u8; 3]
                }
            })
            .collect();
        let mut pixels = Vec::with_capacity(3 * width * self.height as usize);
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
                let inverted = self.photometric == WHITE_IS_ZERO && self.grey16 == Grey16::HighByte;
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
        if self.associated_alpha { pillow::unmultiplied(pixel) } else { [pixel[0], pixel[1], pixel[2]] }
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
        let palette = if self.photometric == PALETTE { "palette indices as " } else { "" };
        unsupported(format!("{palette}{:?} with {kind} samples", self.color))
    }
}

/// Three bytes a pixel from pixels of four samples.
fn pixels_of<T: Copy>(samples: &[T], rgb: impl Fn([T; 4]) -> [u8; 3]) -> Vec<u8> {
    samples.as_chunks::<4>().0.iter().flat_map(|&pixel| rgb(pixel)).collect()
}

/// Joins samples that are stored plane by plane.
fn interleaved(
    samples: DecodingResult,
    plane_bytes: usize,
    planes: usize,
    layout: &Layout,
) -> Result<DecodingResult, DecodeError> {
    fn join<T: Copy>(samples: &[T], plane_bytes: usize, planes: usize, pixels: usize) -> Option<Vec<T>> {
        let plane_len = plane_bytes / size_of::<T>();
        let planes = (0..planes)
            .map(|plane| samples.get(plane * plane_len..)?.get(..pixels))
            .collect::<Option<Vec<_>>>()?;
        Some((0..pixels).flat_map(|pixel| planes.iter().map(move |plane| plane[pixel])).collect())
    }
    let pixels = layout.width as usize * layout.height as usize;
    let joined = match &samples {
        // Packed bits can't be joined byte by byte.
        DecodingResult::U8(samples) if layout.color.bit_depth() == 8 => {
            join(samples, plane_bytes, planes, pixels).map(DecodingResult::U8)
        }
        DecodingResult::U16(samples) => join(samples, plane_bytes, planes, pixels).map(DecodingResult::U16),
        _ => None,
    };
    joined.ok_or_else(|| layout.unsupported(&samples))
}

fn tag_u16s(decoder: &mut TiffDecoder<'_>, tag: Tag, limits: &Limits) -> Result<Vec<u16>, DecodeError> {
    let values = decoder.find_tag_unsigned_vec(tag).map_err(|error| decode_error(error, limits))?;
    Ok(values.unwrap_or_default())
}

fn tag_u16(decoder: &mut TiffDecoder<'_>, tag: Tag, limits: &Limits) -> Result<Option<u16>, DecodeError> {
    Ok(tag_u16s(decoder, tag, limits)?.first().copied())
}

fn unsupported(found: String) -> DecodeError {
    DecodeError::Unsupported { format: FORMAT, found }
}

fn decode_error(error: TiffError, limits: &Limits) -> DecodeError {
    match error {
        TiffError::LimitsExceeded => limits.memory_error(),
        TiffError::UnsupportedError(error) => {
            // Some of its messages are sentences that say so themselves.
            unsupported(error.to_string().trim_end_matches(" is unsupported").to_owned())
        }
        TiffError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            let reason = "the file ends within the image data".to_owned();
            DecodeError::Truncated { format: FORMAT, reason }
        }
        error => DecodeError::Corrupt { format: FORMAT, reason: error.to_string() },
    }
}
