//! Probabilities of two classes that are as sure as they are right, by two numbers.

use serde::{Deserialize, Serialize};

use crate::error::{Error, check};
use crate::head::Head;
use crate::logits::Logits;

/// Steps of Newton's method at most. A convex function of two numbers needs about ten.
const STEPS: usize = 100;

/// Halvings of a step at most; 2^-40 of it changes nothing.
const HALVINGS: i32 = 40;

/// A fit ends when no derivative of the mean loss is larger in absolute value.
const TOLERANCE: f64 = 1e-10;

/// What becomes of the logit z of class 1 before sigmoid: slope x z + offset (J. Platt, "Probabilistic outputs for support
/// vector machines", 1999). Other than a temperature it can move the border between the classes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Platt {
    /// What the logit is multiplied by, > 0.
    pub slope: f64,
    /// What is added to it then.
    pub offset: f64,
}

impl Platt {
    /// The numbers with the smallest log loss on logits of two classes; none where the best slope is not above 0, or not a
    /// number, because such logits say nothing about the classes. The logits must be those of rows that the model has not
    /// seen.
    ///
    /// The targets are Platt's: (n1 + 1) / (n1 + 2) for the n1 rows of class 1 and 1 / (n0 + 2) for the others, so that
    /// there is a smallest loss also where a logit tells all rows apart.
    ///
    /// # Errors
    ///
    /// [`Error::Option`] for logits of more than two classes; [`Error::LabelCount`], [`Error::Label`] or [`Error::NoRows`]
    /// when the labels do not fit.
    pub fn fit(logits: &Logits, labels: &[u32]) -> Result<Option<Self>, Error> {
        logits.check(labels)?;
        check("classes", logits.classes() == 2, "2", &logits.classes())?;
        let ones = labels.iter().filter(|&&label| label == 1).count() as f64;
        let zeros = labels.len() as f64 - ones;
        let targets = [1.0 / (zeros + 2.0), (ones + 1.0) / (ones + 2.0)];
        // With more columns than one the logit of class 1 is a difference.
        let logit = |row: &[f64]| if let &[logit] = row { logit } else { row[1] - row[0] };
        // A logit of a few thousands would make the curvature vanish.
        let largest = logits.rows().map(|row| logit(row).abs()).fold(1.0, f64::max);
        let rows: Vec<(f64, f64)> = logits
            .rows()
            .zip(labels)
            .map(|(row, &label)| (logit(row) / largest, targets[label as usize]))
            .collect();
        let [slope, offset] = minimum(&rows, [0.0, ((ones + 1.0) / (zeros + 1.0)).ln()]);
        let slope = slope / largest;
        Ok((slope > 0.0 && slope.is_finite() && offset.is_finite()).then_some(Self { slope, offset }))
    }

    /// Logits of two classes, calibrated.
    #[must_use]
    pub fn of_logits(self, logits: &Logits) -> Logits {
        let mut calibrated = logits.clone();
        let units = if logits.rows().next().is_some_and(|row| row.len() == 1) { 1 } else { 2 };
        for row in calibrated.values_mut().chunks_exact_mut(units) {
            row.iter_mut().for_each(|logit| *logit *= self.slope);
            if let Some(last) = row.last_mut() {
                *last += self.offset;
            }
        }
        calibrated
    }

    /// Changes the kernel and the bias of a head's last Dense layer, so that it gives the calibrated probabilities.
    ///
    /// # Errors
    ///
    /// [`Error::NoDense`] for a head without a Dense layer, or whose last one has no bias; [`Error::Candle`] when the device
    /// fails.
    pub fn apply(self, head: &mut Head) -> Result<(), Error> {
        let output = head.output().ok_or(Error::NoDense)?;
        let bias = output.bias().ok_or(Error::NoDense)?;
        let kernel = output.kernel();
        kernel.set(&(kernel.as_tensor() * self.slope)?)?;
        bias.set(&((bias.as_tensor() * self.slope)? + self.offset)?)?;
        Ok(())
    }
}

/// Newton's method with halved steps, from a start: the slope and the offset with the smallest mean cross-entropy.
fn minimum(rows: &[(f64, f64)], start: [f64; 2]) -> [f64; 2] {
    let mut at = start;
    for _ in 0..STEPS {
        let Derivatives { gradient, hessian } = Derivatives::of(rows, at);
        if gradient.iter().all(|derivative| derivative.abs() <= TOLERANCE) {
            break;
        }
        let [aa, ab, bb] = hessian;
        let determinant = aa * bb - ab * ab;
        let step = [
            (bb * gradient[0] - ab * gradient[1]) / determinant,
            (aa * gradient[1] - ab * gradient[0]) / determinant,
        ];
        let before = loss(rows, at);
        let moved = |times: f64| [at[0] - times * step[0], at[1] - times * step[1]];
        let mut lower = (0..HALVINGS).map(|halvings| moved(0.5_f64.powi(halvings)));
        let Some(next) = lower.find(|&next| loss(rows, next) < before) else { break };
        at = next;
    }
    at
}

/// The mean cross-entropy between targets and probabilities.
fn loss(rows: &[(f64, f64)], [slope, offset]: [f64; 2]) -> f64 {
    let loss = |&(logit, target): &(f64, f64)| {
        let z = slope * logit + offset;
        z.max(0.0) + (-z.abs()).exp().ln_1p() - target * z
    };
    rows.iter().map(loss).sum::<f64>() / rows.len() as f64
}

/// Of the mean cross-entropy.
struct Derivatives {
    /// By the slope and by the offset.
    gradient: [f64; 2],
    /// By the slope twice, by both, by the offset twice.
    hessian: [f64; 3],
}

impl Derivatives {
    fn of(rows: &[(f64, f64)], [slope, offset]: [f64; 2]) -> Self {
        let count = rows.len() as f64;
        // So little curvature is added that it changes no result; it keeps equal logits from dividing by 0.
        let (mut gradient, mut hessian) = ([0.0; 2], [1e-12, 0.0, 1e-12]);
        for &(logit, target) in rows {
            let probability = 1.0 / (1.0 + (-(slope * logit + offset)).exp());
            let (away, curvature) = (probability - target, probability * (1.0 - probability) / count);
            gradient[0] += away * logit / count;
            gradient[1] += away / count;
            hessian[0] += curvature * logit * logit;
            hessian[1] += curvature * logit;
            hessian[2] += curvature;
        }
        Self { gradient, hessian }
    }
}
