//! PBM, PGM and PPM, plain and raw, as Pillow's `PpmImagePlugin` reads them.
//!
//! Written here because the value that a sample stands for depends on the file's maximum, and Pillow scales it by
//! rules of its own: colour to 0-255; grey to 0-255 up to a maximum of 255, and above to 0-65535.

use image::RgbImage;

use super::examine::{Colour, Extent, ImageInfo};
use super::pillow::{image_of, level_of_grey16};
use crate::{DecodeError, Format, Grey16, Limits};

const FORMAT: &str = "PNM";

/// Longest number that Pillow accepts, in digits.
const MAX_DIGITS: usize = 10;

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Bitmap,
    Grey,
    Colour,
}

struct Header {
    kind: Kind,
    plain: bool,
    width: u32,
    height: u32,
    /// Value of the brightest sample; 1 for bitmaps.
    maximum: u16,
    grey16: Grey16,
}

/// Whether the content starts as PBM, PGM or PPM: `P1` to `P6` and white space.
pub(crate) fn is_pnm(bytes: &[u8]) -> bool {
    matches!(bytes, [b'P', b'1'..=b'6', space, ..] if is_space(*space))
}

pub(super) fn decode(bytes: &[u8], limits: &Limits, grey16: Grey16) -> Result<RgbImage, DecodeError> {
    let (header, mut tokens) = open(bytes, limits, grey16)?;
    // A sample takes at least a bit of the file, so a claim that the file can't keep takes no memory.
    let pixel_bytes = 3 * header.width as usize * header.height as usize;
    let mut pixels = Vec::with_capacity(pixel_bytes.min(tokens.rest().len().saturating_mul(3 * 8)));
    match (header.kind, header.plain) {
        (Kind::Bitmap, true) => plain_bits(&mut tokens, &header, &mut pixels)?,
        (Kind::Bitmap, false) => raw_bits(tokens.rest(), &header, &mut pixels),
        (_, true) => plain_samples(&mut tokens, &header, &mut pixels)?,
        (_, false) => raw_samples(tokens.rest(), &header, &mut pixels),
    }
    image_of(header.width, header.height, pixels, FORMAT)
}

/// What the header says, and whether all samples that it promises are there. Numbers written out are not counted.
pub(super) fn describe(bytes: &[u8], limits: &Limits) -> Result<(ImageInfo, Extent), DecodeError> {
    let (header, tokens) = open(bytes, limits, Grey16::CutOff)?;
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
fn open<'a>(bytes: &'a [u8], limits: &Limits, grey16: Grey16) -> Result<(Header, Tokens<'a>), DecodeError> {
    let mut tokens = Tokens { bytes, position: 2 };
    let header = Header::read(bytes[1], &mut tokens, grey16)?;
    // Samples become RGB straight from the file.
    limits.check(FORMAT, header.width.into(), header.height.into(), bytes.len() as u64, 0)?;
    Ok((header, tokens))
}

impl Header {
    fn read(magic: u8, tokens: &mut Tokens<'_>, grey16: Grey16) -> Result<Self, DecodeError> {
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
        Ok(Self { kind, plain: magic <= b'3', width, height, maximum, grey16 })
    }

    fn row_len(&self) -> usize {
        self.width as usize * if self.kind == Kind::Colour { 3 } else { 1 }
    }

    fn sample_count(&self) -> usize {
        self.row_len() * self.height as usize
    }

    /// The 8-bit level of a stored sample. A raw sample above the maximum counts as the maximum.
    fn level(&self, sample: u16) -> u8 {
        let wide = self.kind == Kind::Grey && self.maximum > 255;
        let brightest = if wide { 65535.0 } else { 255.0 };
        // Python's round(): halves go to the even neighbour.
        let scaled =
            (f64::from(sample) / f64::from(self.maximum) * brightest).round_ties_even().min(brightest);
        if wide { level_of_grey16(self.grey16)(scaled as u16) } else { scaled as u8 }
    }

    fn push(&self, pixels: &mut Vec<u8>, level: u8) {
        match self.kind {
            Kind::Colour => pixels.push(level),
            Kind::Bitmap | Kind::Grey => pixels.extend_from_slice(&[level; 3]),
        }
    }
}

/// A set bit is black.
fn bit_level(set: bool) -> u8 {
    if set { 0 } else { 255 }
}

fn plain_bits(tokens: &mut Tokens<'_>, header: &Header, pixels: &mut Vec<u8>) -> Result<(), DecodeError> {
    for _ in 0..header.sample_count() {
        // The digits of a plain bitmap need no space between them.
        let level = match tokens.next_visible() {
            Some(b'0') => bit_level(false),
            Some(b'1') => bit_level(true),
            Some(other) => {
                return Err(corrupt(format!("expected 0 or 1, found \"{}\"", other.escape_ascii())));
            }
            None => break,
        };
        header.push(pixels, level);
    }
    Ok(())
}

fn raw_bits(data: &[u8], header: &Header, pixels: &mut Vec<u8>) {
    let width = header.width as usize;
    for row in data.chunks_exact(width.div_ceil(8)).take(header.height as usize) {
        for column in 0..width {
            let set = row[column / 8] >> (7 - column % 8) & 1 == 1;
            header.push(pixels, bit_level(set));
        }
    }
}

fn plain_samples(tokens: &mut Tokens<'_>, header: &Header, pixels: &mut Vec<u8>) -> Result<(), DecodeError> {
    for _ in 0..header.sample_count() {
        let Some(sample) = tokens.optional_number()? else { break };
        let sample = u16::try_from(sample)
            .ok()
            .filter(|&sample| sample <= header.maximum)
            .ok_or_else(|| corrupt(format!("expected samples of 0 to {}, found {sample}", header.maximum)))?;
        header.push(pixels, header.level(sample));
    }
    Ok(())
}

fn raw_samples(data: &[u8], header: &Header, pixels: &mut Vec<u8>) {
    if header.maximum > 255 {
        for sample in data.chunks_exact(2).take(header.sample_count()) {
            header.push(pixels, header.level(u16::from_be_bytes([sample[0], sample[1]])));
        }
    } else {
        for &sample in data.iter().take(header.sample_count()) {
            header.push(pixels, header.level(sample.into()));
        }
    }
}

struct Tokens<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Tokens<'a> {
    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.position..).unwrap_or_default()
    }

    fn next_byte(&mut self) -> Option<u8> {
        let byte = self.bytes.get(self.position).copied();
        self.position += usize::from(byte.is_some());
        byte
    }

    /// The next byte that is neither white space nor within a comment.
    fn next_visible(&mut self) -> Option<u8> {
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
    fn optional_number(&mut self) -> Result<Option<u32>, DecodeError> {
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
                // A comment may stand within a number; the number goes on after it.
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

fn corrupt(reason: String) -> DecodeError {
    DecodeError::Corrupt { format: FORMAT, reason }
}
