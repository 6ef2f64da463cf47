//! A probability for each row by a model that has not seen it.

use candle_core::Device;

use crate::analysis::stratified_folds;
use crate::error::Error;
use crate::head::{Head, LayerConfig};
use crate::prediction::predict;
use crate::samples::{Labelled, Samples};
use crate::training::{TrainOptions, train};

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

/// How rows are held out, and how the models are trained that judge them.
#[derive(Debug, Clone, PartialEq)]
pub struct CrossValidation {
    /// How many models are trained, each on all folds but one: from 2 to the number of rows.
    pub folds: usize,
    /// Seed of the folds and of the initial kernels.
    pub seed: u64,
    /// How each model is trained.
    pub training: TrainOptions,
}

impl Default for CrossValidation {
    /// Five folds, ten epochs; else as heads are trained.
    fn default() -> Self {
        Self { folds: 5, seed: 0, training: TrainOptions { epochs: 10, ..TrainOptions::default() } }
    }
}

/// Stratified cross-validation of a linear model (logistic regression: Flatten, Dense). The same rows and
/// options give the same probabilities to the bit on one kind of CPU.
///
/// # Errors
///
/// [`Error::Option`] where the number of folds is out of its range; as [`train`] else.
pub fn out_of_fold_probabilities(
    data: Labelled<'_>,
    options: &CrossValidation,
) -> Result<Probabilities, Error> {
    let rows = data.samples.rows();
    if !(2..=rows).contains(&options.folds) {
        let found = format!("{} for {rows} rows", options.folds);
        return Err(Error::Option { option: "folds", expected: "from 2 to the number of rows", found });
    }
    if rows != data.labels.len() {
        return Err(Error::LabelCount { what: "training data", rows, labels: data.labels.len() });
    }
    let fold_of = stratified_folds(data.labels, options.folds, options.seed);
    let classes = data.labels.iter().max().map_or(2, |&label| label as usize + 1).max(2);
    // Without hidden units it is logistic regression.
    let layers = LayerConfig::head_for(classes, 0, 0.0);
    let mut values = vec![0.0; rows * classes];
    for fold in 0..options.folds {
        let (held_out, others): (Vec<usize>, Vec<usize>) = (0..rows).partition(|&row| fold_of[row] == fold);
        let labels: Vec<u32> = others.iter().map(|&row| data.labels[row]).collect();
        let mut head = Head::new(&layers, data.samples.row_shape(), options.seed, &Device::Cpu)?;
        let seen = Subset { samples: data.samples, indices: &others };
        train(&mut head, Labelled { samples: &seen, labels: &labels }, None, &options.training, &mut |_| ())?;
        let unseen = Subset { samples: data.samples, indices: &held_out };
        let judged = predict(&head, &unseen, options.training.batch_size)?;
        for (&row, judged) in held_out.iter().zip(judged.chunks_exact(classes)) {
            values[row * classes..][..classes].copy_from_slice(judged);
        }
    }
    Probabilities::new(values, classes)
}

/// Some rows of a source, as a source.
struct Subset<'a> {
    samples: &'a dyn Samples,
    indices: &'a [usize],
}

impl Samples for Subset<'_> {
    fn rows(&self) -> usize {
        self.indices.len()
    }

    fn row_shape(&self) -> &[usize] {
        self.samples.row_shape()
    }

    fn read(
        &self,
        indices: &[usize],
        out: &mut [f32],
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let indices: Vec<usize> = indices.iter().map(|&index| self.indices[index]).collect();
        self.samples.read(&indices, out)
    }
}
