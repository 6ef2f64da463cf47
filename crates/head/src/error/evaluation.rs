//! What can be wrong with predictions that are to be evaluated.

use headstart_files::ErrorKind;

/// Why predictions could not be evaluated.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There are fewer than two classes, or too many for a confusion matrix in memory.
    #[error("classes: expected 2 to {most}, found {found}")]
    Classes {
        /// The largest number allowed.
        most: usize,
        /// The number of classes.
        found: usize,
    },
    /// There is nothing to evaluate.
    #[error("labels: expected at least one row, found none")]
    NoRows,
    /// There must be one probability for each row and class.
    #[error("probabilities: expected {rows} rows x {classes} classes, found {found} values")]
    ProbabilityCount {
        /// The number of labels.
        rows: usize,
        /// The number of classes.
        classes: usize,
        /// The number of probabilities.
        found: usize,
    },
    /// There must be a group for each row.
    #[error("groups: expected one for each of {rows} rows, found {groups}")]
    GroupCount {
        /// The number of rows.
        rows: usize,
        /// The number of groups' ids.
        groups: usize,
    },
    /// A label is not a class.
    #[error("label of row {row}: expected less than {classes}, found {found}")]
    Label {
        /// The row.
        row: usize,
        /// The number of classes.
        classes: usize,
        /// Its label.
        found: u32,
    },
    /// A probability is outside [0, 1], or NaN.
    #[error("row {row}, class {class}: expected a probability in [0, 1], found {found}")]
    Probability {
        /// The row.
        row: usize,
        /// The class.
        class: usize,
        /// The value.
        found: f32,
    },
    /// The probabilities of a row do not sum to 1.
    #[error("row {row}: expected probabilities that sum to 1, found a sum of {found}")]
    RowSum {
        /// The row.
        row: usize,
        /// Its sum.
        found: f64,
    },
    /// An option is out of its range.
    #[error("{option}: expected {expected}, found {found}")]
    Option {
        /// Which option.
        option: &'static str,
        /// Its range.
        expected: &'static str,
        /// Its value.
        found: String,
    },
}

impl Error {
    /// What kind of failure it is: [`ErrorKind::Usage`] for an option, else [`ErrorKind::BadData`].
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Option { .. } => ErrorKind::Usage,
            Self::Classes { .. }
            | Self::NoRows
            | Self::GroupCount { .. }
            | Self::ProbabilityCount { .. }
            | Self::Label { .. }
            | Self::Probability { .. }
            | Self::RowSum { .. } => ErrorKind::BadData,
        }
    }
}
