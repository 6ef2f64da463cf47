//! The nearest rows, found by comparing with all rows.

use std::ops::ControlFlow;

use crate::cosine::{Block, ROUNDING};
use crate::error::{Error, proceed};
use crate::samples::Samples;

/// For each query the `most` (>= 1) training rows at the smallest cosine distance, the nearest first, rows of equal
/// distance in their order.
///
/// Distances are compared in f64, so the answer is the same for all CPU instructions. Rows are read in blocks, so only a few
/// hundred are in memory. `on_block` is called before each pair of blocks and can end the search.
pub(super) fn nearest(
    training: &dyn Samples,
    queries: &dyn Samples,
    most: usize,
    on_block: &mut dyn FnMut() -> ControlFlow<()>,
) -> Result<Vec<Vec<usize>>, Error> {
    let mut nearest = Vec::with_capacity(queries.rows());
    for range in Block::all(queries) {
        let queries = Block::read(queries, range)?;
        // Distance and row, sorted.
        let mut kept: Vec<Vec<(f64, usize)>> = vec![Vec::new(); queries.rows()];
        for range in Block::all(training) {
            proceed(on_block())?;
            let block = Block::read(training, range)?;
            for (i, (similarities, kept)) in queries.similarities(&block)?.iter().zip(&mut kept).enumerate() {
                for (j, &similarity) in similarities.iter().enumerate() {
                    let farthest = kept.get(most - 1).map_or(f64::INFINITY, |(distance, _)| *distance);
                    if 1.0 - f64::from(similarity) > farthest + ROUNDING {
                        continue;
                    }
                    let distance = queries.distance(i, &block, j);
                    let place = kept.partition_point(|(nearer, _)| *nearer <= distance);
                    kept.insert(place, (distance, block.start + j));
                    kept.truncate(most);
                }
            }
        }
        nearest.extend(kept.into_iter().map(|kept| kept.into_iter().map(|(_, row)| row).collect()));
    }
    Ok(nearest)
}

/// The share of each class among each query's first `neighbours` rows: `queries x classes`.
pub(super) fn shares(nearest: &[Vec<usize>], labels: &[u32], neighbours: usize, classes: usize) -> Vec<f32> {
    let mut shares = vec![0.0; nearest.len() * classes];
    for (rows, shares) in nearest.iter().zip(shares.chunks_exact_mut(classes)) {
        let rows = &rows[..rows.len().min(neighbours)];
        rows.iter().for_each(|&row| shares[labels[row] as usize] += 1.0);
        shares.iter_mut().for_each(|share| *share /= rows.len() as f32);
    }
    shares
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::samples::InMemory;

    /// Every distance, sorted.
    fn naive(training: &[f32], query: &[f32], width: usize) -> Vec<usize> {
        let dot = |a: &[f32], b: &[f32]| -> f64 {
            a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
        };
        let distance = |row: &[f32]| {
            let lengths = dot(row, row).sqrt() * dot(query, query).sqrt();
            if lengths > 0.0 { (1.0 - dot(row, query) / lengths).max(0.0) } else { 1.0 }
        };
        let mut rows: Vec<(f64, usize)> =
            training.chunks(width).enumerate().map(|(index, row)| (distance(row), index)).collect();
        rows.sort_by(|a, b| a.0.total_cmp(&b.0));
        rows.into_iter().map(|(_, row)| row).collect()
    }

    proptest! {
        // Small whole numbers, whose sums are exact in any order, with many equal distances; 700 rows are three blocks.
        #[test]
        fn the_nearest_are_those_of_all_distances_sorted(
            width in 1..6_usize,
            training in proptest::collection::vec(0..4_u8, 6..700 * 5),
            queries in proptest::collection::vec(0..4_u8, 6..40),
            most in 1..20_usize,
        ) {
            let whole = |values: &[u8]| -> Vec<f32> {
                values[..values.len() / width * width].iter().map(|&value| value.into()).collect()
            };
            let (training, queries) = (whole(&training), whole(&queries));
            let rows = |values| InMemory::new(values, &[width]).unwrap();
            let found = nearest(&rows(&training), &rows(&queries), most, &mut || ControlFlow::Continue(())).unwrap();
            prop_assert_eq!(found.len(), queries.len() / width);
            for (found, query) in found.iter().zip(queries.chunks(width)) {
                let mut expected = naive(&training, query, width);
                expected.truncate(most);
                prop_assert_eq!(found, &expected);
            }
        }
    }

    #[test]
    fn shares_are_of_the_first_neighbours_and_of_all_where_there_are_fewer() {
        let nearest = [vec![2, 0, 1], vec![1, 0, 2]];
        assert_eq!(shares(&nearest, &[0, 0, 1], 1, 2), [0.0, 1.0, 1.0, 0.0]);
        assert_eq!(shares(&nearest, &[0, 0, 1], 2, 2), [0.5, 0.5, 1.0, 0.0]);
        assert_eq!(shares(&nearest[..1], &[0, 0, 1], 9, 2), [2.0 / 3.0, 1.0 / 3.0]);
    }
}
