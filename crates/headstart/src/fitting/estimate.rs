//! How good a head is on images that it has not seen.

use headstart_head::analysis::Probabilities;
use headstart_head::evaluation::{Evaluation, EvaluationOptions};
use headstart_head::{Head, Logits, Subset, predict};

use super::outcome::Answers;
use super::solve::{Rows, Solver};
use super::split::Split;
use crate::Error;

/// Rows that are judged at a time.
const BATCH_SIZE: usize = 32;

/// 95 % intervals of 1000 draws.
pub(super) fn evaluation_options(seed: u64) -> EvaluationOptions {
    let mut options = EvaluationOptions::default();
    options.seed = seed;
    options
}

/// Of all rows, each by the head that was fitted without it and its group, and calibrated without its fold.
pub(super) fn of_held_out(held_out: &Logits, rows: &Rows<'_>) -> Result<(Evaluation, Probabilities), Error> {
    let judged = held_out.probabilities()?;
    let probabilities: Vec<f32> = judged.rows().flatten().copied().collect();
    let (labels, options) = (rows.data.labels, evaluation_options(rows.options.seed));
    Ok((Evaluation::of_groups(&probabilities, labels, rows.groups, rows.classes, &options)?, judged))
}

/// Of the images of a test, by the head that is written.
pub(super) fn of_test(
    solver: &Solver<'_>,
    split: &Split,
    head: &Head,
) -> Result<Option<(Evaluation, Answers)>, Error> {
    let classes = &solver.job.dataset.classes;
    let options = evaluation_options(solver.job.seed);
    let (probabilities, labels, groups, rows) = if let Some(features) = solver.test_features {
        let rows = (0..features.labels().len()).collect();
        (predict(head, features, BATCH_SIZE)?, features.labels().to_vec(), split.test_groups.clone(), rows)
    } else if split.held_back.is_empty() {
        return Ok(None);
    } else {
        let held_back = Subset { samples: solver.features, indices: &split.held_back };
        let (labels, groups) = (split.labels_of(&split.held_back), split.groups_of(&split.held_back));
        (predict(head, &held_back, BATCH_SIZE)?, labels, groups, split.held_back.clone())
    };
    let evaluation = Evaluation::of_groups(&probabilities, &labels, &groups, classes, &options)?;
    let probabilities = Probabilities::new(probabilities, classes.len())?;
    Ok(Some((evaluation, Answers { rows, groups, probabilities })))
}
