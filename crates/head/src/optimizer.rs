//! Optimizers, by Keras's names and with its defaults.

mod adam;
mod rmsprop;
mod sgd;

use headstart_kernels::{Dense as Kernel, Error as KernelError, Lanes, Optimizer};
use serde::{Deserialize, Serialize};

pub(crate) use adam::AdamStep;
pub use adam::{Adam, AdamW};
pub use rmsprop::{EpsilonPlacement, RmsProp};
pub use sgd::Sgd;

use crate::error::{Error, check, is_positive};
use crate::schedule::Schedule;

/// An optimizer with its constants. The field `name` of its JSON is Keras's name.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "lowercase")]
#[non_exhaustive]
pub enum OptimizerConfig {
    /// See [`RmsProp`].
    RmsProp(RmsProp),
    /// See [`Sgd`].
    Sgd(Sgd),
    /// See [`Adam`].
    Adam(Adam),
    /// See [`AdamW`].
    AdamW(AdamW),
}

impl OptimizerConfig {
    /// The step size, before any schedule.
    #[must_use]
    pub fn learning_rate(&self) -> f32 {
        match self {
            Self::RmsProp(rmsprop) => rmsprop.learning_rate,
            Self::Sgd(sgd) => sgd.learning_rate,
            Self::Adam(adam) | Self::AdamW(AdamW { adam, .. }) => adam.learning_rate,
        }
    }

    /// The same with another step size.
    #[must_use]
    pub fn with_learning_rate(mut self, learning_rate: f32) -> Self {
        *match &mut self {
            Self::RmsProp(rmsprop) => &mut rmsprop.learning_rate,
            Self::Sgd(sgd) => &mut sgd.learning_rate,
            Self::Adam(adam) | Self::AdamW(AdamW { adam, .. }) => &mut adam.learning_rate,
        } = learning_rate;
        self
    }

    pub(crate) fn validate(&self) -> Result<(), Error> {
        let learning_rate = self.learning_rate();
        check("learning rate", is_positive(learning_rate), "a number > 0", &learning_rate)?;
        match self {
            Self::RmsProp(rmsprop) => rmsprop.validate(),
            Self::Sgd(sgd) => sgd.validate(),
            Self::Adam(adam) => adam.validate(),
            Self::AdamW(adamw) => adamw.validate(),
        }
    }

    /// The constants of step `number`, from 0, at its learning rate.
    fn at(&self, number: u64, learning_rate: f32) -> Rule {
        match *self {
            Self::RmsProp(rmsprop) => Rule::RmsProp(RmsProp { learning_rate, ..rmsprop }),
            Self::Sgd(sgd) => Rule::Sgd(Sgd { learning_rate, ..sgd }),
            Self::Adam(adam) => Rule::Adam(adam.at(number, learning_rate, 0.0)),
            Self::AdamW(AdamW { adam, weight_decay }) => {
                Rule::Adam(adam.at(number, learning_rate, weight_decay))
            }
        }
    }
}

impl From<RmsProp> for OptimizerConfig {
    fn from(rmsprop: RmsProp) -> Self {
        Self::RmsProp(rmsprop)
    }
}

impl From<Sgd> for OptimizerConfig {
    fn from(sgd: Sgd) -> Self {
        Self::Sgd(sgd)
    }
}

impl From<Adam> for OptimizerConfig {
    fn from(adam: Adam) -> Self {
        Self::Adam(adam)
    }
}

impl From<AdamW> for OptimizerConfig {
    fn from(adamw: AdamW) -> Self {
        Self::AdamW(adamw)
    }
}

/// The steps of a run, one after the other.
#[derive(Debug, Clone)]
pub(crate) struct Steps {
    pub(crate) optimizer: OptimizerConfig,
    pub(crate) schedule: Schedule,
    /// The factor of the penalty l2 sum(w^2) on kernels.
    pub(crate) l2: f32,
    /// The number of steps taken.
    pub(crate) taken: u64,
}

impl Steps {
    /// The next step.
    pub(crate) fn next(&mut self) -> Step {
        let learning_rate = self.schedule.learning_rate(self.optimizer.learning_rate(), self.taken);
        let rule = self.optimizer.at(self.taken, learning_rate);
        self.taken += 1;
        Step { rule, penalty_slope: 2.0 * self.l2 }
    }
}

/// An optimizer's formula with the constants of one step.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Rule {
    RmsProp(RmsProp),
    Sgd(Sgd),
    Adam(AdamStep),
}

/// One update of all parameters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    pub(crate) rule: Rule,
    /// The penalty's derivative by a kernel's value, divided by that value.
    pub(crate) penalty_slope: f32,
}

impl Step {
    /// [`Kernel::update`] with this step.
    pub(crate) fn update(
        &self,
        kernel: &mut Kernel,
        rows: &[f32],
        delta: &[f32],
        next: Option<(&[f32], &mut [f32])>,
    ) -> Result<(), KernelError> {
        let penalty_slope = self.penalty_slope;
        match self.rule {
            Rule::RmsProp(rule) => kernel.update(&Penalized { rule, penalty_slope }, rows, delta, next),
            Rule::Sgd(rule) => kernel.update(&Penalized { rule, penalty_slope }, rows, delta, next),
            Rule::Adam(rule) => kernel.update(&Penalized { rule, penalty_slope }, rows, delta, next),
        }
    }
}

/// A rule whose gradient includes the penalty's.
#[derive(Clone, Copy)]
struct Penalized<O> {
    rule: O,
    penalty_slope: f32,
}

impl<O: Optimizer> Optimizer for Penalized<O> {
    const SLOTS: usize = O::SLOTS;

    #[inline(always)]
    fn step<L: Lanes>(&self, parameter: L, gradient: L, memory: &mut [L]) -> L {
        let gradient = if self.penalty_slope == 0.0 {
            gradient
        } else {
            gradient + L::splat(self.penalty_slope) * parameter
        };
        self.rule.step(parameter, gradient, memory)
    }

    fn for_bias(self) -> Self {
        Self { penalty_slope: 0.0, ..self }
    }
}
