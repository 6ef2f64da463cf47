//! The CPU's engine against the one on candle's gradients.

use candle_core::Device;
use proptest::prelude::*;
use rayon::ThreadPoolBuilder;
use serde::Deserialize;

use super::interface::{Batch, Engine, Objective, Parameters};
use super::network::Network;
use super::tensors::Tensors;
use crate::head::Head;
use crate::head_loss::Loss;
use crate::optimizer::{Adam, AdamW, OptimizerConfig, RmsProp, Sgd, Steps};
use crate::pointwise;
use crate::random::{Random, Stream};
use crate::schedule::{Schedule, Warmup};
use headstart_weights::{Activation, LayerConfig};

fn dense(units: usize, activation: Activation, use_bias: bool) -> LayerConfig {
    LayerConfig::Dense { units, activation, use_bias }
}

fn output() -> LayerConfig {
    dense(1, Activation::Sigmoid, true)
}

/// Batches of rows, two thirds zeros, with labels of `classes` classes.
fn batches(row: usize, counts: &[usize], classes: usize, seed: u64) -> Vec<Batch> {
    let mut random = Random::new(seed, Stream::Initialization);
    let mut batch = |&count: &usize| Batch {
        rows: (0..count * row).map(|_| (3.0 * random.uniform() - 2.0).max(0.0)).collect(),
        labels: (0..count).map(|_| classes as u32 - 1 - (random.uniform() * classes as f32) as u32).collect(),
    };
    counts.iter().map(&mut batch).collect()
}

/// Logits and penalty of each step, then logits of the first batch, and parameters.
fn run(engine: &mut dyn Engine, row: usize, counts: &[usize], classes: usize) -> Vec<Vec<f32>> {
    let mut batches = batches(row, counts, classes, 7);
    let mut dropout = Random::new(5, Stream::Dropout);
    let mut found = Vec::new();
    for index in 0..batches.len() {
        let (batch, rest) = batches[index..].split_first_mut().unwrap();
        // Every third batch ends an epoch, so the next batch is not known.
        let next = rest.first_mut().filter(|_| index % 3 != 2);
        let penalty = engine.penalty().unwrap() as f32;
        found.push([engine.step(batch, next, &mut dropout).unwrap(), &[penalty]].concat());
    }
    found.push(engine.logits(&self::batches(row, counts, classes, 8)[0]).unwrap().to_vec());
    let mut parameters = Parameters::new();
    engine.read_parameters(&mut parameters).unwrap();
    found.extend(parameters);
    found
}

fn head(layers: &[LayerConfig], row: usize) -> Head {
    Head::new(layers, &[row], 3, &Device::Cpu).unwrap()
}

fn steps(optimizer: impl Into<OptimizerConfig>) -> Steps {
    Steps { optimizer: optimizer.into(), schedule: Schedule::Constant, l2: 0.0, taken: 0 }
}

fn objective(head: &Head, steps: &Steps, class_weights: &[f32]) -> Objective {
    let (loss, class_weights) = (Loss::of(head).unwrap(), class_weights.to_vec());
    Objective { loss, class_weights, steps: steps.clone() }
}

/// A run on slices and one on tensors.
fn both(
    layers: &[LayerConfig],
    row: usize,
    counts: &[usize],
    steps: &Steps,
    weights: &[f32],
) -> [Vec<Vec<f32>>; 2] {
    let most = *counts.iter().max().unwrap();
    let heads = [head(layers, row), head(layers, row)];
    let [a, b] = [0, 1].map(|index| objective(&heads[index], steps, weights));
    let classes = heads[0].classes();
    let found = run(&mut Network::new(&heads[0], a, most).unwrap(), row, counts, classes);
    [found, run(&mut Tensors::new(&heads[1], b).unwrap(), row, counts, classes)]
}

