//! Whether a JPEG file is complete.
//!
//! The decoder fills what a truncated file lacks with grey and says nothing. Pillow refuses such a file, and a
//! half-grey picture under a label would teach the network something false.

use crate::DecodeError;

const END_OF_IMAGE: u8 = 0xD9;

/// Checks that the markers lead to an end-of-image marker.
///
/// # Errors
///
/// [`DecodeError::Truncated`] when the file ends before.
pub(super) fn require_end(bytes: &[u8]) -> Result<(), DecodeError> {
    // The start-of-image marker stands without a segment.
    let mut position = 2;
    while let Some((marker, after)) = next_marker(bytes, position) {
        match marker {
            END_OF_IMAGE => return Ok(()),
            // Restart markers (within a scan), a repeated start of image and TEM have no segment.
            0x01 | 0xD0..=0xD8 => position = after,
            _ => {
                let Some(length) = bytes.get(after..after + 2) else { break };
                // After a scan's segment comes entropy-coded data, which escapes its 0xFF bytes by a zero.
                position = after + usize::from(u16::from_be_bytes([length[0], length[1]]));
            }
        }
    }
    Err(DecodeError::Truncated { format: "JPEG", reason: "the end-of-image marker is missing".to_owned() })
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
        assert!(matches!(require_end(&file(&[])), Err(DecodeError::Truncated { .. })));
        assert!(require_end(&file(&[0xFF, 0xD9])).is_ok());
    }

    #[test]
    fn escaped_bytes_and_restart_markers_are_passed_over() {
        assert!(require_end(&file(&[0xFF, 0x00, 0xD9, 0xFF, 0xD3, 0x11])).is_err());
        assert!(require_end(&file(&[0xFF, 0x00, 0xD9, 0xFF, 0xD3, 0x11, 0xFF, 0xFF, 0xD9, 0x55])).is_ok());
    }

    #[test]
    fn a_segment_longer_than_the_file_is_truncated() {
        assert!(require_end(&[0xFF, 0xD8, 0xFF, 0xE0, 0xFF]).is_err());
        assert!(require_end(&[0xFF, 0xD8, 0xFF, 0xE0, 0xFF, 0xFF, 0x00]).is_err());
    }
}
