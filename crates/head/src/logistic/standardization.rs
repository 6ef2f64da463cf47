//! Features of unlike scales brought to one.

use super::row_store::RowStore;
use crate::error::{Error, SamplesError};
use crate::samples::Samples;

/// The mean and the scale of each feature over some rows: (x - mean) / scale has the mean 0 and the variance 1.
///
/// The scale is the standard deviation with N in the denominator. A feature that is constant within rounding has the
/// scale 1, as in scikit-learn's `StandardScaler`, so it becomes 0 for these rows and stays finite for others.
#[derive(Debug, Clone, PartialEq)]
pub struct Standardization {
    /// The mean of each feature.
    pub mean: Vec<f64>,
    /// What each feature is divided by, > 0.
    pub scale: Vec<f64>,
}

impl Standardization {
    /// Of all rows of a source.
    ///
    /// # Errors
    ///
    /// [`Error::NoRows`] without rows; [`Error::NotFinite`] for a feature that is NaN or infinite; [`Error::Samples`] when the
    /// rows can't be read.
    pub fn of(samples: &dyn Samples) -> Result<Self, Error> {
        let rows: Vec<usize> = (0..samples.rows()).collect();
        Self::new(&RowStore::new("rows", samples)?, &rows)
    }

    /// Of the rows at `indices`.
    pub(super) fn new(store: &RowStore<'_>, indices: &[usize]) -> Result<Self, Error> {
        let count = indices.len() as f64;
        let mut buffer = Vec::new();
        let mut sums = |add: &dyn Fn(&mut [f64], &[f32])| {
            let mut sums = vec![0.0; store.row()];
            for indices in indices.chunks(store.rows_at_a_time()) {
                store.read(indices, &mut buffer)?.into_iter().for_each(|row| add(&mut sums, row));
            }
            sums.iter_mut().for_each(|sum| *sum /= count);
            Ok::<_, Error>(sums)
        };
        let mean = sums(&|sums, row| {
            sums.iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(x));
        })?;
        let variance = sums(&|sums, row| {
            for ((sum, &x), mean) in sums.iter_mut().zip(row).zip(&mean) {
                *sum += (f64::from(x) - mean).powi(2);
            }
        })?;
        let scale = |(&mean, &variance): (&f64, &f64)| {
            if is_constant(mean, variance, count) { 1.0 } else { variance.sqrt() }
        };
        let scale = mean.iter().zip(&variance).map(scale).collect();
        Ok(Self { mean, scale })
    }
}

/// The rows of a source with standardized features, rounded to f32.
#[derive(Clone, Copy)]
pub struct Standardized<'a> {
    /// The source.
    pub samples: &'a dyn Samples,
    /// How its features are standardized.
    pub standardization: &'a Standardization,
}

impl Samples for Standardized<'_> {
    fn rows(&self) -> usize {
        self.samples.rows()
    }

    fn row_shape(&self) -> &[usize] {
        self.samples.row_shape()
    }

    fn read(&self, indices: &[usize], out: &mut [f32]) -> Result<(), SamplesError> {
        self.samples.read(indices, out)?;
        let Standardization { mean, scale } = self.standardization;
        for row in out.chunks_exact_mut(mean.len().max(1)) {
            for ((value, mean), scale) in row.iter_mut().zip(mean).zip(scale) {
                *value = ((f64::from(*value) - mean) / scale) as f32;
            }
        }
        Ok(())
    }
}

impl std::fmt::Debug for Standardized<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Standardized").field("rows", &self.samples.rows()).finish_non_exhaustive()
    }
}

/// Whether a variance is no larger than what rounding makes of a constant: n eps variance + (n eps mean)^2, the bound of
/// T. Chan, G. Golub and R. LeVeque, "Algorithms for computing the sample variance", 1983, as scikit-learn applies it.
fn is_constant(mean: f64, variance: f64, count: f64) -> bool {
    let unit = count * f64::EPSILON;
    variance <= unit * variance + (unit * mean).powi(2)
}
