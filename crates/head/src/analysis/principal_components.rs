//! The directions in which rows differ most (K. Pearson, "On lines and planes of closest fit", 1901).

use crate::error::Error;
use crate::random::{Random, Stream};
use crate::samples::Samples;

/// A direction is found when what is missing of it is smaller than this share of the largest variance.
const TOLERANCE: f64 = 1e-10;

/// Steps between two looks at what was found.
const STEPS: usize = 16;

/// Where rows lie along their principal components.
#[derive(Debug, Clone, PartialEq)]
pub struct PrincipalComponents {
    /// `rows x count`: the place of each row along each component, the mean of all rows at 0. The sign of a component is that
    /// which makes its largest coordinate positive.
    pub coordinates: Vec<Vec<f64>>,
    /// The share of the variance that each component has, the largest first, in [0, 1].
    pub shares: Vec<f64>,
}

/// The first `count` principal components of rows that are scaled to length 1, so that near means alike in the sense of the
/// cosine distance. A row of zeros stays as it is. Components beyond those that the rows have are 0.
///
/// It is the Lanczos method with full orthogonalization on the covariance, in f64 and in one order, run until the components
/// are exact to about 1e-10 of the largest variance (C. Lanczos, "An iteration method for the solution of the eigenvalue
/// problem", 1950). The same rows give the same bits. All rows are held in memory: give it a
/// [`Subset`](crate::Subset) of many.
///
/// # Errors
///
/// [`Error::Samples`] when rows can't be read.
pub fn principal_components(samples: &dyn Samples, count: usize) -> Result<PrincipalComponents, Error> {
    let rows = Centred::read(samples)?;
    let total: f64 = rows.values.iter().map(|value| value * value).sum();
    let directions = if total > 0.0 { rows.directions(count) } else { Vec::new() };
    let mut coordinates = vec![vec![0.0; count]; rows.count];
    let mut shares = vec![0.0; count];
    for (component, direction) in directions.iter().enumerate() {
        let mut along = rows.times(direction);
        let largest =
            along.iter().fold(0.0_f64, |most, value| if value.abs() > most.abs() { *value } else { most });
        if largest < 0.0 {
            along.iter_mut().for_each(|value| *value = -*value);
        }
        shares[component] = (dot(&along, &along) / total).min(1.0);
        for (row, value) in coordinates.iter_mut().zip(along) {
            row[component] = value;
        }
    }
    Ok(PrincipalComponents { coordinates, shares })
}

/// Rows of length 1 without their mean.
struct Centred {
    count: usize,
    row: usize,
    values: Vec<f64>,
}

impl Centred {
    fn read(samples: &dyn Samples) -> Result<Self, Error> {
        let (count, row) = (samples.rows(), samples.row_shape().iter().product::<usize>());
        let indices: Vec<usize> = (0..count).collect();
        let mut single = vec![0.0_f32; count * row];
        samples.read(&indices, &mut single)?;
        let mut values: Vec<f64> = single.into_iter().map(f64::from).collect();
        let mut mean = vec![0.0; row];
        for row in values.chunks_exact_mut(row.max(1)) {
            scale_to_one(row);
            mean.iter_mut().zip(row).for_each(|(mean, value)| *mean += *value / count as f64);
        }
        for row in values.chunks_exact_mut(row.max(1)) {
            row.iter_mut().zip(&mean).for_each(|(value, mean)| *value -= mean);
        }
        Ok(Self { count, row, values })
    }

    /// The product with each row.
    fn times(&self, direction: &[f64]) -> Vec<f64> {
        self.values.chunks_exact(self.row).map(|row| dot(row, direction)).collect()
    }

