//! Markers and segments: how a file is cut into parts.

use super::missing_end;
use crate::DecodeError;

/// Start of image.
pub(super) const SOI: u8 = 0xD8;
/// End of image.
pub(super) const EOI: u8 = 0xD9;
/// Start of scan.
pub(super) const SOS: u8 = 0xDA;
/// Quantization tables.
pub(super) const DQT: u8 = 0xDB;
/// Huffman tables.
pub(super) const DHT: u8 = 0xC4;
/// The restart interval.
pub(super) const DRI: u8 = 0xDD;
/// The first restart marker; the last is `RST0 + 7`.
pub(super) const RST0: u8 = 0xD0;

/// A byte 0xFF, and one that says what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Marker {
    /// The second byte.
    pub(crate) code: u8,
    /// Where its 0xFF is.
    pub(crate) at: usize,
}

impl Marker {
    /// Where the bytes after it start.
    pub(super) fn after(self) -> usize {
        self.at + 2
    }

    pub(super) fn is_restart(self) -> bool {
        matches!(self.code, 0xD0..=0xD7)
    }

    /// Whether a segment with its length follows. Restart markers, start and end of image and TEM have none.
    pub(super) fn has_segment(self) -> bool {
        !matches!(self.code, 0x01 | 0xD0..=0xD9)
    }

    /// Whether ITU T.81 defines it, with a meaning outside of hierarchical pictures.
    pub(super) fn is_known(self) -> bool {
        matches!(self.code, 0x01 | 0xC0..=0xDD | 0xE0..=0xEF | 0xFE)
    }
}

/// Where the picture ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// At an end-of-image marker.
    Marker {
        /// Where it is.
        at: usize,
    },
    /// In zeros that took the place of that marker, up to the end of the file.
    Zeros {
        /// Where the first of them is.
        from: usize,
    },
}

/// The next marker at or after `position`. Zeros after a 0xFF escape it in entropy-coded data; several 0xFF are filling.
pub(super) fn next_marker(bytes: &[u8], position: usize) -> Option<Marker> {
    let mut position = position;
    loop {
        position += bytes.get(position..)?.iter().position(|&byte| byte == 0xFF)? + 1;
        match bytes.get(position)? {
            0x00 | 0xFF => {}
            &code => return Some(Marker { code, at: position - 1 }),
        }
    }
}

/// The content of the segment that follows a marker. One whose length is too short to count itself has none.
///
/// # Errors
///
/// If the file ends before the segment does.
pub(super) fn segment(bytes: &[u8], marker: Marker) -> Result<&[u8], DecodeError> {
    let length = bytes.get(marker.after()..marker.after() + 2).ok_or_else(missing_end)?;
    let length = u16::from_be_bytes([length[0], length[1]]).max(2);
    bytes.get(marker.after() + 2..marker.after() + usize::from(length)).ok_or_else(missing_end)
}
