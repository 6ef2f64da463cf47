//! Which tables a file has when a scan needs them.

use super::Step;
use super::frame::{Coding, Frame};
use super::scan::Scan;

/// The numbers of the tables so far.
#[derive(Default)]
struct Tables {
    quantization: [bool; 4],
    dc: [bool; 4],
    ac: [bool; 4],
}

/// Whether every scan finds its tables, and all segments of tables are well-formed.
pub(super) fn are_complete(frame: &Frame, steps: &[Step<'_>]) -> bool {
    let mut tables = Tables::default();
    steps.iter().all(|step| match step {
        Step::Quantization(content) => tables.read_quantization(content).is_some(),
        Step::Huffman(content) => tables.read_huffman(content).is_some(),
        Step::Scan(scan) => tables.serve(frame, scan),
    })
}

impl Tables {
    fn read_quantization(&mut self, mut content: &[u8]) -> Option<()> {
        while let Some((&kind, rest)) = content.split_first() {
            let bytes_a_value = match kind >> 4 {
                0 => 1,
                1 => 2,
                _ => return None,
            };
            *self.quantization.get_mut(usize::from(kind & 15))? = true;
            content = rest.get(64 * bytes_a_value..)?;
        }
        Some(())
    }

    fn read_huffman(&mut self, mut content: &[u8]) -> Option<()> {
        while let Some((&kind, rest)) = content.split_first() {
            let tables = match kind >> 4 {
                0 => &mut self.dc,
                1 => &mut self.ac,
                _ => return None,
            };
            *tables.get_mut(usize::from(kind & 15))? = true;
            let (counts, rest) = rest.split_first_chunk::<16>()?;
            // Codes of a length, as far as longer ones are left; none consists of ones alone.
            let mut codes = 0u32;
            for (length, &count) in (1..).zip(counts) {
                codes = 2 * codes + u32::from(count);
                if codes >= 1 << length {
                    return None;
                }
            }
            content = rest.get(counts.iter().map(|&count| usize::from(count)).sum()..)?;
        }
        Some(())
    }

    fn serve(&self, frame: &Frame, scan: &Scan<'_>) -> bool {
        let has = |tables: &[bool; 4], number: u8| tables.get(usize::from(number)) == Some(&true);
        let needs_dc = scan.first == 0 && scan.high == 0;
        let needs_ac = frame.coding == Coding::Sequential || scan.first > 0;
        scan.components.iter().all(|component| {
            has(&self.quantization, frame.components[component.index].quantization_table)
                && (!needs_dc || has(&self.dc, component.dc_table))
                && (!needs_ac || has(&self.ac, component.ac_table))
        })
    }
}
