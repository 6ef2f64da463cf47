//! The strips or tiles of a TIFF page, joined to the samples of the page.

use std::borrow::Cow;

use super::compression::expand;
use crate::DecodeError;
use crate::header::tiff::{Compression, Layout, Predictor, corrupt, truncated};

/// Every sample of the page in the machine's byte order, pixel by pixel. Samples of fewer than 8 bits take a byte each.
pub(super) fn samples(layout: &Layout, bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let sample_len = layout.bits.div_ceil(8);
    let pixel_len = sample_len * layout.samples;
    let (width, height) = (layout.width as usize, layout.height as usize);
    let (across, down) = (layout.chunks_across(), layout.chunks_down());
    let (chunk_width, chunk_height) = (layout.chunk_width as usize, layout.chunk_height as usize);
    let reversed: Vec<u8>;
    let bytes = match layout.reversed {
        true => {
            reversed = bytes.iter().map(|byte| byte.reverse_bits()).collect();
            &reversed
        }
        false => bytes,
    };
    let lengths = lengths(layout);
    // The first strip is looked at before memory is taken for all of them.
    let mut page = Vec::new();
    for chunk in 0..across * down * layout.planes() {
        let (plane, row, column) = (chunk / (across * down), chunk / across % down, chunk % across);
        let (left, top) = (column * chunk_width, row * chunk_height);
        let rows = layout.rows_of(chunk) as usize;
        let length = lengths.get(chunk).copied().unwrap_or((layout.chunk_row_len() * rows) as u64);
        let stored = Stored::find(bytes, layout.offsets[chunk], length)?;
        let mut rows_of_chunk = stored.rows(layout, rows)?;
        if page.is_empty() {
            page = vec![0; pixel_len * width * height];
        }
        let used = chunk_width.min(width - left);
        for (row, stored) in rows_of_chunk.to_mut().chunks_mut(layout.chunk_row_len()).enumerate() {
            native(layout, stored);
            let start = ((top + row) * width + left) * pixel_len;
            let target = &mut page[start..start + used * pixel_len];
            if layout.bits < 8 {
                unpack(stored, layout.bits, target);
            } else if layout.planar {
                let pixels = target.chunks_exact_mut(pixel_len);
                for (pixel, sample) in pixels.zip(stored.chunks_exact(sample_len)) {
                    pixel[plane * sample_len..][..sample_len].copy_from_slice(sample);
                }
            } else {
                target.copy_from_slice(&stored[..used * pixel_len]);
            }
        }
    }
    Ok(page)
}

/// The lengths of compressed strips or tiles. One that is missing or zero ends at the next strip or with the file. None
/// for uncompressed ones: they are as long as they have to be, whatever the file states.
fn lengths(layout: &Layout) -> Vec<u64> {
    if layout.compression == Compression::None {
        return Vec::new();
    }
    let mut sorted = layout.offsets.clone();
    sorted.sort_unstable();
    let to_next = |offset: u64| {
        let next = sorted.get(sorted.partition_point(|&other| other <= offset));
        next.map_or(u64::MAX, |next| next - offset)
    };
    let stated = layout.lengths.iter().copied().chain(std::iter::repeat(0));
    let chunks = layout.offsets.iter().zip(stated);
    chunks.map(|(&offset, length)| if length > 0 { length } else { to_next(offset) }).collect()
}

/// A strip or tile as it lies in the file.
struct Stored<'a> {
    bytes: &'a [u8],
    /// Whether the file ends before it does, or no later than it may.
    cut: bool,
}

impl<'a> Stored<'a> {
    fn find(bytes: &'a [u8], offset: u64, length: u64) -> Result<Self, DecodeError> {
        let start = usize::try_from(offset).ok().filter(|&start| start < bytes.len());
        let Some(start) = start else {
            return Err(truncated("the file ends within the image data"));
        };
        let held = (bytes.len() - start) as u64;
        Ok(Self { bytes: &bytes[start..start + length.min(held) as usize], cut: length > held })
    }

    /// Its rows, decompressed.
    fn rows(&self, layout: &Layout, rows: usize) -> Result<Cow<'a, [u8]>, DecodeError> {
        let needed = layout.chunk_row_len() * rows;
        let expanded = match layout.compression {
            Compression::None => Cow::Borrowed(self.bytes),
            compression => {
                let mut expanded = vec![0; needed];
                let size = (layout.chunk_width, rows as u32);
                let found = expand(compression, self.bytes, size, &mut expanded);
                let found = found.ok_or_else(|| self.damaged())?;
                expanded.truncate(found);
                Cow::Owned(expanded)
            }
        };
        match expanded.len() {
            found if found >= needed => Ok(expanded),
            _ if self.cut => Err(truncated("the file ends within the image data")),
            found => Err(corrupt(format!("a strip or tile takes {needed} bytes, it has {found}"))),
        }
    }

    fn damaged(&self) -> DecodeError {
        match self.cut {
            true => truncated("the file ends within the image data"),
            false => corrupt("a strip or tile is damaged: it can't be decompressed".to_owned()),
        }
    }
}

/// Undoes the predictor, and brings the samples of a row to the machine's byte order.
fn native(layout: &Layout, row: &mut [u8]) {
    let (sample_len, together) = (layout.bits.div_ceil(8), layout.samples_together());
    if layout.predictor == Predictor::Float {
        for at in together..row.len() {
            row[at] = row[at].wrapping_add(row[at - together]);
        }
        // The highest bytes of all floats come first, whatever the file's byte order.
        let (sorted, count) = (row.to_vec(), row.len() / sample_len);
        for (index, sample) in row.chunks_exact_mut(sample_len).enumerate() {
            for (place, byte) in sample.iter_mut().enumerate() {
                let significance = if cfg!(target_endian = "big") { place } else { sample_len - 1 - place };
                *byte = sorted[significance * count + index];
            }
        }
        return;
    }
    if sample_len > 1 && layout.big_endian != cfg!(target_endian = "big") {
        row.chunks_exact_mut(sample_len).for_each(<[u8]>::reverse);
    }
    if layout.predictor == Predictor::Horizontal {
        match sample_len {
            1 => add_left(row, together, u8::from_ne_bytes, u8::to_ne_bytes, u8::wrapping_add),
            2 => add_left(row, together, u16::from_ne_bytes, u16::to_ne_bytes, u16::wrapping_add),
            _ => add_left(row, together, u32::from_ne_bytes, u32::to_ne_bytes, u32::wrapping_add),
        }
    }
}

/// Adds to each sample the one of the pixel to the left.
fn add_left<T, const LEN: usize>(
    row: &mut [u8],
    together: usize,
    from: fn([u8; LEN]) -> T,
    to: fn(T) -> [u8; LEN],
    add: fn(T, T) -> T,
) {
    let samples = row.as_chunks_mut::<LEN>().0;
    for at in together..samples.len() {
        samples[at] = to(add(from(samples[at]), from(samples[at - together])));
    }
}

/// Samples of fewer than 8 bits, a byte each.
fn unpack(row: &[u8], bits: usize, samples: &mut [u8]) {
    let (per_byte, mask) = (8 / bits, ((1u16 << bits) - 1) as u8);
    for (at, sample) in samples.iter_mut().enumerate() {
        *sample = row[at / per_byte] >> (bits * (per_byte - 1 - at % per_byte)) & mask;
    }
}
