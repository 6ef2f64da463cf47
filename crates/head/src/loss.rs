//! Losses.

use candle_core::{Result, Tensor};

use crate::activation::softplus;
use crate::pointwise;

/// The clip of [`binary_crossentropy`]: Keras's `epsilon()`.
pub const PROBABILITY_CLIP: f32 = 1e-7;

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
    (softplus(logits)? - (logits * labels)?)?.mean_all()
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

/// [`binary_crossentropy_from_logits`] on slices.
pub(crate) fn mean(logits: &[f32], labels: &[f32]) -> f32 {
    let loss = |(&z, &y): (&f32, &f32)| f64::from(pointwise::softplus(z) - z * y);
    (logits.iter().zip(labels).map(loss).sum::<f64>() / labels.len() as f64) as f32
}

/// The derivatives of [`mean`] by the logits: (sigmoid(z) - y) / N.
pub(crate) fn gradient(logits: &[f32], labels: &[f32], delta: &mut Vec<f32>) {
    let count = labels.len() as f32;
    delta.clear();
    delta.extend(logits.iter().zip(labels).map(|(&z, &y)| (pointwise::sigmoid(z) - y) / count));
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
}
