//! Features of unlike scales brought to one.

use super::row_store::RowStore;
use crate::error::Error;

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

/// Whether a variance is no larger than what rounding makes of a constant: n eps variance + (n eps mean)^2, the bound of
/// T. Chan, G. Golub and R. LeVeque, "Algorithms for computing the sample variance", 1983, as scikit-learn applies it.
fn is_constant(mean: f64, variance: f64, count: f64) -> bool {
    let unit = count * f64::EPSILON;
    variance <= unit * variance + (unit * mean).powi(2)
}
