//! PBM, PGM and PPM, plain and raw, as Pillow's `PpmImagePlugin` reads them.
//!
//! Not left to the image crate: what a sample means depends on the file's maximum, and Pillow has scaling rules of its
//! own. Colour is scaled to 0-255; grey to 0-255 up to a maximum of 255, and to 0-65535 above it.

use image::RgbImage;

use super::pillow::{image_of, level_of_grey16};
use crate::header::pnm::{FORMAT, Header, Kind, Tokens, corrupt, open};
use crate::{DecodeError, Grey16, Limits};

pub(super) fn decode(bytes: &[u8], limits: &Limits, grey16: Grey16) -> Result<RgbImage, DecodeError> {
    let (header, mut tokens) = open(bytes, limits)?;
    // A sample takes at least one bit of the file, so a size that the file can't hold takes no memory.
    let pixel_bytes = 3 * header.width as usize * header.height as usize;
    let pixels = Vec::with_capacity(pixel_bytes.min(tokens.rest().len().saturating_mul(3 * 8)));
    let mut levels = Levels { header: &header, grey16, pixels };
    match (header.kind, header.plain) {
        (Kind::Bitmap, true) => levels.plain_bits(&mut tokens)?,
        (Kind::Bitmap, false) => levels.raw_bits(tokens.rest()),
        (_, true) => levels.plain_samples(&mut tokens)?,
        (_, false) => levels.raw_samples(tokens.rest()),
    }
    image_of(header.width, header.height, levels.pixels, FORMAT)
}

/// A set bit is black.
fn bit_level(set: bool) -> u8 {
    if set { 0 } else { 255 }
}

/// The levels of an image's samples, as far as they have been read.
struct Levels<'a> {
    header: &'a Header,
    grey16: Grey16,
    /// Three bytes a pixel.
    pixels: Vec<u8>,
}

impl Levels<'_> {
    /// The 8-bit level of a stored sample. A raw sample above the maximum counts as the maximum.
    fn level(&self, sample: u16) -> u8 {
        let Header { kind, maximum, .. } = *self.header;
        let wide = kind == Kind::Grey && maximum > 255;
        let brightest = if wide { 65535.0 } else { 255.0 };
        // Python's round(): halves go to the even neighbour.
        let scaled = (f64::from(sample) / f64::from(maximum) * brightest).round_ties_even().min(brightest);
        if wide { level_of_grey16(self.grey16)(scaled as u16) } else { scaled as u8 }
    }

    fn push(&mut self, level: u8) {
        match self.header.kind {
            Kind::Colour => self.pixels.push(level),
            Kind::Bitmap | Kind::Grey => self.pixels.extend_from_slice(&[level; 3]),
        }
    }

    fn plain_bits(&mut self, tokens: &mut Tokens<'_>) -> Result<(), DecodeError> {
        for _ in 0..self.header.sample_count() {
            // The digits of a plain bitmap need no space between them.
            let level = match tokens.next_visible() {
                Some(b'0') => bit_level(false),
                Some(b'1') => bit_level(true),
                Some(other) => {
                    return Err(corrupt(format!("expected 0 or 1, found \"{}\"", other.escape_ascii())));
                }
                None => break,
            };
            self.push(level);
        }
        Ok(())
    }

    fn raw_bits(&mut self, data: &[u8]) {
        let width = self.header.width as usize;
        for row in data.chunks_exact(width.div_ceil(8)).take(self.header.height as usize) {
            for column in 0..width {
                let set = row[column / 8] >> (7 - column % 8) & 1 == 1;
                self.push(bit_level(set));
            }
        }
    }

    fn plain_samples(&mut self, tokens: &mut Tokens<'_>) -> Result<(), DecodeError> {
        let maximum = self.header.maximum;
        for _ in 0..self.header.sample_count() {
            let Some(sample) = tokens.optional_number()? else { break };
            let sample = u16::try_from(sample)
                .ok()
                .filter(|&sample| sample <= maximum)
                .ok_or_else(|| corrupt(format!("expected samples of 0 to {maximum}, found {sample}")))?;
            self.push(self.level(sample));
        }
        Ok(())
    }

    fn raw_samples(&mut self, data: &[u8]) {
        let count = self.header.sample_count();
        if self.header.maximum > 255 {
            for sample in data.chunks_exact(2).take(count) {
                self.push(self.level(u16::from_be_bytes([sample[0], sample[1]])));
            }
        } else {
            for &sample in data.iter().take(count) {
                self.push(self.level(sample.into()));
            }
        }
    }
}
