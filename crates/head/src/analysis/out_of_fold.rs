//! Probabilities for each row, by a model that has not seen it.

use std::ops::ControlFlow;

use candle_core::Device;
use headstart_weights::LayerConfig;

use super::cross_validation::{CrossValidation, CrossValidationEvent, class_count};
use crate::error::{Error, proceed};
use crate::samples::Labelled;
use crate::training::TrainingEvent;

/// The probability of each class for each row: `rows x classes`.
#[derive(Debug, Clone, PartialEq)]
pub struct Probabilities {
    values: Vec<f32>,
    classes: usize,
}

impl Probabilities {
    /// From rows of `classes` probabilities, one after the other.
    ///
    /// # Errors
    ///
    /// [`Error::RowLength`] when `values` is not a whole number of rows.
    pub fn new(values: Vec<f32>, classes: usize) -> Result<Self, Error> {
        if classes == 0 || !values.len().is_multiple_of(classes) {
            return Err(Error::RowLength { row_shape: vec![classes], row: classes, found: values.len() });
        }
        Ok(Self { values, classes })
    }

    /// The number of classes, at least 1.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The rows, in order; each has a probability in [0, 1] for each class.
    pub fn rows(&self) -> std::slice::ChunksExact<'_, f32> {
        self.values.chunks_exact(self.classes)
    }
}

/// Stratified cross-validation of a linear model (logistic regression: Flatten, Dense). The same rows and
/// options give the same probabilities to the bit on one kind of CPU. `on_event` follows the progress and can
/// end it.
///
/// # Errors
///
/// [`Error::Option`] when the number of folds is out of its range; [`Error::Interrupted`] when `on_event` answers with
/// `Break`; otherwise as [`train`](crate::train).
pub fn out_of_fold_probabilities(
    data: Labelled<'_>,
    options: &CrossValidation,
    on_event: &mut dyn FnMut(CrossValidationEvent<'_>) -> ControlFlow<()>,
) -> Result<Probabilities, Error> {
    let divided = options.split(data)?;
    let (classes, folds) = (class_count(data.labels), divided.len());
    // Without hidden units it is logistic regression.
    let layers = LayerConfig::head_for(classes, 0, 0.0);
    let mut values = vec![0.0; data.labels.len() * classes];
    for (fold, rows) in (1..).zip(&divided) {
        let mut training =
            |event: TrainingEvent<'_>| on_event(CrossValidationEvent::Training { fold, folds, event });
        rows.place(&rows.judge(data, &layers, options, &Device::Cpu, &mut training)?, &mut values);
        proceed(on_event(CrossValidationEvent::Fold { fold, folds }))?;
    }
    Probabilities::new(values, classes)
}
