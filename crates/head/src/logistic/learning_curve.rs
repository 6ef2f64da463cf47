//! What more rows would be worth: models fitted to parts of the rows.

use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use super::options::LogisticOptions;
use super::selection::StrengthChoice;
use super::{LogisticEvent, TrainingRows};
use crate::error::{Error, check, proceed};
use crate::evaluation::{EvaluationOptions, Interval, Predictions, interval_of_mean};
use crate::groups::members;
use crate::logits::Logits;
use crate::nested_subsets::NestedSubsets;
use crate::samples::Labelled;

/// Models that were fitted to a share of the rows, on rows that they have not seen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LearningPoint {
    /// The share of the rows outside of a fold, in (0, 1].
    pub share: f64,
    /// The number of rows that a model was fitted to: the mean over the folds.
    pub training_rows: f64,
    /// The share of all rows that were answered right, each by the model that has not seen it.
    pub accuracy: f64,
    /// Its interval, from draws of groups; None without draws.
    pub accuracy_interval: Option<Interval>,
    /// The mean log loss, as [`Predictions::loss`].
    pub loss: f64,
    /// Its interval.
    pub loss_interval: Option<Interval>,
}

/// Fits models to a share of the rows outside of each fold, and judges the fold's rows by them; for each of
/// [`LogisticOptions::shares`], then for all rows, whose answers `choice` has.
///
/// The folds are those of `choice`, and so is the strength C. With fewer rows the same C is a stronger penalty for each. The
/// subsets have whole groups. They are nested, and have about the share of each class, at least one group of it. So the
/// points differ by the number of rows alone; the intervals show how much they depend on the rows that are judged.
///
/// # Errors
///
/// As [`choose_strength`](super::choose_strength); [`Error::Option`] when `choice` is of another number of rows or classes, or
/// an option of the evaluation is out of its range.
pub fn learning_curve(
    data: Labelled<'_>,
    classes: usize,
    groups: Option<&[usize]>,
    choice: &StrengthChoice,
    options: &LogisticOptions,
    evaluation: &EvaluationOptions,
    on_event: &mut dyn FnMut(&LogisticEvent) -> ControlFlow<()>,
) -> Result<Vec<LearningPoint>, Error> {
    evaluation.validate()?;
    let rows = TrainingRows::new(data, classes, options)?;
    let count = rows.labels.len();
    let fits = choice.fold_of.len() == count
        && choice.held_out.count() == count
        && choice.held_out.classes() == classes
        && choice.fold_of.iter().all(|&fold| fold < choice.folds);
    check("choice", fits, "the one for these rows", &format!("one for {} rows", choice.fold_of.len()))?;
    let members = members(groups, count)?;

    let mut curve = Curve { labels: rows.labels, members: &members, classes, evaluation, points: Vec::new() };
    let shares = &options.shares;
    let mut held_out = vec![vec![0.0; count * rows.units]; shares.len()];
    let mut sizes = vec![0_usize; shares.len()];
    let mut all = 0;
    for fold in 0..choice.folds {
        let (judged, others): (Vec<_>, Vec<_>) = (0..count).partition(|&row| choice.fold_of[row] == fold);
        all += others.len();
        let outside = members.iter().filter(|rows| choice.fold_of[rows[0]] != fold);
        let subsets =
            NestedSubsets::new(outside.map(Vec::as_slice).collect(), rows.labels, classes, options.seed);
        let mut start = None;
        for (position, &share) in shares.iter().enumerate() {
            let indices = subsets.share(share);
            let standardization = rows.standardization(&indices)?;
            let model =
                rows.fit(&indices, standardization, choice.strength, options, start.take(), on_event)?;
            let logits = rows.logits(&model, &judged)?;
            for (&row, logits) in judged.iter().zip(logits.rows()) {
                held_out[position][row * rows.units..][..rows.units].copy_from_slice(logits);
            }
            sizes[position] += indices.len();
            start = Some(model.parameters);
            let (fold, folds) = (fold + 1, choice.folds);
            proceed(on_event(&LogisticEvent::Learning { share, fold, folds }))?;
        }
    }
    let mean = |sum: usize| sum as f64 / choice.folds as f64;
    for ((&share, logits), size) in shares.iter().zip(held_out).zip(sizes) {
        curve.add(share, mean(size), &Logits::new(logits, rows.units)?)?;
    }
    curve.add(1.0, mean(all), &choice.held_out)?;
    Ok(curve.points)
}

/// The points so far.
struct Curve<'a> {
    labels: &'a [u32],
    members: &'a [Vec<usize>],
    classes: usize,
    evaluation: &'a EvaluationOptions,
    points: Vec<LearningPoint>,
}

impl Curve<'_> {
    fn add(&mut self, share: f64, training_rows: f64, logits: &Logits) -> Result<(), Error> {
        let values = logits.probabilities()?.rows().flatten().copied().collect::<Vec<_>>();
        let predictions = Predictions::new(&values, self.labels, self.classes)?;
        let right = predictions.predicted().iter().zip(self.labels);
        let right: Vec<f64> = right.map(|(a, b)| if a == b { 1.0 } else { 0.0 }).collect();
        let losses: Vec<f64> = predictions.losses().collect();
        self.points.push(LearningPoint {
            share,
            training_rows,
            accuracy: predictions.accuracy(),
            accuracy_interval: interval_of_mean(&right, self.members, self.evaluation),
            loss: predictions.loss(),
            loss_interval: interval_of_mean(&losses, self.members, self.evaluation),
        });
        Ok(())
    }
}
