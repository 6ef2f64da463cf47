//! Standardized, L2-regularized logistic regression, fitted exactly.
//!
//! The objective is that of scikit-learn's `LogisticRegression(C=strength)` behind a `StandardScaler`, in f64:
//! C x (sum over the rows of weight x cross-entropy) + (sum of squares of the kernel) / 2. Two classes have one column with
//! a sigmoid, more have a softmax over a column each. The bias is not penalized. The result becomes a plain head: see
//! [`LogisticModel::to_head`].
//!
//! - [`fit`] fits with a given strength
//! - [`choose_strength`] chooses the strength by cross-validation, and gives a prediction of each row by a model that has
//!   not seen it
//! - [`learning_curve`] says what more rows would be worth
//!
//! Everything is the same to the bit for the same rows and options on one kind of CPU, for any number of threads.
//!
//! # Example
//!
//! ```
//! use std::ops::ControlFlow;
//!
//! use candle_core::Device;
//! use headstart_head::logistic::{LogisticOptions, choose_strength, fit};
//! use headstart_head::{InMemory, Labelled, predict};
//!
//! let values: Vec<f32> = (0..40).flat_map(|i| if i % 2 == 0 { [1.0, i as f32] } else { [0.0, i as f32] }).collect();
//! let labels: Vec<u32> = (0..40).map(|i| u32::from(i % 2 == 0)).collect();
//! let rows = InMemory::new(&values, &[2])?;
//! let data = Labelled { samples: &rows, labels: &labels };
//!
//! let options = LogisticOptions::default();
//! let mut silent = |_: &_| ControlFlow::Continue(());
//! let choice = choose_strength(data, 2, None, &options, &mut silent)?;
//! assert!(choice.held_out.log_loss(&labels)? < 0.1);
//!
//! let model = fit(data, 2, choice.strength, &options, None, &mut silent)?;
//! let head = model.to_head(&Device::Cpu)?;
//! assert!(predict(&head, &rows, 32)?[1] > 0.9);
//! # Ok::<(), headstart_head::Error>(())
//! ```

mod learning_curve;
mod loops;
mod model;
mod newton;
mod objective;
mod options;
mod products;
mod row_store;
mod selection;
mod standardization;

use std::ops::ControlFlow;

pub use learning_curve::{LearningPoint, learning_curve};
pub use model::LogisticModel;
pub use newton::Convergence;
pub use options::{LogisticOptions, standard_strengths};
pub use selection::{StrengthChoice, StrengthScore, choose_strength, divide};
pub use standardization::{Standardization, Standardized};

use newton::{Limits, Newton};
use objective::Objective;
use products::Products;
use row_store::RowStore;

use crate::error::{Error, check, proceed};
use crate::logits::Logits;
use crate::samples::Labelled;

/// What errors call the rows.
const TRAINING: &str = "training data";

/// Progress of a fit. The observer answers with [`ControlFlow::Break`] to end it.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum LogisticEvent {
    /// A step of Newton's method begins.
    Step {
        /// The step, from 0.
        step: usize,
        /// The largest derivative of the objective by a parameter, in absolute value; the fit ends at the tolerance.
        gradient: f64,
    },
    /// The rows of a fold were judged.
    HeldOut {
        /// C.
        strength: f64,
        /// The fold, from 1.
        fold: usize,
        /// The number of folds.
        folds: usize,
    },
    /// The rows of a fold were judged by a model that was fitted to a share of the others.
    Learning {
        /// The share.
        share: f64,
        /// The fold, from 1.
        fold: usize,
        /// The number of folds.
        folds: usize,
    },
}

/// An observer.
pub(crate) type OnEvent<'a> = dyn FnMut(&LogisticEvent) -> ControlFlow<()> + 'a;

/// Fits a logistic regression to rows of `classes` classes with the strength C. `start` is a model of the same shape whose
/// parameters the fit begins with, for instance one of another strength; the result differs within the tolerance only.
///
/// # Errors
///
/// [`Error::Option`] when the strength, the number of classes or an option is out of its range; [`Error::SmallClass`] when a
/// class has no rows; [`Error::NotFinite`] for a feature that is NaN or infinite; [`Error::Interrupted`] when `on_event`
/// answers with `Break`; [`Error::LabelCount`], [`Error::Label`], [`Error::NoRows`] or [`Error::Samples`] when the rows do
/// not fit or can't be read.
pub fn fit(
    data: Labelled<'_>,
    classes: usize,
    strength: f64,
    options: &LogisticOptions,
    start: Option<&LogisticModel>,
    on_event: &mut OnEvent<'_>,
) -> Result<LogisticModel, Error> {
    let rows = TrainingRows::new(data, classes, options)?;
    let positive = strength > 0.0 && strength.is_finite();
    check("strength", positive, "a number > 0", &strength)?;
    let all: Vec<usize> = (0..data.labels.len()).collect();
    let standardization = rows.standardization(&all)?;
    let row_shape = rows.row_shape;
    let start = start.filter(|model| model.units == rows.units && model.row_shape == row_shape);
    let start = start.map(|model| model.parameters.clone());
    rows.fit(&all, standardization, strength, options, start, on_event)
}

