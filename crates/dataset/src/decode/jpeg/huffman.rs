//! Huffman tables (ITU T.81, annex C).

use super::bits::{Bits, Damage};
use crate::DecodeError;
use crate::header::jpeg::corrupt;

/// Codes of up to this length are looked up at once.
const LOOKUP_BITS: u32 = 9;

/// A table to decode with.
#[derive(Clone)]
pub(super) struct HuffmanTable {
    /// For each beginning of `LOOKUP_BITS` bits: the symbol, and the length of its code; length 0 if the code is longer.
    lookup: Vec<(u8, u8)>,
    /// For each length: one more than its last code, its bits moved to the top of 16; 0 if it has no codes.
    ends: [u32; 17],
    /// For each length: what is added to a code to get the number of its symbol.
    offsets: [i32; 17],
    symbols: Vec<u8>,
}

impl HuffmanTable {
    /// A table of `counts[l - 1]` symbols with codes of length l.
    ///
    /// # Errors
    ///
    /// The length of which there are more codes than there can be.
    fn new(counts: &[u8; 16], symbols: &[u8]) -> Result<Self, u32> {
        let mut table = Self {
            lookup: vec![(0, 0); 1 << LOOKUP_BITS],
            ends: [0; 17],
            offsets: [0; 17],
            symbols: symbols.to_vec(),
        };
        let (mut code, mut number) = (0u32, 0usize);
        for length in 1..=16u32 {
            let count = u32::from(counts[length as usize - 1]);
            table.offsets[length as usize] = number as i32 - code as i32;
            for _ in 0..count {
                if length <= LOOKUP_BITS && code < 1 << length {
                    let same = (code << (LOOKUP_BITS - length)) as usize;
                    let entries = 1 << (LOOKUP_BITS - length);
                    table.lookup[same..same + entries].fill((symbols[number], length as u8));
                }
                code += 1;
                number += 1;
            }
            // No code consists of ones alone.
            if code >= 1 << length {
                return Err(length);
            }
            if count > 0 {
                table.ends[length as usize] = code << (16 - length);
            }
            code <<= 1;
        }
        Ok(table)
    }

    /// The next symbol.
    pub(super) fn symbol(&self, bits: &mut Bits<'_>) -> Result<u8, Damage> {
        let (next, available) = bits.peek();
        let (symbol, length) = self.lookup[usize::from(next >> (16 - LOOKUP_BITS))];
        let (symbol, length) =
            if length > 0 { (symbol, u32::from(length)) } else { self.longer(next, available)? };
        if length > available {
            return Err(Damage::Short);
        }
        bits.skip(length);
        Ok(symbol)
    }

    fn longer(&self, next: u16, available: u32) -> Result<(u8, u32), Damage> {
        let next = u32::from(next);
        for length in LOOKUP_BITS + 1..=16 {
            if next < self.ends[length as usize] {
                let code = (next >> (16 - length)) as i32;
                let number = usize::try_from(code + self.offsets[length as usize]);
                let symbol = number.ok().and_then(|number| self.symbols.get(number));
                return symbol.map(|&symbol| (symbol, length)).ok_or(Damage::Wrong);
            }
        }
        // Zeros after the end of the data may stand for no code.
        Err(if available < 16 { Damage::Short } else { Damage::Wrong })
    }
}

/// The tables in use, by number: of DC differences and of AC coefficients. One that can't be matters only to a scan that
/// needs it.
pub(super) struct HuffmanTables {
    dc: [Option<Result<HuffmanTable, u32>>; 4],
    ac: [Option<Result<HuffmanTable, u32>>; 4],
}

impl HuffmanTables {
    /// No tables.
    pub(super) fn none() -> Self {
        Self { dc: [const { None }; 4], ac: [const { None }; 4] }
    }

    /// The tables of ITU T.81, annex K.3: 0 for luminance, 1 for chroma. They hold where a sequential picture has none, as
    /// the frames of Motion JPEG.
    pub(super) fn standard() -> Self {
        let table = |counts, symbols: &[u8]| Some(HuffmanTable::new(counts, symbols));
        let differences: Vec<u8> = (0..12).collect();
        let mut tables = Self::none();
        tables.dc[0] = table(&LUMINANCE_DC, &differences);
        tables.dc[1] = table(&CHROMA_DC, &differences);
        tables.ac[0] = table(&LUMINANCE_AC.0, &LUMINANCE_AC.1);
        tables.ac[1] = table(&CHROMA_AC.0, &CHROMA_AC.1);
        tables
    }

    /// Takes in the content of a segment of tables.
    pub(super) fn read(&mut self, mut content: &[u8]) -> Result<(), DecodeError> {
        while let Some((&kind, rest)) = content.split_first() {
            let (counts, rest) = rest.split_first_chunk::<16>().ok_or_else(too_short)?;
            let count = counts.iter().map(|&count| usize::from(count)).sum();
            let symbols = rest.get(..count).filter(|_| count <= 256).ok_or_else(too_short)?;
            let table = HuffmanTable::new(counts, symbols);
            let tables = match kind >> 4 {
                0 if symbols.iter().all(|&symbol| symbol <= 15) => &mut self.dc,
                1 => &mut self.ac,
                _ => return Err(corrupt("a Huffman table has an impossible class or symbol")),
            };
            let place = tables.get_mut(usize::from(kind & 15));
            *place.ok_or_else(|| corrupt(format!("a Huffman table has number {}", kind & 15)))? = Some(table);
            content = &rest[count..];
        }
        Ok(())
    }

