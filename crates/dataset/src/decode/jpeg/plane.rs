//! The samples of one component.

use super::inverse_dct::inverse_dct;
use super::quantization::QuantizationTable;
use crate::header::jpeg::Component;

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
    pub(super) fn set(&mut self, column: u32, row: u32, coefficients: &[i16; 64], table: &QuantizationTable) {
        let samples = inverse_dct(coefficients, table);
        let start = 8 * (row as usize * self.stride + column as usize);
        for (line, samples) in samples.as_chunks::<8>().0.iter().enumerate() {
            self.samples[start + line * self.stride..][..8].copy_from_slice(samples);
        }
    }

    /// A row without the padding. The last one stands for all that would follow.
    pub(super) fn row(&self, row: usize) -> &[u8] {
        &self.samples[row.min(self.height - 1) * self.stride..][..self.width]
    }
}
