//! The rows of one set that are most like a row of another.

use crate::cosine::{Block, ROUNDING};
use crate::error::Error;
use crate::samples::Samples;

/// A row, and how far it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbour {
    /// Its place in its set.
    pub row: usize,
    /// Its cosine distance, in [0, 2].
    pub distance: f64,
}

/// For each row of `of`, the `most` rows of `among` with the smallest cosine distance, the nearest first; of equal ones that
/// with the smaller number. `allowed` says of a row of `of` and a row of `among` whether the second may be one. A row of zeros
/// has distance 1 from all rows.
///
/// Holds a few hundred rows in memory, whatever the number of rows.
///
/// # Errors
///
/// [`Error::RowShape`] when the two sets' rows differ in shape; [`Error::Samples`] when rows can't be read.
pub fn nearest(
    of: &dyn Samples,
    among: &dyn Samples,
    most: usize,
    allowed: &dyn Fn(usize, usize) -> bool,
) -> Result<Vec<Vec<Neighbour>>, Error> {
    if of.row_shape() != among.row_shape() {
        let (expected, found) = (of.row_shape().to_vec(), among.row_shape().to_vec());
        return Err(Error::RowShape { what: "set of neighbours", expected, found });
    }
    let mut kept: Vec<Vec<Neighbour>> = vec![Vec::new(); of.rows()];
    for a in Block::all(of) {
        let a = Block::read(of, a)?;
        for b in Block::all(among) {
            let b = Block::read(among, b)?;
            for (i, similarities) in a.similarities(&b)?.iter().enumerate() {
                let kept = &mut kept[a.start + i];
                for (j, &similarity) in similarities.iter().enumerate() {
                    let farthest = kept.get(most.wrapping_sub(1)).map_or(f64::INFINITY, |last| last.distance);
                    if 1.0 - f64::from(similarity) > farthest + ROUNDING || !allowed(a.start + i, b.start + j)
                    {
                        continue;
                    }
                    let found = Neighbour { row: b.start + j, distance: a.distance(i, &b, j) };
                    let place = kept.partition_point(|other| other.distance <= found.distance);
                    kept.insert(place, found);
                    kept.truncate(most);
                }
            }
        }
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::samples::InMemory;

    proptest! {
        #[test]
        fn they_are_those_that_a_sort_of_all_distances_gives(
            a in prop::collection::vec(-1.0_f32..1.0, 3 * 7),
            b in prop::collection::vec(-1.0_f32..1.0, 3 * 300),
            most in 0..5_usize,
        ) {
            let (of, among) = (InMemory::new(&a, &[3]).unwrap(), InMemory::new(&b, &[3]).unwrap());
            let odd = |_: usize, row: usize| row % 2 == 1;
            let found = nearest(&of, &among, most, &odd).unwrap();
            let (a, b) = (Block::read(&of, 0..7).unwrap(), Block::read(&among, 0..300).unwrap());
            for (i, found) in found.iter().enumerate() {
                let allowed = (0..300).filter(|row| odd(i, *row));
                let mut all: Vec<(f64, usize)> = allowed.map(|j| (a.distance(i, &b, j), j)).collect();
                all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
                all.truncate(most);
                prop_assert_eq!(found.iter().map(|found| (found.distance, found.row)).collect::<Vec<_>>(), all);
            }
        }
    }

    #[test]
    fn rows_of_another_shape_are_refused() {
        let (of, among) = (InMemory::new(&[1.0, 2.0], &[2]).unwrap(), InMemory::new(&[1.0], &[1]).unwrap());
        assert!(matches!(nearest(&of, &among, 1, &|_, _| true), Err(Error::RowShape { .. })));
    }
}
