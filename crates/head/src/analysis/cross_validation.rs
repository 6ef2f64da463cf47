//! Each row judged by a model that was trained on the folds which the row is not in.

use candle_core::Device;

use crate::analysis::stratified_folds;
use crate::error::{Error, check};
use crate::head::{Head, LayerConfig};
use crate::prediction::predict;
use crate::samples::{Labelled, Subset};
use crate::training::{TrainOptions, train};

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

impl CrossValidation {
    /// Checks the options and deals the rows out.
    pub(crate) fn split(&self, data: Labelled<'_>) -> Result<Vec<Fold>, Error> {
        let rows = data.samples.rows();
        let found = format!("{} for {rows} rows", self.folds);
        check("folds", (2..=rows).contains(&self.folds), "from 2 to the number of rows", &found)?;
        if rows != data.labels.len() {
            return Err(Error::LabelCount { what: "training data", rows, labels: data.labels.len() });
        }
        let fold_of = stratified_folds(data.labels, self.folds, self.seed);
        let fold = |fold| {
            let (held_out, others): (Vec<_>, Vec<_>) = (0..rows).partition(|&row| fold_of[row] == fold);
            let labels = others.iter().map(|&row| data.labels[row]).collect();
            Fold { held_out, others, labels }
        };
        Ok((0..self.folds).map(fold).collect())
    }
}

/// The rows that are held out, and those that are trained on.
pub(crate) struct Fold {
    pub(crate) held_out: Vec<usize>,
    pub(crate) others: Vec<usize>,
    /// The labels of the others.
    pub(crate) labels: Vec<u32>,
}

impl Fold {
    /// What a head that was trained on the others gives for the rows held out: `held out x classes`.
    pub(crate) fn judge(
        &self,
        data: Labelled<'_>,
        layers: &[LayerConfig],
        options: &CrossValidation,
        device: &Device,
    ) -> Result<Vec<f32>, Error> {
        let mut head = Head::new(layers, data.samples.row_shape(), options.seed, device)?;
        let seen = Subset { samples: data.samples, indices: &self.others };
        let seen = Labelled { samples: &seen, labels: &self.labels };
        train(&mut head, seen, None, &options.training, &mut |_| ())?;
        let unseen = Subset { samples: data.samples, indices: &self.held_out };
        predict(&head, &unseen, options.training.batch_size)
    }

    /// Puts what was given for the rows held out into their places among `all` rows.
    pub(crate) fn place(&self, judged: &[f32], all: &mut [f32]) {
        let classes = judged.len() / self.held_out.len().max(1);
        for (&row, judged) in self.held_out.iter().zip(judged.chunks_exact(classes)) {
            all[row * classes..][..classes].copy_from_slice(judged);
        }
    }
}

/// How many classes the labels are of: at least two.
pub(crate) fn class_count(labels: &[u32]) -> usize {
    labels.iter().max().map_or(2, |&label| label as usize + 1).max(2)
}