/// Asserts that parameters agree to 1e-6 of their length (L2). Logits are sums of terms of both signs; they agree to 1e-6
/// of their length or of 1.
fn assert_near(found: &[Vec<f32>], expected: &[Vec<f32>], steps: usize, what: &dyn std::fmt::Debug) {
    assert_eq!(found.len(), expected.len());
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert_eq!(found.len(), expected.len());
        let square = |sum: f64, value: f64| sum + value * value;
        let error = found.iter().zip(expected).map(|(a, b)| f64::from(*a) - f64::from(*b)).fold(0.0, square);
        let least = if index <= steps { 1.0 } else { f64::MIN_POSITIVE };
        let length = expected.iter().map(|value| f64::from(*value)).fold(0.0, square).max(least);
        let error = (error / length).sqrt();
        assert!(error < 1e-6, "{what:?}: {index} of {}: {error:e}", expected.len());
    }
}

#[test]
fn steps_are_those_of_candles_gradients() {
    let relu = |units| dense(units, Activation::Relu, true);
    let dropout = |rate| LayerConfig::Dropout { rate };
    let heads = [
        vec![output()],
        vec![dense(1, Activation::Sigmoid, false)],
        LayerConfig::binary_head(256, 0.5),
        LayerConfig::binary_head(130, 0.0),
        vec![relu(33), relu(17), output()],
        vec![LayerConfig::Flatten, relu(20), dropout(0.3), dense(150, Activation::Tanh, false), output()],
        vec![dropout(0.2), LayerConfig::Flatten, relu(16), dropout(0.2), dropout(0.4), output()],
    ];
    // A smooth optimizer. With Keras's epsilon, g / sqrt(g^2) of a tiny gradient would make rounding errors as large as
    // the step.
    let optimizer = RmsProp { epsilon: 1e-3, ..RmsProp::keras3() };
    for layers in &heads {
        for (row, counts) in [(40, vec![8, 8, 8, 8, 3]), (600, vec![32, 32, 5]), (40, vec![1; 6])] {
            let [found, expected] = both(layers, row, &counts, &steps(optimizer), &[]);
            assert_near(&found, &expected, counts.len(), &(layers, row));
        }
    }
}

#[test]
fn steps_are_those_of_candles_gradients_for_every_activation() {
    let optimizer = RmsProp { epsilon: 1e-3, ..RmsProp::keras3() };
    for activation in Activation::ALL {
        let layers = [dense(37, activation, true), output()];
        let counts = [8, 8, 8, 4];
        let [found, expected] = both(&layers, 50, &counts, &steps(optimizer), &[]);
        assert_near(&found, &expected, counts.len(), &activation);
    }
}

fn optimizers() -> [OptimizerConfig; 8] {
    let momentum = Sgd { momentum: 0.9, ..Sgd::default() };
    [
        RmsProp::keras1().into(),
        RmsProp::keras2().into(),
        RmsProp::keras3().into(),
        Sgd::default().into(),
        momentum.into(),
        Sgd { nesterov: true, ..momentum }.into(),
        Adam::default().into(),
        AdamW { weight_decay: 0.1, ..AdamW::default() }.into(),
    ]
}

fn schedules() -> [Schedule; 3] {
    let warmup = Some(Warmup { target: 3e-3, steps: 2 });
    [
        Schedule::ExponentialDecay { decay_steps: 2, decay_rate: 0.5, staircase: false },
        Schedule::CosineDecay { decay_steps: 2, alpha: 0.1, warmup },
        Schedule::PiecewiseConstantDecay { boundaries: vec![1, 2], values: vec![1e-3, 5e-4, 2e-3] },
    ]
}

#[test]
fn steps_are_those_of_candles_gradients_for_every_optimizer_and_loss() {
    for layers in [LayerConfig::binary_head(24, 0.5), LayerConfig::multiclass_head(7, 24, 0.5)] {
        for optimizer in optimizers() {
            let [found, expected] = both(&layers, 60, &[16; 5], &steps(optimizer), &[]);
            assert_near(&found, &expected, 5, &optimizer);
        }
    }
}

