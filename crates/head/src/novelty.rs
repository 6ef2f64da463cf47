//! How unlike a row is to all rows that a head was fitted to.
//!
//! The measure is the cosine distance of a row's features to the nearest class's mean. Of the measures that were tried with
//! EfficientNet-Lite2 on the shipped images and on photographs of ten classes with one class left out (means and nearest
//! neighbours of raw and of standardized features, Mahalanobis and relative Mahalanobis distances in 32 to 256 components,
//! what the components leave over), it refused as many strange images as any at one refused image in a hundred, and it
//! needs one row of features a class.

use crate::error::{Error, check};
use crate::samples::{Labelled, Samples};

/// Rows that are read at a time.
const AT_A_TIME: usize = 256;

/// The mean of each class's rows, brought to length 1 and rounded to f32, as files keep it.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassMeans {
    values: Vec<f32>,
    row: usize,
}

impl ClassMeans {
    /// Of labelled rows. A class without rows gets a mean of zeros, which is at distance 1 from everything.
    ///
    /// # Errors
    ///
    /// [`Error::NoRows`], [`Error::LabelCount`] or [`Error::Label`] when the labels do not fit; [`Error::Samples`] when rows
    /// can't be read.
    pub fn of(data: Labelled<'_>, classes: usize) -> Result<Self, Error> {
        let rows: Vec<usize> = (0..data.labels.len()).collect();
        Self::of_rows(data, classes, &rows)
    }

    /// From stored values, `classes x row`.
    ///
    /// # Errors
    ///
    /// [`Error::RowLength`] when the values are not a whole number of rows.
    pub fn new(values: Vec<f32>, row: usize) -> Result<Self, Error> {
        if row == 0 || !values.len().is_multiple_of(row) {
            return Err(Error::RowLength { row_shape: vec![row], row, found: values.len() });
        }
        Ok(Self { values, row })
    }

    /// The means, one after the other: `classes x row`.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    fn of_rows(data: Labelled<'_>, classes: usize, rows: &[usize]) -> Result<Self, Error> {
        const WHAT: &str = "rows to learn the classes' means from";
        let Labelled { samples, labels } = data;
        if samples.rows() != labels.len() {
            let (rows, labels) = (samples.rows(), labels.len());
            return Err(Error::LabelCount { what: WHAT, rows, labels });
        }
        if rows.is_empty() {
            return Err(Error::NoRows(WHAT));
        }
        let row = samples.row_shape().iter().product::<usize>().max(1);
        let mut sums = vec![0.0_f64; classes * row];
        for_each_row(samples, rows, &mut |index, values| {
            let found = labels[index];
            let Some(sum) = sums.chunks_exact_mut(row).nth(found as usize) else {
                return Err(Error::Label { what: WHAT, row: index, classes, found });
            };
            sum.iter_mut().zip(values).for_each(|(sum, &value)| *sum += f64::from(value));
            Ok(())
        })?;
        // The direction of a mean is that of its sum.
        for mean in sums.chunks_exact_mut(row) {
            let length = mean.iter().map(|value| value * value).sum::<f64>().sqrt();
            if length > 0.0 {
                mean.iter_mut().for_each(|value| *value /= length);
            }
        }
        Ok(Self { values: sums.into_iter().map(|value| value as f32).collect(), row })
    }

    /// The cosine distance of one row to the nearest mean, in [0, 2]; 1 for a row of zeros.
    #[must_use]
    pub fn distance(&self, row: &[f32]) -> f64 {
        let length = row.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt();
        let similarity = |mean: &[f32]| {
            let product: f64 = row.iter().zip(mean).map(|(&x, &m)| f64::from(x) * f64::from(m)).sum();
            if length > 0.0 { product / length } else { 0.0 }
        };
        let nearest = self.values.chunks_exact(self.row).map(similarity).fold(-1.0, f64::max);
        (1.0 - nearest).clamp(0.0, 2.0)
    }

    /// The distances of some rows.
    ///
    /// # Errors
    ///
    /// [`Error::RowShape`] for rows of another length; [`Error::Samples`] when rows can't be read.
    pub fn distances(&self, samples: &dyn Samples) -> Result<Vec<f64>, Error> {
        if samples.row_shape().iter().product::<usize>() != self.row {
            let (expected, found) = (vec![self.row], samples.row_shape().to_vec());
            return Err(Error::RowShape { what: "rows to compare with the classes' means", expected, found });
        }
        let rows: Vec<usize> = (0..samples.rows()).collect();
        self.distances_of(samples, &rows)
    }

    fn distances_of(&self, samples: &dyn Samples, rows: &[usize]) -> Result<Vec<f64>, Error> {
        let mut distances = Vec::with_capacity(rows.len());
        for_each_row(samples, rows, &mut |_, row| {
            distances.push(self.distance(row));
            Ok(())
        })?;
        Ok(distances)
    }
}

