//! Each row judged by a model that was trained on the folds without the row.

use std::ops::ControlFlow;

use candle_core::Device;
use headstart_weights::LayerConfig;

use super::folds::stratified_folds;
use crate::error::{Error, check};
use crate::head::Head;
use crate::prediction::predict;
use crate::samples::{Labelled, Subset};
use crate::training::{TrainOptions, TrainingEvent, train};

/// How rows are held out, and how the models that judge them are trained.
#[derive(Debug, Clone, PartialEq)]
pub struct CrossValidation {
    /// The number of models, each trained on all folds but one: from 2 to the number of rows.
    pub folds: usize,
    /// Seed of the folds and of the initial kernels.
    pub seed: u64,
    /// How each model is trained.
    pub training: TrainOptions,
}

impl Default for CrossValidation {
    /// Five folds and ten epochs; otherwise the default of [`TrainOptions`].
    fn default() -> Self {
        Self { folds: 5, seed: 0, training: TrainOptions { epochs: 10, ..TrainOptions::default() } }
    }
}

/// Progress of a cross-validation. The observer answers with [`ControlFlow::Break`] to end it.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum CrossValidationEvent<'a> {
    /// A model is being trained.
    Training {
        /// The fold that is held out, from 1.
        fold: usize,
        /// The number of folds.
        folds: usize,
        /// Progress of this model's training.
        event: TrainingEvent<'a>,
    },
    /// The rows of a fold were judged.
    Fold {
        /// The fold, from 1.
        fold: usize,
        /// The number of folds.
        folds: usize,
    },
}

impl CrossValidation {
    /// Checks the options and divides the rows into folds.
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
    /// Trains a head on the others. Returns its probabilities for the rows held out: `held out x classes`.
    pub(crate) fn judge(
        &self,
        data: Labelled<'_>,
        layers: &[LayerConfig],
        options: &CrossValidation,
        device: &Device,
        on_event: &mut dyn FnMut(TrainingEvent<'_>) -> ControlFlow<()>,
    ) -> Result<Vec<f32>, Error> {
        let mut head = Head::new(layers, data.samples.row_shape(), options.seed, device)?;
        let seen = Subset { samples: data.samples, indices: &self.others };
        let seen = Labelled { samples: &seen, labels: &self.labels };
        let history = train(&mut head, seen, None, &options.training, on_event)?;
        if history.interrupted {
            return Err(Error::Interrupted);
        }
        let unseen = Subset { samples: data.samples, indices: &self.held_out };
        predict(&head, &unseen, options.training.batch_size)
    }

    /// Copies the probabilities of the rows held out to their places among `all` rows.
    pub(crate) fn place(&self, judged: &[f32], all: &mut [f32]) {
        let classes = judged.len() / self.held_out.len().max(1);
        for (&row, judged) in self.held_out.iter().zip(judged.chunks_exact(classes)) {
            all[row * classes..][..classes].copy_from_slice(judged);
        }
    }
}

/// The number of classes that the labels are of: at least two.
pub(crate) fn class_count(labels: &[u32]) -> usize {
    labels.iter().max().map_or(2, |&label| label as usize + 1).max(2)
}
