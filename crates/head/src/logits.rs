//! Logits in f64, as a model gives them before sigmoid or softmax.

use crate::analysis::Probabilities;
use crate::error::Error;

/// The logits of some rows, `N x units`: one unit for two classes, whose logit is that of class 1; else one a class.
#[derive(Debug, Clone, PartialEq)]
pub struct Logits {
    values: Vec<f64>,
    units: usize,
}

impl Logits {
    /// From rows of `units` logits, one after the other.
    ///
    /// # Errors
    ///
    /// [`Error::RowLength`] when `values` is not a whole number of rows.
    pub fn new(values: Vec<f64>, units: usize) -> Result<Self, Error> {
        if units == 0 || !values.len().is_multiple_of(units) {
            return Err(Error::RowLength { row_shape: vec![units], row: units, found: values.len() });
        }
        Ok(Self { values, units })
    }

    /// The number of units of a model for some classes.
    pub(crate) fn units_for(classes: usize) -> usize {
        if classes == 2 { 1 } else { classes }
    }

    /// The number of rows.
    #[must_use]
    pub fn count(&self) -> usize {
        self.values.len() / self.units
    }

    /// The number of classes, at least 2.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.units.max(2)
    }

    /// The rows, in order.
    pub fn rows(&self) -> std::slice::ChunksExact<'_, f64> {
        self.values.chunks_exact(self.units)
    }

    /// Those of some rows.
    pub(crate) fn of_rows(&self, rows: &[usize]) -> Self {
        let values = rows.iter().flat_map(|&row| &self.values[row * self.units..][..self.units]);
        Self { values: values.copied().collect(), units: self.units }
    }

    /// The values, to be changed.
    pub(crate) fn values_mut(&mut self) -> &mut [f64] {
        &mut self.values
    }

    /// The probability of each class in each row: sigmoid(-z) and sigmoid(z) of one unit, softmax of more.
    ///
    /// # Errors
    ///
    /// Never, for logits that [`new`](Self::new) accepted.
    pub fn probabilities(&self) -> Result<Probabilities, Error> {
        let mut values = Vec::with_capacity(self.count() * self.classes());
        for row in self.rows() {
            if let &[logit] = row {
                values.extend([-logit, logit].map(|z| (1.0 / (1.0 + (-z).exp())) as f32));
                continue;
            }
            let total = log_sum_exp(row);
            values.extend(row.iter().map(|z| (z - total).exp() as f32));
        }
        Probabilities::new(values, self.classes())
    }

    /// The mean cross-entropy, without a clip: [`Predictions::loss`](crate::evaluation::Predictions::loss) is smaller where
    /// a probability is below 1e-7.
    ///
    /// # Errors
    ///
    /// [`Error::LabelCount`] or [`Error::Label`] when the labels do not fit; [`Error::NoRows`] without rows.
    pub fn log_loss(&self, labels: &[u32]) -> Result<f64, Error> {
        self.check(labels)?;
        let losses = self.rows().zip(labels).map(|(row, &label)| cross_entropy(row, label));
        Ok(losses.sum::<f64>() / labels.len() as f64)
    }

    /// Checks that there is a label for each row.
    pub(crate) fn check(&self, labels: &[u32]) -> Result<(), Error> {
        let (what, rows, classes) = ("logits", self.count(), self.classes());
        if rows == 0 {
            return Err(Error::NoRows(what));
        }
        if rows != labels.len() {
            return Err(Error::LabelCount { what, rows, labels: labels.len() });
        }
        match labels.iter().position(|&label| label as usize >= classes) {
            Some(row) => Err(Error::Label { what, row, classes, found: labels[row] }),
            None => Ok(()),
        }
    }
}

/// log(sum exp(z)) >= the label's logit, so the loss is never below 0. For one unit softplus(z) - z y.
pub(crate) fn cross_entropy(logits: &[f64], label: u32) -> f64 {
    if let &[logit] = logits {
        // -log sigmoid(z) = softplus(-z).
        let away = if label == 1 { -logit } else { logit };
        return away.max(0.0) + (-away.abs()).exp().ln_1p();
    }
    log_sum_exp(logits) - logits[label as usize]
}

/// The largest value is subtracted first, so that nothing overflows.
fn log_sum_exp(logits: &[f64]) -> f64 {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    largest + logits.iter().map(|z| (z - largest).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_unit_means_the_same_as_two() {
        let one = Logits::new(vec![-40.0, -0.5, 0.0, 3.0, 800.0], 1).unwrap();
        let two = Logits::new(one.rows().flat_map(|row| [0.0, row[0]]).collect(), 2).unwrap();
        let labels = [1, 0, 1, 0, 0];
        let (first, second) = (one.log_loss(&labels).unwrap(), two.log_loss(&labels).unwrap());
        assert!((first - second).abs() < 1e-12, "{first} {second}");
        let (one, two) = (one.probabilities().unwrap(), two.probabilities().unwrap());
        for (one, two) in one.rows().flatten().zip(two.rows().flatten()) {
            assert!((one - two).abs() < 1e-7, "{one} {two}");
        }
    }

    #[test]
    fn labels_that_do_not_fit_are_refused() {
        let logits = Logits::new(vec![0.0; 6], 3).unwrap();
        assert!(matches!(logits.log_loss(&[0]), Err(Error::LabelCount { rows: 2, labels: 1, .. })));
        assert!(matches!(logits.log_loss(&[0, 3]), Err(Error::Label { row: 1, classes: 3, found: 3, .. })));
        assert!(matches!(Logits::new(vec![], 1).unwrap().log_loss(&[]), Err(Error::NoRows(_))));
        assert!(matches!(Logits::new(vec![0.0], 2), Err(Error::RowLength { .. })));
    }
}
