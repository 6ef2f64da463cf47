//! RMSprop, as in each version of Keras.

use headstart_kernels::{Lanes, Optimizer};
use serde::{Deserialize, Serialize};

use crate::error::{Error, check, is_positive};

/// Where RMSprop's denominator adds epsilon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EpsilonPlacement {
    /// g / (sqrt(a) + epsilon): Keras 1 and 2.
    OutsideRoot,
    /// g / sqrt(a + epsilon): Keras 3. It differs much for gradients below sqrt(epsilon).
    InsideRoot,
}

/// RMSprop (T. Tieleman and G. Hinton, lecture 6.5 of "Neural Networks for Machine Learning", 2012): with the
/// running mean of squares a = rho a + (1 - rho) g^2, each parameter moves by -learning_rate g / sqrt(a).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RmsProp {
    /// Step size, > 0.
    pub learning_rate: f32,
    /// Decay of the running mean of squared gradients, in [0, 1).
    pub rho: f32,
    /// Keeps the denominator above zero, > 0.
    pub epsilon: f32,
    /// Whether epsilon is added to the root or under it.
    pub epsilon_placement: EpsilonPlacement,
}

impl RmsProp {
    /// The defaults of Keras 1: 1e-3, 0.9, 1e-8 outside the root. The bottleneck-features script used them.
    #[must_use]
    pub fn keras1() -> Self {
        let epsilon_placement = EpsilonPlacement::OutsideRoot;
        Self { learning_rate: 1e-3, rho: 0.9, epsilon: 1e-8, epsilon_placement }
    }

    /// The defaults of Keras 2 from 2.1.3 on: epsilon is 1e-7.
    #[must_use]
    pub fn keras2() -> Self {
        Self { epsilon: 1e-7, ..Self::keras1() }
    }

    /// The defaults of Keras 3: epsilon is 1e-7, inside the root.
    #[must_use]
    pub fn keras3() -> Self {
        Self { epsilon: 1e-7, epsilon_placement: EpsilonPlacement::InsideRoot, ..Self::keras1() }
    }
}

impl RmsProp {
    pub(super) fn validate(&self) -> Result<(), Error> {
        let Self { rho, epsilon, .. } = *self;
        check("rho", (0.0..1.0).contains(&rho), "a number in [0, 1)", &rho)?;
        check("epsilon", is_positive(epsilon), "a number > 0", &epsilon)
    }
}

impl Optimizer for RmsProp {
    /// The running mean of squared gradients.
    const SLOTS: usize = 1;

    #[inline(always)]
    fn step<L: Lanes>(&self, parameter: L, gradient: L, memory: &mut [L]) -> L {
        let (rho, epsilon) = (L::splat(self.rho), L::splat(self.epsilon));
        let mean = rho * memory[0] + L::splat(1.0 - self.rho) * gradient * gradient;
        memory[0] = mean;
        let denominator = match self.epsilon_placement {
            EpsilonPlacement::OutsideRoot => mean.sqrt() + epsilon,
            EpsilonPlacement::InsideRoot => (mean + epsilon).sqrt(),
        };
        parameter - L::splat(self.learning_rate) * gradient / denominator
    }
}
