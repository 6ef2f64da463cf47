//! Activations, by Keras's names.

use std::fmt;
use std::str::FromStr;

use candle_core::{D, Result, Tensor};
use serde::{Deserialize, Serialize};

/// Of [`Activation::Selu`].
pub(crate) const SELU_ALPHA: f64 = 1.673_263_242_354_377_2;
/// Of [`Activation::Selu`].
pub(crate) const SELU_SCALE: f64 = 1.050_700_987_355_480_5;

/// An element-wise function (softmax: along the last axis), as the `activation` argument of a Keras layer
/// names it. Formulas and constants are Keras 3's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// x
    Linear,
    /// max(x, 0); its gradient at 0 is 0, as in TensorFlow.
    Relu,
    /// 1 / (1 + exp(-x))
    Sigmoid,
    /// exp(x) / sum exp(x), along the last axis
    Softmax,
    /// (exp(x) - exp(-x)) / (exp(x) + exp(-x))
    Tanh,
    /// x for x > 0, exp(x) - 1 below
    Elu,
    /// 1.0507... * (x for x > 0, 1.6732... * (exp(x) - 1) below): G. Klambauer et al., "Self-normalizing neural
    /// networks" (2017)
    Selu,
    /// log(1 + exp(x))
    Softplus,
    /// x / (1 + |x|)
    Softsign,
    /// clip(x / 6 + 1 / 2, 0, 1). Keras 1 and 2 had clip(0.2 x + 0.5, 0, 1).
    HardSigmoid,
    /// exp(x)
    Exponential,
    /// x / (1 + exp(-x)), also called swish
    Silu,
    /// x * Phi(x) with the error function, not its tanh approximation
    Gelu,
}

impl Activation {
    /// All of them, in the order above.
    pub const ALL: [Self; 13] = [
        Self::Linear,
        Self::Relu,
        Self::Sigmoid,
        Self::Softmax,
        Self::Tanh,
        Self::Elu,
        Self::Selu,
        Self::Softplus,
        Self::Softsign,
        Self::HardSigmoid,
        Self::Exponential,
        Self::Silu,
        Self::Gelu,
    ];

    /// Keras's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Relu => "relu",
            Self::Sigmoid => "sigmoid",
            Self::Softmax => "softmax",
            Self::Tanh => "tanh",
            Self::Elu => "elu",
            Self::Selu => "selu",
            Self::Softplus => "softplus",
            Self::Softsign => "softsign",
            Self::HardSigmoid => "hard_sigmoid",
            Self::Exponential => "exponential",
            Self::Silu => "silu",
            Self::Gelu => "gelu",
        }
    }

    /// The function's value, with a gradient.
    ///
    /// # Shapes
    ///
    /// Any shape; the result has the same.
    ///
    /// # Errors
    ///
    /// Where the device fails.
    pub fn apply(self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Linear => Ok(x.clone()),
            Self::Relu => relu(x),
            Self::Sigmoid => candle_nn::ops::sigmoid(x),
            Self::Softmax => {
                // The gradient does not depend on the largest value; detached, it costs no backward pass.
                let shifted = x.broadcast_sub(&x.max_keepdim(D::Minus1)?.detach())?.exp()?;
                shifted.broadcast_div(&shifted.sum_keepdim(D::Minus1)?)
            }
            Self::Tanh => x.tanh(),
            Self::Elu => elu(x, 1.0),
            Self::Selu => elu(x, SELU_ALPHA)? * SELU_SCALE,
            Self::Softplus => softplus(x),
            // |x| as x times its sign, so that the gradient at 0 is that of the definition.
            Self::Softsign => x / (signed_magnitude(x)? + 1.0)?,
            Self::HardSigmoid => ((x / 6.0)? + 0.5)?.clamp(0.0_f32, 1.0_f32),
            Self::Exponential => x.exp(),
            Self::Silu => x * candle_nn::ops::sigmoid(x)?,
            Self::Gelu => x.gelu_erf(),
        }
    }
}

/// Not candle's: its gradient at 0 is 1.
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

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that no activation has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("activation {found}: expected one of {known}", known = Activation::ALL.map(Activation::name).join(", "))]
pub struct UnknownActivation {
    /// The name.
    pub found: String,
}

impl FromStr for Activation {
    type Err = UnknownActivation;

    fn from_str(name: &str) -> std::result::Result<Self, UnknownActivation> {
        let name = if name == "swish" { "silu" } else { name };
        Self::ALL
            .into_iter()
            .find(|activation| activation.name() == name)
            .ok_or_else(|| UnknownActivation { found: name.to_owned() })
    }
}
