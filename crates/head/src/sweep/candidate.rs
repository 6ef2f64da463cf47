//! The kinds of classifiers that a sweep tries.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A kind of classifier.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Candidate {
    /// Flatten and one Dense layer.
    LogisticRegression,
    /// The shares of the classes among the training rows that are nearest by cosine distance.
    NearestNeighbours {
        /// The number of neighbours, >= 1; all rows if there are fewer.
        neighbours: usize,
    },
    /// Flatten, Dense relu, Dropout, Dense: with 256 units the default head.
    Dense {
        /// Units of the hidden layer, > 0.
        units: usize,
        /// Share of them that is dropped while training, in [0, 1).
        dropout: f32,
    },
}

impl Candidate {
    /// Logistic regression, 15, 5 and 1 nearest neighbours, and heads of 64, 256 and 1024 units: the simplest first.
    /// The more neighbours vote, the smoother the border between classes is, so 15 are simpler than one.
    #[must_use]
    pub fn standard(dropout: f32) -> Vec<Self> {
        let neighbours = [15, 5, 1].map(|neighbours| Self::NearestNeighbours { neighbours });
        let heads = [64, 256, 1024].map(|units| Self::Dense { units, dropout });
        [&[Self::LogisticRegression], &neighbours[..], &heads[..]].concat()
    }

    /// The number of neighbours; None for a head.
    pub(super) fn neighbours(&self) -> Option<usize> {
        match self {
            Self::NearestNeighbours { neighbours } => Some(*neighbours),
            Self::LogisticRegression | Self::Dense { .. } => None,
        }
    }

    /// Units of the hidden layer, 0 without one; None for nearest neighbours, which are not a head.
    #[must_use]
    pub fn units(&self) -> Option<usize> {
        match self {
            Self::LogisticRegression => Some(0),
            Self::NearestNeighbours { .. } => None,
            Self::Dense { units, .. } => Some(*units),
        }
    }
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LogisticRegression => f.pad("logistic regression"),
            Self::NearestNeighbours { neighbours: 1 } => f.pad("nearest neighbour"),
            Self::NearestNeighbours { neighbours } => f.pad(&format!("{neighbours} nearest neighbours")),
            Self::Dense { units, .. } => f.pad(&format!("Dense {units}")),
        }
    }
}
