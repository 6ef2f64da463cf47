//! Activations on tensors, with gradients.

use candle_core::{D, Result, Tensor};

use headstart_weights::Activation;

/// A constant of [`Activation::Selu`].
pub(crate) const SELU_ALPHA: f64 = 1.673_263_242_354_377_2;
/// A constant of [`Activation::Selu`].
pub(crate) const SELU_SCALE: f64 = 1.050_700_987_355_480_5;

/// The activation's value, with a gradient.
///
/// # Shapes
///
/// Any shape; the result has the same.
///
/// # Errors
///
/// When the device fails.
pub fn apply(activation: Activation, x: &Tensor) -> Result<Tensor> {
    match activation {
        Activation::Linear => Ok(x.clone()),
        Activation::Relu => relu(x),
        Activation::Sigmoid => candle_nn::ops::sigmoid(x),
        Activation::Softmax => {
            // The gradient does not depend on the largest value; detached, it costs no backward pass.
            let shifted = x.broadcast_sub(&x.max_keepdim(D::Minus1)?.detach())?.exp()?;
            shifted.broadcast_div(&shifted.sum_keepdim(D::Minus1)?)
        }
        Activation::Tanh => x.tanh(),
        Activation::Elu => elu(x, 1.0),
        Activation::Selu => elu(x, SELU_ALPHA)? * SELU_SCALE,
        Activation::Softplus => softplus(x),
        // |x| as x times its sign gives the right gradient at 0.
        Activation::Softsign => x / (signed_magnitude(x)? + 1.0)?,
        Activation::HardSigmoid => ((x / 6.0)? + 0.5)?.clamp(0.0_f32, 1.0_f32),
        Activation::Exponential => x.exp(),
        Activation::Silu => x * candle_nn::ops::sigmoid(x)?,
        Activation::Gelu => x.gelu_erf(),
    }
}

/// candle's own has a gradient of 1 at 0.
fn relu(x: &Tensor) -> Result<Tensor> {
    let zeros = x.zeros_like()?;
    x.le(&zeros)?.where_cond(&zeros, x)
}

fn elu(x: &Tensor, alpha: f64) -> Result<Tensor> {
    // exp of positive values could overflow in the branch that is not taken, and 0 * inf is a NaN gradient.
    let zeros = x.zeros_like()?;
    // At 0 the slope is that of the right side, as in TensorFlow.
    let positive = x.ge(&zeros)?;
    let below = ((positive.where_cond(&zeros, x)?.exp()? - 1.0)? * alpha)?;
    positive.where_cond(x, &below)
}

/// |x|, as x times its detached sign (-1 at 0).
fn signed_magnitude(x: &Tensor) -> Result<Tensor> {
    x * sign(x)?
}

/// 1 for x > 0, else -1; without a gradient.
fn sign(x: &Tensor) -> Result<Tensor> {
    let positive = x.gt(&x.zeros_like()?)?;
    let ones = x.ones_like()?;
    Ok(positive.where_cond(&ones, &ones.neg()?)?.detach())
}

/// log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)), which never overflows; its gradient is sigmoid(x)
/// everywhere.
pub(crate) fn softplus(x: &Tensor) -> Result<Tensor> {
    let magnitude = signed_magnitude(x)?;
    let larger = ((x + &magnitude)? * 0.5)?;
    larger + (magnitude.neg()?.exp()? + 1.0)?.log()?
}
