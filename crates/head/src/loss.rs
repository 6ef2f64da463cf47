//! Cross-entropies on tensors, with gradients.

use candle_core::{D, Result, Tensor};

use crate::activation::softplus;

/// The clip of [`binary_crossentropy`]: Keras's `epsilon()`.
pub const PROBABILITY_CLIP: f32 = 1e-7;

/// Mean binary cross-entropy of logits z and labels y: softplus(z) - z y. It neither overflows nor needs a clip.
///
/// # Shapes
///
/// Both of one shape; `labels` are 0 or 1. The result is a scalar, >= 0.
///
/// # Errors
///
/// When the shapes differ, or the device fails.
pub fn binary_crossentropy_from_logits(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
    binary_rows(logits, labels)?.mean_all()
}

/// The loss of each row, not their mean.
pub(crate) fn binary_rows(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
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
/// When the shapes differ, or the device fails.
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
/// When the shapes or labels do not fit, or the device fails.
pub fn sparse_categorical_crossentropy_from_logits(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
    sparse_rows(logits, labels)?.mean_all()
}

/// The loss of each row, not their mean.
pub(crate) fn sparse_rows(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
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
/// When the shapes differ, or the device fails.
pub fn categorical_crossentropy_from_logits(logits: &Tensor, targets: &Tensor) -> Result<Tensor> {
    (log_softmax(logits)? * targets)?.sum(D::Minus1)?.mean_all()?.neg()
}

/// z - log(sum exp(z)) along the last axis. The largest value is subtracted first, so that nothing overflows. It is
/// detached, so it costs no backward pass.
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
}