    /// The sum of the rows, each times a weight.
    fn weighted_sum(&self, weights: &[f64]) -> Vec<f64> {
        let mut sum = vec![0.0; self.row];
        for (row, weight) in self.values.chunks_exact(self.row).zip(weights) {
            sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += weight * value);
        }
        sum
    }

    /// Directions of length 1 and at right angles to each other, that of the largest variance first.
    fn directions(&self, count: usize) -> Vec<Vec<f64>> {
        let most = self.count.min(self.row);
        let mut random = Random::new(0, Stream::Initialization);
        let mut basis: Vec<Vec<f64>> = Vec::new();
        // The covariance in this basis: its diagonal, and what is beside it.
        let (mut diagonal, mut beside): (Vec<f64>, Vec<f64>) = (Vec::new(), Vec::new());
        let mut next = None;
        loop {
            for _ in 0..STEPS {
                if basis.len() == most {
                    break;
                }
                // Without a next direction the rows have none that the basis reaches; a random one finds the others.
                let direction = next.take().or_else(|| self.fresh(&basis, &mut random));
                let Some(direction) = direction else { break };
                let mut image = self.weighted_sum(&self.times(&direction));
                diagonal.push(dot(&image, &direction));
                basis.push(direction);
                remove(&mut image, &basis);
                let length = dot(&image, &image).sqrt();
                let scale = diagonal.iter().fold(f64::MIN_POSITIVE, |most: f64, value| most.max(value.abs()));
                if length > scale * 1e-13 {
                    image.iter_mut().for_each(|value| *value /= length);
                    beside.push(length);
                    next = Some(image);
                } else {
                    beside.push(0.0);
                }
            }
            let steps = basis.len();
            let (values, vectors) = eigen(&diagonal, &beside[..steps.saturating_sub(1)]);
            let mut order: Vec<usize> = (0..steps).collect();
            order.sort_by(|&a, &b| values[b].total_cmp(&values[a]).then(a.cmp(&b)));
            order.truncate(count);
            let largest = order.first().map_or(0.0, |&first| values[first]);
            let missing = |&place: &usize| {
                let last = vectors.get(steps.wrapping_sub(1)).map_or(0.0, |row| row[place]);
                (beside.last().copied().unwrap_or(0.0) * last).abs()
            };
            // A basis that begins anew may still find a component; one that goes on has found those that it has.
            let found = order.len() == count
                && next.is_some()
                && order.iter().all(|place| missing(place) <= TOLERANCE * largest);
            let whole = steps == most
                || (next.is_none() && steps < most && self.fresh(&basis, &mut random.clone()).is_none());
            if found || whole {
                let direction = |&place: &usize| {
                    let mut direction = vec![0.0; self.row];
                    for (vector, weights) in basis.iter().zip(&vectors) {
                        direction
                            .iter_mut()
                            .zip(vector)
                            .for_each(|(sum, value)| *sum += weights[place] * value);
                    }
                    direction
                };
                return order.iter().map(direction).collect();
            }
        }
    }

    /// A random direction among those of the rows, at right angles to a basis; none where the basis has them all.
    fn fresh(&self, basis: &[Vec<f64>], random: &mut Random) -> Option<Vec<f64>> {
        let weights: Vec<f64> = (0..self.count).map(|_| f64::from(random.uniform()) - 0.5).collect();
        let mut direction = self.weighted_sum(&weights);
        let before = dot(&direction, &direction).sqrt();
        remove(&mut direction, basis);
        let length = dot(&direction, &direction).sqrt();
        if length <= before * 1e-10 {
            return None;
        }
        direction.iter_mut().for_each(|value| *value /= length);
        Some(direction)
    }
}

/// Takes away what of a vector lies along a basis; twice, for the first time leaves rounding.
fn remove(vector: &mut [f64], basis: &[Vec<f64>]) {
    for _ in 0..2 {
        for direction in basis {
            let along = dot(vector, direction);
            vector.iter_mut().zip(direction).for_each(|(value, part)| *value -= along * part);
        }
    }
}

