//! Which kind of head is best for some features, by cross-validation, and whether that is more than noise.
//!
//! Every candidate answers the same rows, each by a model that was trained on the folds which the row is not in. The
//! most accurate is then compared with each other one by [McNemar's exact test](mcnemar_exact) on the rows that only one
//! of them answers rightly, with [Holm's correction](holm). The simplest candidate that can't be told from the best is
//! chosen.
//!
//! The folds' models share most of their training rows, so the tests' values are approximate, as they are with any
//! cross-validation: they speak of these rows, not of how a head's accuracy varies with other training rows and seeds.
//!
//! # Example
//!
//! ```
//! use candle_core::Device;
//! use headstart_head::analysis::CrossValidation;
//! use headstart_head::sweep::{Candidate, sweep};
//! use headstart_head::{InMemory, Labelled};
//!
//! let values: Vec<f32> = (0..20).flat_map(|i| if i % 2 == 0 { [1.0, 0.0] } else { [0.0, 1.0] }).collect();
//! let labels: Vec<u32> = (0..20).map(|i| i % 2).collect();
//! let rows = InMemory::new(&values, &[2])?;
//!
//! let candidates = [1, 3].map(|neighbours| Candidate::NearestNeighbours { neighbours });
//! let data = Labelled { samples: &rows, labels: &labels };
//! let options = CrossValidation::default();
//! let sweep = sweep(data, &candidates, &options, &Device::Cpu, &mut |_| ())?;
//! assert_eq!(sweep.scores[0].accuracy.mean, 1.0);
//! assert_eq!(sweep.chosen, 0);
//! # Ok::<(), headstart_head::Error>(())
//! ```

mod candidate;
mod comparison;
mod neighbours;

use std::time::Instant;

use candle_core::Device;
use serde::{Deserialize, Serialize};

use crate::analysis::CrossValidation;
use crate::analysis::cross_validation::{Fold, class_count};
use crate::error::{Error, check};
use crate::evaluation::Predictions;
use crate::head::LayerConfig;
use crate::samples::{Labelled, Subset};

pub use candidate::Candidate;
pub use comparison::{holm, mcnemar_exact};

/// The corrected p-value from which on a difference is taken for chance.
pub const SIGNIFICANCE: f64 = 0.05;

/// What came of all candidates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sweep {
    /// In the order of the candidates.
    pub scores: Vec<Score>,
    /// Position of the candidate that answers most rows rightly, the first of equals.
    pub best: usize,
    /// Position of the first candidate that can't be told from the best.
    pub chosen: usize,
}

/// What came of one candidate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Which.
    #[serde(flatten)]
    pub candidate: Candidate,
    /// Accuracy, in [0, 1].
    pub accuracy: FoldMeans,
    /// Cross-entropy of probabilities clipped as in [`Predictions::losses`].
    pub loss: FoldMeans,
    /// Rows that were answered rightly, of all folds.
    pub right: usize,
    /// Time for all folds. The neighbours are searched for once; the time of that counts for each candidate that votes
    /// among them.
    pub seconds: f64,
    /// How it compares with the best; none for the best itself.
    pub against_best: Option<Comparison>,
}

/// A metric on each fold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FoldMeans {
    /// The mean on each fold's rows.
    pub folds: Vec<f64>,
    /// The mean of these.
    pub mean: f64,
    /// The mean's standard error: the folds' standard deviation (n - 1) by the square root of their number.
    pub standard_error: f64,
}

/// Two candidates on the rows that only one of them answers rightly.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Rows that the best alone answers rightly.
    pub best_alone: usize,
    /// Rows that the other alone answers rightly.
    pub other_alone: usize,
    /// [`mcnemar_exact`] of these.
    pub p: f64,
    /// After [`holm`]'s correction over all comparisons of the sweep.
    pub corrected_p: f64,
}

impl Comparison {
    /// Whether the best is better by more than chance.
    #[must_use]
    pub fn is_significant(&self) -> bool {
        self.corrected_p < SIGNIFICANCE
    }
}

impl Sweep {
    /// Position of the head to train where nearest neighbours will not do: the first that can't be told from the best,
    /// else the most accurate. None where no candidate is a head.
    #[must_use]
    pub fn chosen_head(&self) -> Option<usize> {
        let heads =
            || (0..self.scores.len()).filter(|&position| self.scores[position].candidate.units().is_some());
        let equal = heads().find(|&position| self.scores[position].equals_best());
        // `max_by_key` gives the last of equals, so it is asked from the end.
        equal.or_else(|| heads().rev().max_by_key(|&position| self.scores[position].right))
    }
}

