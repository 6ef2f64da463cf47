//! The blocks of a scan, in the order in which they are coded.

use super::bits::{Bits, Damage};
use crate::DecodeError;
use crate::header::jpeg::{Frame, Marker, Scan, corrupt, truncated};

/// Where a block is.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// Which of the scan's components it belongs to.
    pub(super) slot: usize,
    /// Which of the frame's components that is.
    pub(super) component: usize,
    pub(super) column: u32,
    pub(super) row: u32,
}

/// Decodes blocks one by one.
pub(super) trait BlockDecoder {
    /// Decodes the next block.
    fn block(&mut self, bits: &mut Bits<'_>, place: Place) -> Result<(), Damage>;

    /// Forgets what earlier blocks have set.
    fn restart(&mut self);
}

/// Decodes all blocks of a scan. Gives how many bytes of its data that took.
///
/// # Errors
///
/// If the data are too short, or have what can't be: the picture lacks a part then.
pub(super) fn decode(
    frame: &Frame,
    scan: &Scan<'_>,
    decoder: &mut impl BlockDecoder,
) -> Result<usize, DecodeError> {
    let (wide, high) = scan.units(frame);
    let mut bits = Bits::of(scan.data);
    let mut until_restart = u32::from(scan.restart_interval);
    for row in 0..high {
        for column in 0..wide {
            if scan.restart_interval > 0 {
                if until_restart == 0 {
                    bits.restart().map_err(|damage| error(damage, scan, row, high))?;
                    decoder.restart();
                    until_restart = u32::from(scan.restart_interval);
                }
                until_restart -= 1;
            }
            unit(frame, scan, column, row, &mut bits, decoder)
                .map_err(|damage| error(damage, scan, row, high))?;
        }
    }
    Ok(bits.bytes_read())
}

/// Decodes a unit: one block of a single component, or a group of blocks of each of several components.
fn unit(
    frame: &Frame,
    scan: &Scan<'_>,
    column: u32,
    row: u32,
    bits: &mut Bits<'_>,
    decoder: &mut impl BlockDecoder,
) -> Result<(), Damage> {
    if let [only] = scan.components[..] {
        return decoder.block(bits, Place { slot: 0, component: only.index, column, row });
    }
    for (slot, component) in scan.components.iter().enumerate() {
        let (index, component) = (component.index, &frame.components[component.index]);
        let (across, down) = (u32::from(component.horizontal), u32::from(component.vertical));
        for row in row * down..(row + 1) * down {
            for column in column * across..(column + 1) * across {
                decoder.block(bits, Place { slot, component: index, column, row })?;
            }
        }
    }
    Ok(())
}

fn error(damage: Damage, scan: &Scan<'_>, row: u32, rows: u32) -> DecodeError {
    let place = format!("in row {} of {rows} of its blocks", row + 1);
    match (damage, scan.ended_by) {
        (Damage::Wrong, _) => corrupt(format!("the data have a code or value that can't be {place}")),
        (Damage::Short, None) => truncated(format!("the file ends {place}")),
        (Damage::Short, Some(Marker { code: 0xD9, .. })) => corrupt(format!("the data end {place}")),
        (Damage::Short, Some(Marker { code, at })) => {
            corrupt(format!("the data are cut short {place}, by the marker FF {code:02X} (byte {at})"))
        }
    }
}
