//! The samples of one component.

use super::bits::Damage;
use super::inverse_dct::inverse_dct;
use super::quantization::QuantizationTable;
use crate::header::jpeg::Component;

/// Samples of 8 bits have coefficients of up to 1024, and rounding adds half a step. Far more comes from damaged data, and
/// overflows in libjpeg, which computes in 16 bits.
const LARGEST_COEFFICIENT: i64 = 4095;

/// The samples of one component, row by row. Rows and columns are padded to whole units.
pub(super) struct Plane {
    samples: Vec<u8>,
    stride: usize,
    /// Size without the padding.
    pub(super) width: usize,
    pub(super) height: usize,
}

impl Plane {
    pub(super) fn of(component: &Component) -> Self {
        let stride = 8 * component.padded_wide as usize;
        Self {
            samples: vec![0; stride * 8 * component.padded_high as usize],
            stride,
            width: component.width as usize,
            height: component.height as usize,
        }
    }

    /// Sets the samples of a block.
    pub(super) fn set(
        &mut self,
        column: u32,
        row: u32,
        coefficients: &[i16; 64],
        table: &QuantizationTable,
    ) -> Result<(), Damage> {
        let mut values = [0i64; 64];
        for place in 0..64 {
            values[place] = i64::from(coefficients[place]) * i64::from(table[place]);
            if values[place].abs() > LARGEST_COEFFICIENT {
                return Err(Damage::Wrong);
            }
        }
        let samples = inverse_dct(values);
        let start = 8 * (row as usize * self.stride + column as usize);
        for (line, samples) in samples.as_chunks::<8>().0.iter().enumerate() {
            self.samples[start + line * self.stride..][..8].copy_from_slice(samples);
        }
        Ok(())
    }

    /// A row without the padding. The last one stands for all that would follow.
    pub(super) fn row(&self, row: usize) -> &[u8] {
        &self.samples[row.min(self.height - 1) * self.stride..][..self.width]
    }
}
