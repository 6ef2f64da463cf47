//! What can be wrong with a head, its data or its options. Every other module may use this one; it uses none of them.

mod evaluation;
mod samples;

use std::fmt::Display;
use std::ops::ControlFlow;

use headstart_files::ErrorKind;
use headstart_weights::Activation;

pub use evaluation::Error as EvaluationError;
pub use samples::SamplesError;

/// Why a head could not be built, trained or run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A layer's setting is out of its range.
    #[error("layer {layer}: {setting}: expected {expected}, found {found}")]
    LayerSetting {
        /// Position in the list of layers, from 0.
        layer: usize,
        /// Which setting.
        setting: &'static str,
        /// Its range.
        expected: &'static str,
        /// Its value.
        found: String,
    },
    /// A list of layers without a Dense layer.
    #[error("layers: expected at least one Dense layer, found none")]
    NoDense,
    /// The last layer is not Dense, so a loss has no logits to work on.
    #[error("layers: expected a Dense layer at the end, found {found}")]
    NotDenseAtEnd {
        /// The last layer's Keras name.
        found: &'static str,
    },
    /// A Dense layer was given rows that are not flat.
    #[error("layer {layer}: Dense expects rows of one dimension, found {found:?}: put Flatten before it")]
    NotFlat {
        /// Position in the list of layers, from 0.
        layer: usize,
        /// The shape of a row.
        found: Vec<usize>,
    },
    /// The rows have another shape than the head was built for.
    #[error("{what}: expected rows of shape {expected:?}, found {found:?}")]
    RowShape {
        /// Which rows.
        what: &'static str,
        /// The head's shape.
        expected: Vec<usize>,
        /// The rows' shape.
        found: Vec<usize>,
    },
    /// The values of an in-memory source are not a whole number of rows.
    #[error("rows of shape {row_shape:?}: expected a multiple of {row} values, found {found}")]
    RowLength {
        /// The shape of a row.
        row_shape: Vec<usize>,
        /// The number of values in a row.
        row: usize,
        /// The number of values in all.
        found: usize,
    },
    /// No loss fits the head's last layer.
    #[error(
        "output layer: expected Dense 1 with sigmoid, or Dense of at least 2 units with linear or softmax, found \
         Dense {units} with {activation}"
    )]
    Output {
        /// Units of the last Dense layer.
        units: usize,
        /// Its activation.
        activation: Activation,
    },
    /// There must be as many labels as rows.
    #[error("{what}: expected a label for each of {rows} rows, found {labels} labels")]
    LabelCount {
        /// Which rows.
        what: &'static str,
        /// The number of rows.
        rows: usize,
        /// The number of labels.
        labels: usize,
    },
    /// A label is not a class of the head.
    #[error("{what}: label of row {row}: expected {}, found {found}", classes_in_words(*classes))]
    Label {
        /// Which rows.
        what: &'static str,
        /// The row.
        row: usize,
        /// The number of classes that the head knows.
        classes: usize,
        /// Its label.
        found: u32,
    },
    /// A class without rows can't be balanced by a weight.
    #[error(
        "balanced class weights: expected training rows of each of {classes} classes, found none of class {class}"
    )]
    NoRowsOfClass {
        /// The number of classes that the head knows.
        classes: usize,
        /// The label of the class.
        class: usize,
    },
    /// A class that cannot be held out and trained on at the same time.
    #[error(
        "class {class}: expected at least {expected} {unit}, found {found}: add images, or leave the class out"
    )]
    SmallClass {
        /// The label of the class.
        class: usize,
        /// What is counted: rows, or groups of rows.
        unit: &'static str,
        /// How many it takes.
        expected: usize,
        /// How many the class has.
        found: usize,
    },
    /// The groups are such that all rows of a class are held out together.
    #[error(
        "class {class}: all of its rows are in fold {fold} of {folds}, so no model could learn it: use fewer folds or \
         smaller groups"
    )]
    ClassInOneFold {
        /// The label of the class.
        class: usize,
        /// The fold that has them, from 1.
        fold: usize,
        /// The number of folds.
        folds: usize,
    },
    /// A feature is NaN or infinite.
    #[error(
        "{what}: row {row}, column {column}: expected a finite number, found {found}: compute the features again"
    )]
    NotFinite {
        /// Which rows.
        what: &'static str,
        /// The row, from 0.
        row: usize,
        /// Which value of the row, from 0.
        column: usize,
        /// The value.
        found: f32,
    },
    /// There is nothing to train or evaluate on.
    #[error("{0}: expected at least one row, found none")]
    NoRows(&'static str),
    /// A training option is out of its range.
    #[error("{option}: expected {expected}, found {found}")]
    Option {
        /// Which option.
        option: &'static str,
        /// Its range.
        expected: &'static str,
        /// Its value.
        found: String,
    },
    /// A loss is NaN or infinite.
    #[error(
        "{what}, epoch {epoch}: the loss is {loss}: lower the learning rate, or look for NaN in the features"
    )]
    Diverged {
        /// On which rows.
        what: &'static str,
        /// The epoch, from 1.
        epoch: usize,
        /// The epoch's loss.
        loss: f32,
    },
    /// The parameters are NaN or infinite.
    #[error("epoch {epoch}: the parameters are no finite numbers any more: lower the learning rate")]
    DivergedParameters {
        /// The epoch, from 1, after which they were found.
        epoch: usize,
    },
    /// Saved parameters do not fit the head.
    #[error("{layer}: {what}: expected {expected:?}, found {found:?}")]
    Parameters {
        /// The layer's name.
        layer: String,
        /// Which parameter.
        what: &'static str,
        /// The head's shape.
        expected: Vec<usize>,
        /// The saved shape.
        found: Vec<usize>,
    },
    /// The head's outputs are not probabilities of classes.
    #[error(
        "output layer: expected one unit with sigmoid, or several with softmax or linear, found Dense {units} with {activation}"
    )]
    NotProbabilities {
        /// Units of the last Dense layer.
        units: usize,
        /// Its activation.
        activation: Activation,
    },
    /// The observer of a sweep, a cross-validation or a fit ended it.
    #[error("interrupted before it was done; there is no result")]
    Interrupted,
    /// Probabilities could not be evaluated.
    #[error(transparent)]
    Evaluation(#[from] EvaluationError),
    /// The source of rows failed.
    #[error("reading rows: {0}")]
    Samples(SamplesError),
    /// The CPU's kernels failed: the environment forces instructions that this CPU lacks.
    #[error(transparent)]
    Kernels(#[from] headstart_kernels::Error),
    /// candle failed: memory, or a device.
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
}

impl Error {
    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::LayerSetting { .. } | Self::Option { .. } | Self::Kernels(_) => ErrorKind::Usage,
            Self::ClassInOneFold { .. }
            | Self::Label { .. }
            | Self::LabelCount { .. }
            | Self::NoRows(_)
            | Self::NoRowsOfClass { .. }
            | Self::NotFinite { .. }
            | Self::NotProbabilities { .. }
            | Self::Parameters { .. }
            | Self::RowShape { .. }
            | Self::SmallClass { .. } => ErrorKind::BadData,
            Self::NoDense
            | Self::NotDenseAtEnd { .. }
            | Self::NotFlat { .. }
            | Self::RowLength { .. }
            | Self::Output { .. }
            | Self::Diverged { .. }
            | Self::DivergedParameters { .. } => ErrorKind::Internal,
            Self::Interrupted => ErrorKind::Interrupted,
            Self::Evaluation(error) => error.kind(),
            Self::Samples(error) => error.kind(),
            Self::Candle(_) => ErrorKind::Resources,
        }
    }
}

