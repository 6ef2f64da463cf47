//! Layers, losses and a hundred optimizer steps, compared with Keras (tests/golden/training).
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;
mod goldens;

use candle_core::{DType, Device, Tensor, Var};
use goldens::{Start, Trained, distance, golden};
use headstart_head::loss::{binary_crossentropy, binary_crossentropy_from_logits};
use headstart_head::{Activation, EpsilonPlacement, RmsProp, TrainOptions, activation};
use serde::Deserialize;

fn options(rmsprop: RmsProp) -> TrainOptions {
    common::options_with(|options| options.optimizer = rmsprop.into())
}

fn assert_hundred_steps(name: &str, rmsprop: RmsProp) {
    let (start, expected): (Start, Trained) = (golden("start.json"), golden(name));
    start.assert_hundred_steps(name, &expected, Activation::Sigmoid, &options(rmsprop));
}

#[test]
fn hundred_steps_stay_with_keras_1() {
    assert_hundred_steps("keras1.json", RmsProp::keras1());
}

#[test]
fn hundred_steps_stay_with_keras_3() {
    assert_hundred_steps("keras3.json", RmsProp::keras3());
}

#[test]
fn the_two_placements_of_epsilon_are_told_apart() {
    let (start, expected): (Start, Trained) = (golden("start.json"), golden("keras3.json"));
    let swapped = RmsProp { epsilon_placement: EpsilonPlacement::OutsideRoot, ..RmsProp::keras3() };
    let (found, _) = start.hundred_steps(Activation::Sigmoid, &options(swapped));
    assert!(distance(&found, &expected.parameters) > 1e-5);
}

#[derive(Deserialize)]
struct Activations {
    points: Vec<f64>,
    weights: Vec<f64>,
    columns: usize,
    cases: Vec<ActivationCase>,
}

#[derive(Deserialize)]
struct ActivationCase {
    name: String,
    values: Vec<f64>,
    gradients: Vec<f64>,
}

#[test]
fn activations_and_their_gradients_are_those_of_keras() {
    let golden: Activations = golden("activations.json");
    let rows = golden.points.len() / golden.columns;
    let weights = Tensor::from_slice(&golden.weights, golden.columns, &Device::Cpu).unwrap();
    assert_eq!(golden.cases.len(), Activation::ALL.len());
    for case in &golden.cases {
        let x = Var::from_slice(&golden.points, (rows, golden.columns), &Device::Cpu).unwrap();
        let activation: Activation = case.name.parse().unwrap();
        let y = activation::apply(activation, &x).unwrap();
        let total = y.broadcast_mul(&weights).unwrap().sum_all().unwrap();
        let gradients = total.backward().unwrap();
        let flat = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f64>().unwrap();
        let found = [flat(&y), flat(gradients.get(&x).unwrap())];
        for (what, found, expected) in
            [("value", &found[0], &case.values), ("gradient", &found[1], &case.gradients)]
        {
            for ((point, found), expected) in golden.points.iter().zip(found).zip(expected) {
                let error = (found - expected).abs() / expected.abs().max(1.0);
                assert!(error < 1e-6, "{} {what} at {point}: {found}, Keras {expected}", case.name);
            }
        }
    }
}

#[derive(Deserialize)]
struct Losses {
    probabilities: Vec<f32>,
    logits: Vec<f32>,
    labels: Vec<f32>,
    from_probabilities: f32,
    from_logits: f32,
}

#[test]
fn losses_are_those_of_keras() {
    let golden: Losses = golden("losses.json");
    let tensor = |values: &[f32]| Tensor::from_slice(values, (values.len(), 1), &Device::Cpu).unwrap();
    let labels = tensor(&golden.labels);
    let clipped = binary_crossentropy(&tensor(&golden.probabilities), &labels).unwrap();
    let from_logits = binary_crossentropy_from_logits(&tensor(&golden.logits), &labels).unwrap();
    for (found, expected) in [(clipped, golden.from_probabilities), (from_logits, golden.from_logits)] {
        assert_eq!(found.dtype(), DType::F32);
        let found = found.to_scalar::<f32>().unwrap();
        assert!((found - expected).abs() < 1e-5 * expected, "{found} {expected}");
    }
}
