//! The loss of a head.

use std::fmt;

use candle_core::Tensor;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::head::Head;
use crate::loss::{binary_rows, sparse_rows};
use crate::pointwise;
use headstart_weights::Activation;

/// The loss that a head is trained on, by Keras's name. The head's last layer decides which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Loss {
    /// Two classes; one logit a row, for the second class.
    BinaryCrossentropy,
    /// Integer labels; one logit for each class.
    SparseCategoricalCrossentropy,
}

impl Loss {
    /// The loss of a head: binary cross-entropy for one sigmoid unit, sparse categorical cross-entropy for two units or
    /// more, linear or softmax.
    ///
    /// Both are computed from the logits, before the activation, so linear and softmax train the same way.
    ///
    /// # Errors
    ///
    /// [`Error::Output`] for any other last layer.
    pub fn of(head: &Head) -> Result<Self, Error> {
        let output = head.output().ok_or(Error::NoDense)?;
        match (output.units(), output.activation()) {
            (1, Activation::Sigmoid) => Ok(Self::BinaryCrossentropy),
            (2.., Activation::Linear | Activation::Softmax) => Ok(Self::SparseCategoricalCrossentropy),
            (units, activation) => Err(Error::Output { units, activation }),
        }
    }

    /// Mean over a batch of each row's loss times its class's weight. The sum is divided by the number of rows, not by
    /// the sum of the weights, as in Keras's `sum_over_batch_size`.
    ///
    /// # Shapes
    ///
    /// `logits` is `N x units`; there are N labels, each below the number of classes; `class_weights` has a weight for
    /// each class, or is empty, which gives all classes the same weight.
    ///
    /// # Errors
    ///
    /// When the shapes or labels do not fit, or the device fails.
    pub fn mean(self, logits: &Tensor, labels: &[u32], class_weights: &[f32]) -> candle_core::Result<Tensor> {
        let device = logits.device();
        let rows = match self {
            Self::BinaryCrossentropy => {
                let values: Vec<f32> = labels.iter().map(|&label| label as f32).collect();
                binary_rows(logits, &Tensor::from_vec(values, logits.shape(), device)?)?.flatten_all()?
            }
            Self::SparseCategoricalCrossentropy => {
                sparse_rows(logits, &Tensor::from_slice(labels, labels.len(), device)?)?
            }
        };
        let weights: Vec<f32> = labels.iter().map(|&label| weight(class_weights, label)).collect();
        (rows * Tensor::from_vec(weights, labels.len(), device)?)?.mean_all()
    }

    /// [`Loss::mean`] on slices.
    pub(crate) fn mean_on_slices(self, logits: &[f32], labels: &[u32], class_weights: &[f32]) -> f32 {
        let losses =
            labels.iter().zip(logits.chunks_exact(logits.len() / labels.len())).map(|(&label, row)| {
                let loss = match self {
                    Self::BinaryCrossentropy => pointwise::softplus(row[0]) - row[0] * label as f32,
                    Self::SparseCategoricalCrossentropy => {
                        let largest = pointwise::largest(row);
                        let sum: f32 = row.iter().map(|z| (z - largest).exp()).sum();
                        sum.ln() - (row[label as usize] - largest)
                    }
                };
                f64::from(weight(class_weights, label) * loss)
            });
        (losses.sum::<f64>() / labels.len() as f64) as f32
    }

    /// The derivatives of [`Loss::mean`] by the logits: weight (p - y) / N, with the probabilities p and y = 1 for the
    /// label's class.
    pub(crate) fn gradient(
        self,
        logits: &[f32],
        labels: &[u32],
        class_weights: &[f32],
        delta: &mut Vec<f32>,
    ) {
        let (units, count) = (logits.len() / labels.len(), labels.len() as f32);
        delta.clear();
        delta.extend_from_slice(logits);
        for (row, &label) in delta.chunks_exact_mut(units).zip(labels) {
            match self {
                Self::BinaryCrossentropy => row[0] = pointwise::sigmoid(row[0]) - label as f32,
                Self::SparseCategoricalCrossentropy => {
                    pointwise::softmax(row);
                    row[label as usize] -= 1.0;
                }
            }
            let weight = weight(class_weights, label);
            row.iter_mut().for_each(|value| *value = weight * *value / count);
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BinaryCrossentropy => "binary_crossentropy",
            Self::SparseCategoricalCrossentropy => "sparse_categorical_crossentropy",
        })
    }
}

/// A label's weight; 1 without weights.
fn weight(class_weights: &[f32], label: u32) -> f32 {
    class_weights.get(label as usize).copied().unwrap_or(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    #[test]
    fn huge_logits_of_many_classes_give_finite_losses() {
        let values = [1e4_f32, 0.0, -1e4];
        for (label, expected) in [(0, 0.0), (1, 1e4), (2, 2e4)] {
            let logits = Var::from_slice(&values, (1, 3), &Device::Cpu).unwrap();
            let loss = Loss::SparseCategoricalCrossentropy;
            let mean = loss.mean(&logits, &[label], &[]).unwrap();
            let gradients = mean.backward().unwrap();
            let gradient = gradients.get(&logits).unwrap().to_vec2::<f32>().unwrap().concat();
            let mut one_hot = [0.0; 3];
            one_hot[label as usize] = 1.0;
            assert_eq!(mean.to_scalar::<f32>().unwrap(), expected);
            assert_eq!(gradient, [1.0 - one_hot[0], -one_hot[1], -one_hot[2]]);
            assert_eq!(loss.mean_on_slices(&values, &[label], &[]), expected);
            let mut on_slices = Vec::new();
            loss.gradient(&values, &[label], &[], &mut on_slices);
            assert_eq!(on_slices, gradient);
        }
    }

    #[test]
    fn weights_multiply_losses_and_the_mean_is_over_rows() {
        let (logits, labels) = ([0.5_f32, -1.0, 2.0, 0.1, 0.2, 0.3], [2_u32, 0]);
        let loss = Loss::SparseCategoricalCrossentropy;
        let [first, second] =
            [0, 1].map(|row| loss.mean_on_slices(&logits[3 * row..][..3], &labels[row..=row], &[]));
        let found = loss.mean_on_slices(&logits, &labels, &[3.0, 7.0, 0.5]);
        assert!((found - (0.5 * first + 3.0 * second) / 2.0).abs() < 1e-6, "{found}");
    }
}
