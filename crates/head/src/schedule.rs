//! Learning-rate schedules, by Keras's names.

use serde::{Deserialize, Serialize};

use crate::error::{Error, check, is_positive};

/// How the learning rate changes from step to step, as in Keras 3's `keras.optimizers.schedules`. A step is one update,
/// counted from 0. The optimizer's learning rate is the initial one.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Schedule {
    /// It does not change.
    #[default]
    Constant,
    /// initial x decay_rate^(step / decay_steps)
    ExponentialDecay {
        /// Steps after which the rate is `decay_rate` times as large, > 0.
        decay_steps: u64,
        /// > 0.
        decay_rate: f32,
        /// Whether step / decay_steps is rounded down, so that the rate falls once in `decay_steps`.
        staircase: bool,
    },
    /// Half a cosine from the initial rate down to `alpha` of it. With a warmup, the rate first rises linearly from the
    /// initial rate to the warmup's target, where the cosine starts (I. Loshchilov and F. Hutter, "SGDR: stochastic
    /// gradient descent with warm restarts", 2017).
    CosineDecay {
        /// Steps of the cosine, > 0. After it the rate stays the same.
        decay_steps: u64,
        /// Share of the rate at the end, in [0, 1].
        alpha: f32,
        /// The rise before the cosine.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        warmup: Option<Warmup>,
    },
    /// `values[i]` up to and including step `boundaries[i]`, then the last value. The optimizer's learning rate is not used.
    PiecewiseConstantDecay {
        /// Steps, in ascending order, at least one.
        boundaries: Vec<u64>,
        /// Rates, one more than boundaries, each > 0.
        values: Vec<f32>,
    },
}

/// A linear rise before a [`Schedule::CosineDecay`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Warmup {
    /// The learning rate that it rises to, > 0.
    pub target: f32,
    /// The number of steps that this takes.
    pub steps: u64,
}

impl Schedule {
    /// The learning rate of a step, counted from 0.
    #[must_use]
    pub fn learning_rate(&self, initial: f32, step: u64) -> f32 {
        match *self {
            Self::Constant => initial,
            Self::ExponentialDecay { decay_steps, decay_rate, staircase } => {
                let passed = step as f64 / decay_steps as f64;
                let passed = if staircase { passed.floor() } else { passed };
                (f64::from(initial) * f64::from(decay_rate).powf(passed)) as f32
            }
            Self::CosineDecay { warmup: Some(Warmup { target, steps }), .. } if step < steps => {
                let passed = step as f64 / steps as f64;
                (f64::from(initial) + (f64::from(target) - f64::from(initial)) * passed) as f32
            }
            Self::CosineDecay { decay_steps, alpha, warmup } => {
                let (from, begin) = warmup.map_or((initial, 0), |warmup| (warmup.target, warmup.steps));
                let passed = (step - begin).min(decay_steps) as f64 / decay_steps as f64;
                let cosine = 0.5 * (1.0 + (std::f64::consts::PI * passed).cos());
                let alpha = f64::from(alpha);
                (f64::from(from) * ((1.0 - alpha) * cosine + alpha)) as f32
            }
            Self::PiecewiseConstantDecay { ref boundaries, ref values } => {
                let piece = boundaries.partition_point(|&boundary| boundary < step);
                values.get(piece).copied().unwrap_or(initial)
            }
        }
    }

    pub(crate) fn validate(&self) -> Result<(), Error> {
        let at_least_one = |steps: u64| check("decay steps", steps > 0, "at least 1", &steps);
        match self {
            Self::Constant => Ok(()),
            Self::ExponentialDecay { decay_steps, decay_rate, .. } => {
                at_least_one(*decay_steps)?;
                check("decay rate", is_positive(*decay_rate), "a number > 0", decay_rate)
            }
            Self::CosineDecay { decay_steps, alpha, warmup } => {
                at_least_one(*decay_steps)?;
                check("alpha", (0.0..=1.0).contains(alpha), "a number in [0, 1]", alpha)?;
                warmup.map_or(Ok(()), |Warmup { target, .. }| {
                    check("warmup target", is_positive(target), "a number > 0", &target)
                })
            }
            Self::PiecewiseConstantDecay { boundaries, values } => {
                let rising = !boundaries.is_empty() && boundaries.windows(2).all(|pair| pair[0] < pair[1]);
                let found = format!("{boundaries:?}");
                check("boundaries", rising, "at least one step, in rising order", &found)?;
                let fits = values.len() == boundaries.len() + 1 && values.iter().all(|&v| is_positive(v));
                let found = format!("{values:?}");
                check("values", fits, "numbers > 0, one more than boundaries", &found)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warmup_meets_the_cosine() {
        let warmup = Some(Warmup { target: 0.5, steps: 4 });
        let schedule = Schedule::CosineDecay { decay_steps: 8, alpha: 0.1, warmup };
        let rates: Vec<f32> = [0, 2, 4, 8, 12, 1000].map(|step| schedule.learning_rate(0.1, step)).to_vec();
        for (found, expected) in rates.iter().zip([0.1, 0.3, 0.5, 0.275, 0.05, 0.05]) {
            assert!((found - expected).abs() < 1e-7, "{rates:?}");
        }
    }

    #[test]
    fn ranges_are_checked() {
        let refused = |schedule: Schedule| schedule.validate().unwrap_err().to_string();
        let exponential = |decay_steps, decay_rate| Schedule::ExponentialDecay {
            decay_steps,
            decay_rate,
            staircase: false,
        };
        assert_eq!(refused(exponential(0, 0.5)), "decay steps: expected at least 1, found 0");
        assert_eq!(refused(exponential(1, -0.5)), "decay rate: expected a number > 0, found -0.5");
        let piecewise = |boundaries: &[u64], values: &[f32]| Schedule::PiecewiseConstantDecay {
            boundaries: boundaries.to_vec(),
            values: values.to_vec(),
        };
        let message = "boundaries: expected at least one step, in rising order, found [5, 5]";
        assert_eq!(refused(piecewise(&[5, 5], &[0.1, 0.2, 0.3])), message);
        let message = "values: expected numbers > 0, one more than boundaries, found [0.1]";
        assert_eq!(refused(piecewise(&[5], &[0.1])), message);
        let cosine = Schedule::CosineDecay { decay_steps: 1, alpha: 1.5, warmup: None };
        assert_eq!(refused(cosine), "alpha: expected a number in [0, 1], found 1.5");
    }
}
