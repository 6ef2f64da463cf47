//! Pairs of rows of two sets that are almost the same.

use std::collections::BinaryHeap;

use candle_core::{Device, Tensor};

use crate::error::Error;
use crate::samples::Samples;

/// Rows that are compared with as many others at a time; two blocks of them are in memory.
const BLOCK: usize = 256;

/// By how much the product in f32 may differ from the distance in f64: far more than it does.
const ROUNDING: f64 = 1e-4;

/// A row of the first set and a row of the second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NearDuplicate {
    /// The row of the first set.
    pub a: usize,
    /// The row of the second set.
    pub b: usize,
    /// Their cosine distance, in [0, 2].
    pub distance: f64,
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct NearDuplicates {
    /// The nearest pairs, the nearest first; by row of the first, then of the second set where distances are equal.
    pub pairs: Vec<NearDuplicate>,
    /// How many pairs are within the threshold in all.
    pub found: usize,
}

/// Finds the pairs whose cosine distance, 1 - a . b / (|a| |b|), is at most `threshold`, and keeps the `most` nearest. A
/// row of zeros is at distance 1 from all.
///
/// Memory is that of a few hundred rows, whatever the number of rows.
///
/// # Errors
///
/// [`Error::RowShape`] where the two sets' rows differ in shape; where rows can't be read.
pub fn near_duplicates(
    first: &dyn Samples,
    second: &dyn Samples,
    threshold: f64,
    most: usize,
) -> Result<NearDuplicates, Error> {
    if first.row_shape() != second.row_shape() {
        let (expected, found) = (first.row_shape().to_vec(), second.row_shape().to_vec());
        return Err(Error::RowShape { what: "second set", expected, found });
    }
    // The farthest of the kept is on top.
    let mut kept = BinaryHeap::new();
    let mut found = 0;
    for a in Block::all(first) {
        let a = Block::read(first, a)?;
        for b in Block::all(second) {
            let b = Block::read(second, b)?;
            let products = a.unit.matmul(&b.unit.t()?)?.to_vec2::<f32>()?;
            for (i, products) in products.iter().enumerate() {
                for (j, &product) in products.iter().enumerate() {
                    if 1.0 - f64::from(product) > threshold + ROUNDING {
                        continue;
                    }
                    let distance = cosine_distance(a.row(i), b.row(j));
                    if distance > threshold {
                        continue;
                    }
                    found += 1;
                    kept.push(Ranked(NearDuplicate { a: a.start + i, b: b.start + j, distance }));
                    if kept.len() > most {
                        kept.pop();
                    }
                }
            }
        }
    }
    let pairs = kept.into_sorted_vec().into_iter().map(|Ranked(pair)| pair).collect();
    Ok(NearDuplicates { pairs, found })
}

/// Rows that follow each other.
struct Block {
    start: usize,
    row: usize,
    values: Vec<f32>,
    /// The rows at length 1: `rows x values`.
    unit: Tensor,
}

impl Block {
    /// The blocks of a set.
    fn all(samples: &dyn Samples) -> impl Iterator<Item = std::ops::Range<usize>> + use<> {
        let rows = samples.rows();
        (0..rows).step_by(BLOCK).map(move |start| start..rows.min(start + BLOCK))
    }

    fn read(samples: &dyn Samples, range: std::ops::Range<usize>) -> Result<Self, Error> {
        let row: usize = samples.row_shape().iter().product();
        let indices: Vec<usize> = range.clone().collect();
        let mut values = vec![0.0; indices.len() * row];
        samples.read(&indices, &mut values).map_err(Error::Samples)?;
        let mut unit = values.clone();
        for row in unit.chunks_exact_mut(row) {
            let length = dot(row, row).sqrt();
            if length > 0.0 {
                row.iter_mut().for_each(|value| *value = (f64::from(*value) / length) as f32);
            }
        }
        let unit = Tensor::from_vec(unit, (indices.len(), row), &Device::Cpu)?;
        Ok(Self { start: range.start, row, values, unit })
    }

    fn row(&self, index: usize) -> &[f32] {
        &self.values[index * self.row..][..self.row]
    }
}

fn cosine_distance(a: &[f32], b: &[f32]) -> f64 {
    let lengths = (dot(a, a) * dot(b, b)).sqrt();
    if lengths > 0.0 { (1.0 - dot(a, b) / lengths).max(0.0) } else { 1.0 }
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

/// A pair in the order of its distance.
struct Ranked(NearDuplicate);

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let (this, other) = (self.0, other.0);
        this.distance.total_cmp(&other.distance).then((this.a, this.b).cmp(&(other.a, other.b)))
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ranked {}