#[test]
fn steps_are_those_of_candles_gradients_for_every_schedule_with_a_penalty_and_weights() {
    let softmax = vec![dense(24, Activation::Relu, true), dense(3, Activation::Softmax, false)];
    for layers in [LayerConfig::binary_head(24, 0.5), LayerConfig::multiclass_head(3, 0, 0.0), softmax] {
        for (optimizer, schedule) in optimizers().into_iter().zip(schedules().into_iter().cycle()) {
            let steps = Steps { schedule, l2: 0.01, ..steps(optimizer) };
            let [found, expected] = both(&layers, 60, &[16; 5], &steps, &[0.5, 2.0, 1.25]);
            assert_near(&found, &expected, 5, &(optimizer, &steps.schedule));
            assert!(*found[0].last().unwrap() > 0.0, "the penalty must count");
        }
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let rmsprop = steps(RmsProp::keras1());
    let penalized = Steps { l2: 1e-3, ..steps(Adam::default()) };
    let cases = [
        (LayerConfig::binary_head(140, 0.5), rmsprop, 2),
        (LayerConfig::multiclass_head(11, 140, 0.5), penalized, 11),
    ];
    for (layers, steps, classes) in cases {
        let on = |threads: usize| {
            let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let head = head(&layers, 1500);
            let objective = objective(&head, &steps, &[]);
            let mut network = Network::new(&head, objective, 9).unwrap();
            let found = pool.install(|| run(&mut network, 1500, &[9, 9, 9, 9, 2], classes));
            found.into_iter().flatten().map(f32::to_bits).collect::<Vec<_>>()
        };
        let one = on(1);
        for threads in 2..=8 {
            assert_eq!(one, on(threads), "{threads} threads");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_step_does_not_depend_on_what_is_known_of_the_next(row in 1_usize..300, units in 1_usize..40, rate in 0.0_f32..0.9) {
        let layers = [LayerConfig::Dropout { rate }, dense(units, Activation::Relu, true), LayerConfig::Dropout { rate }, output()];
        let run = |known: bool| {
            let head = head(&layers, row);
            let objective = objective(&head, &steps(RmsProp::keras1()), &[]);
            let mut network = Network::new(&head, objective, 4).unwrap();
            let (mut batches, mut dropout) = (batches(row, &[4, 4], 2, 1), Random::new(1, Stream::Dropout));
            let (batch, rest) = batches.split_first_mut().unwrap();
            network.step(batch, rest.first_mut().filter(|_| known), &mut dropout).unwrap();
            network.step(&mut rest[0], None, &mut dropout).unwrap().iter().map(|z| z.to_bits()).collect::<Vec<_>>()
        };
        prop_assert_eq!(run(true), run(false));
    }
}

#[derive(Deserialize)]
struct Golden {
    points: Vec<f32>,
    weights: Vec<f32>,
    columns: usize,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    values: Vec<f32>,
    gradients: Vec<f32>,
}

#[test]
fn activations_on_slices_are_those_of_keras() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/training/activations.json");
    let golden: Golden = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(golden.cases.len(), Activation::ALL.len());
    for case in &golden.cases {
        let activation: Activation = case.name.parse().unwrap();
        let mut values = golden.points.clone();
        pointwise::apply(activation, &mut values, golden.columns);
        let mut delta: Vec<f32> = golden.weights.iter().copied().cycle().take(values.len()).collect();
        pointwise::differentiate(activation, &golden.points, &values, &mut delta, golden.columns);
        for (what, found, expected) in [("value", values, &case.values), ("gradient", delta, &case.gradients)]
        {
            for ((point, found), expected) in golden.points.iter().zip(found).zip(expected) {
                let error = (found - expected).abs() / expected.abs().max(1.0);
                assert!(error < 2e-6, "{activation} {what} at {point}: {found}, Keras {expected}");
            }
        }
    }
}
