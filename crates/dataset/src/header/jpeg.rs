//! Whether a JPEG file is complete, and of a coding that the decoder supports.
//!
//! The decoder silently fills the missing part of a truncated file with grey. Pillow refuses such a file, and a
//! half-grey picture would teach the network something false. The decoder calls a coding that it does not
//! support corrupt.

use crate::DecodeError;

const FORMAT: &str = "JPEG";
const END_OF_IMAGE: u8 = 0xD9;

/// Checks that the frame is baseline, extended or progressive, Huffman-coded and of 8 bits, and that the markers lead
/// to an end-of-image marker. Returns the number of its components: 1 grey, 3 colour, 4 CMYK.
///
/// # Errors
///
/// [`DecodeError::Unsupported`] for another frame, [`DecodeError::Truncated`] if the file ends before that marker.
pub(crate) fn check(bytes: &[u8]) -> Result<u8, DecodeError> {
    // Without a frame the decoder fails.
    let mut components = 0;
    // The start-of-image marker has no segment.
    let mut position = 2;
    while let Some((marker, after)) = next_marker(bytes, position) {
        match marker {
            END_OF_IMAGE => return Ok(components),
            // Restart markers (within a scan), a repeated start of image and TEM have no segment.
            0x01 | 0xD0..=0xD8 => position = after,
            _ => {
                let Some(length) = bytes.get(after..after + 2) else { break };
                if let Some(found) = unknown_coding(marker, bytes.get(after + 2).copied()) {
                    return Err(DecodeError::Unsupported { format: FORMAT, found });
                }
                if let 0xC0..=0xC2 = marker {
                    // It follows the length (2), precision (1), height (2) and width (2).
                    components = bytes.get(after + 7).copied().unwrap_or(0);
                }
                // Entropy-coded data follows a scan's segment. A zero after its 0xFF bytes tells them from markers.
                position = after + usize::from(u16::from_be_bytes([length[0], length[1]]));
            }
        }
    }
    Err(DecodeError::Truncated { format: FORMAT, reason: "the end-of-image marker is missing".to_owned() })
}

/// What a start-of-frame marker (ITU T.81, table B.1) declares that the decoder does not support. The first byte of its
/// segment is the precision.
fn unknown_coding(marker: u8, precision: Option<u8>) -> Option<String> {
    match marker {
        0xC0..=0xC2 => precision.filter(|&bits| bits != 8).map(|bits| format!("samples of {bits} bits")),
        0xC3 => Some("lossless coding".to_owned()),
        0xC5..=0xC7 => Some("hierarchical coding".to_owned()),
        0xC9..=0xCB | 0xCD..=0xCF => Some("arithmetic coding".to_owned()),
        _ => None,
    }
}

/// The next marker at or after `position`, and where the bytes after it start.
fn next_marker(bytes: &[u8], position: usize) -> Option<(u8, usize)> {
    let mut position = position;
    loop {
        position += bytes.get(position..)?.iter().position(|&byte| byte == 0xFF)? + 1;
        match bytes.get(position)? {
            // An escaped data byte, or one of several fill bytes before a marker.
            0x00 | 0xFF => {}
            &marker => return Some((marker, position + 1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCAN: [u8; 6] = [0xFF, 0xDA, 0x00, 0x02, 0x12, 0x34];

    fn file(tail: &[u8]) -> Vec<u8> {
        [&[0xFF, 0xD8, 0xFF, 0xE0, 0x00, 0x04, 0xFF, 0xD9], &SCAN[..], tail].concat()
    }

    #[test]
    fn end_marker_within_a_segment_does_not_count() {
        assert!(matches!(check(&file(&[])), Err(DecodeError::Truncated { .. })));
        assert!(check(&file(&[0xFF, 0xD9])).is_ok());
    }

    #[test]
    fn escaped_bytes_and_restart_markers_are_passed_over() {
        assert!(check(&file(&[0xFF, 0x00, 0xD9, 0xFF, 0xD3, 0x11])).is_err());
        assert!(check(&file(&[0xFF, 0x00, 0xD9, 0xFF, 0xD3, 0x11, 0xFF, 0xFF, 0xD9, 0x55])).is_ok());
    }

    #[test]
    fn a_segment_longer_than_the_file_is_truncated() {
        assert!(check(&[0xFF, 0xD8, 0xFF, 0xE0, 0xFF]).is_err());
        assert!(check(&[0xFF, 0xD8, 0xFF, 0xE0, 0xFF, 0xFF, 0x00]).is_err());
    }
}
