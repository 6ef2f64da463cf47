//! Pairs of rows of two sets that are almost the same.

use std::collections::BinaryHeap;

use crate::cosine::{Block, ROUNDING};
use crate::error::Error;
use crate::samples::Samples;

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

/// The pairs that were found.
#[derive(Debug, Clone, PartialEq)]
pub struct NearDuplicates {
    /// The nearest pairs, the nearest first. Pairs of equal distance are ordered by row of the first, then of the second set.
    pub pairs: Vec<NearDuplicate>,
    /// The number of all pairs within the threshold.
    pub found: usize,
}

/// Finds the pairs whose cosine distance, 1 - a . b / (|a| |b|), is at most `threshold`, and keeps the `most` nearest. A
/// row of zeros has distance 1 from all rows.
///
/// Holds a few hundred rows in memory, whatever the number of rows.
///
/// # Errors
///
/// [`Error::RowShape`] when the two sets' rows differ in shape; [`Error::Samples`] when rows can't be read.
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
    // The farthest pair of those kept is on top.
    let mut kept = BinaryHeap::new();
    let mut found = 0;
    for a in Block::all(first) {
        let a = Block::read(first, a)?;
        for b in Block::all(second) {
            let b = Block::read(second, b)?;
            for (i, similarities) in a.similarities(&b)?.iter().enumerate() {
                for (j, &similarity) in similarities.iter().enumerate() {
                    if 1.0 - f64::from(similarity) > threshold + ROUNDING {
                        continue;
                    }
                    let distance = a.distance(i, &b, j);
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

/// A pair, ordered by distance.
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
