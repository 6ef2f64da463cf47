//! The header of PBM, PGM and PPM files, plain and raw, and the numbers written out after it.

use crate::image_info::{Colour, Extent, ImageInfo};
use crate::{DecodeError, Format, Limits};

pub(crate) const FORMAT: &str = "PNM";

/// Longest number that Pillow accepts, in digits.
const MAX_DIGITS: usize = 10;

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Bitmap,
    Grey,
    Colour,
}

pub(crate) struct Header {
    pub(crate) kind: Kind,
    pub(crate) plain: bool,
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Value of the brightest sample; 1 for bitmaps.
    pub(crate) maximum: u16,
}

/// What the header states, and whether all samples that it declares are there. Numbers written out are not counted.
pub(super) fn describe(bytes: &[u8], limits: &Limits) -> Result<(ImageInfo, Extent), DecodeError> {
    let (header, tokens) = open(bytes, limits)?;
    let Header { kind, width, height, maximum, .. } = header;
    let bits = match (kind, maximum) {
        (Kind::Bitmap, _) => 1,
        (_, ..=255) => 8,
        _ => 16,
    };
    let row_bits = header.row_len() * usize::from(bits);
    let extent = match header.plain {
        true => Extent::Unknown,
        false => Extent::of(row_bits.div_ceil(8) * height as usize <= tokens.rest().len()),
    };
    let colour = if kind == Kind::Colour { Colour::Rgb } else { Colour::Grey };
    let info = ImageInfo { colour, bits, ..ImageInfo::new(Format::Pnm, width, height) };
    Ok((info, extent))
}

/// Reads and checks the header. The tokens left are the samples.
pub(crate) fn open<'a>(bytes: &'a [u8], limits: &Limits) -> Result<(Header, Tokens<'a>), DecodeError> {
    let mut tokens = Tokens { bytes, position: 2 };
    let header = Header::read(bytes[1], &mut tokens)?;
    // Samples become RGB straight from the file.
    limits.check(FORMAT, header.width.into(), header.height.into(), bytes.len() as u64, 0)?;
    Ok((header, tokens))
}

impl Header {
    fn read(magic: u8, tokens: &mut Tokens<'_>) -> Result<Self, DecodeError> {
        let kind = match magic {
            b'1' | b'4' => Kind::Bitmap,
            b'2' | b'5' => Kind::Grey,
            _ => Kind::Colour,
        };
        let (width, height) = (tokens.number()?, tokens.number()?);
        let maximum = if kind == Kind::Bitmap { 1 } else { tokens.number()? };
        let maximum = u16::try_from(maximum)
            .ok()
            .filter(|&maximum| maximum > 0)
            .ok_or_else(|| corrupt(format!("expected a maximum of 1 to 65535, found {maximum}")))?;
        Ok(Self { kind, plain: magic <= b'3', width, height, maximum })
    }

    pub(crate) fn row_len(&self) -> usize {
        self.width as usize * if self.kind == Kind::Colour { 3 } else { 1 }
    }

    pub(crate) fn sample_count(&self) -> usize {
        self.row_len() * self.height as usize
    }
}

pub(crate) struct Tokens<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Tokens<'a> {
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.position..).unwrap_or_default()
    }

    fn next_byte(&mut self) -> Option<u8> {
        let byte = self.bytes.get(self.position).copied();
        self.position += usize::from(byte.is_some());
        byte
    }

    /// The next byte that is neither white space nor within a comment.
    pub(crate) fn next_visible(&mut self) -> Option<u8> {
        loop {
            match self.next_byte()? {
                b'#' => self.skip_comment(),
                byte if is_space(byte) => {}
                byte => return Some(byte),
            }
        }
    }

    fn skip_comment(&mut self) {
        while let Some(byte) = self.next_byte() {
            if byte == b'\n' || byte == b'\r' {
                break;
            }
        }
    }

    /// A number, and the single white space that ends it; `None` at the end of the file.
    pub(crate) fn optional_number(&mut self) -> Result<Option<u32>, DecodeError> {
        let mut number = 0u64;
        let mut digits = 0;
        let mut next = self.next_visible();
        loop {
            match next {
                Some(digit @ b'0'..=b'9') => {
                    number = number * 10 + u64::from(digit - b'0');
                    digits += 1;
                    if digits > MAX_DIGITS {
                        return Err(corrupt(format!("a number has more than {MAX_DIGITS} digits")));
                    }
                }
                // A number may have a comment within it, and goes on after it.
                Some(b'#') => self.skip_comment(),
                None if digits == 0 => return Ok(None),
                Some(byte) if !is_space(byte) => {
                    return Err(corrupt(format!("expected a number, found \"{}\"", byte.escape_ascii())));
                }
                Some(_) | None => break,
            }
            next = self.next_byte();
        }
        u32::try_from(number).map(Some).map_err(|_| corrupt(format!("the number {number} is too large")))
    }

    fn number(&mut self) -> Result<u32, DecodeError> {
        let reason = "the file ends within the header";
        self.optional_number()?
            .ok_or_else(|| DecodeError::Truncated { format: FORMAT, reason: reason.to_owned() })
    }
}

/// Pillow's `b_whitespace`.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | 0x09..=0x0D)
}

pub(crate) fn corrupt(reason: String) -> DecodeError {
    DecodeError::Corrupt { format: FORMAT, reason }
}
