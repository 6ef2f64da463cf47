//! Probabilities of the classes from a trained head.

use crate::activation::Activation;
use crate::engine::{Batch, Engine, Objective};
use crate::error::Error;
use crate::head::Head;
use crate::loss::Loss;
use crate::network::Network;
use crate::pointwise::sigmoid;
use crate::samples::Samples;
use crate::tensors::Tensors;

/// Each row's probability of each class, `N x classes`, rows in order; `batch_size` rows (at least one) are read at a time.
///
/// A head of one unit, sigmoid or linear, tells two classes apart: its logit z gives sigmoid(-z) and sigmoid(z).
/// A head of more units, softmax or linear, tells as many classes apart: its logits give their softmax.
///
/// # Errors
///
/// [`Error::NotProbabilities`] for another activation; and where there are no rows, their shape is not the head's, or
/// they can't be read.
pub fn predict(head: &Head, samples: &dyn Samples, batch_size: usize) -> Result<Vec<f32>, Error> {
    let output = head.output().ok_or(Error::NoDense)?;
    let (units, activation) = (output.units(), output.activation());
    let loss = match (units, activation) {
        (1, Activation::Sigmoid | Activation::Linear) => Loss::BinaryCrossentropy,
        (2.., Activation::Softmax | Activation::Linear) => Loss::SparseCategoricalCrossentropy,
        _ => return Err(Error::NotProbabilities { units, activation }),
    };
    let what = "rows to predict";
    let rows = samples.rows();
    if rows == 0 {
        return Err(Error::NoRows(what));
    }
    if samples.row_shape() != head.row_shape() {
        let (expected, found) = (head.row_shape().to_vec(), samples.row_shape().to_vec());
        return Err(Error::RowShape { what, expected, found });
    }
    let batch_size = batch_size.clamp(1, rows);
    let objective = Objective::without_steps(loss);
    let mut engine: Box<dyn Engine> = if head.device().is_cpu() {
        Box::new(Network::new(head, objective, batch_size)?)
    } else {
        Box::new(Tensors::new(head, objective)?)
    };
    let row_len: usize = head.row_shape().iter().product();
    let mut batch = Batch::default();
    let mut probabilities = Vec::with_capacity(rows * units.max(2));
    for first in (0..rows).step_by(batch_size) {
        let indices: Vec<usize> = (first..rows.min(first + batch_size)).collect();
        batch.rows.resize(indices.len() * row_len, 0.0);
        samples.read(&indices, &mut batch.rows).map_err(Error::Samples)?;
        batch.labels.resize(indices.len(), 0);
        let logits = engine.logits(&batch)?;
        match loss {
            Loss::BinaryCrossentropy => {
                probabilities.extend(logits.iter().flat_map(|&logit| [sigmoid(-logit), sigmoid(logit)]));
            }
            Loss::SparseCategoricalCrossentropy => {
                let start = probabilities.len();
                probabilities.extend_from_slice(logits);
                Activation::Softmax.apply_to_rows(&mut probabilities[start..], units);
            }
        }
    }
    Ok(probabilities)
}
