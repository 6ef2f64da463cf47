//! The same rows for all candidates.

use std::ops::ControlFlow;

use candle_core::Device;
use headstart_weights::LayerConfig;

use super::candidate::Candidate;
use super::neighbours;
use super::score::{FoldMeans, Score};
use crate::analysis::CrossValidation;
use crate::analysis::cross_validation::{Fold, class_count};
use crate::error::{Error, check};
use crate::evaluation::Predictions;
use crate::samples::{Labelled, Subset};
use crate::training::TrainingEvent;

/// The rows in their folds, and how candidates are trained on them.
pub(super) struct Contest<'a> {
    pub(super) folds: Vec<Fold>,
    data: Labelled<'a>,
    options: &'a CrossValidation,
    device: &'a Device,
    classes: usize,
    /// The largest number of neighbours that a candidate asks for.
    most: Option<usize>,
}

impl<'a> Contest<'a> {
    /// Checks the candidates and the options, and divides the rows.
    pub(super) fn new(
        data: Labelled<'a>,
        candidates: &[Candidate],
        options: &'a CrossValidation,
        device: &'a Device,
    ) -> Result<Self, Error> {
        check("candidates", !candidates.is_empty(), "at least one", &"none")?;
        let none = candidates.iter().any(|candidate| candidate.neighbours() == Some(0));
        check("neighbours", !none, "at least 1", &0)?;
        let folds = options.split(data)?;
        let classes = class_count(data.labels);
        let most = candidates.iter().filter_map(Candidate::neighbours).max();
        Ok(Self { folds, data, options, device, classes, most })
    }

    /// Room for a candidate's answers to all rows: `rows x classes` zeros.
    pub(super) fn no_answers(&self) -> Vec<f32> {
        vec![0.0; self.data.labels.len() * self.classes]
    }

    /// The nearest of a fold's training rows for each row held out; nothing if no candidate needs them.
    pub(super) fn search(
        &self,
        fold: &Fold,
        on_block: &mut dyn FnMut() -> ControlFlow<()>,
    ) -> Result<Vec<Vec<usize>>, Error> {
        let Some(most) = self.most else { return Ok(Vec::new()) };
        let training = Subset { samples: self.data.samples, indices: &fold.others };
        let queries = Subset { samples: self.data.samples, indices: &fold.held_out };
        neighbours::nearest(&training, &queries, most, on_block)
    }

    /// A candidate's probabilities for the rows held out: `held out x classes`.
    pub(super) fn answer(
        &self,
        candidate: &Candidate,
        fold: &Fold,
        nearest: &[Vec<usize>],
        on_event: &mut dyn FnMut(TrainingEvent<'_>) -> ControlFlow<()>,
    ) -> Result<Vec<f32>, Error> {
        let (units, dropout) = match *candidate {
            Candidate::LogisticRegression => (0, 0.0),
            Candidate::Dense { units, dropout } => (units, dropout),
            Candidate::NearestNeighbours { neighbours } => {
                return Ok(neighbours::shares(nearest, &fold.labels, neighbours, self.classes));
            }
        };
        let layers = LayerConfig::head_for(self.classes, units, dropout);
        fold.judge(self.data, &layers, self.options, self.device, on_event)
    }

    /// A candidate's score from its answers to all rows, and which rows it answered right.
    pub(super) fn score(
        &self,
        candidate: Candidate,
        probabilities: &[f32],
        seconds: f64,
    ) -> Result<(Score, Vec<bool>), Error> {
        let labels = self.data.labels;
        let predictions = Predictions::new(probabilities, labels, self.classes)?;
        let right: Vec<bool> =
            predictions.predicted().iter().zip(labels).map(|(p, label)| p == label).collect();
        let losses: Vec<f64> = predictions.losses().collect();
        let score = Score {
            candidate,
            accuracy: FoldMeans::new(&self.folds, |row| if right[row] { 1.0 } else { 0.0 }),
            loss: FoldMeans::new(&self.folds, |row| losses[row]),
            right: right.iter().filter(|&&right| right).count(),
            seconds,
            against_best: None,
        };
        Ok((score, right))
    }
}