/// Checked rows with labels, for any number of fits.
pub(crate) struct TrainingRows<'a> {
    pub(crate) labels: &'a [u32],
    pub(crate) units: usize,
    store: RowStore<'a>,
    row_shape: &'a [usize],
    /// A weight for each class, or none. Those of all rows, also where a fit gets a part of them.
    class_weights: Vec<f64>,
}

impl<'a> TrainingRows<'a> {
    /// Checks the options and the rows.
    pub(crate) fn new(data: Labelled<'a>, classes: usize, options: &LogisticOptions) -> Result<Self, Error> {
        options.validate()?;
        check("classes", classes >= 2, "at least 2", &classes)?;
        let Labelled { samples, labels } = data;
        if samples.rows() != labels.len() {
            let (rows, labels) = (samples.rows(), labels.len());
            return Err(Error::LabelCount { what: TRAINING, rows, labels });
        }
        let mut counts = vec![0_usize; classes];
        for (row, &found) in labels.iter().enumerate() {
            let Some(count) = counts.get_mut(found as usize) else {
                return Err(Error::Label { what: TRAINING, row, classes, found });
            };
            *count += 1;
        }
        let store = RowStore::new(TRAINING, samples)?;
        if let Some(class) = counts.iter().position(|&count| count == 0) {
            return Err(Error::SmallClass { class, unit: "row", expected: 1, found: 0 });
        }
        let class_weights = options.class_weight.exact(labels, classes)?;
        let none = !class_weights.is_empty() && class_weights.iter().all(|&weight| weight == 0.0);
        check("class weights", !none, "at least one above 0", &"only 0")?;
        let (units, row_shape) = (Logits::units_for(classes), samples.row_shape());
        Ok(Self { labels, units, store, row_shape, class_weights })
    }

    /// The standardization of the rows at `indices`.
    pub(crate) fn standardization(&self, indices: &[usize]) -> Result<Standardization, Error> {
        Standardization::new(&self.store, indices)
    }

    /// How much a row of a class counts.
    pub(crate) fn weight(&self, label: u32) -> f64 {
        self.class_weights.get(label as usize).copied().unwrap_or(1.0)
    }

    /// A model's logits of the rows at `indices`.
    pub(crate) fn logits(&self, model: &LogisticModel, indices: &[usize]) -> Result<Logits, Error> {
        model.logits_of(&self.store, indices)
    }

    /// Fits to the rows at `indices`.
    pub(crate) fn fit(
        &self,
        indices: &[usize],
        standardization: Standardization,
        strength: f64,
        options: &LogisticOptions,
        start: Option<Vec<f64>>,
        on_event: &mut OnEvent<'_>,
    ) -> Result<LogisticModel, Error> {
        let labels = indices.iter().map(|&row| self.labels[row]).collect();
        let objective = Objective::new(labels, self.units, &self.class_weights, strength);
        let (store, units) = (&self.store, self.units);
        let products = Products { store, rows: indices, standardization: &standardization, units };
        let start = start.unwrap_or_else(|| vec![0.0; products.parameters()]);
        let limits = Limits { tolerance: options.tolerance, steps: options.steps };
        let mut on_step = |step, gradient| proceed(on_event(&LogisticEvent::Step { step, gradient }));
        let (mut parameters, convergence) =
            Newton::new(products, objective).minimize(start, limits, &mut on_step)?;
        // A number that is added to each bias changes no probability.
        let bias = parameters.len() - units;
        if units > 1 {
            let mean = parameters[bias..].iter().sum::<f64>() / units as f64;
            parameters[bias..].iter_mut().for_each(|value| *value -= mean);
        }
        let row_shape = self.row_shape.to_vec();
        Ok(LogisticModel { parameters, units, row_shape, strength, standardization, convergence })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::InMemory;

    #[test]
    fn rows_that_are_read_again_for_each_pass_give_the_same_bits() {
        for classes in [2, 3] {
            let (rows, features) = (500, 40);
            let values: Vec<f32> = (0..rows * features).map(|i| (i * 7919 % 1009) as f32 / 1009.0).collect();
            let labels: Vec<u32> = (0..rows).map(|row| (row * 31 % 17 % classes) as u32).collect();
            let samples = InMemory::new(&values, &[features]).unwrap();
            let data = Labelled { samples: &samples, labels: &labels };
            let options = LogisticOptions::default();
            let fitted = |held| {
                let mut rows = TrainingRows::new(data, classes, &options).unwrap();
                rows.store = RowStore::holding(TRAINING, &samples, held).unwrap();
                let all: Vec<usize> = (0..labels.len()).collect();
                let standardization = rows.standardization(&all).unwrap();
                let mut silent = |_: &_| ControlFlow::Continue(());
                rows.fit(&all, standardization, 1.0, &options, None, &mut silent).unwrap()
            };
            assert_eq!(fitted(0), fitted(usize::MAX));
        }
    }
}
