//! Losses of many classes, every optimizer, schedules, class weights and L2, compared with Keras 3 (tests/golden/training,
//! generate_objectives.py).
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;
mod goldens;

use std::collections::BTreeMap;

use candle_core::{Device, Tensor, Var};
use common::options_with;
use goldens::{Start, Trained, golden};
use headstart_head::loss::{
    categorical_crossentropy_from_logits, sparse_categorical_crossentropy_from_logits,
};
use headstart_head::{
    Activation, Adam, AdamW, ClassWeight, OptimizerConfig, RmsProp, Schedule, Sgd, TrainOptions, Warmup,
    top_k_accuracy,
};
use serde::Deserialize;

fn schedule(name: &str) -> Schedule {
    let exponential = |staircase| Schedule::ExponentialDecay { decay_steps: 30, decay_rate: 0.5, staircase };
    match name {
        "exponential" => exponential(false),
        "staircase" => exponential(true),
        "cosine" => Schedule::CosineDecay { decay_steps: 80, alpha: 0.1, warmup: None },
        "warmup" => {
            let warmup = Some(Warmup { target: 0.02, steps: 20 });
            Schedule::CosineDecay { decay_steps: 60, alpha: 0.05, warmup }
        }
        "piecewise" => {
            Schedule::PiecewiseConstantDecay { boundaries: vec![20, 60], values: vec![0.01, 0.002, 0.0005] }
        }
        other => panic!("no schedule {other}"),
    }
}

/// The initial learning rate of each of the golden's schedules.
fn initial(name: &str) -> f32 {
    if name == "warmup" { 0.001 } else { 0.01 }
}

/// What the golden's script did in a case, by the case's name.
fn options(case: &str) -> TrainOptions {
    let momentum = Sgd { momentum: 0.9, ..Sgd::default() };
    let with = |optimizer: OptimizerConfig| options_with(|options| options.optimizer = optimizer);
    let rmsprop = with(RmsProp::keras3().into());
    let (name, classes) = case.split_once(" of ").unwrap();
    match name {
        "rmsprop" => rmsprop,
        "sgd" => with(Sgd::default().into()),
        "momentum" => with(momentum.into()),
        "nesterov" => with(Sgd { nesterov: true, ..momentum }.into()),
        "adam" | "softmax" => with(Adam::default().into()),
        "adamw" => with(AdamW::default().into()),
        "l2" if classes == "two" => common::with(&rmsprop, |options| options.l2 = 0.01),
        "l2" => common::with(&with(Adam::default().into()), |options| options.l2 = 0.01),
        "weights" => common::with(&rmsprop, |options| {
            options.class_weight = ClassWeight::Given(vec![0.5, 2.0]);
        }),
        "balanced" => common::with(&rmsprop, |options| options.class_weight = ClassWeight::Balanced),
        "warmup" if classes == "adamw of four" => {
            let adamw = OptimizerConfig::from(AdamW { weight_decay: 0.1, ..AdamW::default() });
            let optimizer = adamw.with_learning_rate(initial(name));
            common::with(&with(optimizer), |options| options.schedule = schedule(name))
        }
        name => {
            let optimizer = OptimizerConfig::from(momentum).with_learning_rate(initial(name));
            common::with(&with(optimizer), |options| options.schedule = schedule(name))
        }
    }
}

#[test]
fn a_hundred_steps_of_every_optimizer_and_option_are_those_of_keras() {
    let (two, four): (Start, Start) = (golden("start.json"), golden("start4.json"));
    let runs: BTreeMap<String, Trained> = golden("runs.json");
    assert_eq!(runs.len(), 23);
    for (case, expected) in &runs {
        let (start, last) = match case.as_str() {
            "softmax of four" => (&four, Activation::Softmax),
            case if case.ends_with("two") => (&two, Activation::Sigmoid),
            _ => (&four, Activation::Linear),
        };
        start.assert_hundred_steps(case, expected, last, &options(case));
    }
}

#[derive(Deserialize)]
struct Schedules {
    steps: Vec<u64>,
    rates: BTreeMap<String, Vec<f32>>,
}

#[test]
fn learning_rates_are_those_of_keras() {
    let golden: Schedules = golden("schedules.json");
    assert_eq!(golden.rates.len(), 5);
    for (name, rates) in &golden.rates {
        for (&step, &expected) in golden.steps.iter().zip(rates) {
            let found = schedule(name).learning_rate(initial(name), step);
            let error = (found - expected).abs() / expected;
            assert!(error < 1e-6, "{name}, step {step}: {found}, Keras {expected}");
        }
    }
}

#[derive(Deserialize)]
struct Categorical {
    classes: usize,
    logits: Vec<f32>,
    labels: Vec<u32>,
    targets: Vec<f32>,
    each: Vec<f32>,
    sparse: f32,
    sparse_gradient: Vec<f32>,
    soft: f32,
    soft_gradient: Vec<f32>,
    top: Vec<f32>,
}

/// To 1e-6, of the value where it is above 1.
fn assert_near(found: f32, expected: f32) {
    assert!((found - expected).abs() <= 1e-6 * expected.abs().max(1.0), "{found}, Keras {expected}");
}

#[test]
fn softmax_crossentropies_and_their_gradients_are_those_of_keras() {
    let golden: Categorical = golden("categorical.json");
    let (rows, classes) = (golden.labels.len(), golden.classes);
    let logits = Var::from_slice(&golden.logits, (rows, classes), &Device::Cpu).unwrap();
    let labels = Tensor::from_slice(&golden.labels, rows, &Device::Cpu).unwrap();
    let targets = Tensor::from_slice(&golden.targets, (rows, classes), &Device::Cpu).unwrap();
    let sparse = sparse_categorical_crossentropy_from_logits(&logits, &labels).unwrap();
    let soft = categorical_crossentropy_from_logits(&logits, &targets).unwrap();
    for (loss, expected, gradient) in
        [(sparse, golden.sparse, &golden.sparse_gradient), (soft, golden.soft, &golden.soft_gradient)]
    {
        assert_near(loss.to_scalar().unwrap(), expected);
        let gradients = loss.backward().unwrap();
        let found = gradients.get(&logits).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(found.len(), gradient.len());
        found.iter().zip(gradient).for_each(|(&found, &expected)| assert_near(found, expected));
    }
    for (row, &expected) in golden.each.iter().enumerate() {
        let (logits, labels) = (logits.narrow(0, row, 1).unwrap(), labels.narrow(0, row, 1).unwrap());
        let loss = sparse_categorical_crossentropy_from_logits(&logits, &labels).unwrap();
        assert_near(loss.to_scalar().unwrap(), expected);
    }
}

#[test]
fn top_k_accuracies_are_those_of_keras() {
    let golden: Categorical = golden("categorical.json");
    for (k, &expected) in (1..).zip(&golden.top) {
        assert_eq!(top_k_accuracy(&golden.logits, &golden.labels, k), Some(expected), "top {k}");
    }
}
