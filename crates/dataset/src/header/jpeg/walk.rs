//! From marker to marker through a file.

use super::colours::ColourMarkers;
use super::frame::Frame;
use super::markers::{DHT, DQT, DRI, EOI, End, Marker, SOI, SOS, next_marker, segment};
use super::restarts::Restarts;
use super::scan::Scan;
use super::{Step, Structure, corrupt, missing_end, unsupported};
use crate::DecodeError;

/// Most tables and scans of a file. Each takes memory, and a file could be made of nothing else.
const MOST_STEPS: usize = 10_000;

/// Reads the markers of a whole file.
pub(super) fn walk(bytes: &[u8]) -> Result<Structure<'_>, DecodeError> {
    let mut walk = Walk {
        bytes,
        // The start-of-image marker has no segment.
        position: 2,
        frame: None,
        colours: ColourMarkers::default(),
        exif: None,
        steps: Vec::new(),
        restart_interval: 0,
        restart_fault: None,
        scanned: false,
        odd: false,
    };
    // What is wrong before the first scan is wrong in any case.
    let (end, fault) = match walk.follow() {
        Ok(end) => (Ok(end), None),
        Err(fault) if walk.scanned => (walk.end_anyway(), Some(fault)),
        Err(fault) => return Err(fault),
    };
    let Some(frame) = walk.frame else {
        return Err(fault.unwrap_or_else(|| corrupt("it has no frame header")));
    };
    // A file that ends too early lacks restart markers, too.
    let end = end?;
    if let Some(fault) = walk.restart_fault {
        return Err(fault);
    }
    if !walk.scanned {
        return Err(corrupt("it has no scan"));
    }
    let ordinary_colours = walk.colours.are_ordinary(&frame);
    let colours = walk.colours.decide(&frame);
    Ok(Structure {
        bytes,
        frame,
        colours,
        steps: walk.steps,
        exif: walk.exif,
        end,
        fault,
        ordinary_colours,
        odd: walk.odd,
    })
}

struct Walk<'a> {
    bytes: &'a [u8],
    position: usize,
    frame: Option<Frame>,
    colours: ColourMarkers,
    exif: Option<&'a [u8]>,
    steps: Vec<Step<'a>>,
    restart_interval: u16,
    restart_fault: Option<DecodeError>,
    scanned: bool,
    odd: bool,
}

impl<'a> Walk<'a> {
    fn follow(&mut self) -> Result<End, DecodeError> {
        while let Some(marker) = next_marker(self.bytes, self.position) {
            self.position = marker.after();
            match marker.code {
                EOI => return Ok(End::Marker { at: marker.at }),
                SOI => return Err(corrupt("a second start-of-image marker follows the first")),
                0xDE | 0xDF => return Err(unsupported("hierarchical coding")),
                0xF7 => return Err(unsupported("JPEG-LS coding")),
                _ if !marker.is_known() => {
                    let Marker { code, at } = marker;
                    return Err(corrupt(format!(
                        "it has a marker without a meaning, FF {code:02X} (byte {at})"
                    )));
                }
                _ if !marker.has_segment() => self.odd = true,
                _ => self.segment(marker)?,
            }
        }
        self.end_in_zeros().ok_or_else(missing_end)
    }

    fn segment(&mut self, marker: Marker) -> Result<(), DecodeError> {
        let content = segment(self.bytes, marker)?;
        self.position += 2 + content.len();
        // Only tables stand between the scans of ordinary files.
        self.odd |= self.scanned && !matches!(marker.code, DHT | SOS);
        match marker.code {
            DHT => self.push(Step::Huffman(content))?,
            DQT => self.push(Step::Quantization(content))?,
            DRI => match *content {
                [high, low] => self.restart_interval = u16::from_be_bytes([high, low]),
                _ => return Err(corrupt(format!("a restart interval has {} bytes", content.len()))),
            },
            SOS => self.scan(content)?,
            // Arithmetic conditioning and the number of lines, which mean nothing here.
            0xCC | 0xDC => self.odd = true,
            0xC8 => return Err(corrupt("it has a reserved frame marker, FF C8")),
            0xC0..=0xCF => {
                if self.frame.is_some() {
                    return Err(corrupt("it has two frame headers"));
                }
                self.frame = Some(Frame::read(marker.code, content)?);
            }
            0xE1 if self.exif.is_none() => self.exif = content.strip_prefix(b"Exif\0\0"),
            code => self.colours.read(code, content),
        }
        Ok(())
    }

    fn scan(&mut self, header: &[u8]) -> Result<(), DecodeError> {
        let frame = self.frame.as_ref().ok_or_else(|| corrupt("a scan comes before the frame header"))?;
        let mut scan = Scan::read(frame, self.restart_interval, header)?;
        let start = self.position;
        let mut restarts = Restarts::default();
        scan.ended_by = loop {
            match next_marker(self.bytes, self.position) {
                Some(marker) if marker.is_restart() => {
                    self.position = marker.after();
                    restarts.see(marker);
                }
                ended_by => break ended_by,
            }
        };
        let end = scan.ended_by.map_or(self.bytes.len(), |marker| marker.at);
        (scan.at, scan.data) = (start, &self.bytes[start..end]);
        match restarts.check(frame, &scan, end) {
            Ok(trailing) => self.odd |= trailing,
            Err(fault) => self.restart_fault = self.restart_fault.take().or(Some(fault)),
        }
        self.position = end;
        self.scanned = true;
        self.push(Step::Scan(scan))
    }

    fn push(&mut self, step: Step<'a>) -> Result<(), DecodeError> {
        if self.steps.len() == MOST_STEPS {
            return Err(unsupported(format!("more than {MOST_STEPS} tables and scans")));
        }
        self.steps.push(step);
        Ok(())
    }

    /// The end of a file whose last scan is followed by zeros alone.
    fn end_in_zeros(&self) -> Option<End> {
        let Some(Step::Scan(scan)) = self.steps.last() else { return None };
        let zeros = scan.data.iter().rev().take_while(|&&byte| byte == 0).count();
        let from = self.bytes.len() - zeros;
        (scan.ended_by.is_none() && zeros >= 2).then_some(End::Zeros { from })
    }

    /// The end of a file that is wrong after a scan. A stray marker within the data of the scan hides it.
    fn end_anyway(&self) -> Result<End, DecodeError> {
        let from = self.steps.iter().rev().find_map(|step| match step {
            Step::Scan(scan) => scan.ended_by,
            _ => None,
        });
        let rest = &self.bytes[from.map_or(self.bytes.len(), Marker::after)..];
        let end = rest.windows(2).rposition(|pair| pair == [0xFF, EOI]).ok_or_else(missing_end)?;
        Ok(End::Marker { at: self.bytes.len() - rest.len() + end })
    }
}
