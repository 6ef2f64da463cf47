//! Cosine distances between the rows of two sets, one block of each at a time.

use std::ops::Range;

use candle_core::{Device, Tensor};

use crate::error::Error;
use crate::samples::Samples;

/// Rows in a block. Two blocks are compared at a time and held in memory.
const BLOCK: usize = 256;

/// An upper bound for the difference between a similarity in f32 and in f64, larger than any that occurs.
pub(crate) const ROUNDING: f64 = 1e-4;

/// Sums that are formed side by side, so that additions do not wait for each other.
const LANES: usize = 8;

/// Consecutive rows.
pub(crate) struct Block {
    /// The first row's place in its set.
    pub(crate) start: usize,
    row: usize,
    values: Vec<f32>,
    lengths: Vec<f64>,
    /// The rows at length 1: `rows x values`.
    unit: Tensor,
}

impl Block {
    /// The blocks of a set.
    pub(crate) fn all(samples: &dyn Samples) -> impl Iterator<Item = Range<usize>> + use<> {
        let rows = samples.rows();
        (0..rows).step_by(BLOCK).map(move |start| start..rows.min(start + BLOCK))
    }

    pub(crate) fn read(samples: &dyn Samples, range: Range<usize>) -> Result<Self, Error> {
        let row: usize = samples.row_shape().iter().product();
        let indices: Vec<usize> = range.clone().collect();
        let mut values = vec![0.0; indices.len() * row];
        samples.read(&indices, &mut values)?;
        let lengths: Vec<f64> = values.chunks_exact(row).map(|row| dot(row, row).sqrt()).collect();
        let mut unit = values.clone();
        for (row, &length) in unit.chunks_exact_mut(row).zip(&lengths) {
            if length > 0.0 {
                row.iter_mut().for_each(|value| *value = (f64::from(*value) / length) as f32);
            }
        }
        let unit = Tensor::from_vec(unit, (indices.len(), row), &Device::Cpu)?;
        Ok(Self { start: range.start, row, values, lengths, unit })
    }

    /// The number of rows.
    pub(crate) fn rows(&self) -> usize {
        self.lengths.len()
    }

    /// The cosine similarity of each row with each row of another block, to within [`ROUNDING`].
    pub(crate) fn similarities(&self, other: &Self) -> Result<Vec<Vec<f32>>, Error> {
        Ok(self.unit.matmul(&other.unit.t()?)?.to_vec2()?)
    }

    /// The cosine distance of a row from a row of another block, 1 - a . b / (|a| |b|), in [0, 2]; 1 if a row is all zeros.
    pub(crate) fn distance(&self, index: usize, other: &Self, other_index: usize) -> f64 {
        let lengths = self.lengths[index] * other.lengths[other_index];
        let product = || dot(self.values_of(index), other.values_of(other_index));
        if lengths > 0.0 { (1.0 - product() / lengths).max(0.0) } else { 1.0 }
    }

    fn values_of(&self, index: usize) -> &[f32] {
        &self.values[index * self.row..][..self.row]
    }
}

/// The inner product. Its sums are always formed in the same order.
fn dot(a: &[f32], b: &[f32]) -> f64 {
    let mut sums = [0.0; LANES];
    for (a, b) in a.chunks(LANES).zip(b.chunks(LANES)) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += f64::from(*a) * f64::from(*b);
        }
    }
    sums.iter().sum()
}
