//! The scan header: which components a scan holds, and which part of their coefficients.

use super::corrupt;
use super::frame::{Coding, Frame};
use super::markers::{Marker, next_marker};
use crate::DecodeError;

/// Blocks of all components that a unit may have (ITU T.81, B.2.3).
const BLOCKS_IN_UNIT: u32 = 10;
/// The last coefficient of a block.
pub(crate) const LAST: u8 = 63;

/// A scan with its data.
#[derive(Debug)]
pub(crate) struct Scan<'a> {
    pub(crate) components: Vec<ScanComponent>,
    /// First and last coefficient in zigzag order.
    pub(crate) first: u8,
    pub(crate) last: u8,
    /// The bit that was last coded before, and the one that this scan codes; 0 where there is one scan for all bits.
    pub(crate) high: u8,
    pub(crate) low: u8,
    /// Units between two restart markers; 0 if there are none.
    pub(crate) restart_interval: u16,
    /// Entropy-coded data with its restart markers.
    pub(crate) data: &'a [u8],
    /// Where `data` starts in the file.
    pub(crate) at: usize,
    /// The marker after `data`; `None` at the end of the file.
    pub(crate) ended_by: Option<Marker>,
}

/// A component of a scan.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ScanComponent {
    /// Its index in the frame.
    pub(crate) index: usize,
    /// Its Huffman tables.
    pub(crate) dc_table: u8,
    pub(crate) ac_table: u8,
}

impl Scan<'_> {
    /// Reads the segment after a start-of-scan marker. The data are set later.
    ///
    /// # Errors
    ///
    /// What libjpeg rejects, too: components that the frame does not have, parts of coefficients that can't be.
    pub(super) fn read(frame: &Frame, restart_interval: u16, content: &[u8]) -> Result<Self, DecodeError> {
        let count = usize::from(content.first().copied().unwrap_or(0));
        if !(1..=4).contains(&count) || content.len() != 2 * count + 4 {
            let found = content.len();
            return Err(corrupt(format!("a scan header has {found} bytes for {count} components")));
        }
        let mut components: Vec<ScanComponent> = Vec::with_capacity(count);
        for &[id, tables] in content[1..1 + 2 * count].as_chunks::<2>().0 {
            // Several components may have one name. Then their order tells them apart, as in libjpeg.
            let index = (components.len()..frame.components.len())
                .find(|&index| frame.components[index].id == id)
                .filter(|&index| components.iter().all(|component| component.index != index))
                .ok_or_else(|| {
                    corrupt(format!("a scan names component {id}, which is not there or out of order"))
                })?;
            components.push(ScanComponent { index, dc_table: tables >> 4, ac_table: tables & 15 });
        }
        let &[first, last, bits] = &content[1 + 2 * count..] else { unreachable!("the length was checked") };
        let mut scan = Self {
            components,
            first,
            last,
            high: bits >> 4,
            low: bits & 15,
            restart_interval,
            data: &[],
            at: 0,
            ended_by: None,
        };
        scan.check_unit(frame)?;
        match frame.coding {
            // A sequential scan has no parts, whatever its header says.
            Coding::Sequential => (scan.first, scan.last, scan.high, scan.low) = (0, LAST, 0, 0),
            Coding::Progressive => scan.check_part()?,
        }
        Ok(scan)
    }

    fn check_unit(&self, frame: &Frame) -> Result<(), DecodeError> {
        let blocks = self.components.iter().map(|component| {
            let component = &frame.components[component.index];
            u32::from(component.horizontal) * u32::from(component.vertical)
        });
        let blocks: u32 = blocks.sum();
        if self.components.len() > 1 && blocks > BLOCKS_IN_UNIT {
            return Err(corrupt(format!("a unit of a scan has {blocks} blocks, more than {BLOCKS_IN_UNIT}")));
        }
        Ok(())
    }

    /// Checks which part of the coefficients a progressive scan codes (ITU T.81, G.1.1.1).
    fn check_part(&self) -> Result<(), DecodeError> {
        let coefficients = match self.first {
            0 => self.last == 0,
            first => first <= self.last && self.last <= LAST && self.components.len() == 1,
        };
        let bits = self.low <= 13 && (self.high == 0 || self.low + 1 == self.high);
        if coefficients && bits {
            return Ok(());
        }
        let Self { first, last, high, low, .. } = self;
        Err(corrupt(format!("a scan codes coefficients {first} to {last}, bits {high} to {low}")))
    }

    /// How many restart markers there must be.
    pub(super) fn restarts(&self, frame: &Frame) -> u64 {
        let (wide, high) = self.units(frame);
        let units = u64::from(wide) * u64::from(high);
        match self.restart_interval {
            0 => 0,
            interval => (units - 1) / u64::from(interval),
        }
    }

    /// The data between restart markers. Each interval but the first begins with its marker.
    pub(super) fn intervals(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = Some(self.data);
        let has_markers = self.restart_interval > 0;
        std::iter::from_fn(move || {
            let data = rest?;
            let next = if has_markers { next_marker(data, 2) } else { None };
            let (interval, after) = data.split_at(next.map_or(data.len(), |marker| marker.at));
            rest = next.map(|_| after);
            Some(interval)
        })
    }

    /// Units of the scan in a row and in a column. The blocks of a single component are units of their own.
    pub(crate) fn units(&self, frame: &Frame) -> (u32, u32) {
        match self.components[..] {
            [only] => {
                let component = &frame.components[only.index];
                (component.blocks_wide, component.blocks_high)
            }
            _ => frame.units(),
        }
    }
}

/// Whether the scans code every bit of every coefficient, once and in turn.
pub(super) fn are_complete<'a, 'b: 'a>(frame: &Frame, scans: impl Iterator<Item = &'a Scan<'b>>) -> bool {
    // The last bit that was coded of each coefficient.
    let mut coded = vec![[None; 1 + LAST as usize]; frame.components.len()];
    for scan in scans {
        for component in &scan.components {
            for bit in &mut coded[component.index][usize::from(scan.first)..=usize::from(scan.last)] {
                let expected = bit.unwrap_or(0);
                if scan.high != expected || bit.is_some() && scan.high == 0 {
                    return false;
                }
                *bit = Some(scan.low);
            }
        }
    }
    coded.iter().flatten().all(|&bit| bit == Some(0))
}

/// Whether the fast decoder is known to read these scans: a sequential one with all components, or progressive ones whose
/// first coefficients are those of all components together. Their restart interval is one.
pub(super) fn are_ordinary<'a, 'b: 'a>(frame: &Frame, mut scans: impl Iterator<Item = &'a Scan<'b>>) -> bool {
    let holds_all =
        |scan: &Scan| scan.components.iter().map(|component| component.index).eq(0..frame.components.len());
    scans.next().is_some_and(|first| {
        let like_first = |scan: &Scan| {
            frame.coding == Coding::Progressive
                && scan.restart_interval == first.restart_interval
                && (scan.first > 0 || holds_all(scan))
        };
        holds_all(first) && scans.all(like_first)
    })
}
