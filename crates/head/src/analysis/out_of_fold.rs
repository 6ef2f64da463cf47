//! A probability for each row by a model that has not seen it.

use candle_core::Device;

use crate::analysis::CrossValidation;
use crate::analysis::cross_validation::class_count;
use crate::error::Error;
use crate::head::LayerConfig;
use crate::samples::Labelled;

/// The probability of each class for each row: `rows x classes`.
#[derive(Debug, Clone, PartialEq)]
pub struct Probabilities {
    values: Vec<f32>,
    classes: usize,
}

impl Probabilities {
    /// Takes rows of `classes` probabilities, one after the other.
    ///
    /// # Errors
    ///
    /// [`Error::RowLength`] where `values` is not a whole number of rows.
    pub fn new(values: Vec<f32>, classes: usize) -> Result<Self, Error> {
        if classes == 0 || !values.len().is_multiple_of(classes) {
            return Err(Error::RowLength { row_shape: vec![classes], row: classes, found: values.len() });
        }
        Ok(Self { values, classes })
    }

    /// How many classes there are, at least 1.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The rows, in order; each has a probability in [0, 1] a class.
    pub fn rows(&self) -> std::slice::ChunksExact<'_, f32> {
        self.values.chunks_exact(self.classes)
    }
}

/// Stratified cross-validation of a linear model (logistic regression: Flatten, Dense). The same rows and
/// options give the same probabilities to the bit on one kind of CPU.
///
/// # Errors
///
/// [`Error::Option`] where the number of folds is out of its range; as [`train`](crate::train) else.
pub fn out_of_fold_probabilities(
    data: Labelled<'_>,
    options: &CrossValidation,
) -> Result<Probabilities, Error> {
    let folds = options.split(data)?;
    let classes = class_count(data.labels);
    // Without hidden units it is logistic regression.
    let layers = LayerConfig::head_for(classes, 0, 0.0);
    let mut values = vec![0.0; data.labels.len() * classes];
    for fold in &folds {
        fold.place(&fold.judge(data, &layers, options, &Device::Cpu)?, &mut values);
    }
    Probabilities::new(values, classes)
}
