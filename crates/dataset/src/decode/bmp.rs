//! BMP, as Pillow's `BmpImagePlugin` reads it.
//!
//! The image crate refuses headers that every other program reads, and spreads 5 and 6 bits to 0-255 by rounding, where
//! Pillow cuts the fraction off.

use image::RgbImage;

use super::pillow::image_of;
use crate::header::bmp::{FORMAT, Header, Storage, corrupt, read};
use crate::{DecodeError, Limits};

pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<RgbImage, DecodeError> {
    let header = read(bytes, limits)?;
    let stored = bytes.get(header.offset..).unwrap_or_default();
    let pixels = match header.row_len() {
        Some(row_len) => pixels_of_rows(&header, stored, row_len),
        None => {
            let indices = expand_runs(&header, stored)?;
            let rows = indices.chunks_exact(header.width as usize);
            pixels_of(&header, rows, |row, pixels| look_up(row, &header.palette, pixels))
        }
    };
    image_of(header.width, header.height, pixels, FORMAT)
}

/// The pixels of whole rows, as many as there are. The last row may lack its padding.
fn pixels_of_rows(header: &Header, stored: &[u8], row_len: usize) -> Vec<u8> {
    let used = header.used_row_len();
    let count = (header.height as usize).min((stored.len() + row_len - used) / row_len);
    let rows = (0..count).map(|row| &stored[row * row_len..][..used]);
    match header.storage {
        Storage::Indices(8) => pixels_of(header, rows, |row, pixels| look_up(row, &header.palette, pixels)),
        Storage::Indices(bits) => pixels_of(header, rows, |row, pixels| {
            let (per_byte, mask) = (8 / bits, (1u8 << bits) - 1);
            for (column, pixel) in pixels.iter_mut().enumerate() {
                let shift = bits * (per_byte - 1 - column % per_byte);
                *pixel = header.palette[usize::from(row[column / per_byte] >> shift & mask)];
            }
        }),
        Storage::Words { green_bits } => pixels_of(header, rows, |row, pixels| {
            for (pixel, &word) in pixels.iter_mut().zip(row.as_chunks::<2>().0) {
                let word = u16::from_le_bytes(word);
                *pixel =
                    [spread(word >> (green_bits + 5), 5), spread(word >> 5, green_bits), spread(word, 5)];
            }
        }),
        Storage::Bytes { len, channels } => pixels_of(header, rows, |row, pixels| {
            for (pixel, bytes) in pixels.iter_mut().zip(row.chunks_exact(len)) {
                *pixel = channels.map(|channel| bytes[channel]);
            }
        }),
        Storage::Runs { .. } => Vec::new(),
    }
}

/// Three bytes a pixel, top row first.
fn pixels_of<'a>(
    header: &Header,
    rows: impl DoubleEndedIterator<Item = &'a [u8]> + ExactSizeIterator,
    set: impl Fn(&[u8], &mut [[u8; 3]]),
) -> Vec<u8> {
    let row_len = 3 * header.width as usize;
    let mut pixels = vec![0; row_len * rows.len()];
    let set = |(row, pixels): (&[u8], &mut [u8])| set(row, pixels.as_chunks_mut().0);
    let targets = pixels.chunks_exact_mut(row_len);
    if header.top_down {
        rows.zip(targets).for_each(set);
    } else {
        rows.rev().zip(targets).for_each(set);
    }
    pixels
}

fn look_up(indices: &[u8], palette: &[[u8; 3]], pixels: &mut [[u8; 3]]) {
    for (pixel, &index) in pixels.iter_mut().zip(indices) {
        *pixel = palette[usize::from(index)];
    }
}

/// The lowest `bits` of a pixel as a level of 0-255, the fraction cut off.
fn spread(pixel: u16, bits: u32) -> u8 {
    let brightest = (1u16 << bits) - 1;
    ((pixel & brightest) * 255 / brightest) as u8
}

/// The indices of a run-length coded image, in the order of the file. Pixels that the code leaves out have index 0, but
/// an image that ends early is refused, as in Pillow.
fn expand_runs(header: &Header, stored: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let Storage::Runs { of_nibbles } = header.storage else { return Ok(Vec::new()) };
    let (width, needed) = (header.width as usize, header.width as usize * header.height as usize);
    // A run of 255 pixels takes two bytes, so a size that the file can't hold takes no memory.
    let mut indices = Vec::with_capacity(needed.min(stored.len().saturating_mul(128)));
    let mut at = 0;
    // A run ends at the end of its row at the latest.
    let mut column = 0;
    let mut ended = false;
    while indices.len() < needed {
        let Some(&[first, second]) = stored.get(at..).and_then(|rest| rest.first_chunk()) else { break };
        at += 2;
        match (first, second) {
            (0, 0) => {
                let rows = indices.len().div_ceil(width);
                indices.resize((rows * width).min(needed), 0);
                column = 0;
            }
            (0, 1) => {
                ended = true;
                break;
            }
            (0, 2) => {
                let Some(&[right, up]) = stored.get(at..).and_then(|rest| rest.first_chunk()) else { break };
                at += 2;
                let skipped = usize::from(right) + usize::from(up) * width;
                indices.resize((indices.len() + skipped).min(needed), 0);
                column = indices.len() % width;
            }
            (0, count) => {
                let count = usize::from(count).min(needed - indices.len());
                let len = if of_nibbles { count.div_ceil(2) } else { count };
                let Some(literal) = stored.get(at..at + len) else { break };
                let end = indices.len() + count;
                if of_nibbles {
                    indices.extend(literal.iter().flat_map(|byte| [byte >> 4, byte & 15]));
                    indices.truncate(end);
                } else {
                    indices.extend(literal);
                }
                column += count;
                // Literals are padded to an even place of the file.
                at += len + (header.offset + at + len) % 2;
            }
            (count, value) => {
                let count = usize::from(count).min(width.saturating_sub(column));
                let pair = if of_nibbles { [value >> 4, value & 15] } else { [value; 2] };
                let run = pair.into_iter().cycle().take(count.min(needed - indices.len()));
                indices.extend(run);
                column += count;
            }
        }
    }
    if indices.len() < needed {
        let found = indices.len();
        return Err(if ended {
            corrupt(format!("its runs end after {found} of {needed} pixels"))
        } else {
            let reason = format!("the file ends after {found} of {needed} pixels");
            DecodeError::Truncated { format: FORMAT, reason }
        });
    }
    Ok(indices)
}
