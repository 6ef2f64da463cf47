//! The structure of a PNG file: how its pixels are stored, whether all chunks are there, and which of them matter.

use flate2::Crc;

use super::png_mended::mended;
use crate::image_info::{Colour, Extent};
use crate::{DecodeError, Limits};

pub(super) const FORMAT: &str = "PNG";

pub(super) const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

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
    let whole = chunks(bytes).any(|chunk| chunk.name == *b"IEND" && chunk.sum.is_some());
    Extent::of(whole)
}

/// Reads a file, and reads it again in mended form if it breaks rules that Pillow does not insist on.
///
/// A file may lack everything after its pixels, have a wrong checksum on chunks of pixels, or hold chunks that nobody
/// knows. The second reading gets what is needed of the file and nothing else. It happens only if all pixels are there,
/// and if their own checksum is right. A file that was cut within that checksum counts as truncated.
///
/// # Errors
///
/// Why the file can't be read in either form.
pub(crate) fn with_mended<T>(
    bytes: &[u8],
    limits: &Limits,
    read: impl Fn(&[u8]) -> Result<T, DecodeError>,
) -> Result<T, DecodeError> {
    if frame_has_another_size(bytes) {
        return Err(corrupt("its first frame has another size than the image"));
    }
    if palette_is_odd(bytes) {
        return read(&mended(bytes, limits)?);
    }
    match read(bytes) {
        Err(DecodeError::Corrupt { .. } | DecodeError::Truncated { .. }) => read(&mended(bytes, limits)?),
        result => result,
    }
}

/// Bytes of a colour of a palette, and the most colours that it can have.
pub(super) const COLOUR_LEN: usize = 3;
pub(super) const MAX_COLOURS: usize = 256;

/// Whether a palette ends within a colour, has too many, or has fewer than the chunk of their transparency. All of these
/// make the decoder panic.
fn palette_is_odd(bytes: &[u8]) -> bool {
    let before_pixels = || chunks(bytes).take_while(|chunk| chunk.name != *b"IDAT");
    let len_of =
        |name: &[u8; 4]| before_pixels().find(|chunk| chunk.name == *name).map(|chunk| chunk.data.len());
    let Some(palette) = len_of(b"PLTE") else { return false };
    let colours = palette / COLOUR_LEN;
    !palette.is_multiple_of(COLOUR_LEN)
        || colours > MAX_COLOURS
        || len_of(b"tRNS").is_some_and(|len| len > colours)
}

/// Whether an animation chunk gives the pixels of IDAT another size than the image. The decoder would take the rows of
/// the image for shorter ones.
fn frame_has_another_size(bytes: &[u8]) -> bool {
    let mut before_pixels = chunks(bytes).take_while(|chunk| chunk.name != *b"IDAT");
    // The sequence number (4), then width and height as in IHDR.
    before_pixels.any(|chunk| chunk.name == *b"fcTL" && chunk.data.get(4..12) != bytes.get(16..24))
}

pub(super) struct Chunk<'a> {
    pub(super) name: [u8; 4],
    /// As much of it as the file holds.
    pub(super) data: &'a [u8],
    /// The stored checksum; `None` where the file ends before it.
    sum: Option<u32>,
}

impl Chunk<'_> {
    pub(super) fn verify(&self) -> Result<(), DecodeError> {
        let name = self.name.escape_ascii();
        let Some(sum) = self.sum else {
            return Err(truncated(&format!("the file ends within its {name} chunk")));
        };
        let mut found = Crc::new();
        found.update(&self.name);
        found.update(self.data);
        match found.sum() == sum {
            true => Ok(()),
            false => Err(corrupt(&format!("the checksum of its {name} chunk is wrong"))),
        }
    }
}

/// The chunks in their order, up to the first that has no name.
pub(super) fn chunks(bytes: &[u8]) -> impl Iterator<Item = Chunk<'_>> {
    // A chunk is its length (4), name (4), data, and a checksum (4).
    let mut rest = bytes.get(SIGNATURE.len()..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (&length, after) = rest.split_first_chunk()?;
        let (&name, after) = after.split_first_chunk::<4>()?;
        if !name.iter().all(u8::is_ascii_alphabetic) {
            return None;
        }
        let (data, after) = after.split_at((u32::from_be_bytes(length) as usize).min(after.len()));
        let sum = after.split_first_chunk().filter(|_| data.len() == u32::from_be_bytes(length) as usize);
        rest = sum.map_or(&[], |(_, rest)| rest);
        Some(Chunk { name, data, sum: sum.map(|(&sum, _)| u32::from_be_bytes(sum)) })
    })
}

pub(super) fn corrupt(reason: &str) -> DecodeError {
    DecodeError::Corrupt { format: FORMAT, reason: reason.to_owned() }
}

pub(super) fn truncated(reason: &str) -> DecodeError {
    DecodeError::Truncated { format: FORMAT, reason: reason.to_owned() }
}

pub(super) fn unsupported(found: &str) -> DecodeError {
    DecodeError::Unsupported { format: FORMAT, found: found.to_owned() }
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