    /// The table of DC differences of that number.
    pub(super) fn dc(&self, number: u8) -> Result<&HuffmanTable, DecodeError> {
        table(&self.dc, number)
    }

    /// The table of AC coefficients of that number.
    pub(super) fn ac(&self, number: u8) -> Result<&HuffmanTable, DecodeError> {
        table(&self.ac, number)
    }
}

fn table(tables: &[Option<Result<HuffmanTable, u32>>; 4], number: u8) -> Result<&HuffmanTable, DecodeError> {
    match tables.get(usize::from(number)) {
        Some(Some(Ok(table))) => Ok(table),
        Some(Some(Err(length))) => {
            Err(corrupt(format!("Huffman table {number} has too many codes of {length} bits")))
        }
        _ => Err(corrupt(format!("a scan needs Huffman table {number}, which is missing"))),
    }
}

fn too_short() -> DecodeError {
    corrupt("a Huffman table is longer than its segment")
}

/// Tables K.3 to K.6: how many codes there are of each length, and the symbols in the order of their codes.
const LUMINANCE_DC: [u8; 16] = [0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0];
const CHROMA_DC: [u8; 16] = [0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0];
#[rustfmt::skip]
const LUMINANCE_AC: ([u8; 16], [u8; 162]) = (
    [0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7D],
    [
        0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51, 0x61, 0x07,
        0x22, 0x71, 0x14, 0x32, 0x81, 0x91, 0xA1, 0x08, 0x23, 0x42, 0xB1, 0xC1, 0x15, 0x52, 0xD1, 0xF0,
        0x24, 0x33, 0x62, 0x72, 0x82, 0x09, 0x0A, 0x16, 0x17, 0x18, 0x19, 0x1A, 0x25, 0x26, 0x27, 0x28,
        0x29, 0x2A, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3A, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49,
        0x4A, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5A, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69,
        0x6A, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7A, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89,
        0x8A, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9A, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7,
        0xA8, 0xA9, 0xAA, 0xB2, 0xB3, 0xB4, 0xB5, 0xB6, 0xB7, 0xB8, 0xB9, 0xBA, 0xC2, 0xC3, 0xC4, 0xC5,
        0xC6, 0xC7, 0xC8, 0xC9, 0xCA, 0xD2, 0xD3, 0xD4, 0xD5, 0xD6, 0xD7, 0xD8, 0xD9, 0xDA, 0xE1, 0xE2,
        0xE3, 0xE4, 0xE5, 0xE6, 0xE7, 0xE8, 0xE9, 0xEA, 0xF1, 0xF2, 0xF3, 0xF4, 0xF5, 0xF6, 0xF7, 0xF8,
        0xF9, 0xFA,
    ],
);
#[rustfmt::skip]
const CHROMA_AC: ([u8; 16], [u8; 162]) = (
    [0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 0x77],
    [
        0x00, 0x01, 0x02, 0x03, 0x11, 0x04, 0x05, 0x21, 0x31, 0x06, 0x12, 0x41, 0x51, 0x07, 0x61, 0x71,
        0x13, 0x22, 0x32, 0x81, 0x08, 0x14, 0x42, 0x91, 0xA1, 0xB1, 0xC1, 0x09, 0x23, 0x33, 0x52, 0xF0,
        0x15, 0x62, 0x72, 0xD1, 0x0A, 0x16, 0x24, 0x34, 0xE1, 0x25, 0xF1, 0x17, 0x18, 0x19, 0x1A, 0x26,
        0x27, 0x28, 0x29, 0x2A, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3A, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48,
        0x49, 0x4A, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5A, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68,
        0x69, 0x6A, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7A, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87,
        0x88, 0x89, 0x8A, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9A, 0xA2, 0xA3, 0xA4, 0xA5,
        0xA6, 0xA7, 0xA8, 0xA9, 0xAA, 0xB2, 0xB3, 0xB4, 0xB5, 0xB6, 0xB7, 0xB8, 0xB9, 0xBA, 0xC2, 0xC3,
        0xC4, 0xC5, 0xC6, 0xC7, 0xC8, 0xC9, 0xCA, 0xD2, 0xD3, 0xD4, 0xD5, 0xD6, 0xD7, 0xD8, 0xD9, 0xDA,
        0xE2, 0xE3, 0xE4, 0xE5, 0xE6, 0xE7, 0xE8, 0xE9, 0xEA, 0xF2, 0xF3, 0xF4, 0xF5, 0xF6, 0xF7, 0xF8,
        0xF9, 0xFA,
    ],
);