impl Score {
    /// Whether it is the best, or can't be told from it.
    #[must_use]
    pub fn equals_best(&self) -> bool {
        self.against_best.is_none_or(|comparison| !comparison.is_significant())
    }
}

/// Tries `candidates`, the simplest first, on the same stratified folds; `on_answer` hears of each candidate as it has
/// answered a fold.
///
/// Everything but [`Score::seconds`] is the same to the bit for the same rows and options, on one kind of CPU. Rows are
/// read as they are needed, so features may be larger than memory.
///
/// # Errors
///
/// [`Error::Option`] where there is no candidate, no neighbour, or a number of folds out of its range; as
/// [`train`](crate::train) else.
pub fn sweep(
    data: Labelled<'_>,
    candidates: &[Candidate],
    options: &CrossValidation,
    device: &Device,
    on_answer: &mut dyn FnMut(&Candidate),
) -> Result<Sweep, Error> {
    check("candidates", !candidates.is_empty(), "at least one", &"none")?;
    let neighbours = |candidate: &Candidate| match *candidate {
        Candidate::NearestNeighbours { neighbours } => Some(neighbours),
        Candidate::LogisticRegression | Candidate::Dense { .. } => None,
    };
    let most = candidates.iter().filter_map(neighbours).max();
    check("neighbours", !candidates.iter().any(|c| neighbours(c) == Some(0)), "at least 1", &0)?;
    let folds = options.split(data)?;
    let classes = class_count(data.labels);

    let mut probabilities = vec![vec![0.0; data.labels.len() * classes]; candidates.len()];
    let mut seconds = vec![0.0; candidates.len()];
    for fold in &folds {
        let started = Instant::now();
        let nearest = match most {
            None => Vec::new(),
            Some(most) => {
                let training = Subset { samples: data.samples, indices: &fold.others };
                let queries = Subset { samples: data.samples, indices: &fold.held_out };
                neighbours::nearest(&training, &queries, most)?
            }
        };
        let search_seconds = started.elapsed().as_secs_f64();
        for (position, candidate) in candidates.iter().enumerate() {
            let started = Instant::now();
            let by_head = |units, dropout| {
                fold.judge(data, &LayerConfig::head_for(classes, units, dropout), options, device)
            };
            let answers = match *candidate {
                Candidate::LogisticRegression => by_head(0, 0.0)?,
                Candidate::Dense { units, dropout } => by_head(units, dropout)?,
                Candidate::NearestNeighbours { neighbours } => {
                    seconds[position] += search_seconds;
                    neighbours::shares(&nearest, &fold.labels, neighbours, classes)
                }
            };
            fold.place(&answers, &mut probabilities[position]);
            seconds[position] += started.elapsed().as_secs_f64();
            on_answer(candidate);
        }
    }
    let mut scores = Vec::with_capacity(candidates.len());
    let mut rights = Vec::with_capacity(candidates.len());
    for ((&candidate, probabilities), seconds) in candidates.iter().zip(&probabilities).zip(seconds) {
        let predictions = Predictions::new(probabilities, data.labels, classes)?;
        let right: Vec<bool> = predictions
            .predicted()
            .iter()
            .zip(data.labels)
            .map(|(predicted, label)| predicted == label)
            .collect();
        let losses: Vec<f64> = predictions.losses().collect();
        scores.push(Score {
            candidate,
            accuracy: FoldMeans::new(&folds, |row| if right[row] { 1.0 } else { 0.0 }),
            loss: FoldMeans::new(&folds, |row| losses[row]),
            right: right.iter().filter(|&&right| right).count(),
            seconds,
            against_best: None,
        });
        rights.push(right);
    }
    Ok(Sweep::compare(scores, &rights))
}

impl Sweep {
    /// Finds the best, and the simplest that can't be told from it; `rights` has a row's worth of each candidate.
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

impl FoldMeans {
    fn new(folds: &[Fold], of_row: impl Fn(usize) -> f64) -> Self {
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let fold = |fold: &Fold| mean(&fold.held_out.iter().map(|&row| of_row(row)).collect::<Vec<_>>());
        let folds: Vec<f64> = folds.iter().map(fold).collect();
        let all = mean(&folds);
        let squares: f64 = folds.iter().map(|value| (value - all).powi(2)).sum();
        let count = folds.len() as f64;
        Self { folds, mean: all, standard_error: (squares / (count - 1.0) / count).sqrt() }
    }
}
