//! The structure of a PNG file: how its pixels are stored, and whether all chunks are there.

use crate::image_info::{Colour, Extent};

/// How the pixels are stored, according to IHDR: bits a sample, and the colour type without its alpha channel.
pub(super) fn storage(bytes: &[u8]) -> (u8, Colour) {
    // Signature (8), IHDR's length and name (8), width and height (8), bit depth (1), colour type.
    let colour = match bytes.get(25) {
        Some(0 | 4) => Colour::Grey,
        Some(3) => Colour::Palette,
        _ => Colour::Rgb,
    };
    (bytes.get(24).copied().unwrap_or(0), colour)
}

/// Whether a PNG stores grey without alpha (colour type 0). The decoder turns its transparent colour into an alpha
/// channel. Then 16-bit grey looks like grey with alpha, which Pillow converts differently.
pub(crate) fn is_grey(bytes: &[u8]) -> bool {
    bytes.get(25) == Some(&0)
}

/// Whether the chunks lead to an end chunk within the file.
pub(super) fn extent(bytes: &[u8]) -> Extent {
    // A chunk is its length (4), name (4), data, and a checksum (4).
    let mut rest = bytes.get(8..).unwrap_or_default();
    while let Some((length, after)) = rest.split_first_chunk() {
        let Some(next) = after.get((u32::from_be_bytes(*length) as usize).saturating_add(8)..) else { break };
        if after.starts_with(b"IEND") {
            return Extent::Whole;
        }
        rest = next;
    }
    Extent::Short
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\x02IDATxxCRC.";

    #[test]
    fn chunks_must_lead_to_the_end_chunk() {
        let whole = [HEADER, b"\0\0\0\0IENDCRC.", b"what follows"].concat();
        assert_eq!(extent(&whole), Extent::Whole);
        assert_eq!(extent(HEADER), Extent::Short);
        assert_eq!(extent(&whole[..HEADER.len() + 11]), Extent::Short);
        assert_eq!(extent(&[HEADER, b"\xff\xff\xff\xffIEND"].concat()), Extent::Short);
        assert_eq!(extent(b""), Extent::Short);
    }
}
