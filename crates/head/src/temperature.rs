//! Probabilities that are as sure as they are right, by one number.

use serde::{Deserialize, Serialize};

use crate::error::{Error, check};
use crate::head::Head;
use crate::logits::Logits;

/// What the logits are divided by before sigmoid or softmax (C. Guo et al., "On calibration of modern neural networks",
/// 2017): above 1 the probabilities become less sure, below 1 surer. The order of the classes stays, so no answer changes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Temperature(f64);

impl Temperature {
    /// The smallest that is fitted. Logits that separate the classes have a smaller loss at every smaller temperature.
    pub const LOWEST: f64 = 0.05;

    /// The largest that is fitted. Logits that say nothing about the classes, or the opposite, have a smaller loss at every
    /// larger temperature.
    pub const HIGHEST: f64 = 20.0;

    /// A given temperature.
    ///
    /// # Errors
    ///
    /// [`Error::Option`] unless it is a number > 0.
    pub fn new(value: f64) -> Result<Self, Error> {
        check("temperature", value > 0.0 && value.is_finite(), "a number > 0", &value)?;
        Ok(Self(value))
    }

    /// The temperature between [`LOWEST`](Self::LOWEST) and [`HIGHEST`](Self::HIGHEST) at which the log loss is smallest. The
    /// logits must be those of rows that the model has not seen, such as
    /// [`StrengthChoice::held_out`](crate::logistic::StrengthChoice::held_out).
    ///
    /// The log loss is convex in 1 / temperature, so its derivative changes sign once at most. It is bisected until no
    /// number lies between.
    ///
    /// # Errors
    ///
    /// [`Error::LabelCount`], [`Error::Label`] or [`Error::NoRows`] when the labels do not fit.
    pub fn fit(logits: &Logits, labels: &[u32]) -> Result<Self, Error> {
        logits.check(labels)?;
        let rising = |factor: f64| {
            let slope = |(row, &label): (&[f64], &u32)| slope(row, label, factor);
            logits.rows().zip(labels).map(slope).sum::<f64>() > 0.0
        };
        let (mut low, mut high) = (1.0 / Self::HIGHEST, 1.0 / Self::LOWEST);
        if rising(low) {
            return Ok(Self(Self::HIGHEST));
        }
        if !rising(high) {
            return Ok(Self(Self::LOWEST));
        }
        loop {
            let middle = 0.5 * (low + high);
            if middle <= low || middle >= high {
                return Ok(Self(1.0 / middle));
            }
            if rising(middle) {
                high = middle;
            } else {
                low = middle;
            }
        }
    }

    /// The number.
    #[must_use]
    pub fn value(self) -> f64 {
        self.0
    }

    /// Logits at this temperature.
    #[must_use]
    pub fn of_logits(self, mut logits: Logits) -> Logits {
        logits.values_mut().iter_mut().for_each(|logit| *logit /= self.0);
        logits
    }

    /// Divides the kernel and the bias of a head's last Dense layer, so that it gives the probabilities at this
    /// temperature.
    ///
    /// # Errors
    ///
    /// [`Error::NoDense`] for a head without a Dense layer; [`Error::Candle`] when the device fails.
    pub fn apply(self, head: &mut Head) -> Result<(), Error> {
        let output = head.output().ok_or(Error::NoDense)?;
        for parameter in std::iter::once(output.kernel()).chain(output.bias()) {
            parameter.set(&(parameter.as_tensor() / self.0)?)?;
        }
        Ok(())
    }
}

/// The derivative of a row's loss by the factor of its logits: (mean of the logits by their probabilities) - (the label's).
fn slope(row: &[f64], label: u32, factor: f64) -> f64 {
    if let &[logit] = row {
        let away = if label == 1 { -logit } else { logit };
        return away / (1.0 + (-factor * away).exp());
    }
    let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let (mut total, mut weighted) = (0.0, 0.0);
    for logit in row {
        let share = (factor * (logit - largest)).exp();
        total += share;
        weighted += share * (logit - largest);
    }
    weighted / total - (row[label as usize] - largest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_hold_where_the_loss_has_no_minimum() {
        let of = |values: Vec<f64>, units, labels: &[u32]| {
            Temperature::fit(&Logits::new(values, units).unwrap(), labels).unwrap().value()
        };
        assert_eq!(of(vec![-3.0, 2.0, 50.0], 1, &[0, 1, 1]), Temperature::LOWEST);
        assert_eq!(of(vec![-3.0, 2.0, 50.0], 1, &[1, 0, 0]), Temperature::HIGHEST);
        assert_eq!(of(vec![2.0, 0.0, 0.0, 0.0, 1.0, 0.0], 3, &[0, 1]), Temperature::LOWEST);
        assert_eq!(of(vec![1e300, -1e300], 1, &[1, 0]), Temperature::LOWEST);
        // All equal: every temperature is as good.
        assert!((Temperature::LOWEST..=Temperature::HIGHEST).contains(&of(vec![0.0; 4], 2, &[0, 1])));
        assert!(Temperature::new(0.0).is_err() && Temperature::new(f64::NAN).is_err());
    }
}
