//! The flags of `headstart train` about the loss and the optimizer.

use std::fmt::Display;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use headstart::ClassWeights;
use headstart::optimizer::{Adam, AdamW, OptimizerConfig, RmsProp, Schedule, Sgd, Warmup};

use super::values::finite;
use crate::fault::Fault;

#[derive(Debug, Args)]
pub(crate) struct Objective {
    /// The optimizer, with the defaults of Keras
    #[arg(long, value_enum, value_name = "NAME", default_value_t = OptimizerChoice::Rmsprop)]
    pub(crate) optimizer: OptimizerChoice,

    /// Momentum of sgd, in [0, 1). Default: 0
    #[arg(long, value_name = "M", value_parser = finite::<f32>)]
    momentum: Option<f32>,

    /// Use Nesterov momentum, for sgd
    #[arg(long, requires = "momentum")]
    nesterov: bool,

    /// Weight decay of adamw. Default: 0.004
    #[arg(long, value_name = "W", value_parser = finite::<f32>)]
    weight_decay: Option<f32>,

    /// L2 penalty: adds this number times the sum of squares of the kernels to the loss
    #[arg(long, value_name = "L2", default_value_t = 0.0, value_parser = finite::<f32>)]
    pub(crate) l2: f32,

    /// Weights of the classes in the training loss: none, balanced (all classes count the same in total), or weights by name
    /// or number of the class, such as cats:2,dogs:0.5; a class that is left out has weight 1. A number is taken for a
    /// class's name first, then for its position
    #[arg(long, value_name = "WHICH", default_value = "none")]
    pub(crate) class_weight: ClassWeightChoice,

    /// How the learning rate changes from update to update, with the names of Keras: constant,
    /// exponential_decay:decay_steps=100,decay_rate=0.9 (staircase=true),
    /// cosine_decay:decay_steps=600 (alpha=0.1, warmup_steps=50, warmup_target=0.01),
    /// piecewise_constant_decay:boundaries=200/400,values=0.01/0.001/0.0001
    #[arg(long, value_name = "NAME:KEY=VALUE,...", default_value = "constant")]
    pub(crate) schedule: ScheduleChoice,
}

/// An optimizer, by Keras's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OptimizerChoice {
    /// RMSprop, of the Keras that --rmsprop names
    Rmsprop,
    /// Gradient descent
    Sgd,
    /// Steps scaled by running means of gradients and of their squares
    Adam,
    /// Adam with weight decay
    Adamw,
}

impl Objective {
    /// The optimizer that the flags describe. A constant that it does not have is a usage error.
    pub(crate) fn optimizer(&self, rmsprop: Option<RmsPropChoice>) -> Result<OptimizerConfig, Fault> {
        let refuse = |flag: &str, owner: &str| {
            Fault::Usage(format!("{flag}: expected --optimizer {owner}, found {}", self.optimizer.name()))
        };
        if self.momentum.is_some() && self.optimizer != OptimizerChoice::Sgd {
            return Err(refuse("--momentum", "sgd"));
        }
        if rmsprop.is_some() && self.optimizer != OptimizerChoice::Rmsprop {
            return Err(refuse("--rmsprop", "rmsprop"));
        }
        if self.weight_decay.is_some() && self.optimizer != OptimizerChoice::Adamw {
            return Err(refuse("--weight-decay", "adamw"));
        }
        Ok(match self.optimizer {
            OptimizerChoice::Rmsprop => RmsProp::from(rmsprop.unwrap_or(RmsPropChoice::Keras1)).into(),
            OptimizerChoice::Sgd => {
                let momentum = self.momentum.unwrap_or(0.0);
                Sgd { momentum, nesterov: self.nesterov, ..Sgd::default() }.into()
            }
            OptimizerChoice::Adam => Adam::default().into(),
            OptimizerChoice::Adamw => {
                let defaults = AdamW::default();
                let weight_decay = self.weight_decay.unwrap_or(defaults.weight_decay);
                AdamW { weight_decay, ..defaults }.into()
            }
        })
    }
}

/// A generation of Keras, for its RMSprop constants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RmsPropChoice {
    /// Epsilon 1e-8, outside the root
    Keras1,
    /// Epsilon 1e-7, outside the root
    Keras2,
    /// Epsilon 1e-7, inside the root
    Keras3,
}

impl From<RmsPropChoice> for RmsProp {
    fn from(choice: RmsPropChoice) -> Self {
        match choice {
            RmsPropChoice::Keras1 => Self::keras1(),
            RmsPropChoice::Keras2 => Self::keras2(),
            RmsPropChoice::Keras3 => Self::keras3(),
        }
    }
}

impl OptimizerChoice {
    fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

/// `none`, `balanced`, or weights by class.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ClassWeightChoice(pub(crate) ClassWeights);

impl FromStr for ClassWeightChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let pair = |part: &str| {
            let pair = part.rsplit_once(':');
            let weight = pair.and_then(|(class, weight)| Some((class.to_owned(), weight.parse().ok()?)));
            weight.ok_or_else(|| format!("expected none, balanced or CLASS:WEIGHT, found {part}"))
        };
        Ok(Self(match text {
            "none" => ClassWeights::None,
            "balanced" => ClassWeights::Balanced,
            list => ClassWeights::Given(list.split(',').map(pair).collect::<Result<_, _>>()?),
        }))
    }
}

/// A schedule, written `NAME:KEY=VALUE,...` with the names of Keras; lists are divided by `/`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ScheduleChoice(pub(crate) Schedule);

