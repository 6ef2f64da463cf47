//! Layers, losses and a hundred optimizer steps, held against Keras (tests/golden/training).
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

use candle_core::{DType, Device, Tensor, Var};
use headstart_head::loss::{binary_crossentropy, binary_crossentropy_from_logits};
use headstart_head::{
    Activation, EpsilonPlacement, Head, History, InMemory, Labelled, LayerConfig, RmsProp, TrainOptions,
    train,
};
use headstart_weights::{Array, HeadLayer};
use serde::Deserialize;

fn golden<T: for<'de> Deserialize<'de>>(name: &str) -> T {
    let path = format!("{}/../../tests/golden/training/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[derive(Deserialize)]
struct Start {
    rows: Vec<f32>,
    labels: Vec<f32>,
    parameters: Vec<Vec<f32>>,
    inputs: usize,
    units: usize,
    batch: usize,
    epochs: usize,
}

#[derive(Deserialize)]
struct Trained {
    parameters: Vec<Vec<f32>>,
    loss: Vec<f32>,
    accuracy: Vec<f32>,
    val_loss: Vec<f32>,
    val_accuracy: Vec<f32>,
}

/// Ten epochs of ten batches from the golden's start, in the golden's order.
fn hundred_steps(start: &Start, optimizer: RmsProp) -> (Vec<Vec<f32>>, History) {
    let layers = [
        LayerConfig::Dense { units: start.units, activation: Activation::Relu, use_bias: true },
        LayerConfig::Dense { units: 1, activation: Activation::Sigmoid, use_bias: true },
    ];
    let mut head = Head::new(&layers, &[start.inputs], 0, &Device::Cpu).unwrap();
    let saved = |index: usize, shape: [usize; 2]| HeadLayer {
        name: format!("dense_{}", index + 1),
        kernel: Array { shape: shape.to_vec(), values: start.parameters[2 * index].clone() },
        bias: Some(Array { shape: vec![shape[1]], values: start.parameters[2 * index + 1].clone() }),
    };
    head.set_parameters(&[saved(0, [start.inputs, start.units]), saved(1, [start.units, 1])]).unwrap();

    let labels: Vec<u32> = start.labels.iter().map(|&label| label as u32).collect();
    let rows = InMemory::new(&start.rows, &[start.inputs]).unwrap();
    let data = Labelled { samples: &rows, labels: &labels };
    let (epochs, batch_size) = (start.epochs, start.batch);
    assert_eq!(epochs * labels.len().div_ceil(batch_size), 100);
    let options = TrainOptions {
        epochs,
        batch_size,
        optimizer: optimizer.into(),
        shuffle: false,
        ..TrainOptions::default()
    };
    let history = train(&mut head, data, Some(data), &options, &mut |_| ()).unwrap();
    let flat = |var: &Var| var.flatten_all().unwrap().to_vec1().unwrap();
    (head.parameters().iter().map(flat).collect(), history)
}

/// Relative L2 distance over all parameters.
fn distance(found: &[Vec<f32>], expected: &[Vec<f32>]) -> f64 {
    let square = |sum: f64, value: f64| sum + value * value;
    let pairs = found.iter().flatten().zip(expected.iter().flatten());
    let error = pairs.map(|(a, b)| f64::from(*a) - f64::from(*b)).fold(0.0, square);
    let size = expected.iter().flatten().map(|value| f64::from(*value)).fold(0.0, square);
    (error / size).sqrt()
}

fn assert_hundred_steps(name: &str, optimizer: RmsProp) {
    let (start, expected): (Start, Trained) = (golden("start.json"), golden(name));
    let (found, history) = hundred_steps(&start, optimizer);
    let moved = distance(&start.parameters, &expected.parameters);
    assert!(moved > 0.05, "the golden's steps must go somewhere: {moved:e}");
    let error = distance(&found, &expected.parameters);
    assert!(error < 1e-5, "{name}: relative L2 distance of the parameters {error:e}");
    for (index, epoch) in history.epochs.iter().enumerate() {
        let pairs = [
            (epoch.loss, expected.loss[index]),
            (epoch.accuracy, expected.accuracy[index]),
            (epoch.val_loss.unwrap(), expected.val_loss[index]),
            (epoch.val_accuracy.unwrap(), expected.val_accuracy[index]),
        ];
        for (found, expected) in pairs {
            assert!((found - expected).abs() < 1e-5, "{name}, epoch {}: {found} {expected}", epoch.epoch);
        }
    }
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
    let (found, _) = hundred_steps(&start, swapped);
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
        let y = activation.apply(&x).unwrap();
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
