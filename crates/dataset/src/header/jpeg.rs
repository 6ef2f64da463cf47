//! The structure of a JPEG file (ITU T.81): what its markers say, without its pixels.
//!
//! It decides how a file is read. The fast decoder silently gives a wrong picture for some structures, and fills with
//! grey what is missing. So it gets only ordinary files ([`Structure::is_ordinary`]); the careful decoder gets the rest.

mod colours;
mod frame;
mod markers;
mod restarts;
mod scan;
mod tables;
mod walk;

pub(crate) use colours::Colours;
pub(crate) use frame::{Coding, Component, Frame};
pub(crate) use markers::{End, Marker};
pub(crate) use scan::Scan;

use crate::image_info::{Colour, Extent, ImageInfo};
use crate::{DecodeError, Format, Limits};

const FORMAT: &str = "JPEG";

/// Most scans of a picture of the largest size that Pillow opens. A smaller picture may have more.
const SCANS: u64 = 100;
const PIXELS_IN_SCANS: u64 = SCANS * 178_956_970;

/// Bits of one in entropy-coded data: as many as the bits of a value and the longest code after it.
const ONES: [u8; 8] = *b"\xFF\x00\xFF\x00\xFF\x00\xFF\x00";

/// What the markers of a file say.
pub(crate) struct Structure<'a> {
    bytes: &'a [u8],
    pub(crate) frame: Frame,
    pub(crate) colours: Colours,
    /// Tables, restart intervals and scans, in the order in which they take effect.
    pub(crate) steps: Vec<Step<'a>>,
    /// The content of the first EXIF segment.
    pub(crate) exif: Option<&'a [u8]>,
    pub(crate) end: End,
    /// What is wrong after a scan. A scan that is cut short explains it better.
    pub(crate) fault: Option<DecodeError>,
    /// Whether the fast decoder takes the components for what they are.
    ordinary_colours: bool,
    /// Whether there is something that only the careful decoder is known to pass over rightly.
    odd: bool,
}

/// What a decoder does next.
pub(crate) enum Step<'a> {
    /// The content of a segment of quantization tables.
    Quantization(&'a [u8]),
    /// The content of a segment of Huffman tables.
    Huffman(&'a [u8]),
    Scan(Scan<'a>),
}

impl<'a> Structure<'a> {
    /// Reads the markers of a whole file.
    ///
    /// # Errors
    ///
    /// Unsupported codings; a file that ends too early; segments that break the rules; restart markers that are lost or
    /// doubled.
    pub(crate) fn of(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let structure = walk::walk(bytes)?;
        let scans = structure.scans().count() as u64;
        let pixels = u64::from(structure.frame.width) * u64::from(structure.frame.height);
        if scans > SCANS && scans * pixels > PIXELS_IN_SCANS {
            return Err(unsupported(format!("{scans} scans")));
        }
        Ok(structure)
    }

    /// Whether everything is there, in its place. Only damage within the data can make such a picture fail.
    pub(crate) fn is_in_order(&self) -> bool {
        !self.odd
            && self.fault.is_none()
            && matches!(self.end, End::Marker { .. })
            && tables::are_complete(&self.frame, &self.steps)
            && scan::are_complete(&self.frame, self.scans())
    }

    /// Whether it is in order, and of a layout that the fast decoder reads as libjpeg does.
    pub(crate) fn is_ordinary(&self) -> bool {
        self.ordinary_colours
            && matches!(self.colours, Colours::Grey | Colours::YCbCr)
            && self.frame.is_ordinary()
            && scan::are_ordinary(&self.frame, self.scans())
            && self.is_in_order()
    }

    /// The file up to its end marker, with bits of one wherever data end: no code consists of them. So the fast decoder
    /// notices that data are missing, where it would take zeros for them.
    pub(crate) fn for_fast_decoder(&self) -> Vec<u8> {
        let end = match self.end {
            End::Marker { at } => at + 2,
            End::Zeros { .. } => self.bytes.len(),
        };
        let pieces: u64 = self.scans().map(|scan| 1 + scan.restarts(&self.frame)).sum();
        let mut copy = Vec::with_capacity(end + ONES.len() * pieces as usize);
        let mut position = 0;
        for (number, scan) in self.scans().enumerate() {
            copy.extend_from_slice(&self.bytes[position..scan.at]);
            for interval in scan.intervals() {
                copy.extend_from_slice(interval);
                copy.extend_from_slice(&ONES);
            }
            if number == 0 && self.frame.coding == Coding::Progressive {
                // There it expects the next marker at once.
                copy.truncate(copy.len() - ONES.len());
            }
            position = scan.at + scan.data.len();
        }
        copy.extend_from_slice(&self.bytes[position..end]);
        copy
    }

    /// Checks the size of the picture, and the memory that decoding it takes.
    pub(crate) fn check(&self, limits: &Limits, careful: bool) -> Result<(), DecodeError> {
        let working_memory = if careful {
            self.frame.careful_bytes()
        } else {
            // What its copy of the file has more than the file.
            let restarts: u64 = self.scans().map(|scan| scan.restarts(&self.frame)).sum();
            ONES.len() as u64 * restarts
        };
        let held = 2 * self.bytes.len() as u64 + working_memory;
        let (width, height) = (self.frame.width, self.frame.height);
        limits.check(FORMAT, width.into(), height.into(), held, self.frame.components.len() as u64)
    }

    fn scans(&self) -> impl Iterator<Item = &Scan<'a>> {
        self.steps.iter().filter_map(|step| match step {
            Step::Scan(scan) => Some(scan),
            Step::Quantization(_) | Step::Huffman(_) => None,
        })
    }
}

/// What the header states, and whether the structure shows that the picture can be read.
pub(super) fn describe(bytes: &[u8], limits: &Limits) -> Result<(ImageInfo, Extent), DecodeError> {
    let structure = Structure::of(bytes)?;
    structure.check(limits, !structure.is_ordinary())?;
    let colour = match structure.colours {
        Colours::Grey => Colour::Grey,
        Colours::YCbCr | Colours::Rgb => Colour::Rgb,
        Colours::Cmyk | Colours::Ycck => Colour::Cmyk,
    };
    let info = ImageInfo::new(Format::Jpeg, structure.frame.width.into(), structure.frame.height.into());
    let turned = structure.orientation() != image::metadata::Orientation::NoTransforms;
    Ok((
        ImageInfo { colour, turned, ..info },
        if structure.is_in_order() { Extent::Whole } else { Extent::Unknown },
    ))
}

impl Structure<'_> {
    /// The EXIF orientation; upright where there is none, or none that can be read.
    pub(crate) fn orientation(&self) -> image::metadata::Orientation {
        self.exif
            .and_then(image::metadata::Orientation::from_exif_chunk)
            .unwrap_or(image::metadata::Orientation::NoTransforms)
    }
}

pub(crate) fn corrupt(reason: impl Into<String>) -> DecodeError {
    DecodeError::Corrupt { format: FORMAT, reason: reason.into() }
}

pub(crate) fn unsupported(found: impl Into<String>) -> DecodeError {
    DecodeError::Unsupported { format: FORMAT, found: found.into() }
}

pub(crate) fn truncated(reason: impl Into<String>) -> DecodeError {
    DecodeError::Truncated { format: FORMAT, reason: reason.into() }
}

/// The end of a file that is cut off.
pub(crate) fn missing_end() -> DecodeError {
    truncated("the end-of-image marker is missing")
}