fn scale_to_one(row: &mut [f64]) {
    let length = dot(row, row).sqrt();
    if length > 0.0 {
        row.iter_mut().for_each(|value| *value /= length);
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The eigenvalues of a symmetric tridiagonal matrix, and its eigenvectors as columns, by Jacobi's rotations in turn (G. Golub,
/// C. Van Loan, "Matrix Computations", 4th edition, section 8.5).
fn eigen(diagonal: &[f64], beside: &[f64]) -> (Vec<f64>, Vec<Vec<f64>>) {
    let n = diagonal.len();
    let mut matrix = vec![vec![0.0; n]; n];
    let mut vectors = matrix.clone();
    for i in 0..n {
        matrix[i][i] = diagonal[i];
        vectors[i][i] = 1.0;
        if let Some(&value) = beside.get(i) {
            matrix[i][i + 1] = value;
            matrix[i + 1][i] = value;
        }
    }
    let size = diagonal.iter().chain(beside).fold(0.0_f64, |most, value| most.max(value.abs()));
    // It converges in fewer than ten rounds.
    for _ in 0..64 {
        let mut rotated = false;
        for p in 0..n {
            for q in p + 1..n {
                if matrix[p][q].abs() <= size * 1e-17 {
                    continue;
                }
                rotated = true;
                let theta = (matrix[q][q] - matrix[p][p]) / (2.0 * matrix[p][q]);
                let tangent = theta.signum() / (theta.abs() + theta.hypot(1.0));
                let cosine = 1.0 / tangent.hypot(1.0);
                let sine = tangent * cosine;
                for row in &mut matrix {
                    (row[p], row[q]) = (cosine * row[p] - sine * row[q], sine * row[p] + cosine * row[q]);
                }
                let (upper, lower) = matrix.split_at_mut(q);
                for (a, b) in upper[p].iter_mut().zip(&mut lower[0]) {
                    (*a, *b) = (cosine * *a - sine * *b, sine * *a + cosine * *b);
                }
                for row in &mut vectors {
                    (row[p], row[q]) = (cosine * row[p] - sine * row[q], sine * row[p] + cosine * row[q]);
                }
            }
        }
        if !rotated {
            break;
        }
    }
    ((0..n).map(|i| matrix[i][i]).collect(), vectors)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::samples::InMemory;

    fn of(values: &[f32], row: usize, count: usize) -> PrincipalComponents {
        principal_components(&InMemory::new(values, &[row]).unwrap(), count).unwrap()
    }

    #[test]
    fn equal_variances_are_all_found() {
        // Six rows of length 1 along three axes: three components, each with a third of the variance.
        let mut values = vec![0.0; 18];
        for axis in 0..3 {
            values[axis * 6 + axis] = 1.0;
            values[axis * 6 + 3 + axis] = -1.0;
        }
        for share in of(&values, 3, 3).shares {
            assert!((share - 1.0 / 3.0).abs() < 1e-12, "{share}");
        }
    }

    #[test]
    fn rows_that_do_not_differ_or_are_few_have_no_more_components() {
        assert_eq!(of(&[1.0, 2.0, 2.0, 4.0], 2, 2).shares, [0.0, 0.0]);
        assert_eq!(of(&[0.0, 0.0, 0.0], 3, 2).coordinates, [[0.0, 0.0]]);
        let two = of(&[1.0, 0.0, 0.0, 1.0], 2, 2);
        assert!((two.shares[0] - 1.0).abs() < 1e-12 && two.shares[1] < 1e-12, "{two:?}");
    }

    proptest! {
        #[test]
        fn components_are_uncorrelated_and_all_of_them_have_all_the_variance(
            values in prop::collection::vec(-1.0_f32..1.0, 5 * 40),
        ) {
            let found = of(&values, 5, 5);
            let column = |i: usize| found.coordinates.iter().map(move |row| row[i]).collect::<Vec<_>>();
            prop_assert!((found.shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
            prop_assert!(found.shares.is_sorted_by(|a, b| a >= b));
            for i in 0..5 {
                prop_assert!(column(i).iter().sum::<f64>().abs() < 1e-9);
                for j in 0..i {
                    prop_assert!(dot(&column(i), &column(j)).abs() < 1e-9, "{i} {j}");
                }
            }
        }
    }
}
