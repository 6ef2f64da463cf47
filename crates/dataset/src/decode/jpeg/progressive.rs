//! Blocks of a progressive picture: scans add coefficients, and then bits of them (ITU T.81, G).

use super::bits::{Bits, Damage, ZIGZAG, range};
use super::blocks::{BlockDecoder, Place};
use super::huffman::{HuffmanTable, HuffmanTables};
use crate::DecodeError;
use crate::header::jpeg::{Component, Scan};

/// The coefficients of one component, as far as they are known.
pub(super) struct Coefficients {
    blocks: Vec<[i16; 64]>,
    blocks_wide: usize,
    /// For each coefficient in zigzag order, the last bit that was coded; `None` before the first scan of it.
    pub(super) coded: [Option<u8>; 64],
}

impl Coefficients {
    pub(super) fn of(component: &Component) -> Self {
        let blocks_wide = component.padded_wide as usize;
        let blocks = vec![[0; 64]; blocks_wide * component.padded_high as usize];
        Self { blocks, blocks_wide, coded: [None; 64] }
    }

    /// The coefficients of a block, by their place in it.
    pub(super) fn block(&mut self, column: u32, row: u32) -> &mut [i16; 64] {
        &mut self.blocks[row as usize * self.blocks_wide + column as usize]
    }
}

/// Decodes what one scan adds.
pub(super) struct Progressive<'a> {
    coefficients: &'a mut [Coefficients],
    part: Part<'a>,
    /// The bit that the scan codes.
    low: u8,
}

