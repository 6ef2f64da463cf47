//! The blocks of a GIF file up to its first image, as Pillow's `GifImagePlugin` reads them.
//!
//! Names and sizes are those of the GIF89a specification (CompuServe, 1990).

use crate::image_info::{Colour, Extent, ImageInfo};
use crate::{DecodeError, Format, Limits};

pub(crate) const FORMAT: &str = "GIF";

/// What blocks start with.
const EXTENSION: u8 = b'!';
const IMAGE: u8 = b',';
const TRAILER: u8 = b';';

/// Label of the extension that says what is transparent.
const GRAPHIC_CONTROL: u8 = 0xF9;

/// Most bits of an index before compression. Codes have up to 12, and Pillow takes that many here, too.
const MAX_INDEX_BITS: u8 = 8;

/// The first image of a file, and the screen that it lies on.
pub(crate) struct Header<'a> {
    /// Size of the screen, which grows with an image that reaches beyond it.
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Where the image lies: left, top, width, height.
    pub(crate) frame: [usize; 4],
    /// A colour for each index. Those that the file does not state are black, as in Pillow.
    pub(crate) palette: Vec<[u8; 3]>,
    /// The index around the image: the transparent one if there is one, as in Pillow.
    pub(crate) background: u8,
    pub(crate) interlaced: bool,
    pub(crate) index_bits: u8,
    /// Blocks of compressed indices, each after its length; an empty one is the last.
    pub(crate) data: &'a [u8],
    transparent: bool,
}

/// What the header states, and whether the file goes on to the end of the first image.
pub(super) fn describe(bytes: &[u8], limits: &Limits) -> Result<(ImageInfo, Extent), DecodeError> {
    let header = read(bytes, limits)?;
    let mut blocks = Blocks { rest: header.data, ended: false };
    blocks.by_ref().for_each(drop);
    let info = ImageInfo::new(Format::Gif, header.width, header.height);
    let info = ImageInfo { colour: Colour::Palette, alpha: header.transparent, ..info };
    Ok((info, Extent::of(blocks.ended)))
}

/// Reads and checks everything before the indices.
pub(crate) fn read<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Header<'a>, DecodeError> {
    // The signature (6), width (2), height (2), flags, background, aspect ratio.
    let mut fields = Fields { rest: bytes };
    let screen = fields.take(13)?;
    let mut global = None;
    if screen[10] & 0x80 != 0 {
        global = Some(fields.take(3 << (1 + (screen[10] & 7)))?);
    }

    let mut transparent = None;
    let descriptor = loop {
        match fields.take(1)?[0] {
            IMAGE => break fields.take(9)?,
            EXTENSION => {
                let label = fields.take(1)?[0];
                let mut blocks = Blocks { rest: fields.rest, ended: false };
                let first = blocks.next().unwrap_or_default();
                // Flags, of which the lowest says that there is a transparent index; a delay (2); the index.
                if let (GRAPHIC_CONTROL, [flags, _, _, index, ..]) = (label, first)
                    && flags & 1 == 1
                {
                    transparent = Some(*index);
                }
                blocks.by_ref().for_each(drop);
                fields.rest = blocks.rest;
            }
            TRAILER => return Err(corrupt("it has no image")),
            // Pillow passes over what is no block.
            _ => {}
        }
    };

    let number = |at: usize| usize::from(u16::from_le_bytes([descriptor[at], descriptor[at + 1]]));
    let frame @ [left, top, frame_width, frame_height] = [0, 2, 4, 6].map(number);
    if frame_width == 0 || frame_height == 0 {
        return Err(corrupt(&format!("its first image is {frame_width} x {frame_height}")));
    }
    let side =
        |at: usize, end: usize| (end as u32).max(u32::from(u16::from_le_bytes([screen[at], screen[at + 1]])));
    let (width, height) = (side(6, left + frame_width), side(8, top + frame_height));
    // One byte for each index on the screen, and one for each of the image.
    limits.check(FORMAT, width.into(), height.into(), bytes.len() as u64, 2)?;

    let flags = descriptor[8];
    let local = match flags & 0x80 != 0 {
        true => Some(fields.take(3 << (1 + (flags & 7)))?),
        false => None,
    };
    let index_bits = fields.take(1)?[0];
    if index_bits > MAX_INDEX_BITS {
        return Err(corrupt(&format!("expected indices of up to {MAX_INDEX_BITS} bits, found {index_bits}")));
    }
    Ok(Header {
        width,
        height,
        frame,
        palette: palette(local.or(global).unwrap_or_default()),
        background: transparent.unwrap_or(0),
        interlaced: flags & 0x40 != 0,
        index_bits,
        data: fields.rest,
        transparent: transparent.is_some(),
    })
}

/// Greys that are their own indices, or none, go on; Pillow then has no palette.
fn palette(stored: &[u8]) -> Vec<[u8; 3]> {
    let mut colours = stored.as_chunks::<3>().0.to_vec();
    let own_index = |index: usize| [index as u8; 3];
    let greys = colours.iter().enumerate().all(|(index, &colour)| colour == own_index(index));
    colours.extend((colours.len()..256).map(|index| if greys { own_index(index) } else { [0; 3] }));
    colours
}

/// The rest of a file.
struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let reason = || "the file ends before its first image".to_owned();
        let (taken, rest) = self
            .rest
            .split_at_checked(len)
            .ok_or_else(|| DecodeError::Truncated { format: FORMAT, reason: reason() })?;
        self.rest = rest;
        Ok(taken)
    }
}

/// Blocks of data, each after its length, up to an empty one. The last may be cut short by the end of the file.
pub(crate) struct Blocks<'a> {
    pub(crate) rest: &'a [u8],
    /// Whether the empty block was reached.
    pub(crate) ended: bool,
}

impl<'a> Iterator for Blocks<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.ended {
            return None;
        }
        let (&len, rest) = self.rest.split_first()?;
        let (block, rest) = rest.split_at(usize::from(len).min(rest.len()));
        (self.rest, self.ended) = (rest, len == 0);
        (len > 0).then_some(block)
    }
}

pub(crate) fn corrupt(reason: &str) -> DecodeError {
    DecodeError::Corrupt { format: FORMAT, reason: reason.to_owned() }
}
