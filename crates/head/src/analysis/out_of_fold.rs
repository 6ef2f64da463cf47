//! A probability for each row by a model that has not seen it.

use candle_core::{Device, Tensor};
use candle_nn::Module;

use crate::activation::Activation;
use crate::analysis::stratified_folds;
use crate::error::Error;
use crate::head::{Head, LayerConfig};
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

/// Stratified cross-validation of a linear model (logistic regression: Flatten, Dense 1 sigmoid). The same rows and
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
    let output = LayerConfig::Dense { units: 1, activation: Activation::Sigmoid, use_bias: true };
    let layers = [LayerConfig::Flatten, output];
    let mut values = Vec::new();
    let mut classes = 0;
    for fold in 0..options.folds {
        let (held_out, others): (Vec<usize>, Vec<usize>) = (0..rows).partition(|&row| fold_of[row] == fold);
        let labels: Vec<u32> = others.iter().map(|&row| data.labels[row]).collect();
        let mut head = Head::new(&layers, data.samples.row_shape(), options.seed, &Device::Cpu)?;
        let seen = Subset { samples: data.samples, indices: &others };
        train(&mut head, Labelled { samples: &seen, labels: &labels }, None, &options.training, &mut |_| ())?;
        let unseen = Subset { samples: data.samples, indices: &held_out };
        let judged = probabilities(&head, &unseen, options.training.batch_size)?;
        classes = judged.classes();
        values.resize(rows * classes, 0.0);
        for (&row, judged) in held_out.iter().zip(judged.rows()) {
            values[row * classes..][..classes].copy_from_slice(judged);
        }
    }
    Probabilities::new(values, classes)
}

/// What a head answers for each row, `batch_size` rows at a time, as a probability a class: one sigmoid unit gives two
/// classes, several units with softmax as many.
///
/// # Errors
///
/// Where the rows' shape is not the head's, the rows can't be read, or the device fails.
pub fn probabilities(head: &Head, samples: &dyn Samples, batch_size: usize) -> Result<Probabilities, Error> {
    if samples.row_shape() != head.row_shape() {
        let (expected, found) = (head.row_shape().to_vec(), samples.row_shape().to_vec());
        return Err(Error::RowShape { what: "rows", expected, found });
    }
    let units = head.output().ok_or(Error::NoDense)?.units();
    let row: usize = head.row_shape().iter().product();
    let indices: Vec<usize> = (0..samples.rows()).collect();
    let mut values = Vec::new();
    for indices in indices.chunks(batch_size.max(1)) {
        let mut batch = vec![0.0; indices.len() * row];
        samples.read(indices, &mut batch).map_err(Error::Samples)?;
        let shape = [&[indices.len()], head.row_shape()].concat();
        let output = head.forward(&Tensor::from_vec(batch, shape, head.device())?)?;
        let output = output.flatten_all()?.to_vec1::<f32>()?;
        match units {
            1 => values.extend(output.iter().flat_map(|p| [1.0 - p, *p])),
            _ => values.extend(output),
        }
    }
    Probabilities::new(values, units.max(2))
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
