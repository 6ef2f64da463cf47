//! Blocks of a sequential picture: each is coded at once (ITU T.81, F.2.2).

use super::bits::{Bits, Damage, ZIGZAG};
use super::blocks::{BlockDecoder, Place};
use super::huffman::{HuffmanTable, HuffmanTables};
use super::plane::Plane;
use super::quantization::QuantizationTable;
use crate::DecodeError;
use crate::header::jpeg::{Scan, corrupt};

/// Decodes blocks of one scan into planes.
pub(super) struct Sequential<'a> {
    planes: &'a mut [Plane],
    /// By the scan's components.
    components: Vec<Coding<'a>>,
}

struct Coding<'a> {
    quantization: &'a QuantizationTable,
    dc: &'a HuffmanTable,
    ac: &'a HuffmanTable,
    /// The last block's first coefficient.
    level: i32,
}

impl<'a> Sequential<'a> {
    /// `quantization` and `planes` are those of the frame's components.
    pub(super) fn new(
        scan: &Scan<'_>,
        huffman: &'a HuffmanTables,
        quantization: &'a [Option<QuantizationTable>],
        planes: &'a mut [Plane],
    ) -> Result<Self, DecodeError> {
        let components = scan.components.iter().map(|component| {
            let quantization = quantization[component.index].as_ref();
            Ok(Coding {
                quantization: quantization.ok_or_else(|| corrupt("a quantization table is missing"))?,
                dc: huffman.dc(component.dc_table)?,
                ac: huffman.ac(component.ac_table)?,
                level: 0,
            })
        });
        Ok(Self { planes, components: components.collect::<Result<_, DecodeError>>()? })
    }
}

impl BlockDecoder for Sequential<'_> {
    fn block(&mut self, bits: &mut Bits<'_>, place: Place) -> Result<(), Damage> {
        let coding = &mut self.components[place.slot];
        let mut coefficients = [0i16; 64];
        let size = coding.dc.symbol(bits)?;
        let difference = bits.signed(size.into())?;
        coding.level = coding.level.wrapping_add(difference);
        coefficients[0] = coding.level as i16;
        let mut number = 1;
        while number < 64 {
            let symbol = coding.ac.symbol(bits)?;
            let (zeros, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
            match (zeros, size) {
                (15, 0) => number += 16,
                (_, 0) => break,
                _ => {
                    number += zeros;
                    let place = *ZIGZAG.get(number).ok_or(Damage::Wrong)?;
                    coefficients[usize::from(place)] = bits.signed(size)? as i16;
                    number += 1;
                }
            }
        }
        self.planes[place.component].set(place.column, place.row, &coefficients, coding.quantization)
    }

    fn restart(&mut self) {
        for component in &mut self.components {
            component.level = 0;
        }
    }
}
