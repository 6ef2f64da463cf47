//! Quantization tables (ITU T.81, B.2.4.1).

use super::bits::ZIGZAG;
use crate::DecodeError;
use crate::header::jpeg::corrupt;

/// What the coefficients of a block are multiplied with, by their place in the block.
pub(super) type QuantizationTable = [u16; 64];

/// The tables in use, by number.
#[derive(Default)]
pub(super) struct QuantizationTables([Option<QuantizationTable>; 4]);

impl QuantizationTables {
    /// Takes in the content of a segment of tables.
    pub(super) fn read(&mut self, mut content: &[u8]) -> Result<(), DecodeError> {
        while let Some((&kind, rest)) = content.split_first() {
            let bytes_a_value = match kind >> 4 {
                0 => 1,
                1 => 2,
                _ => return Err(corrupt("a quantization table has an impossible precision")),
            };
            let values = rest.get(..64 * bytes_a_value);
            let values = values.ok_or_else(|| corrupt("a quantization table is longer than its segment"))?;
            let mut table = [0; 64];
            for (value, place) in values.chunks_exact(bytes_a_value).zip(ZIGZAG) {
                table[usize::from(place)] = value.iter().fold(0, |high, &byte| high << 8 | u16::from(byte));
            }
            let number = kind & 15;
            let place = self.0.get_mut(usize::from(number));
            *place.ok_or_else(|| corrupt(format!("a quantization table has number {number}")))? = Some(table);
            content = &rest[values.len()..];
        }
        Ok(())
    }

    /// The table of that number.
    pub(super) fn get(&self, number: u8) -> Result<QuantizationTable, DecodeError> {
        let table = self.0.get(usize::from(number)).copied().flatten();
        table.ok_or_else(|| corrupt(format!("quantization table {number} is missing")))
    }
}
