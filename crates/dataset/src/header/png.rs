//! The structure of a PNG file: how its pixels are stored, whether all chunks are there, and which of them matter.

use std::io::{self, Read};

use flate2::Crc;
use flate2::read::ZlibDecoder;

use crate::image_info::{Colour, Extent};
use crate::{DecodeError, Limits};

const FORMAT: &str = "PNG";

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Length of the data of IHDR.
const HEADER_LEN: usize = 13;

/// How much may follow the pixels before their checksum. A small file can hold any number of bytes in compressed form.
const MAX_SURPLUS: u64 = 1 << 20;

/// The passes of an interlaced image (PNG 1.2, section 2.6): first column and row, and the steps between them.
const PASSES: [[u32; 4]; 7] =
    [[0, 0, 8, 8], [4, 0, 8, 8], [0, 4, 4, 8], [2, 0, 4, 4], [0, 2, 2, 4], [1, 0, 2, 2], [0, 1, 1, 2]];

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
/// and if their own checksum is right where the file still has it.
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
    match read(bytes) {
        Err(DecodeError::Corrupt { .. } | DecodeError::Truncated { .. }) => read(&mended(bytes, limits)?),
        result => result,
    }
}

/// Whether an animation chunk gives the pixels of IDAT another size than the image. The decoder would take the rows of
/// the image for shorter ones.
fn frame_has_another_size(bytes: &[u8]) -> bool {
    let mut before_pixels = chunks(bytes).take_while(|chunk| chunk.name != *b"IDAT");
    // The sequence number (4), then width and height as in IHDR.
    before_pixels.any(|chunk| chunk.name == *b"fcTL" && chunk.data.get(4..12) != bytes.get(16..24))
}

/// A copy of the file with the header, the palette, the transparent colours, the EXIF metadata and the pixels.
fn mended(bytes: &[u8], limits: &Limits) -> Result<Vec<u8>, DecodeError> {
    let mut parts = Parts::default();
    let mut ended = false;
    for chunk in chunks(bytes) {
        match &chunk.name {
            b"IEND" => {
                ended = true;
                break;
            }
            b"IDAT" => parts.pixels.push(chunk.data),
            b"CgBI" => return Err(unsupported("Apple's variant of it (a CgBI chunk)")),
            b"IHDR" if parts.header.is_none() => {
                chunk.verify()?;
                parts.header = Some(chunk.data);
            }
            b"PLTE" if parts.palette.is_none() => {
                chunk.verify()?;
                parts.palette = Some(chunk.data);
            }
            b"tRNS" | b"eXIf" if chunk.verify().is_ok() && parts.pixels.is_empty() => {
                parts.ancillary.push((chunk.name, chunk.data));
            }
            _ => {}
        }
    }

    let incomplete = |what: &str| match ended {
        true => corrupt(&format!("it has no {what}")),
        false => truncated(&format!("the file ends before its {what}")),
    };
    let header = Header::read(parts.header.ok_or_else(|| incomplete("header"))?, bytes.len(), limits)?;
    if header.colour == 3 && parts.palette.is_none() {
        return Err(incomplete("palette"));
    }
    if parts.pixels.is_empty() {
        return Err(incomplete("pixels"));
    }
    parts.verify_pixels(header.bytes_of_rows(), ended)?;
    Ok(parts.file(&header))
}

/// What is needed of a file.
#[derive(Default)]
struct Parts<'a> {
    header: Option<&'a [u8]>,
    palette: Option<&'a [u8]>,
    ancillary: Vec<([u8; 4], &'a [u8])>,
    pixels: Vec<&'a [u8]>,
}

impl Parts<'_> {
    /// Decompresses the pixels without keeping them.
    fn verify_pixels(&self, needed: u64, ended: bool) -> Result<(), DecodeError> {
        let stored = Joined { parts: &self.pixels, read: 0 };
        let mut stored = ZlibDecoder::new(stored);
        let (mut found, mut buffer) = (0, [0; 1 << 12]);
        let end = loop {
            if found > needed + MAX_SURPLUS {
                return Err(corrupt(&format!("its pixels take {needed} bytes, it has more")));
            }
            match stored.read(&mut buffer) {
                Ok(0) => break None,
                Ok(read) => found += read as u64,
                Err(error) => break Some(error.kind()),
            }
        };
        match end {
            // Some encoders leave out the checksum, and a cut may have taken it.
            None | Some(io::ErrorKind::UnexpectedEof) if found >= needed => Ok(()),
            None | Some(io::ErrorKind::UnexpectedEof) if ended => {
                Err(corrupt(&format!("its pixels take {needed} bytes, it has {found}")))
            }
            None | Some(io::ErrorKind::UnexpectedEof) => {
                Err(truncated(&format!("its pixels take {needed} bytes, the file ends after {found}")))
            }
            Some(_) => Err(corrupt("the compressed pixels are damaged")),
        }
    }

    fn file(&self, header: &Header<'_>) -> Vec<u8> {
        let mut file = SIGNATURE.to_vec();
        push(&mut file, b"IHDR", &[header.fields]);
        // In an image without indices a palette is a mere proposal.
        if let Some(palette) = self.palette.filter(|_| header.colour == 3) {
            push(&mut file, b"PLTE", &[&palette[..palette.len().min(768) / 3 * 3]]);
        }
        for (name, data) in &self.ancillary {
            push(&mut file, name, &[data]);
        }
        push(&mut file, b"IDAT", &self.pixels);
        push(&mut file, b"IEND", &[]);
        file
    }
}

