//! What can be wrong with a head, its data or its options.

use std::fmt::Display;

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
    /// The last layer is not Dense, so that losses could not take its logits.
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
    /// Rows of another shape than those that the head was built for.
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
        /// Values in a row.
        row: usize,
        /// Values in all.
        found: usize,
    },
    /// A head that has no loss.
    #[error(
        "output layer: expected Dense 1 with sigmoid, or Dense of at least 2 units with linear or softmax, found \
         Dense {units} with {activation}"
    )]
    Output {
        /// Units of the last Dense layer.
        units: usize,
        /// Its activation.
        activation: crate::Activation,
    },
    /// As many labels as rows are needed.
    #[error("{what}: expected a label for each of {rows} rows, found {labels} labels")]
    LabelCount {
        /// Which rows.
        what: &'static str,
        /// How many rows there are.
        rows: usize,
        /// How many labels.
        labels: usize,
    },
    /// A label that is not a class of the head.
    #[error("{what}: label of row {row}: expected {}, found {found}", classes_in_words(*classes))]
    Label {
        /// Which rows.
        what: &'static str,
        /// The row.
        row: usize,
        /// How many classes the head tells apart.
        classes: usize,
        /// Its label.
        found: u32,
    },
    /// A class without rows, which no weight can balance.
    #[error(
        "balanced class weights: expected training rows of each of {classes} classes, found none of class {class}"
    )]
    NoRowsOfClass {
        /// How many classes the head tells apart.
        classes: usize,
        /// The label of the class.
        class: usize,
    },
    /// Nothing to train or evaluate on.
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
    /// A loss left the range of f32.
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
    /// Saved parameters that do not fit the head.
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
    /// A head whose outputs are not probabilities of classes.
    #[error(
        "output layer: expected one unit with sigmoid, or several with softmax or linear, found Dense {units} with {activation}"
    )]
    NotProbabilities {
        /// Units of the last Dense layer.
        units: usize,
        /// Its activation.
        activation: crate::Activation,
    },
    /// Probabilities that can't be told the accuracy and the loss of.
    #[error(transparent)]
    Evaluation(#[from] crate::evaluation::Error),
    /// The source of rows failed.
    #[error("reading rows: {0}")]
    Samples(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The path of instructions that the environment forces does not exist here.
    #[error(transparent)]
    Kernels(#[from] headstart_kernels::Error),
    /// candle failed: memory, or a device.
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
}

/// The labels of so many classes.
fn classes_in_words(classes: usize) -> String {
    if classes == 2 { "0 or 1".to_owned() } else { format!("0 to {}", classes.saturating_sub(1)) }
}

/// An [`Error::Option`] where the option is out of its range.
pub(crate) fn check(
    option: &'static str,
    fits: bool,
    expected: &'static str,
    found: &dyn Display,
) -> Result<(), Error> {
    if fits { Ok(()) } else { Err(Error::Option { option, expected, found: found.to_string() }) }
}

/// Whether a number is > 0 and finite.
pub(crate) fn is_positive(value: f32) -> bool {
    value > 0.0 && value.is_finite()
}
