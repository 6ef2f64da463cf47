//! BMP files of 16 bits a pixel.
//!
//! The image crate reads every other BMP as Pillow does. It spreads 5 and 6 bits to 0-255 by rounding, though, and
//! Pillow cuts the fraction off: half of the pixels differ by one level.

use image::RgbImage;

use super::pillow::image_of;
use crate::header::bmp::{FORMAT, Header, header_16_bit};
use crate::{DecodeError, Limits};

/// Decodes a file of 16 bits a pixel; `None` when it is of another kind.
pub(super) fn decode_16_bit(bytes: &[u8], limits: &Limits) -> Option<Result<RgbImage, DecodeError>> {
    header_16_bit(bytes, limits).map(|header| decode(&header?, bytes))
}

fn decode(header: &Header, bytes: &[u8]) -> Result<RgbImage, DecodeError> {
    let row_len = (2 * header.width as usize).next_multiple_of(4);
    let rows = bytes.get(header.offset..).unwrap_or_default().chunks_exact(row_len);
    let rows = rows.take(header.height() as usize);
    let mut pixels = Vec::with_capacity(3 * header.width as usize * rows.len());
    let mut push = |row: &[u8]| {
        for &pixel in &row.as_chunks::<2>().0[..header.width as usize] {
            let pixel = u16::from_le_bytes(pixel);
            pixels.push(spread(pixel >> (header.green_bits + 5), 5));
            pixels.push(spread(pixel >> 5, header.green_bits));
            pixels.push(spread(pixel, 5));
        }
    };
    if header.height < 0 {
        rows.for_each(&mut push);
    } else {
        rows.rev().for_each(&mut push);
    }
    image_of(header.width, header.height(), pixels, FORMAT)
}

/// The lowest `bits` of a pixel as a level of 0-255, the fraction cut off.
fn spread(pixel: u16, bits: u32) -> u8 {
    let brightest = (1u16 << bits) - 1;
    ((pixel & brightest) * 255 / brightest) as u8
}
