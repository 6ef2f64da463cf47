//! Adam and AdamW, as in Keras 3.

use headstart_kernels::{Lanes, Optimizer};
use serde::{Deserialize, Serialize};

use crate::error::{Error, check, is_positive};

/// Adam (D. Kingma and J. Ba, "Adam: a method for stochastic optimization", 2015): with the running means m of the
/// gradients and v of their squares, each parameter moves by -alpha m / (sqrt(v) + epsilon), where alpha is
/// learning_rate sqrt(1 - beta_2^t) / (1 - beta_1^t) at the t-th step.
///
/// The betas are f64: 1 - 0.999 in f32 would be wrong by 1e-5.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Adam {
    /// Step size, > 0.
    pub learning_rate: f32,
    /// Decay of the running mean of gradients, in [0, 1).
    pub beta_1: f64,
    /// Decay of the running mean of their squares, in [0, 1).
    pub beta_2: f64,
    /// Keeps the denominator above zero, > 0.
    pub epsilon: f32,
}

impl Default for Adam {
    /// Keras's: 1e-3, 0.9, 0.999, 1e-7.
    fn default() -> Self {
        Self { learning_rate: 1e-3, beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7 }
    }
}

/// Adam with decoupled weight decay (I. Loshchilov and F. Hutter, "Decoupled weight decay regularization", 2019):
/// before each step, learning_rate x weight_decay of a parameter is subtracted from it. As in Keras, this includes biases.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AdamW {
    /// The other constants.
    #[serde(flatten)]
    pub adam: Adam,
    /// Share of a parameter that is subtracted, before it is multiplied by the learning rate; >= 0.
    pub weight_decay: f32,
}

impl Default for AdamW {
    /// Keras's: Adam with a weight decay of 0.004.
    fn default() -> Self {
        Self { adam: Adam::default(), weight_decay: 0.004 }
    }
}

impl Adam {
    pub(super) fn validate(&self) -> Result<(), Error> {
        for (name, beta) in [("beta 1", self.beta_1), ("beta 2", self.beta_2)] {
            check(name, (0.0..1.0).contains(&beta), "a number in [0, 1)", &beta)?;
        }
        check("epsilon", is_positive(self.epsilon), "a number > 0", &self.epsilon)
    }

    /// The constants of step `number`, from 0, for its learning rate and weight decay.
    pub(super) fn at(&self, number: u64, learning_rate: f32, weight_decay: f32) -> AdamStep {
        // Keras rounds the betas to f32 before it takes powers.
        let rest = |beta: f64| 1.0 - f64::from(beta as f32).powf((number + 1) as f64);
        let alpha = f64::from(learning_rate) * rest(self.beta_2).sqrt() / rest(self.beta_1);
        AdamStep {
            alpha: alpha as f32,
            share_1: (1.0 - self.beta_1) as f32,
            share_2: (1.0 - self.beta_2) as f32,
            epsilon: self.epsilon,
            decay: weight_decay * learning_rate,
        }
    }
}

impl AdamW {
    pub(super) fn validate(&self) -> Result<(), Error> {
        let fits = self.weight_decay >= 0.0 && self.weight_decay.is_finite();
        check("weight decay", fits, "a number >= 0", &self.weight_decay)?;
        self.adam.validate()
    }
}

/// One step of [`Adam`] or [`AdamW`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct AdamStep {
    /// The step size, corrected for means that start at zero.
    pub(crate) alpha: f32,
    /// 1 - beta_1
    pub(crate) share_1: f32,
    /// 1 - beta_2
    pub(crate) share_2: f32,
    pub(crate) epsilon: f32,
    /// Share of a parameter that is subtracted before the step.
    pub(crate) decay: f32,
}

impl Optimizer for AdamStep {
    /// The running means of gradients and of their squares.
    const SLOTS: usize = 2;

    #[inline(always)]
    fn step<L: Lanes>(&self, parameter: L, gradient: L, memory: &mut [L]) -> L {
        let mean = memory[0] + (gradient - memory[0]) * L::splat(self.share_1);
        let squares = memory[1] + (gradient * gradient - memory[1]) * L::splat(self.share_2);
        (memory[0], memory[1]) = (mean, squares);
        let kept = parameter - parameter * L::splat(self.decay);
        kept - mean * L::splat(self.alpha) / (squares.sqrt() + L::splat(self.epsilon))
    }
}