impl FromStr for ScheduleChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, settings) = text.split_once(':').unwrap_or((text, ""));
        let mut settings = Settings::parse(settings)?;
        let schedule = match name {
            "constant" => Schedule::Constant,
            "exponential_decay" => Schedule::ExponentialDecay {
                decay_steps: settings.required("decay_steps")?,
                decay_rate: settings.required("decay_rate")?,
                staircase: settings.optional("staircase")?.unwrap_or(false),
            },
            "cosine_decay" => {
                let (target, steps) =
                    (settings.optional("warmup_target")?, settings.optional("warmup_steps")?);
                let warmup = match (target, steps) {
                    (Some(target), Some(steps)) => Some(Warmup { target, steps }),
                    (None, None) => None,
                    _ => return Err("expected warmup_target and warmup_steps together, found one".to_owned()),
                };
                let alpha = settings.optional("alpha")?.unwrap_or(0.0);
                Schedule::CosineDecay { decay_steps: settings.required("decay_steps")?, alpha, warmup }
            }
            "piecewise_constant_decay" => Schedule::PiecewiseConstantDecay {
                boundaries: settings.list("boundaries")?,
                values: settings.list("values")?,
            },
            other => {
                return Err(format!(
                    "expected constant, exponential_decay, cosine_decay or piecewise_constant_decay, found {other}"
                ));
            }
        };
        match settings.0.first() {
            Some((key, _)) => Err(format!("{name} has no {key}")),
            None => Ok(Self(schedule)),
        }
    }
}

/// What is left of `KEY=VALUE,...`.
struct Settings<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Settings<'a> {
    fn parse(text: &'a str) -> Result<Self, String> {
        let parts = text.split(',').filter(|part| !part.is_empty());
        let pair =
            |part: &'a str| part.split_once('=').ok_or_else(|| format!("expected KEY=VALUE, found {part}"));
        Ok(Self(parts.map(pair).collect::<Result<_, _>>()?))
    }

    fn take(&mut self, key: &str) -> Option<&'a str> {
        let at = self.0.iter().position(|(name, _)| *name == key)?;
        Some(self.0.remove(at).1)
    }

    fn optional<T: FromStr<Err: Display>>(&mut self, key: &str) -> Result<Option<T>, String> {
        self.take(key).map(|value| number(key, value)).transpose()
    }

    fn required<T: FromStr<Err: Display>>(&mut self, key: &str) -> Result<T, String> {
        self.optional(key)?.ok_or_else(|| format!("expected {key}=..., found none"))
    }

    fn list<T: FromStr<Err: Display>>(&mut self, key: &str) -> Result<Vec<T>, String> {
        let values = self.take(key).ok_or_else(|| format!("expected {key}=.../..., found none"))?;
        values.split('/').map(|value| number(key, value)).collect()
    }
}

fn number<T: FromStr<Err: Display>>(key: &str, value: &str) -> Result<T, String> {
    value.parse().map_err(|error| format!("{key}={value}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(text: &str) -> Result<Schedule, String> {
        text.parse().map(|ScheduleChoice(schedule)| schedule)
    }

    #[test]
    fn schedules_are_read_by_the_names_of_keras() {
        assert_eq!(schedule("constant"), Ok(Schedule::Constant));
        let exponential = Schedule::ExponentialDecay { decay_steps: 100, decay_rate: 0.9, staircase: true };
        assert_eq!(
            schedule("exponential_decay:decay_rate=0.9,decay_steps=100,staircase=true"),
            Ok(exponential)
        );
        let warmup = Some(Warmup { target: 0.01, steps: 50 });
        let cosine = Schedule::CosineDecay { decay_steps: 600, alpha: 0.0, warmup };
        assert_eq!(schedule("cosine_decay:decay_steps=600,warmup_steps=50,warmup_target=0.01"), Ok(cosine));
        let piecewise =
            Schedule::PiecewiseConstantDecay { boundaries: vec![2, 4], values: vec![0.3, 0.2, 0.1] };
        assert_eq!(schedule("piecewise_constant_decay:boundaries=2/4,values=0.3/0.2/0.1"), Ok(piecewise));
    }

    #[test]
    fn schedules_that_say_too_little_or_too_much_are_refused() {
        for (text, message) in [
            ("exponential_decay:decay_steps=3", "expected decay_rate=..., found none"),
            ("cosine_decay:decay_steps=x", "decay_steps=x: invalid digit found in string"),
            (
                "cosine_decay:decay_steps=1,warmup_steps=2",
                "expected warmup_target and warmup_steps together, found one",
            ),
            ("constant:alpha=1", "constant has no alpha"),
            ("cosine_decay:600", "expected KEY=VALUE, found 600"),
        ] {
            assert_eq!(schedule(text), Err(message.to_owned()));
        }
        assert!(schedule("cosine").unwrap_err().ends_with("found cosine"));
    }

    #[test]
    fn class_weights_are_read_class_by_class() {
        let given = |text: &str| text.parse().map(|ClassWeightChoice(weights)| weights);
        assert_eq!(given("none"), Ok(ClassWeights::None));
        assert_eq!(given("balanced"), Ok(ClassWeights::Balanced));
        let weights = vec![("dogs".to_owned(), 2.0), ("a:b".to_owned(), 0.5)];
        assert_eq!(given("dogs:2,a:b:0.5"), Ok(ClassWeights::Given(weights)));
        assert!(given("cats=2").is_err());
    }
}
