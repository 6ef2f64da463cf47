//! Restart markers: RST0 to RST7 in turn, one after each interval of a scan.
//!
//! A decoder finds its place by them. If one is missing or doubled, all that follows is shifted, or a part of the
//! picture is lost.

use super::corrupt;
use super::frame::Frame;
use super::markers::{Marker, RST0};
use super::scan::Scan;
use crate::DecodeError;

/// Counts the restart markers of a scan.
#[derive(Default)]
pub(super) struct Restarts {
    count: u64,
    fault: Option<DecodeError>,
    last: Option<Marker>,
}

impl Restarts {
    pub(super) fn see(&mut self, marker: Marker) {
        let (expected, found) = (self.count % 8, u64::from(marker.code - RST0));
        if expected != found && self.fault.is_none() {
            let reason = format!(
                "restart marker {expected} was expected, {found} was found (byte {}): a part of the picture is lost or \
                 doubled",
                marker.at
            );
            self.fault = Some(corrupt(reason));
        }
        self.count += 1;
        self.last = Some(marker);
    }

    /// Compares them with the number that must be there. `data_end` is where the scan's data end. Gives whether there is one more
    /// at the very end, which is harmless.
    pub(super) fn check(self, frame: &Frame, scan: &Scan, data_end: usize) -> Result<bool, DecodeError> {
        let expected = scan.restarts(frame);
        if scan.restart_interval == 0
            && let Some(Marker { code, at }) = self.last
        {
            return Err(corrupt(format!(
                "the restart marker FF {code:02X} (byte {at}) is in a scan that has no restart intervals"
            )));
        }
        let trailing = self.last.is_some_and(|marker| marker.after() == data_end);
        if self.count == expected + 1 && trailing && self.fault.is_none() {
            return Ok(true);
        }
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        if self.count != expected {
            let found = self.count;
            return Err(corrupt(format!(
                "{expected} restart markers were expected in a scan, {found} were found"
            )));
        }
        Ok(false)
    }
}
