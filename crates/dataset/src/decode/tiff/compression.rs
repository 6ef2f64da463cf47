//! The compressions of TIFF that are read.

use fax::decoder::{decode_g4, pels};
use flate2::{Decompress, FlushDecompress, Status};
use weezl::decode::Configuration;
use weezl::{BitOrder, LzwStatus};

use crate::header::tiff::Compression;

/// Fills `rows` of a strip or tile of this width and height, and returns how many bytes of them it has; `None` where it
/// is damaged. What follows the last row is not looked at.
pub(super) fn expand(
    compression: Compression,
    stored: &[u8],
    (width, height): (u32, u32),
    rows: &mut [u8],
) -> Option<usize> {
    match compression {
        Compression::None => {
            let len = stored.len().min(rows.len());
            rows[..len].copy_from_slice(&stored[..len]);
            Some(len)
        }
        Compression::PackBits => Some(pack_bits(stored, rows)),
        Compression::Lzw => lzw(stored, rows),
        Compression::Deflate => deflate(stored, rows),
        Compression::Group4 => group_4(stored, width, height, rows),
    }
}

/// TIFF 6.0, section 9.
fn pack_bits(mut stored: &[u8], rows: &mut [u8]) -> usize {
    let mut found = 0;
    while let Some((&count, rest)) = stored.split_first()
        && found < rows.len()
    {
        let free = rows.len() - found;
        stored = match count {
            0..=127 => {
                let len = (usize::from(count) + 1).min(rest.len());
                let used = len.min(free);
                rows[found..found + used].copy_from_slice(&rest[..used]);
                found += used;
                &rest[len..]
            }
            128 => rest,
            129.. => {
                let Some((&value, rest)) = rest.split_first() else { break };
                let used = (257 - usize::from(count)).min(free);
                rows[found..found + used].fill(value);
                found += used;
                rest
            }
        };
    }
    found
}

/// TIFF 6.0, section 13. Files of the time before it had the lowest bit first; they start with the code that clears the
/// table in that order.
fn lzw(mut stored: &[u8], rows: &mut [u8]) -> Option<usize> {
    let configuration = match stored {
        [0, odd, ..] if odd & 1 == 1 => Configuration::new(BitOrder::Lsb, 8),
        _ => Configuration::with_tiff_size_switch(BitOrder::Msb, 8),
    };
    let mut decoder = configuration.with_yield_on_full_buffer(true).build();
    let mut found = 0;
    while found < rows.len() {
        let result = decoder.decode_bytes(stored, &mut rows[found..]);
        stored = &stored[result.consumed_in..];
        found += result.consumed_out;
        match result.status.ok()? {
            LzwStatus::Done | LzwStatus::NoProgress => break,
            LzwStatus::Ok => {}
        }
    }
    Some(found)
}

fn deflate(stored: &[u8], rows: &mut [u8]) -> Option<usize> {
    let mut decoder = Decompress::new(true);
    loop {
        let (read, found) = (decoder.total_in() as usize, decoder.total_out() as usize);
        if found == rows.len() {
            return Some(found);
        }
        let status = decoder.decompress(&stored[read..], &mut rows[found..], FlushDecompress::None).ok()?;
        let stuck = (read, found) == (decoder.total_in() as usize, decoder.total_out() as usize);
        if status == Status::StreamEnd || stuck {
            return Some(decoder.total_out() as usize);
        }
    }
}

/// ITU-T T.6. A set bit is black, which the photometric interpretation then takes for a number.
fn group_4(stored: &[u8], width: u32, height: u32, rows: &mut [u8]) -> Option<usize> {
    let (columns, height) = (u16::try_from(width).ok()?, u16::try_from(height).ok()?);
    let row_len = usize::from(columns).div_ceil(8);
    let mut targets = rows.chunks_mut(row_len);
    decode_g4(stored.iter().copied(), columns, Some(height), |transitions| {
        let Some(target) = targets.next() else { return };
        for (column, colour) in pels(transitions, columns).enumerate() {
            if colour == fax::Color::Black {
                target[column / 8] |= 0x80 >> (column % 8);
            }
        }
    })?;
    Some(rows.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_and_literals_are_unpacked_as_far_as_there_is_room() {
        let stored = [2, b'a', b'b', b'c', 128, 0xFE, b'x', 0];
        let mut rows = [0; 8];
        assert_eq!(pack_bits(&stored, &mut rows), 6);
        assert_eq!(&rows[..6], b"abcxxx");
        assert_eq!(pack_bits(&stored, &mut rows[..5]), 5);
        assert_eq!(pack_bits(&[5, b'a'], &mut rows), 1);
    }
}
