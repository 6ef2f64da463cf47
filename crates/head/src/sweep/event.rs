//! Progress of a sweep.

use super::candidate::Candidate;
use crate::training::TrainingEvent;

/// Progress of a sweep. The observer answers with [`ControlFlow::Break`](std::ops::ControlFlow::Break) to end it.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum SweepEvent<'a> {
    /// A part of the search for a fold's nearest neighbours was done.
    Search {
        /// The fold, from 1.
        fold: usize,
        /// The number of folds.
        folds: usize,
    },
    /// A candidate's head is being trained.
    Training {
        /// Which candidate.
        candidate: &'a Candidate,
        /// The fold that is held out, from 1.
        fold: usize,
        /// The number of folds.
        folds: usize,
        /// Progress of this head's training.
        event: TrainingEvent<'a>,
    },
    /// A candidate has answered the rows of a fold.
    Answer {
        /// Which candidate.
        candidate: &'a Candidate,
        /// The fold, from 1.
        fold: usize,
        /// The number of folds.
        folds: usize,
    },
}