/// The distance of each row to the means of the rows of the other folds. `fold_of` has the fold of each row, in 0..folds.
///
/// # Errors
///
/// As [`ClassMeans::of`]; [`Error::Option`] when there is not a fold for each row.
pub fn held_out_distances(
    data: Labelled<'_>,
    classes: usize,
    fold_of: &[usize],
    folds: usize,
) -> Result<Vec<f64>, Error> {
    let fits = fold_of.len() == data.labels.len() && fold_of.iter().all(|&fold| fold < folds);
    check("folds", fits, "a fold for each row", &fold_of.len())?;
    let mut all = vec![0.0; fold_of.len()];
    for fold in 0..folds {
        let (judged, others): (Vec<usize>, Vec<usize>) =
            (0..fold_of.len()).partition(|&row| fold_of[row] == fold);
        let means = ClassMeans::of_rows(data, classes, &others)?;
        for (&row, distance) in judged.iter().zip(means.distances_of(data.samples, &judged)?) {
            all[row] = distance;
        }
    }
    Ok(all)
}

/// The distance beyond which a share of known rows lies: that of the row in place ceil((n + 1) (1 - share)) of n, which at most
/// the share of further rows exceeds on average (V. Vovk et al., "Algorithmic Learning in a Random World", 2005, conformal
/// prediction); the largest where there are too few rows for that. None without rows.
#[must_use]
pub fn distance_refusing(distances: &[f64], share: f64) -> Option<f64> {
    let mut sorted = distances.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    // By a rounding error more, 0.99 x 100 would be place 100.
    let place = ((sorted.len() + 1) as f64 * (1.0 - share.clamp(0.0, 1.0)) - 1e-9).ceil() as usize;
    Some(sorted[place.saturating_sub(1).min(last)])
}

/// Takes the position and the values of a row.
type UseRow<'a> = dyn FnMut(usize, &[f32]) -> Result<(), Error> + 'a;

/// Calls `use_row` with the position and the values of each of some rows.
fn for_each_row(samples: &dyn Samples, rows: &[usize], use_row: &mut UseRow<'_>) -> Result<(), Error> {
    let row = samples.row_shape().iter().product::<usize>().max(1);
    let mut values = Vec::new();
    for rows in rows.chunks(AT_A_TIME) {
        values.resize(rows.len() * row, 0.0);
        samples.read(rows, &mut values)?;
        for (&index, values) in rows.iter().zip(values.chunks_exact(row)) {
            use_row(index, values)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::InMemory;

    #[test]
    fn a_row_is_as_near_as_the_nearest_class_in_any_length() {
        let values = [2.0, 0.0, 0.0, 4.0, 0.1, 0.0, 0.0, 1.0, 0.0, 0.0, 3.0, 0.0];
        let samples = InMemory::new(&values, &[3]).unwrap();
        let data = Labelled { samples: &samples, labels: &[0, 0, 1, 1] };
        let means = ClassMeans::of(data, 3).unwrap();
        assert_eq!(means.values().len(), 9);
        let stored = ClassMeans::new(means.values().to_vec(), 3).unwrap();
        assert!(stored.distance(&[5.0, 0.0, 0.0]) < 1e-3);
        assert!(stored.distance(&[0.0, -1.0, 0.0]) > 0.9);
        assert_eq!(stored.distance(&[0.0; 3]), 1.0);
        assert!(ClassMeans::of(Labelled { samples: &samples, labels: &[0, 0, 1, 3] }, 3).is_err());
        assert!(means.distances(&InMemory::new(&values, &[2]).unwrap()).is_err());
    }

    #[test]
    fn held_out_rows_are_compared_with_the_other_folds() {
        let values = [1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0];
        let samples = InMemory::new(&values, &[2]).unwrap();
        let data = Labelled { samples: &samples, labels: &[0, 0, 0, 0] };
        let found = held_out_distances(data, 1, &[0, 1, 1, 1], 2).unwrap();
        // The first against (0, 1) + (1, 0) + (1, 1), the others against (1, 0).
        let expected = [1.0 - 0.5_f64.sqrt(), 1.0, 0.0, 1.0 - 0.5_f64.sqrt()];
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?}");
        assert!(held_out_distances(data, 1, &[0, 1], 2).is_err());
    }

    #[test]
    fn the_threshold_refuses_the_share_and_few_rows_refuse_none() {
        let distances: Vec<f64> = (1..=999).map(f64::from).collect();
        assert_eq!(distance_refusing(&distances, 0.01), Some(990.0));
        assert_eq!(distance_refusing(&distances[..50], 0.01), Some(50.0));
        assert_eq!(distance_refusing(&distances, 1.0), Some(1.0));
        assert_eq!(distance_refusing(&[], 0.01), None);
    }
}
