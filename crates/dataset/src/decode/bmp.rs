//! BMP files of 16 bits a pixel.
//!
//! The image crate reads every other BMP as Pillow does; but it spreads 5 and 6 bits to 0-255 by rounding, and
//! Pillow cuts the fraction off, which differs by one level on half of the pixels.

use image::RgbImage;

use super::pillow::image_of;
use crate::{DecodeError, Limits};

const FORMAT: &str = "BMP";

/// `BI_RGB`: no compression, 5 bits for each colour.
const UNCOMPRESSED: u32 = 0;
/// `BI_BITFIELDS`: no compression, masks tell which bits belong to which colour.
const BITFIELDS: u32 = 3;

const MASKS_555: [u32; 3] = [0x7C00, 0x03E0, 0x001F];
const MASKS_565: [u32; 3] = [0xF800, 0x07E0, 0x001F];

/// Decodes a file of 16 bits a pixel; `None` when it is of another kind.
pub(super) fn decode_16_bit(bytes: &[u8], limits: &Limits) -> Option<Result<RgbImage, DecodeError>> {
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
    Some(decode(bytes, masks, limits))
}

fn decode(bytes: &[u8], masks: [u32; 3], limits: &Limits) -> Result<RgbImage, DecodeError> {
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
    // A negative height says that the top row comes first.
    let height = u32_at(bytes, 22).ok_or_else(truncated)?.cast_signed();
    // The pixels become RGB straight from the file.
    limits.check(FORMAT, width.into(), height.unsigned_abs().into(), bytes.len() as u64, 0)?;

    let row_len = (2 * width as usize).next_multiple_of(4);
    let rows = bytes.get(offset..).unwrap_or_default().chunks_exact(row_len);
    let rows = rows.take(height.unsigned_abs() as usize);
    let mut pixels = Vec::with_capacity(3 * width as usize * rows.len());
    let mut push = |row: &[u8]| {
        for &pixel in &row.as_chunks::<2>().0[..width as usize] {
            let pixel = u16::from_le_bytes(pixel);
            pixels.push(spread(pixel >> (green_bits + 5), 5));
            pixels.push(spread(pixel >> 5, green_bits));
            pixels.push(spread(pixel, 5));
        }
    };
    if height < 0 {
        rows.for_each(&mut push);
    } else {
        rows.rev().for_each(&mut push);
    }
    image_of(width, height.unsigned_abs(), pixels, FORMAT)
}

/// The lowest `bits` of a pixel as a level of 0-255, the fraction cut off.
fn spread(pixel: u16, bits: u32) -> u8 {
    let brightest = (1u16 << bits) - 1;
    ((pixel & brightest) * 255 / brightest) as u8
}

fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    bytes.get(offset..)?.first_chunk().map(|&field| u32::from_le_bytes(field))
}

fn u16_at(bytes: &[u8], offset: usize) -> Option<u16> {
    bytes.get(offset..)?.first_chunk().map(|&field| u16::from_le_bytes(field))
}
