//! The headers of BMP files, of Windows and of OS/2, as Pillow's `BmpImagePlugin` takes them.
//!
//! Lengths and fields are those of Microsoft's "Bitmap Header Types" and of the OS/2 Warp toolkit.

use crate::image_info::{Colour, Extent, ImageInfo};
use crate::{DecodeError, Format, Limits};

pub(crate) const FORMAT: &str = "BMP";

/// Length of the file header: the magic (2), the file's length (4), reserved (4), where the pixels start (4).
const FILE_HEADER: usize = 14;

/// Length of the header of OS/2 1.x, which has its fields at other offsets, and colours of three bytes.
const OS2_HEADER: usize = 12;
/// Length of the header of OS/2 2.x. It may be shorter; what is missing counts as zero.
const OS2_2_HEADER: usize = 64;
/// Shortest header of the other kind: width, height, planes and bits.
const SHORTEST_HEADER: usize = 16;
/// `BITMAPV5HEADER`, the longest.
const LONGEST_HEADER: usize = 124;
/// `BITMAPV2INFOHEADER`, the first with the masks of the colours; the next, of 56 bytes, also has that of the alpha.
const HEADER_WITH_MASKS: usize = 52;

/// Values of the compression.
const UNCOMPRESSED: u32 = 0;
const RUNS_OF_BYTES: u32 = 1;
const RUNS_OF_NIBBLES: u32 = 2;
const BITFIELDS: u32 = 3;
const ALPHA_BITFIELDS: u32 = 6;

/// Most colours that Pillow takes a palette of.
const MAX_COLOURS: u32 = 65_536;

const MASKS_555: [u32; 3] = [0x7C00, 0x03E0, 0x001F];
const MASKS_565: [u32; 3] = [0xF800, 0x07E0, 0x001F];
const MASKS_888: [u32; 3] = [0xFF_0000, 0xFF00, 0xFF];

/// How a pixel is stored.
#[derive(Clone, Copy)]
pub(crate) enum Storage {
    /// An index of the palette in this many bits: 1, 4 or 8.
    Indices(usize),
    /// Indices in runs. Runs of nibbles have two indices that take turns.
    Runs { of_nibbles: bool },
    /// 5 bits for red and blue, and this many for green, in 16 bits.
    Words { green_bits: u32 },
    /// So many bytes, and where in them red, green and blue lie.
    Bytes { len: usize, channels: [usize; 3] },
}

/// What the header states.
pub(crate) struct Header {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) top_down: bool,
    pub(crate) storage: Storage,
    /// A colour for each index. Those that the file does not state are black, as in Pillow.
    pub(crate) palette: Vec<[u8; 3]>,
    /// Where the pixels start.
    pub(crate) offset: usize,
    bits: u16,
    alpha: bool,
}

/// What the header states, and whether all rows that it declares lie within the file. Only decoding tells where runs
/// end.
pub(super) fn describe(bytes: &[u8], limits: &Limits) -> Result<(ImageInfo, Extent), DecodeError> {
    let header = read(bytes, limits)?;
    let (colour, bits) = match header.storage {
        Storage::Indices(_) | Storage::Runs { .. } => (Colour::Palette, header.bits as u8),
        Storage::Words { .. } => (Colour::Rgb, 5),
        Storage::Bytes { .. } => (Colour::Rgb, 8),
    };
    let extent = match header.row_len() {
        Some(row_len) => {
            let len = row_len.saturating_mul(header.height as usize);
            Extent::of(header.offset.saturating_add(len) <= bytes.len())
        }
        None => Extent::Unknown,
    };
    let info = ImageInfo::new(Format::Bmp, header.width, header.height);
    Ok((ImageInfo { colour, bits, alpha: header.alpha, ..info }, extent))
}

/// Reads and checks the header.
pub(crate) fn read(bytes: &[u8], limits: &Limits) -> Result<Header, DecodeError> {
    let len = Fields(bytes).u32(FILE_HEADER).ok_or_else(cut)? as usize;
    if len != OS2_HEADER && !(SHORTEST_HEADER..=LONGEST_HEADER).contains(&len) {
        return Err(corrupt(format!("expected a header of 12 to 124 bytes, found one of {len}")));
    }
    let info = bytes.get(FILE_HEADER..FILE_HEADER + len).ok_or_else(cut)?;
    let fields = Fields(info);
    let offset = Fields(bytes).u32(10).ok_or_else(cut)? as usize;

    let small = |at| u32::from(fields.u16(at).unwrap_or(0));
    let large = |at| fields.u32(at).unwrap_or(0);
    let (width, height, bits) = match len {
        OS2_HEADER => (small(4), small(6) as i32, small(10)),
        _ => (large(4), large(8).cast_signed(), small(14)),
    };
    // Shorter headers have none of the fields that follow.
    let (compression, stated_colours) = (large(16), large(32));
    if width > i32::MAX as u32 {
        return Err(corrupt(format!("its width is {}", width.cast_signed())));
    }

    let mut after_header = FILE_HEADER + len;
    let masks = match compression {
        BITFIELDS | ALPHA_BITFIELDS if len >= HEADER_WITH_MASKS => [40, 44, 48, 52].map(large),
        BITFIELDS | ALPHA_BITFIELDS => {
            let follow = Fields(bytes.get(after_header..).unwrap_or_default());
            let count = if compression == BITFIELDS { 3 } else { 4 };
            after_header += 4 * count;
            [0, 1, 2, 3].map(|at| if at < count { follow.u32(4 * at).unwrap_or(0) } else { 0 })
        }
        _ => [0; 4],
    };
    let storage = storage(bits, compression, masks, len == OS2_2_HEADER)?;

    let mut header = Header {
        width,
        height: height.unsigned_abs(),
        top_down: height < 0,
        storage,
        palette: Vec::new(),
        offset: if offset == 0 { after_header } else { offset },
        bits: bits as u16,
        alpha: masks[3] != 0,
    };
    // The pixels become RGB straight from the file, or one byte each before.
    limits.check(FORMAT, width.into(), header.height.into(), bytes.len() as u64, 0)?;
    if let Storage::Indices(_) | Storage::Runs { .. } = storage {
        let colours = if stated_colours == 0 { 1 << bits } else { stated_colours };
        if colours > MAX_COLOURS {
            return Err(corrupt(format!("it states a palette of {colours} colours")));
        }
        let colour_len = if len == OS2_HEADER { 3 } else { 4 };
        let palette_len = colours as usize * colour_len;
        header.palette = palette(bytes.get(after_header..).unwrap_or_default(), palette_len, colour_len);
        // Where the header counts the palette as pixels, or does not say where the pixels start, they follow it.
        if offset == 0 || offset == FILE_HEADER + len {
            header.offset = after_header + palette_len;
        }
    }
    Ok(header)
}

