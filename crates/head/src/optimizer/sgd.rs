//! Gradient descent, with or without momentum.

use headstart_kernels::{Lanes, Optimizer};
use serde::{Deserialize, Serialize};

use crate::error::{Error, check};

/// Gradient descent with the velocity v = momentum v - learning_rate g: each parameter moves by v, or with Nesterov's
/// momentum by momentum v - learning_rate g (I. Sutskever et al., "On the importance of initialization and momentum in
/// deep learning", 2013, in Keras's form).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Sgd {
    /// Step size, > 0.
    pub learning_rate: f32,
    /// Share of the velocity that is kept from step to step, in [0, 1).
    pub momentum: f32,
    /// Whether momentum is Nesterov's.
    pub nesterov: bool,
}

impl Default for Sgd {
    /// Keras's: 0.01, no momentum.
    fn default() -> Self {
        Self { learning_rate: 0.01, momentum: 0.0, nesterov: false }
    }
}

impl Sgd {
    pub(super) fn validate(&self) -> Result<(), Error> {
        let fits = (0.0..1.0).contains(&self.momentum);
        check("momentum", fits, "a number in [0, 1)", &self.momentum)
    }
}

impl Optimizer for Sgd {
    /// The velocity.
    const SLOTS: usize = 1;

    #[inline(always)]
    fn step<L: Lanes>(&self, parameter: L, gradient: L, memory: &mut [L]) -> L {
        let (momentum, step) = (L::splat(self.momentum), L::splat(self.learning_rate) * gradient);
        let velocity = momentum * memory[0] - step;
        memory[0] = velocity;
        if self.nesterov { parameter + (momentum * velocity - step) } else { parameter + velocity }
    }
}
