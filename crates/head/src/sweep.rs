//! Which kind of head is best for some features, by cross-validation, and whether that is more than noise.
//!
//! Every candidate answers the same rows, each by a model that was trained on the folds without the row. The most
//! accurate candidate is compared with each other one by [McNemar's exact test](mcnemar_exact) on the rows that only one
//! of them answers right, with [Holm's correction](holm). The simplest candidate that is not significantly worse than the
//! best is chosen.
//!
//! The folds' models share most of their training rows, so the tests' values are approximate, as in any cross-validation.
//! They apply to these rows, and do not say how accuracy varies with other training rows and seeds.
//!
//! # Example
//!
//! ```
//! use std::ops::ControlFlow;
//!
//! use candle_core::Device;
//! use headstart_head::analysis::CrossValidation;
//! use headstart_head::sweep::{Candidate, SweepEvent, sweep};
//! use headstart_head::{InMemory, Labelled};
//!
//! let values: Vec<f32> = (0..20).flat_map(|i| if i % 2 == 0 { [1.0, 0.0] } else { [0.0, 1.0] }).collect();
//! let labels: Vec<u32> = (0..20).map(|i| i % 2).collect();
//! let rows = InMemory::new(&values, &[2])?;
//!
//! let candidates = [1, 3].map(|neighbours| Candidate::NearestNeighbours { neighbours });
//! let data = Labelled { samples: &rows, labels: &labels };
//! let options = CrossValidation::default();
//! let mut silent = |_: SweepEvent<'_>| ControlFlow::Continue(());
//! let sweep = sweep(data, &candidates, &options, &Device::Cpu, &mut silent)?;
//! assert_eq!(sweep.scores[0].accuracy.mean, 1.0);
//! assert_eq!(sweep.chosen, 0);
//! # Ok::<(), headstart_head::Error>(())
//! ```

mod candidate;
mod comparison;
mod contest;
mod event;
mod neighbours;
mod score;

use std::ops::ControlFlow;
use std::time::Instant;

use candle_core::Device;
use serde::{Deserialize, Serialize};

pub use candidate::Candidate;
pub use comparison::{Comparison, SIGNIFICANCE, holm, mcnemar_exact};
pub use event::SweepEvent;
pub use score::{FoldMeans, Score};

use contest::Contest;

use crate::analysis::CrossValidation;
use crate::error::{Error, proceed};
use crate::samples::Labelled;
use crate::training::TrainingEvent;

/// The results of all candidates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sweep {
    /// In the order of the candidates.
    pub scores: Vec<Score>,
    /// Position of the candidate that answers most rows right, the first of equals.
    pub best: usize,
    /// Position of the first candidate that is not significantly worse than the best.
    pub chosen: usize,
}

/// Tries `candidates`, the simplest first, on the same stratified folds. `on_event` follows the progress and can end the
/// sweep.
///
/// Everything but [`Score::seconds`] is the same to the bit for the same rows and options, on one kind of CPU. Rows are
/// read when they are needed, so features may be larger than memory.
///
/// # Errors
///
/// [`Error::Option`] when there is no candidate, no neighbour, or the number of folds is out of its range;
/// [`Error::Interrupted`] when `on_event` answers with `Break`; otherwise as [`train`](crate::train).
pub fn sweep(
    data: Labelled<'_>,
    candidates: &[Candidate],
    options: &CrossValidation,
    device: &Device,
    on_event: &mut dyn FnMut(SweepEvent<'_>) -> ControlFlow<()>,
) -> Result<Sweep, Error> {
    let contest = Contest::new(data, candidates, options, device)?;
    let mut probabilities = vec![contest.no_answers(); candidates.len()];
    let mut seconds = vec![0.0; candidates.len()];
    let folds = contest.folds.len();
    for (fold, rows) in (1..).zip(&contest.folds) {
        let started = Instant::now();
        let nearest = contest.search(rows, &mut || on_event(SweepEvent::Search { fold, folds }))?;
        let search_seconds = started.elapsed().as_secs_f64();
        for (position, candidate) in candidates.iter().enumerate() {
            let started = Instant::now();
            let mut training =
                |event: TrainingEvent<'_>| on_event(SweepEvent::Training { candidate, fold, folds, event });
            let answers = contest.answer(candidate, rows, &nearest, &mut training)?;
            rows.place(&answers, &mut probabilities[position]);
            seconds[position] += started.elapsed().as_secs_f64();
            if candidate.neighbours().is_some() {
                seconds[position] += search_seconds;
            }
            proceed(on_event(SweepEvent::Answer { candidate, fold, folds }))?;
        }
    }
    let mut scores = Vec::with_capacity(candidates.len());
    let mut rights = Vec::with_capacity(candidates.len());
    for ((&candidate, probabilities), seconds) in candidates.iter().zip(&probabilities).zip(seconds) {
        let (score, right) = contest.score(candidate, probabilities, seconds)?;
        scores.push(score);
        rights.push(right);
    }
    Ok(Sweep::compare(scores, &rights))
}

impl Sweep {
    /// Position of the head to train if nearest neighbours can't be used: the first that is not significantly worse than
    /// the best, else the most accurate. None if no candidate is a head.
    #[must_use]
    pub fn chosen_head(&self) -> Option<usize> {
        let heads =
            || (0..self.scores.len()).filter(|&position| self.scores[position].candidate.units().is_some());
        let equal = heads().find(|&position| self.scores[position].equals_best());
        // `max_by_key` gives the last of equals, so the order is reversed.
        equal.or_else(|| heads().rev().max_by_key(|&position| self.scores[position].right))
    }

    /// Finds the best, and the simplest that is not significantly worse. `rights` says for each candidate which rows it
    /// answered right.
    fn compare(mut scores: Vec<Score>, rights: &[Vec<bool>]) -> Self {
        let best = (0..scores.len()).rev().max_by_key(|&position| scores[position].right).unwrap_or(0);
        let alone = |a: &[bool], b: &[bool]| a.iter().zip(b).filter(|(a, b)| **a && !**b).count();
        let others: Vec<usize> = (0..scores.len()).filter(|&position| position != best).collect();
        let counts: Vec<[usize; 2]> = others
            .iter()
            .map(|&other| [alone(&rights[best], &rights[other]), alone(&rights[other], &rights[best])])
            .collect();
        let values: Vec<f64> = counts.iter().map(|&[best, other]| mcnemar_exact(best, other)).collect();
        let corrected = holm(&values);
        for (((other, [best_alone, other_alone]), p), corrected_p) in
            others.into_iter().zip(counts).zip(values).zip(corrected)
        {
            scores[other].against_best = Some(Comparison { best_alone, other_alone, p, corrected_p });
        }
        let chosen = scores.iter().position(Score::equals_best).unwrap_or(best);
        Self { scores, best, chosen }
    }
}
