//! Activations, by Keras's names.

use std::fmt;
use std::str::FromStr;

use headstart_files::ErrorKind;
use serde::{Deserialize, Serialize};

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

impl UnknownActivation {
    /// What kind of failure it is: always [`ErrorKind::Usage`].
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::Usage
    }
}

impl FromStr for Activation {
    type Err = UnknownActivation;

    /// Reads [`name`](Activation::name), and `swish` for silu.
    fn from_str(name: &str) -> Result<Self, UnknownActivation> {
        let name = if name == "swish" { "silu" } else { name };
        Self::ALL
            .into_iter()
            .find(|activation| activation.name() == name)
            .ok_or_else(|| UnknownActivation { found: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_is_written_and_in_json_too() {
        for activation in Activation::ALL {
            assert_eq!(activation.name().parse(), Ok(activation));
            assert_eq!(serde_json::to_string(&activation).unwrap(), format!("\"{activation}\""));
        }
        assert_eq!("swish".parse(), Ok(Activation::Silu));
        let error = "wave".parse::<Activation>().unwrap_err();
        assert!(error.to_string().starts_with("activation wave: expected one of linear, relu"), "{error}");
        assert_eq!(error.kind(), ErrorKind::Usage);
    }
}
