//! What the first directory of a TIFF file states about its samples, and what is read of it.

use image::metadata::Orientation;

use super::tiff_directory::Directory;
pub(crate) use super::tiff_samples::{Compression, Meaning, Number, Predictor};
use super::tiff_samples::{WHITE_IS_ZERO, compression, meaning};
use crate::image_info::{Colour, Extent, ImageInfo};
use crate::{DecodeError, Format, Limits};

pub(crate) const FORMAT: &str = "TIFF";

/// Numbers of tags (TIFF 6.0, appendix A; DNG 1.7).
mod tag {
    pub(super) const SUBFILE_TYPE: u64 = 254;
    pub(super) const WIDTH: u64 = 256;
    pub(super) const HEIGHT: u64 = 257;
    pub(super) const BITS: u64 = 258;
    pub(super) const COMPRESSION: u64 = 259;
    pub(super) const PHOTOMETRIC: u64 = 262;
    pub(super) const FILL_ORDER: u64 = 266;
    pub(super) const MAKE: u64 = 271;
    pub(super) const STRIP_OFFSETS: u64 = 273;
    pub(super) const ORIENTATION: u64 = 274;
    pub(super) const SAMPLES: u64 = 277;
    pub(super) const ROWS_PER_STRIP: u64 = 278;
    pub(super) const STRIP_LENGTHS: u64 = 279;
    pub(super) const PLANAR: u64 = 284;
    pub(super) const PREDICTOR: u64 = 317;
    pub(super) const COLOUR_MAP: u64 = 320;
    pub(super) const TILE_WIDTH: u64 = 322;
    pub(super) const TILE_HEIGHT: u64 = 323;
    pub(super) const TILE_OFFSETS: u64 = 324;
    pub(super) const TILE_LENGTHS: u64 = 325;
    pub(super) const SUB_DIRECTORIES: u64 = 330;
    pub(super) const EXTRA_SAMPLES: u64 = 338;
    pub(super) const SAMPLE_FORMAT: u64 = 339;
    pub(super) const DNG_VERSION: u64 = 50_706;
}

/// Most samples of a pixel: four inks and what Pillow passes over.
const MAX_SAMPLES: u64 = 8;

/// What the directory states, all of which decoding supports.
pub(crate) struct Layout {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) meaning: Meaning,
    pub(crate) number: Number,
    /// Bits of a sample: 1, 2, 4, 8, 16 or 32.
    pub(crate) bits: usize,
    /// Samples of a pixel.
    pub(crate) samples: usize,
    /// Whether there is a plane for each sample.
    pub(crate) planar: bool,
    pub(crate) compression: Compression,
    pub(crate) predictor: Predictor,
    pub(crate) big_endian: bool,
    /// Whether the lowest bit of each byte comes first.
    pub(crate) reversed: bool,
    /// The 3 x 2^bits 16-bit entries of a palette: all reds, all greens, all blues.
    pub(crate) colour_map: Vec<u64>,
    pub(crate) orientation: Orientation,
    /// Size of a strip or tile, in pixels.
    pub(crate) chunk_width: u32,
    pub(crate) chunk_height: u32,
    pub(crate) offsets: Vec<u64>,
    /// Lengths as they are stated. Some files leave them out.
    pub(crate) lengths: Vec<u64>,
}

/// What the directory states, and whether its strips or tiles lie within the file.
pub(super) fn describe(bytes: &[u8], limits: &Limits) -> Result<(ImageInfo, Extent), DecodeError> {
    let layout = read(bytes, limits)?;
    let (colour, plain) = match layout.meaning {
        Meaning::Grey { .. } => (Colour::Grey, 1),
        Meaning::Palette => (Colour::Palette, 1),
        Meaning::Rgb { .. } => (Colour::Rgb, 3),
        Meaning::Cmyk => (Colour::Cmyk, 4),
    };
    let extent = layout.extent(bytes);
    // Pillow always turns a TIFF, so no preset decides about it.
    let info = ImageInfo::new(Format::Tiff, layout.width, layout.height);
    Ok((ImageInfo { colour, alpha: layout.samples > plain, bits: layout.bits as u8, ..info }, extent))
}

