//! What can be wrong with predictions that are to be evaluated.

/// Why predictions could not be evaluated.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Fewer than two classes, or more than a confusion matrix can be kept of.
    #[error("classes: expected 2 to {most}, found {found}")]
    Classes {
        /// The most that there may be.
        most: usize,
        /// How many there are.
        found: usize,
    },
    /// Nothing to evaluate.
    #[error("labels: expected at least one row, found none")]
    NoRows,
    /// Not one probability for each row and class.
    #[error("probabilities: expected {rows} rows x {classes} classes, found {found} values")]
    ProbabilityCount {
        /// How many labels there are.
        rows: usize,
        /// How many classes.
        classes: usize,
        /// How many probabilities.
        found: usize,
    },
    /// A label that is not a class.
    #[error("label of row {row}: expected less than {classes}, found {found}")]
    Label {
        /// The row.
        row: usize,
        /// How many classes there are.
        classes: usize,
        /// Its label.
        found: u32,
    },
    /// A probability outside [0, 1], or NaN.
    #[error("row {row}, class {class}: expected a probability in [0, 1], found {found}")]
    Probability {
        /// The row.
        row: usize,
        /// The class.
        class: usize,
        /// The value.
        found: f32,
    },
    /// A row of probabilities that does not sum to 1.
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
