//! A PNG file that breaks rules, with what is needed of it and nothing else.

use flate2::{Crc, Decompress, FlushDecompress, Status};

use super::png::{COLOUR_LEN, FORMAT, MAX_COLOURS, SIGNATURE, chunks, corrupt, truncated, unsupported};
use crate::{DecodeError, Limits};

/// Length of the data of IHDR.
const HEADER_LEN: usize = 13;

/// How much may follow the pixels before their checksum. A small file can hold any number of bytes in compressed form.
const MAX_SURPLUS: u64 = 1 << 20;

/// The passes of an interlaced image (PNG 1.2, section 2.6): first column and row, and the steps between them.
const PASSES: [[u32; 4]; 7] =
    [[0, 0, 8, 8], [4, 0, 8, 8], [0, 4, 4, 8], [2, 0, 4, 4], [0, 2, 2, 4], [1, 0, 2, 2], [0, 1, 1, 2]];

/// A copy of the file with the header, the palette, the transparent colours, the EXIF metadata and the pixels.
pub(super) fn mended(bytes: &[u8], limits: &Limits) -> Result<Vec<u8>, DecodeError> {
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
    let colours = parts.palette.map_or(0, |palette| palette.len() / COLOUR_LEN);
    if header.colour == 3 && colours > MAX_COLOURS {
        return Err(corrupt(&format!("its palette has {colours} colours, more than {MAX_COLOURS}")));
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
    /// Decompresses the pixels without keeping them, and checks their own checksum. `ended`: whether the end chunk was
    /// reached.
    fn verify_pixels(&self, needed: u64, ended: bool) -> Result<(), DecodeError> {
        let mut decoder = Decompress::new(true);
        let mut buffer = [0; 1 << 12];
        let mut complete = false;
        'parts: for mut part in self.pixels.iter().copied() {
            loop {
                let before = (decoder.total_in(), decoder.total_out());
                let status = decoder.decompress(part, &mut buffer, FlushDecompress::None);
                complete =
                    status.map_err(|_| corrupt("the compressed pixels are damaged"))? == Status::StreamEnd;
                part = &part[(decoder.total_in() - before.0) as usize..];
                if decoder.total_out() > needed + MAX_SURPLUS {
                    return Err(corrupt(&format!("its pixels take {needed} bytes, it has more")));
                }
                if complete {
                    break 'parts;
                }
                if (decoder.total_in(), decoder.total_out()) == before {
                    break;
                }
            }
        }
        let found = decoder.total_out();
        match (found >= needed, ended) {
            // Some encoders leave out the checksum.
            (true, _) if complete || ended => Ok(()),
            // A cut that took it may have come with other damage.
            (true, _) => Err(truncated("the file ends within the checksum of its pixels")),
            (false, true) => Err(corrupt(&format!("its pixels take {needed} bytes, it has {found}"))),
            (false, false) => {
                Err(truncated(&format!("its pixels take {needed} bytes, the file ends after {found}")))
            }
        }
    }

    fn file(&self, header: &Header<'_>) -> Vec<u8> {
        let mut file = SIGNATURE.to_vec();
        push(&mut file, b"IHDR", &[header.fields]);
        // In an image without indices a palette is a mere proposal.
        let palette = self.palette.filter(|_| header.colour == 3);
        let colours = palette.map(|palette| palette.len() / COLOUR_LEN);
        if let (Some(palette), Some(colours)) = (palette, colours) {
            push(&mut file, b"PLTE", &[&palette[..colours * COLOUR_LEN]]);
        }
        for (name, data) in &self.ancillary {
            let used =
                if name == b"tRNS" { colours.unwrap_or(data.len()).min(data.len()) } else { data.len() };
            push(&mut file, name, &[&data[..used]]);
        }
        push(&mut file, b"IDAT", &self.pixels);
        push(&mut file, b"IEND", &[]);
        file
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

fn sum_of(bytes: &[u8]) -> u32 {
    let mut sum = Crc::new();
    sum.update(bytes);
    sum.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_palette_of_too_many_colours_is_refused() {
        let file = |colours: usize| {
            let mut file = SIGNATURE.to_vec();
            push(&mut file, b"IHDR", &[&[0, 0, 0, 1, 0, 0, 0, 1, 8, 3, 0, 0, 0]]);
            push(&mut file, b"PLTE", &[&vec![9; colours * COLOUR_LEN]]);
            // A stored block of the two bytes of a row, and Adler's checksum.
            push(&mut file, b"IDAT", &[&[0x78, 1, 1, 2, 0, 0xFD, 0xFF, 0, 0, 0, 2, 0, 1]]);
            push(&mut file, b"IEND", &[]);
            file
        };
        assert!(mended(&file(256), &Limits::default()).is_ok());
        let told = crate::decode(&file(257), &Limits::default()).unwrap_err().to_string();
        assert_eq!(told, "PNG: the image is corrupt: its palette has 257 colours, more than 256");
        let pixel = crate::decode(&file(256), &Limits::default()).unwrap();
        assert_eq!(pixel.into_raw(), [9; 3]);
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