fn storage(bits: u32, compression: u32, masks: [u32; 4], os2: bool) -> Result<Storage, DecodeError> {
    let colours = [masks[0], masks[1], masks[2]];
    match (compression, bits) {
        (UNCOMPRESSED, 1 | 4 | 8) => Ok(Storage::Indices(bits as usize)),
        (UNCOMPRESSED, 16) => Ok(Storage::Words { green_bits: 5 }),
        (RUNS_OF_BYTES, 4 | 8) => Ok(Storage::Runs { of_nibbles: false }),
        (RUNS_OF_NIBBLES, 4 | 8) => Ok(Storage::Runs { of_nibbles: true }),
        (BITFIELDS, 1) if os2 => Err(unsupported("Huffman coding of OS/2".to_owned())),
        (4, 24) if os2 => Err(unsupported("run-length coding of 24 bits".to_owned())),
        (BITFIELDS | ALPHA_BITFIELDS, 16) => match colours {
            MASKS_555 => Ok(Storage::Words { green_bits: 5 }),
            MASKS_565 => Ok(Storage::Words { green_bits: 6 }),
            _ => Err(unsupported(format!("16 bits with the colour masks {colours:04x?}"))),
        },
        (UNCOMPRESSED | BITFIELDS | ALPHA_BITFIELDS, 24 | 32) => {
            // Pillow, too, takes masks that are all zero for the usual ones.
            let colours = if masks == [0; 4] { MASKS_888 } else { colours };
            in_bytes(bits, colours)
                .ok_or_else(|| unsupported(format!("{bits} bits with the colour masks {colours:08x?}")))
        }
        (4, _) => Err(unsupported("JPEG within it".to_owned())),
        (5, _) => Err(unsupported("PNG within it".to_owned())),
        (UNCOMPRESSED, 2) => Err(unsupported("2 bits a pixel".to_owned())),
        (UNCOMPRESSED, _) => {
            Err(corrupt(format!("expected 1, 4, 8, 16, 24 or 32 bits a pixel, found {bits}")))
        }
        (1..=6, _) => Err(corrupt(format!("compression {compression} does not go with {bits} bits a pixel"))),
        (11..=13, _) => Err(unsupported("CMYK".to_owned())),
        _ => Err(corrupt(format!("expected compression 0 to 6, found {compression}"))),
    }
}

/// Pixels with a whole byte for each colour.
fn in_bytes(bits: u32, masks: [u32; 3]) -> Option<Storage> {
    let len = bits as usize / 8;
    let [red, green, blue] = masks.map(|mask| (0..len).find(|&byte| mask == 0xFF << (8 * byte)));
    let channels = [red?, green?, blue?];
    Some(Storage::Bytes { len, channels })
}

/// The colours of a palette, blue first, and black for all other indices. Greys that are their own indices go on, as in
/// Pillow, which then drops the palette.
fn palette(stored: &[u8], len: usize, colour_len: usize) -> Vec<[u8; 3]> {
    let stored = &stored[..len.min(stored.len())];
    let mut colours: Vec<_> =
        stored.chunks_exact(colour_len).take(256).map(|colour| [colour[2], colour[1], colour[0]]).collect();
    let own_index = |index: usize| [index as u8; 3];
    let greys = colours.iter().enumerate().all(|(index, &colour)| colour == own_index(index));
    colours.extend((colours.len()..256).map(|index| if greys { own_index(index) } else { [0; 3] }));
    colours
}

impl Header {
    /// Bytes of a row, which is padded to four; `None` for runs.
    pub(crate) fn row_len(&self) -> Option<usize> {
        match self.storage {
            Storage::Runs { .. } => None,
            _ => Some((self.width as usize * usize::from(self.bits)).div_ceil(32) * 4),
        }
    }

    /// Bytes of a row without its padding.
    pub(crate) fn used_row_len(&self) -> usize {
        (self.width as usize * usize::from(self.bits)).div_ceil(8)
    }
}

/// Little-endian numbers at offsets.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn u32(&self, offset: usize) -> Option<u32> {
        self.0.get(offset..)?.first_chunk().map(|&field| u32::from_le_bytes(field))
    }

    fn u16(&self, offset: usize) -> Option<u16> {
        self.0.get(offset..)?.first_chunk().map(|&field| u16::from_le_bytes(field))
    }
}

fn cut() -> DecodeError {
    DecodeError::Truncated { format: FORMAT, reason: "the file ends within its header".to_owned() }
}

pub(crate) fn corrupt(reason: String) -> DecodeError {
    DecodeError::Corrupt { format: FORMAT, reason }
}

fn unsupported(found: String) -> DecodeError {
    DecodeError::Unsupported { format: FORMAT, found }
}
