//! Pairs of rows, of two sets or of one, that are almost the same.

use std::collections::BinaryHeap;
use std::ops::ControlFlow;

use crate::cosine::{Block, ROUNDING};
use crate::error::{Error, proceed};
use crate::samples::Samples;

/// A row of the first set and a row of the second, which may be the same set.
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
            pairs_of(&a, &b, threshold, &mut |pair| {
                found += 1;
                kept.push(Ranked(pair));
                if kept.len() > most {
                    kept.pop();
                }
            })?;
        }
    }
    let pairs = kept.into_sorted_vec().into_iter().map(|Ranked(pair)| pair).collect();
    Ok(NearDuplicates { pairs, found })
}

/// Calls `on_pair` with each pair of rows of one set whose cosine distance is at most `threshold`; `a` is below `b`. The order
/// of the pairs is always the same. After each block of rows `on_rows` hears how many rows were compared with all rows after
/// them, and can end it.
///
/// # Errors
///
/// [`Error::Samples`] when rows can't be read; [`Error::Interrupted`] when `on_rows` answers with `Break`.
pub fn near_duplicates_within(
    samples: &dyn Samples,
    threshold: f64,
    on_pair: &mut dyn FnMut(NearDuplicate),
    on_rows: &mut dyn FnMut(usize) -> ControlFlow<()>,
) -> Result<(), Error> {
    let blocks: Vec<_> = Block::all(samples).collect();
    for (position, range) in blocks.iter().enumerate() {
        let a = Block::read(samples, range.clone())?;
        for range in &blocks[position..] {
            let b = Block::read(samples, range.clone())?;
            pairs_of(&a, &b, threshold, &mut |pair| {
                if pair.a < pair.b {
                    on_pair(pair);
                }
            })?;
        }
        proceed(on_rows(range.end))?;
    }
    Ok(())
}

/// The pairs of two blocks. The similarities in f32 tell which pairs need a distance in f64.
fn pairs_of(
    a: &Block,
    b: &Block,
    threshold: f64,
    on_pair: &mut dyn FnMut(NearDuplicate),
) -> Result<(), Error> {
    for (i, similarities) in a.similarities(b)?.iter().enumerate() {
        for (j, &similarity) in similarities.iter().enumerate() {
            if 1.0 - f64::from(similarity) > threshold + ROUNDING {
                continue;
            }
            let distance = a.distance(i, b, j);
            if distance <= threshold {
                on_pair(NearDuplicate { a: a.start + i, b: b.start + j, distance });
            }
        }
    }
    Ok(())
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
