//! The header of BMP files of 16 bits a pixel, and whether a BMP file is complete.

use crate::image_info::Extent;
use crate::{DecodeError, Limits};

pub(crate) const FORMAT: &str = "BMP";

/// `BI_RGB`: no compression, 5 bits for each colour.
const UNCOMPRESSED: u32 = 0;
/// `BI_BITFIELDS`: no compression, with a mask of the bits of each colour.
const BITFIELDS: u32 = 3;

/// Length of the OS/2 header, which has its fields at other offsets.
const OS2_HEADER: u32 = 12;

const MASKS_555: [u32; 3] = [0x7C00, 0x03E0, 0x001F];
const MASKS_565: [u32; 3] = [0xF800, 0x07E0, 0x001F];

/// What the header of a file of 16 bits a pixel states.
pub(crate) struct Header {
    pub(crate) green_bits: u32,
    /// Where the pixels start.
    pub(crate) offset: usize,
    pub(crate) width: u32,
    /// Negative where the top row comes first.
    pub(crate) height: i32,
}

/// Reads and checks the header of a file of 16 bits a pixel; `None` when it is of another kind.
pub(crate) fn header_16_bit(bytes: &[u8], limits: &Limits) -> Option<Result<Header, DecodeError>> {
    // File header: the magic (2), size (4), reserved (4), offset of the pixels. Then the info header: its length,
    // width, height, planes (2), bits (2), compression. The masks follow at 54, within a longer header or after it.
    let header_len = u32_at(bytes, 14)?;
    let bits = u16_at(bytes, 28)?;
    if header_len < 40 || bits != 16 {
        return None;
    }
    let masks = match u32_at(bytes, 30)? {
        UNCOMPRESSED => MASKS_555,
        BITFIELDS => [u32_at(bytes, 54)?, u32_at(bytes, 58)?, u32_at(bytes, 62)?],
        _ => return None,
    };
    Some(Header::read(bytes, masks, limits))
}

/// Bits a pixel, 0 where the header is cut short.
pub(super) fn bits_per_pixel(bytes: &[u8]) -> u16 {
    let at = if u32_at(bytes, 14) == Some(OS2_HEADER) { 24 } else { 28 };
    u16_at(bytes, at).unwrap_or(0)
}

/// Whether the rows that the header declares lie within the file. A compressed file must be as long as its header
/// states.
pub(super) fn extent(bytes: &[u8]) -> Extent {
    let whole = || {
        let field = |offset| u32_at(bytes, offset).map(u64::from);
        let (offset, width) = (field(10)?, field(18)?);
        let height = u64::from(u32_at(bytes, 22)?.cast_signed().unsigned_abs());
        let compression = u32_at(bytes, 30)?;
        if compression != UNCOMPRESSED && compression != BITFIELDS {
            return Some(field(2)? <= bytes.len() as u64);
        }
        let row_len = width.saturating_mul(bits_per_pixel(bytes).into()).div_ceil(32).saturating_mul(4);
        Some(offset.saturating_add(row_len.saturating_mul(height)) <= bytes.len() as u64)
    };
    match (u32_at(bytes, 14), whole()) {
        (Some(OS2_HEADER), _) => Extent::Unknown,
        (_, Some(true)) => Extent::Whole,
        _ => Extent::Short,
    }
}

impl Header {
    fn read(bytes: &[u8], masks: [u32; 3], limits: &Limits) -> Result<Self, DecodeError> {
        let green_bits = match masks {
            MASKS_555 => 5,
            MASKS_565 => 6,
            other => {
                let found = format!("16 bits with the colour masks {other:04x?}");
                return Err(DecodeError::Unsupported { format: FORMAT, found });
            }
        };
        let truncated =
            || DecodeError::Truncated { format: FORMAT, reason: "the header is cut short".to_owned() };
        let offset = u32_at(bytes, 10).ok_or_else(truncated)? as usize;
        let width = u32_at(bytes, 18).ok_or_else(truncated)?;
        let height = u32_at(bytes, 22).ok_or_else(truncated)?.cast_signed();
        let header = Self { green_bits, offset, width, height };
        // The pixels become RGB straight from the file.
        limits.check(FORMAT, width.into(), header.height().into(), bytes.len() as u64, 0)?;
        Ok(header)
    }

    pub(crate) fn height(&self) -> u32 {
        self.height.unsigned_abs()
    }
}

fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    bytes.get(offset..)?.first_chunk().map(|&field| u32::from_le_bytes(field))
}

fn u16_at(bytes: &[u8], offset: usize) -> Option<u16> {
    bytes.get(offset..)?.first_chunk().map(|&field| u16::from_le_bytes(field))
}