impl From<SamplesError> for Error {
    fn from(error: SamplesError) -> Self {
        Self::Samples(error)
    }
}

/// The labels that a number of classes has.
fn classes_in_words(classes: usize) -> String {
    if classes == 2 { "0 or 1".to_owned() } else { format!("0 to {}", classes.saturating_sub(1)) }
}

/// [`Error::Option`] unless the option is within its range.
pub(crate) fn check(
    option: &'static str,
    fits: bool,
    expected: &'static str,
    found: &dyn Display,
) -> Result<(), Error> {
    if fits { Ok(()) } else { Err(Error::Option { option, expected, found: found.to_string() }) }
}

/// [`Error::Interrupted`] if an observer answered with `Break`.
pub(crate) fn proceed(flow: ControlFlow<()>) -> Result<(), Error> {
    if flow.is_break() { Err(Error::Interrupted) } else { Ok(()) }
}

/// Whether a number is > 0 and finite.
pub(crate) fn is_positive(value: f32) -> bool {
    value > 0.0 && value.is_finite()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_tells_usage_bad_data_and_interruption_apart() {
        let option = check("epochs", false, "at least 1", &0).unwrap_err();
        let label = EvaluationError::Label { row: 0, classes: 2, found: 2 };
        let missing = SamplesError::new(ErrorKind::Missing, "rows.npy: no such file");
        let kinds = [
            (option, ErrorKind::Usage),
            (Error::NoRows("training data"), ErrorKind::BadData),
            (label.into(), ErrorKind::BadData),
            (missing.into(), ErrorKind::Missing),
            (Error::Interrupted, ErrorKind::Interrupted),
            (Error::NoDense, ErrorKind::Internal),
        ];
        for (error, kind) in kinds {
            assert_eq!(error.kind(), kind, "{error}");
        }
    }

    #[test]
    fn a_message_says_the_cause_and_the_source_is_none() {
        let error = Error::from(SamplesError::new(ErrorKind::BadData, "rows.npy: truncated"));
        assert_eq!(error.to_string(), "reading rows: rows.npy: truncated");
        assert!(std::error::Error::source(&error).is_none());
    }
}
