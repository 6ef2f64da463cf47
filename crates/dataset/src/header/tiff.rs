//! What the first directory of a TIFF file states about its samples.

use std::io::Cursor;

use image::metadata::Orientation;
use tiff::decoder::{Decoder, Limits as TiffLimits};
use tiff::tags::Tag;
use tiff::{ColorType, TiffError};

pub(crate) use super::tiff_directory::{BLACK_IS_ZERO, PALETTE, WHITE_IS_ZERO};
use super::tiff_directory::{impossible_tag, with_photometric};
use crate::image_info::{Colour, Extent, ImageInfo};
use crate::{DecodeError, Format, Limits};

pub(crate) const FORMAT: &str = "TIFF";

pub(crate) type TiffDecoder<'a> = Decoder<Cursor<&'a [u8]>>;

/// `ExtraSamples` value of an alpha that the colours were multiplied with.
const ASSOCIATED_ALPHA: u16 = 1;

/// `Compression` values of JPEG within TIFF.
const OLD_JPEG: u16 = 6;
const JPEG: u16 = 7;

/// `FillOrder` value of bytes whose lowest bit comes first.
const LOWEST_BIT_FIRST: u16 = 2;
/// `PlanarConfiguration` value of samples that are stored plane by plane.
const PLANAR: u16 = 2;

/// Most memory for the values of one tag that is read here.
const MAX_TAG_BYTES: usize = 64 << 20;

/// What the directory states about the samples.
pub(crate) struct Layout {
    pub(crate) photometric: u16,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) color: ColorType,
    pub(crate) associated_alpha: bool,
    /// The 3 x 2^bits 16-bit entries of a palette: all reds, all greens, all blues.
    pub(crate) color_map: Vec<u16>,
    pub(crate) orientation: Orientation,
}

/// What the directory states, and whether its strips or tiles lie within the file.
pub(super) fn describe(bytes: &[u8], limits: &Limits) -> Result<(ImageInfo, Extent), DecodeError> {
    with_layout(bytes, limits, |mut decoder, layout| {
        let (colour, alpha) = match layout.color {
            _ if layout.photometric == PALETTE => (Colour::Palette, false),
            ColorType::Gray(_) => (Colour::Grey, false),
            ColorType::GrayA(_) | ColorType::Multiband { num_samples: 2, .. } => (Colour::Grey, true),
            ColorType::RGBA(_) => (Colour::Rgb, true),
            ColorType::CMYK(_) => (Colour::Cmyk, false),
            ColorType::CMYKA(_) => (Colour::Cmyk, true),
            _ => (Colour::Rgb, false),
        };
        let extent = if layout.is_common() { extent(&mut decoder, bytes)? } else { Extent::Unknown };
        // Pillow always turns a TIFF, so no preset decides about it.
        let (width, height, bits) = (layout.width, layout.height, layout.color.bit_depth());
        Ok((ImageInfo { colour, alpha, bits, ..ImageInfo::new(Format::Tiff, width, height) }, extent))
    })
}