/// Several slices, read one after the other.
struct Joined<'a> {
    parts: &'a [&'a [u8]],
    /// How much of the first was read.
    read: usize,
}

impl Read for Joined<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some((first, rest)) = self.parts.split_first() {
            let len = (&first[self.read..]).read(buffer)?;
            if len > 0 {
                self.read += len;
                return Ok(len);
            }
            (self.parts, self.read) = (rest, 0);
        }
        Ok(0)
    }
}

/// Appends a chunk.
fn push(file: &mut Vec<u8>, name: &[u8; 4], parts: &[&[u8]]) {
    // The parts come from a file of fewer bytes than a chunk can have, or the memory's limit has refused it.
    let len: usize = parts.iter().map(|part| part.len()).sum();
    file.extend((len as u32).to_be_bytes());
    let start = file.len();
    file.extend(name);
    parts.iter().for_each(|part| file.extend(*part));
    let sum = sum_of(&file[start..]);
    file.extend(sum.to_be_bytes());
}

/// The fields of IHDR, which agree with one another.
struct Header<'a> {
    fields: &'a [u8],
    width: u32,
    height: u32,
    colour: u8,
    bits_per_pixel: u64,
}

impl<'a> Header<'a> {
    fn read(data: &'a [u8], file_len: usize, limits: &Limits) -> Result<Self, DecodeError> {
        let fields = data.get(..HEADER_LEN).ok_or_else(|| corrupt("its header is cut short"))?;
        let number = |at: usize| fields[at..].first_chunk().map_or(0, |&number| u32::from_be_bytes(number));
        let (width, height) = (number(0), number(4));
        let (depth, colour) = (fields[8], fields[9]);
        let channels = match (colour, depth) {
            (0, 1 | 2 | 4 | 8 | 16) | (3, 1 | 2 | 4 | 8) => 1,
            (4, 8 | 16) => 2,
            (2, 8 | 16) => 3,
            (6, 8 | 16) => 4,
            _ => {
                return Err(corrupt(&format!(
                    "its header states {depth} bits a sample with colour type {colour}"
                )));
            }
        };
        if fields[10] > 0 || fields[11] > 0 || fields[12] > 1 {
            return Err(corrupt("its header states a coding that PNG does not have"));
        }
        let bits_per_pixel = channels * u64::from(depth);
        // The mended copy is held beside the file.
        let held = 2 * file_len as u64;
        limits.check(FORMAT, width.into(), height.into(), held, bits_per_pixel.div_ceil(8))?;
        Ok(Self { fields, width, height, colour, bits_per_pixel })
    }

    /// Bytes of all rows before compression: each has one more for its filter.
    fn bytes_of_rows(&self) -> u64 {
        let bytes_of = |width: u32, height: u32| match width {
            0 => 0,
            width => u64::from(height) * ((u64::from(width) * self.bits_per_pixel).div_ceil(8) + 1),
        };
        if self.fields[12] == 0 {
            return bytes_of(self.width, self.height);
        }
        let count = |len: u32, first: u32, step: u32| len.saturating_sub(first).div_ceil(step);
        let pass = |[x, y, dx, dy]: [u32; 4]| bytes_of(count(self.width, x, dx), count(self.height, y, dy));
        PASSES.map(pass).iter().sum()
    }
}

struct Chunk<'a> {
    name: [u8; 4],
    /// As much of it as the file holds.
    data: &'a [u8],
    /// The stored checksum; `None` where the file ends before it.
    sum: Option<u32>,
}

impl Chunk<'_> {
    fn verify(&self) -> Result<(), DecodeError> {
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
fn chunks(bytes: &[u8]) -> impl Iterator<Item = Chunk<'_>> {
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

fn sum_of(bytes: &[u8]) -> u32 {
    let mut sum = Crc::new();
    sum.update(bytes);
    sum.sum()
}

fn corrupt(reason: &str) -> DecodeError {
    DecodeError::Corrupt { format: FORMAT, reason: reason.to_owned() }
}

fn truncated(reason: &str) -> DecodeError {
    DecodeError::Truncated { format: FORMAT, reason: reason.to_owned() }
}

fn unsupported(found: &str) -> DecodeError {
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

    #[test]
    fn an_interlaced_image_has_the_rows_of_its_passes() {
        let fields = |interlaced| [0, 0, 0, 17, 0, 0, 0, 13, 8, 2, 0, 0, interlaced];
        let rows = |fields: &[u8]| Header::read(fields, 0, &Limits::default()).unwrap().bytes_of_rows();
        assert_eq!(rows(&fields(0)), 13 * (17 * 3 + 1));
        // 2 x (3 + 2) + 2 x 5 + 4 x 4 + 3 x 9 + 7 x 8 + 6 x 17 pixels, and as many filter bytes as rows.
        let pixels = 2 * 3 + 2 * 2 + 2 * 5 + 4 * 4 + 3 * 9 + 7 * 8 + 6 * 17;
        assert_eq!(pixels, 17 * 13);
        assert_eq!(rows(&fields(1)), pixels * 3 + 2 + 2 + 2 + 4 + 3 + 7 + 6);
        assert!(Header::read(&[0, 0, 0, 1, 0, 0, 0, 1, 3, 2, 0, 0, 0], 0, &Limits::default()).is_err());
    }
}