enum Part<'a> {
    /// The first coefficient of the blocks of several components: for each its table, and the last block's value.
    Dc(Vec<(&'a HuffmanTable, i32)>),
    /// One more bit of it.
    DcBit,
    /// Other coefficients of one component.
    Ac { table: &'a HuffmanTable, numbers: std::ops::Range<usize>, empty_blocks: u32 },
    /// One more bit of them.
    AcBit { table: &'a HuffmanTable, numbers: std::ops::Range<usize>, empty_blocks: u32 },
}

impl<'a> Progressive<'a> {
    /// `coefficients` are those of the frame's components.
    pub(super) fn new(
        scan: &Scan<'_>,
        huffman: &'a HuffmanTables,
        coefficients: &'a mut [Coefficients],
    ) -> Result<Self, DecodeError> {
        let numbers = range(scan.first, scan.last);
        for component in &scan.components {
            coefficients[component.index].coded[numbers.clone()].fill(Some(scan.low));
        }
        let part = match (scan.first, scan.high) {
            (0, 0) => {
                let tables = scan.components.iter().map(|component| Ok((huffman.dc(component.dc_table)?, 0)));
                Part::Dc(tables.collect::<Result<_, DecodeError>>()?)
            }
            (0, _) => Part::DcBit,
            (_, high) => {
                let table = huffman.ac(scan.components[0].ac_table)?;
                match high {
                    0 => Part::Ac { table, numbers, empty_blocks: 0 },
                    _ => Part::AcBit { table, numbers, empty_blocks: 0 },
                }
            }
        };
        Ok(Self { coefficients, part, low: scan.low })
    }
}

impl BlockDecoder for Progressive<'_> {
    fn block(&mut self, bits: &mut Bits<'_>, place: Place) -> Result<(), Damage> {
        let block = self.coefficients[place.component].block(place.column, place.row);
        let unit = 1i16 << self.low;
        match &mut self.part {
            Part::Dc(components) => {
                let (table, level) = &mut components[place.slot];
                let size = table.symbol(bits)?;
                let difference = bits.signed(size.into())?;
                *level = level.wrapping_add(difference);
                block[0] = (*level << self.low) as i16;
                Ok(())
            }
            Part::DcBit => {
                if bits.bit()? {
                    block[0] |= unit;
                }
                Ok(())
            }
            Part::Ac { table, numbers, empty_blocks } => {
                first_bits(bits, table, numbers.clone(), empty_blocks, block, self.low)
            }
            Part::AcBit { table, numbers, empty_blocks } => {
                next_bit(bits, table, numbers.clone(), empty_blocks, block, unit)
            }
        }
    }

    fn restart(&mut self) {
        match &mut self.part {
            Part::Dc(components) => components.iter_mut().for_each(|(_, level)| *level = 0),
            Part::DcBit => {}
            Part::Ac { empty_blocks, .. } | Part::AcBit { empty_blocks, .. } => *empty_blocks = 0,
        }
    }
}

/// The number of blocks, this one included, in which nothing follows. `size` is the upper half of a symbol below 0xF0.
fn run_of_blocks(bits: &mut Bits<'_>, size: u32) -> Result<u32, Damage> {
    Ok((1 << size) + u32::from(bits.take(size)?))
}

fn first_bits(
    bits: &mut Bits<'_>,
    table: &HuffmanTable,
    numbers: std::ops::Range<usize>,
    empty_blocks: &mut u32,
    block: &mut [i16; 64],
    low: u8,
) -> Result<(), Damage> {
    if *empty_blocks > 0 {
        *empty_blocks -= 1;
        return Ok(());
    }
    let mut number = numbers.start;
    while number < numbers.end {
        let symbol = table.symbol(bits)?;
        let (zeros, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
        match (zeros, size) {
            (15, 0) => number += 16,
            (_, 0) => {
                *empty_blocks = run_of_blocks(bits, zeros as u32)? - 1;
                break;
            }
            _ => {
                number += zeros;
                let place = *ZIGZAG.get(number).ok_or(Damage::Wrong)?;
                block[usize::from(place)] = (bits.signed(size)? << low) as i16;
                number += 1;
            }
        }
    }
    Ok(())
}

fn next_bit(
    bits: &mut Bits<'_>,
    table: &HuffmanTable,
    numbers: std::ops::Range<usize>,
    empty_blocks: &mut u32,
    block: &mut [i16; 64],
    unit: i16,
) -> Result<(), Damage> {
    // A coefficient that is not zero has a bit of its own.
    let correct = |bits: &mut Bits<'_>, coefficient: &mut i16| -> Result<(), Damage> {
        if bits.bit()? && *coefficient & unit == 0 {
            *coefficient = coefficient.wrapping_add(if *coefficient > 0 { unit } else { -unit });
        }
        Ok(())
    };
    let mut number = numbers.start;
    while *empty_blocks == 0 && number < numbers.end {
        let symbol = table.symbol(bits)?;
        let (mut zeros, size) = (symbol >> 4, symbol & 15);
        let new = match (zeros, size) {
            (15, 0) => 0,
            (_, 0) => {
                *empty_blocks = run_of_blocks(bits, u32::from(zeros))?;
                break;
            }
            (_, 1) => {
                if bits.bit()? {
                    unit
                } else {
                    -unit
                }
            }
            _ => return Err(Damage::Wrong),
        };
        // Passes over that many zeros, and over what is not zero between them.
        loop {
            let coefficient = match ZIGZAG.get(number) {
                Some(&place) if number < numbers.end => &mut block[usize::from(place)],
                // Zeros may reach over the end, a new coefficient may not.
                _ if new == 0 => break,
                _ => return Err(Damage::Wrong),
            };
            number += 1;
            if *coefficient != 0 {
                correct(bits, coefficient)?;
            } else if zeros > 0 {
                zeros -= 1;
            } else {
                *coefficient = new;
                break;
            }
        }
    }
    if *empty_blocks > 0 {
        for &place in &ZIGZAG[number..numbers.end] {
            let coefficient = &mut block[usize::from(place)];
            if *coefficient != 0 {
                correct(bits, coefficient)?;
            }
        }
        *empty_blocks -= 1;
    }
    Ok(())
}