/// Reads and checks the directory.
pub(crate) fn read(bytes: &[u8], limits: &Limits) -> Result<Layout, DecodeError> {
    let directory = Directory::read(bytes)?;
    refuse_raw(bytes, &directory)?;
    let first = |tag, default| Ok::<_, DecodeError>(directory.first(tag)?.unwrap_or(default));
    let size = |tag, name: &str| {
        let number =
            directory.first(tag)?.ok_or_else(|| corrupt(format!("it states no {name} (tag {tag})")))?;
        u32::try_from(number).map_err(|_| corrupt(format!("its {name} is {number}")))
    };
    let (width, height) = (size(tag::WIDTH, "width")?, size(tag::HEIGHT, "height")?);

    let samples = first(tag::SAMPLES, 1)?;
    if samples == 0 || samples > MAX_SAMPLES {
        return Err(unsupported(format!("{samples} samples a pixel")));
    }
    let samples = samples as usize;
    let bits = match same_for_all(&directory, tag::BITS, samples, 1)? {
        Ok(bits) => bits,
        Err(all) => return Err(unsupported(format!("samples of {all} bits"))),
    };
    let number = match same_for_all(&directory, tag::SAMPLE_FORMAT, samples, 1)? {
        Ok(1 | 4) => Number::Unsigned,
        Ok(2) => Number::Signed,
        Ok(3) => Number::Float,
        Ok(5 | 6) => return Err(unsupported("complex numbers".to_owned())),
        Ok(other) => return Err(corrupt(format!("expected sample format 1 to 6, found {other}"))),
        Err(all) => return Err(unsupported(format!("samples of the formats {all}"))),
    };
    // Pillow takes a missing one for white is zero.
    let photometric = first(tag::PHOTOMETRIC, WHITE_IS_ZERO)?;
    let extra = directory.numbers(tag::EXTRA_SAMPLES)?;
    let compression = compression(first(tag::COMPRESSION, 1)?)?;
    let meaning = meaning(photometric, samples, &extra, bits, number)?;
    let predictor = match (first(tag::PREDICTOR, 1)?, compression) {
        // Without such a compression nothing was subtracted, whatever the tag says.
        (_, Compression::None | Compression::PackBits | Compression::Group4) | (1, _) => Predictor::None,
        (2, _) if bits >= 8 => Predictor::Horizontal,
        (3, _) if number == Number::Float => Predictor::Float,
        (2 | 3, _) => return Err(unsupported(format!("a predictor for {bits} bits that are no floats"))),
        (other, _) => return Err(corrupt(format!("expected predictor 1 to 3, found {other}"))),
    };
    if compression == Compression::Group4 && (bits != 1 || samples != 1) {
        return Err(corrupt(format!("CCITT group 4 is for one sample of 1 bit, it has {samples} of {bits}")));
    }
    let reversed = match first(tag::FILL_ORDER, 1)? {
        1 => false,
        2 => true,
        other => return Err(corrupt(format!("expected fill order 1 or 2, found {other}"))),
    };
    let planar = match first(tag::PLANAR, 1)? {
        1 => false,
        2 => samples > 1,
        other => return Err(corrupt(format!("expected planar configuration 1 or 2, found {other}"))),
    };
    let colour_map = directory.numbers(tag::COLOUR_MAP)?;
    if meaning == Meaning::Palette && colour_map.len() < 3 << bits {
        let (expected, found) = (3 << bits, colour_map.len());
        return Err(corrupt(format!("expected a colour map of {expected} entries, found {found}")));
    }
    let bytes_per_pixel = samples as u64 * bits.div_ceil(8);
    // Bits in reverse order are reversed in a copy.
    let held = if reversed { 2 } else { 1 } * bytes.len() as u64;
    limits.check(FORMAT, width.into(), height.into(), held, bytes_per_pixel)?;

    let (chunk_width, chunk_height, offsets, lengths) = chunks(&directory, width, height)?;
    if compression == Compression::Group4 && chunk_width > u16::MAX.into() {
        return Err(unsupported(format!("CCITT group 4 compression of {chunk_width} columns")));
    }
    let layout = Layout {
        width,
        height,
        meaning,
        number,
        bits: bits as usize,
        samples,
        planar,
        compression,
        predictor,
        big_endian: directory.big_endian,
        reversed,
        colour_map,
        orientation: directory
            .first(tag::ORIENTATION)?
            .and_then(|value| Orientation::from_exif(u8::try_from(value).ok()?))
            .unwrap_or(Orientation::NoTransforms),
        chunk_width,
        chunk_height,
        offsets,
        lengths,
    };
    let (expected, found) =
        (layout.chunks_across() * layout.chunks_down() * layout.planes(), layout.offsets.len());
    if found < expected {
        return Err(corrupt(format!("expected {expected} strips or tiles, found {found}")));
    }
    // A row of tiles may be far wider than the image.
    if layout.chunk_len(chunk_height.min(height)) as u64 > limits.max_bytes_of_memory {
        return Err(limits.memory_error());
    }
    Ok(layout)
}

/// Refuses files of cameras. They start as TIFF does, and their first page is a small preview or has bare sensor data.
fn refuse_raw(bytes: &[u8], directory: &Directory<'_>) -> Result<(), DecodeError> {
    let reduced = directory.first(tag::SUBFILE_TYPE)?.is_some_and(|kind| kind & 1 == 1);
    let name = if directory.has(tag::DNG_VERSION) {
        "camera raw (DNG)"
    } else if bytes.get(8..10) == Some(b"CR") {
        "camera raw (CR2)"
    } else if reduced && directory.has(tag::SUB_DIRECTORIES) {
        match directory.text(tag::MAKE) {
            make if make.starts_with(b"NIKON") => "camera raw (NEF)",
            make if make.starts_with(b"SONY") => "camera raw (ARW)",
            _ => "a TIFF file whose first page is a preview, as camera raw has it",
        }
    } else if reduced && directory.followed {
        "a TIFF file whose first page is a preview"
    } else if matches!(directory.first(tag::PHOTOMETRIC)?, Some(32_803 | 34_892)) {
        "camera raw (sensor data)"
    } else {
        return Ok(());
    };
    Err(DecodeError::UnknownFormat { found: crate::foreign::photograph(name) })
}

