//! What a trained head says: probabilities of the classes; and how often it is right.

use crate::engine::{self, Objective};
use crate::error::Error;
use crate::head::Head;
use crate::head_loss::Loss;
use crate::logits::Logits;
use crate::pointwise::{self, sigmoid};
use crate::rows::Rows;
use crate::samples::{Labelled, Samples};
use headstart_weights::Activation;

/// Each row's probability of each class, `N x classes`, rows in order; `batch_size` rows (at least one) are read at a time.
///
/// A head of one unit, sigmoid or linear, has two classes: its logit z gives sigmoid(-z) and sigmoid(z).
/// A head of more units, softmax or linear, has one class a unit: its logits give their softmax.
///
/// # Errors
///
/// [`Error::NotProbabilities`] for another activation; and when there are no rows, their shape is not the head's, or
/// they can't be read.
pub fn predict(head: &Head, samples: &dyn Samples, batch_size: usize) -> Result<Vec<f32>, Error> {
    let (units, loss) = probability_units(head)?;
    let rows = Rows::new("rows to predict", head, samples)?;
    let batch_size = batch_size.clamp(1, rows.count());
    let mut engine = engine::open(head, Objective::without_steps(loss), batch_size)?;
    let mut probabilities = Vec::with_capacity(rows.count() * units.max(2));
    rows.for_each_batch(&mut *engine, batch_size, |_, logits| match loss {
        Loss::BinaryCrossentropy => {
            probabilities.extend(logits.iter().flat_map(|&logit| [sigmoid(-logit), sigmoid(logit)]));
        }
        Loss::SparseCategoricalCrossentropy => {
            let start = probabilities.len();
            probabilities.extend_from_slice(logits);
            pointwise::apply(Activation::Softmax, &mut probabilities[start..], units);
        }
    })?;
    Ok(probabilities)
}

/// Each row's logits, from which [`predict`] makes probabilities.
///
/// # Errors
///
/// As [`predict`].
pub fn logits(head: &Head, samples: &dyn Samples, batch_size: usize) -> Result<Logits, Error> {
    let (units, loss) = probability_units(head)?;
    let rows = Rows::new("rows to predict", head, samples)?;
    let batch_size = batch_size.clamp(1, rows.count());
    let mut engine = engine::open(head, Objective::without_steps(loss), batch_size)?;
    let mut values = Vec::with_capacity(rows.count() * units);
    rows.for_each_batch(&mut *engine, batch_size, |_, logits| {
        values.extend(logits.iter().map(|&logit| f64::from(logit)));
    })?;
    Logits::new(values, units)
}

/// The number of units of a head that gives probabilities, and the loss that goes with it.
fn probability_units(head: &Head) -> Result<(usize, Loss), Error> {
    let output = head.output().ok_or(Error::NoDense)?;
    let (units, activation) = (output.units(), output.activation());
    match (units, activation) {
        (1, Activation::Sigmoid | Activation::Linear) => Ok((units, Loss::BinaryCrossentropy)),
        (2.., Activation::Softmax | Activation::Linear) => Ok((units, Loss::SparseCategoricalCrossentropy)),
        _ => Err(Error::NotProbabilities { units, activation }),
    }
}

/// Mean loss, and accuracy in [0, 1], of a head; without dropout, class weights and penalties.
///
/// # Errors
///
/// When labels or shapes do not fit, or the rows can't be read.
pub fn evaluate(head: &Head, data: Labelled<'_>, batch_size: usize) -> Result<(f32, f32), Error> {
    let loss = Loss::of(head)?;
    let rows = Rows::labelled("evaluation data", head, data)?;
    let batch_size = batch_size.clamp(1, rows.count());
    let mut engine = engine::open(head, Objective::without_steps(loss), batch_size)?;
    let measured = rows.measure(loss, &mut *engine, batch_size)?;
    Ok((measured.loss(), measured.accuracy()))
}