/// Whether the strips or tiles of the first page lie within the file.
fn extent(decoder: &mut TiffDecoder<'_>, bytes: &[u8]) -> Result<Extent, DecodeError> {
    let mut values = |tag| {
        let values = decoder.find_tag_unsigned_vec::<u64>(tag);
        values.map(Option::unwrap_or_default).map_err(tag_error)
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
pub(crate) fn with_layout<T>(
    bytes: &[u8],
    limits: &Limits,
    then: impl FnOnce(TiffDecoder<'_>, Layout) -> Result<T, DecodeError>,
) -> Result<T, DecodeError> {
    if let Some((tag, claimed)) = impossible_tag(bytes) {
        let reason = format!("tag {tag} claims {claimed} bytes, the file has {}", bytes.len());
        return Err(DecodeError::Truncated { format: FORMAT, reason });
    }
    let mut decoder = open(bytes)?;
    let photometric = tag_u16(&mut decoder, Tag::PhotometricInterpretation)?.unwrap_or(BLACK_IS_ZERO);
    let bits = tag_u16s(&mut decoder, Tag::BitsPerSample)?.first().copied().unwrap_or(1);

    // Its decoder has no limits, and a strip that is cut short would come out grey.
    let compression = tag_u16(&mut decoder, Tag::Compression)?;
    if let Some(compression @ (OLD_JPEG | JPEG)) = compression {
        return Err(unsupported(format!("JPEG compression (Compression {compression})")));
    }

    // The decoder ignores it, and would give a wrong picture.
    if tag_u16(&mut decoder, Tag::FillOrder)? == Some(LOWEST_BIT_FIRST) {
        return Err(unsupported("bytes with the lowest bit first (FillOrder 2)".to_owned()));
    }

    // The decoder refuses palettes, and inverts white-is-zero at every depth; Pillow does so up to 8 bits only. If the
    // copy declares black-is-zero, the decoder gives the samples as they are stored.
    let patched;
    let mut held = bytes.len() as u64;
    if photometric == PALETTE || (photometric == WHITE_IS_ZERO && bits > 8) {
        patched = with_photometric(bytes, BLACK_IS_ZERO)
            .ok_or_else(|| unsupported("a directory that can't be rewritten".to_owned()))?;
        held += patched.len() as u64;
        decoder = open(&patched)?;
    }

    let (width, height) = decoder.dimensions().map_err(decode_error)?;
    let color = decoder.colortype().map_err(decode_error)?;
    let bytes_per_pixel = u64::from(color.num_samples()) * u64::from(color.bit_depth().div_ceil(8));
    // Planes are joined in a copy.
    let copies = if tag_u16(&mut decoder, Tag::PlanarConfiguration)? == Some(PLANAR) { 2 } else { 1 };
    limits.check(FORMAT, width.into(), height.into(), held, copies * bytes_per_pixel)?;
    let layout = Layout {
        photometric,
        width,
        height,
        color,
        associated_alpha: tag_u16s(&mut decoder, Tag::ExtraSamples)?.first() == Some(&ASSOCIATED_ALPHA),
        color_map: tag_u16s(&mut decoder, Tag::ColorMap)?,
        orientation: tag_u16(&mut decoder, Tag::Orientation)?
            .and_then(|value| Orientation::from_exif(u8::try_from(value).ok()?))
            .unwrap_or(Orientation::NoTransforms),
    };
    then(decoder, layout)
}

/// Reads the directory. Before [`with_memory`] is called with the image's limit, only tags may be read.
fn open(bytes: &[u8]) -> Result<TiffDecoder<'_>, DecodeError> {
    let decoder = Decoder::new(Cursor::new(bytes)).map_err(tag_error)?;
    Ok(with_memory(decoder, MAX_TAG_BYTES))
}

/// The decoder has one limit for the values of a tag and for the image.
pub(crate) fn with_memory(decoder: TiffDecoder<'_>, bytes: usize) -> TiffDecoder<'_> {
    let mut allowed = TiffLimits::unlimited();
    allowed.decoding_buffer_size = bytes;
    allowed.intermediate_buffer_size = bytes;
    decoder.with_limits(allowed)
}

impl Layout {
    /// Whether decoding certainly supports the samples. Otherwise only decoding can tell.
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
}

fn tag_u16s(decoder: &mut TiffDecoder<'_>, tag: Tag) -> Result<Vec<u16>, DecodeError> {
    let values = decoder.find_tag_unsigned_vec(tag).map_err(tag_error)?;
    Ok(values.unwrap_or_default())
}

fn tag_u16(decoder: &mut TiffDecoder<'_>, tag: Tag) -> Result<Option<u16>, DecodeError> {
    Ok(tag_u16s(decoder, tag)?.first().copied())
}

pub(crate) fn unsupported(found: String) -> DecodeError {
    DecodeError::Unsupported { format: FORMAT, found }
}

/// An error while tags are read. Their limits can't be raised by a setting.
fn tag_error(error: TiffError) -> DecodeError {
    match error {
        TiffError::LimitsExceeded => unsupported("a tag of too many values".to_owned()),
        error => decode_error(error),
    }
}

pub(crate) fn decode_error(error: TiffError) -> DecodeError {
    match error {
        TiffError::UnsupportedError(error) => {
            // Some of its messages end with these words, which ours repeats.
            unsupported(error.to_string().trim_end_matches(" is unsupported").to_owned())
        }
        TiffError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            let reason = "the file ends within the image data".to_owned();
            DecodeError::Truncated { format: FORMAT, reason }
        }
        error => DecodeError::Corrupt { format: FORMAT, reason: error.to_string() },
    }
}