/// The value of a tag that has one for each sample, or one for all; a list of the values where they differ.
fn same_for_all(
    directory: &Directory<'_>,
    tag: u64,
    samples: usize,
    default: u64,
) -> Result<Result<u64, String>, DecodeError> {
    let values = directory.numbers(tag)?;
    Ok(match &values[..values.len().min(samples)] {
        [] => Ok(default),
        [first, rest @ ..] if rest.iter().all(|value| value == first) => Ok(*first),
        all => Err(all.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")),
    })
}

/// Width and height of strips or tiles, their offsets and their lengths.
type Chunks = (u32, u32, Vec<u64>, Vec<u64>);

fn chunks(directory: &Directory<'_>, width: u32, height: u32) -> Result<Chunks, DecodeError> {
    let side = |tag, name: &str, default: Option<u32>| match directory.first(tag)? {
        None => default.ok_or_else(|| corrupt(format!("it states no {name} (tag {tag})"))),
        Some(0) => Err(corrupt(format!("its {name} is 0"))),
        Some(side) => Ok(u32::try_from(side).unwrap_or(u32::MAX)),
    };
    if directory.has(tag::STRIP_OFFSETS) {
        let rows = side(tag::ROWS_PER_STRIP, "number of rows in a strip", Some(height))?.min(height);
        let lengths = directory.numbers(tag::STRIP_LENGTHS)?;
        return Ok((width, rows, directory.numbers(tag::STRIP_OFFSETS)?, lengths));
    }
    if !directory.has(tag::TILE_OFFSETS) {
        return Err(corrupt("it has neither strips nor tiles".to_owned()));
    }
    let (tile_width, tile_height) =
        (side(tag::TILE_WIDTH, "tile width", None)?, side(tag::TILE_HEIGHT, "tile height", None)?);
    let lengths = directory.numbers(tag::TILE_LENGTHS)?;
    Ok((tile_width, tile_height, directory.numbers(tag::TILE_OFFSETS)?, lengths))
}

impl Layout {
    /// Whether the file holds all strips or tiles. Uncompressed ones are as long as they have to be, whatever the file
    /// states.
    fn extent(&self, bytes: &[u8]) -> Extent {
        let count = self.chunks_across() * self.chunks_down() * self.planes();
        if self.compression != Compression::None && self.lengths.len() < count {
            return Extent::Unknown;
        }
        let end = |chunk: usize| {
            let length = match self.compression {
                Compression::None => self.chunk_len(self.rows_of(chunk)) as u64,
                _ => self.lengths[chunk],
            };
            self.offsets[chunk].saturating_add(length)
        };
        Extent::of((0..count).all(|chunk| end(chunk) <= bytes.len() as u64))
    }

    /// Rows of the image in a strip or tile.
    pub(crate) fn rows_of(&self, chunk: usize) -> u32 {
        let top = (chunk / self.chunks_across() % self.chunks_down()) as u32 * self.chunk_height;
        self.chunk_height.min(self.height - top)
    }

    pub(crate) fn chunks_across(&self) -> usize {
        self.width.div_ceil(self.chunk_width) as usize
    }

    pub(crate) fn chunks_down(&self) -> usize {
        self.height.div_ceil(self.chunk_height) as usize
    }

    pub(crate) fn planes(&self) -> usize {
        if self.planar { self.samples } else { 1 }
    }

    /// Samples of a pixel that lie together in a strip or tile.
    pub(crate) fn samples_together(&self) -> usize {
        if self.planar { 1 } else { self.samples }
    }

    /// Bytes of a row of a strip or tile.
    pub(crate) fn chunk_row_len(&self) -> usize {
        (self.chunk_width as usize * self.samples_together() * self.bits).div_ceil(8)
    }

    /// Bytes of so many rows of a strip or tile.
    pub(crate) fn chunk_len(&self, rows: u32) -> usize {
        self.chunk_row_len().saturating_mul(rows as usize)
    }
}

pub(crate) fn unsupported(found: String) -> DecodeError {
    DecodeError::Unsupported { format: FORMAT, found }
}

pub(crate) fn corrupt(reason: String) -> DecodeError {
    DecodeError::Corrupt { format: FORMAT, reason }
}

pub(crate) fn truncated(reason: &str) -> DecodeError {
    DecodeError::Truncated { format: FORMAT, reason: reason.to_owned() }
}
