//! Losses, from logits.

use std::fmt;

use candle_core::{D, Result, Tensor};
use serde::{Deserialize, Serialize};

use crate::activation::{Activation, softplus};
use crate::error::Error;
use crate::head::Head;
use crate::pointwise;

/// The clip of [`binary_crossentropy`]: Keras's `epsilon()`.
pub const PROBABILITY_CLIP: f32 = 1e-7;

/// What a head is trained on, by Keras's name. Its last layer decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// Two classes and one logit a row, for the second of them.
    BinaryCrossentropy,
    /// Integer labels, and a logit for each class.
    SparseCategoricalCrossentropy,
}

impl Loss {
    /// The loss of a head: binary cross-entropy for one sigmoid unit, sparse categorical cross-entropy for two units or
    /// more, linear or softmax.
    ///
    /// Both are computed from the logits, before the activation, so that linear and softmax are trained alike.
    ///
    /// # Errors
    ///
    /// [`Error::Output`] for any other last layer.
    pub fn of(head: &Head) -> std::result::Result<Self, Error> {
        let output = head.output().ok_or(Error::NoDense)?;
        match (output.units(), output.activation()) {
            (1, Activation::Sigmoid) => Ok(Self::BinaryCrossentropy),
            (2.., Activation::Linear | Activation::Softmax) => Ok(Self::SparseCategoricalCrossentropy),
            (units, activation) => Err(Error::Output { units, activation }),
        }
    }

    /// Mean over a batch of each row's loss times its class's weight: the sum divided by the number of rows, not by
    /// that of weights, as Keras's `sum_over_batch_size` is.
    ///
    /// # Shapes
    ///
    /// `logits` is `N x units`; there are N labels, each below the number of classes; `class_weights` has a weight for
    /// each class, or none, which weighs all alike.
    ///
    /// # Errors
    ///
    /// Where the shapes or labels do not fit, or the device fails.
    pub fn mean(self, logits: &Tensor, labels: &[u32], class_weights: &[f32]) -> Result<Tensor> {
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

/// A label's weight, where there are any.
fn weight(class_weights: &[f32], label: u32) -> f32 {
    class_weights.get(label as usize).copied().unwrap_or(1.0)
}

/// Mean binary cross-entropy of logits z and labels y: softplus(z) - z y, which neither overflows nor needs a
/// clip.
///
/// # Shapes
///
/// Both of one shape; `labels` are 0 or 1. The result is a scalar, >= 0.
///
/// # Errors
///
/// Where the shapes differ, or the device fails.
pub fn binary_crossentropy_from_logits(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
    binary_rows(logits, labels)?.mean_all()
}

fn binary_rows(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
    softplus(logits)? - (logits * labels)?
}

/// Mean binary cross-entropy of probabilities p, clipped to [1e-7, 1 - 1e-7] as Keras does:
/// -(y log p + (1 - y) log(1 - p)).
///
/// # Shapes
///
/// As [`binary_crossentropy_from_logits`], with probabilities in [0, 1].
///
/// # Errors
///
/// Where the shapes differ, or the device fails.
pub fn binary_crossentropy(probabilities: &Tensor, labels: &Tensor) -> Result<Tensor> {
    let p = probabilities.clamp(PROBABILITY_CLIP, 1.0 - PROBABILITY_CLIP)?;
    let positive = (labels * p.log()?)?;
    let negative = (labels.affine(-1.0, 1.0)? * p.affine(-1.0, 1.0)?.log()?)?;
    (positive + negative)?.mean_all()?.neg()
}

/// Mean cross-entropy of logits z and integer labels y: log(sum exp(z)) - z_y.
///
/// # Shapes
///
/// `logits` is `N x classes`, `labels` is N integers (u32 or i64) below the number of classes. The result is a scalar,
/// >= 0.
///
/// # Errors
///
/// Where the shapes or labels do not fit, or the device fails.
pub fn sparse_categorical_crossentropy_from_logits(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
    sparse_rows(logits, labels)?.mean_all()
}

fn sparse_rows(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
    log_softmax(logits)?.gather(&labels.unsqueeze(1)?, 1)?.squeeze(1)?.neg()
}

/// Mean cross-entropy of logits z and targets t: -sum(t log softmax(z)) over the classes. Targets may be one-hot, or
/// soft.
///
/// # Shapes
///
/// Both are `N x classes`; the targets are >= 0, each row with the sum 1. The result is a scalar, >= 0.
///
/// # Errors
///
/// Where the shapes differ, or the device fails.
pub fn categorical_crossentropy_from_logits(logits: &Tensor, targets: &Tensor) -> Result<Tensor> {
    (log_softmax(logits)? * targets)?.sum(D::Minus1)?.mean_all()?.neg()
}

/// z - log(sum exp(z)) along the last axis. The largest value is taken out first, so that nothing overflows; detached,
/// it costs no backward pass.
fn log_softmax(logits: &Tensor) -> Result<Tensor> {
    let shifted = logits.broadcast_sub(&logits.max_keepdim(D::Minus1)?.detach())?;
    shifted.broadcast_sub(&shifted.exp()?.sum_keepdim(D::Minus1)?.log()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    fn gradient_at(logit: f32, label: f32) -> (f32, f32) {
        let logit = Var::from_slice(&[logit], 1, &Device::Cpu).unwrap();
        let label = Tensor::from_slice(&[label], 1, &Device::Cpu).unwrap();
        let loss = binary_crossentropy_from_logits(&logit, &label).unwrap();
        let gradients = loss.backward().unwrap();
        let gradient = gradients.get(&logit).unwrap().to_vec1::<f32>().unwrap()[0];
        (loss.to_scalar().unwrap(), gradient)
    }

    #[test]
    fn gradient_is_probability_less_label_everywhere() {
        for logit in [-100.0, -3.0, -0.0, 0.0, 1e-4, 2.0, 100.0_f32] {
            for label in [0.0, 1.0] {
                let probability = 1.0 / (1.0 + (-f64::from(logit)).exp());
                let (_, gradient) = gradient_at(logit, label);
                let expected = probability - f64::from(label);
                assert!((f64::from(gradient) - expected).abs() < 1e-6, "{logit} {label}: {gradient}");
            }
        }
    }

    #[test]
    fn huge_logits_give_finite_losses() {
        assert_eq!(gradient_at(1e4, 1.0), (0.0, 0.0));
        assert_eq!(gradient_at(1e4, 0.0), (1e4, 1.0));
        assert_eq!(gradient_at(-1e4, 1.0), (1e4, -1.0));
    }

    #[test]
    fn both_forms_agree_where_nothing_is_clipped() {
        let logits = Tensor::from_slice(&[-5.0_f32, -0.5, 0.0, 3.0], (4, 1), &Device::Cpu).unwrap();
        let labels = Tensor::from_slice(&[1.0_f32, 0.0, 1.0, 1.0], (4, 1), &Device::Cpu).unwrap();
        let probabilities = candle_nn::ops::sigmoid(&logits).unwrap();
        let from_logits = binary_crossentropy_from_logits(&logits, &labels).unwrap();
        let clipped = binary_crossentropy(&probabilities, &labels).unwrap();
        let (a, b) = (from_logits.to_scalar::<f32>().unwrap(), clipped.to_scalar::<f32>().unwrap());
        assert!((a - b).abs() < 1e-6, "{a} {b}");
    }

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
