//! Runs that Keras made (tests/golden/training), and the same runs here.
#![allow(dead_code, reason = "each test file uses a part")]

use candle_core::{Device, Var};
use headstart_head::{Activation, Head, History, InMemory, Labelled, LayerConfig, TrainOptions, train};
use headstart_weights::{Array, HeadLayer};
use serde::Deserialize;

use crate::common::{silent, with};

pub(crate) fn golden<T: for<'de> Deserialize<'de>>(name: &str) -> T {
    let path = format!("{}/../../tests/golden/training/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[derive(Deserialize)]
pub(crate) struct Start {
    rows: Vec<f32>,
    labels: Vec<f32>,
    parameters: Vec<Vec<f32>>,
    inputs: usize,
    units: usize,
    batch: usize,
    epochs: usize,
}

#[derive(Deserialize)]
pub(crate) struct Trained {
    pub(crate) parameters: Vec<Vec<f32>>,
    loss: Vec<f32>,
    accuracy: Vec<f32>,
    val_loss: Vec<f32>,
    val_accuracy: Vec<f32>,
}

impl Start {
    /// Ten epochs of ten batches from the golden's start, in the golden's order; the last layer is sigmoid where it
    /// has one unit.
    pub(crate) fn hundred_steps(&self, last: Activation, options: &TrainOptions) -> (Vec<Vec<f32>>, History) {
        let outputs = self.parameters[3].len();
        let layers = [
            LayerConfig::Dense { units: self.units, activation: Activation::Relu, use_bias: true },
            LayerConfig::Dense { units: outputs, activation: last, use_bias: true },
        ];
        let mut head = Head::new(&layers, &[self.inputs], 0, &Device::Cpu).unwrap();
        let saved = |index: usize, shape: [usize; 2]| HeadLayer {
            name: format!("dense_{}", index + 1),
            kernel: Array { shape: shape.to_vec(), values: self.parameters[2 * index].clone() },
            bias: Some(Array { shape: vec![shape[1]], values: self.parameters[2 * index + 1].clone() }),
        };
        head.set_parameters(&[saved(0, [self.inputs, self.units]), saved(1, [self.units, outputs])]).unwrap();

        let labels: Vec<u32> = self.labels.iter().map(|&label| label as u32).collect();
        let rows = InMemory::new(&self.rows, &[self.inputs]).unwrap();
        let data = Labelled { samples: &rows, labels: &labels };
        let (epochs, batch_size) = (self.epochs, self.batch);
        assert_eq!(epochs * labels.len().div_ceil(batch_size), 100);
        let options = with(options, |options| {
            (options.epochs, options.batch_size, options.shuffle) = (epochs, batch_size, false);
        });
        let history = train(&mut head, data, Some(data), &options, &mut silent).unwrap();
        let flat = |var: &Var| var.flatten_all().unwrap().to_vec1().unwrap();
        (head.parameters().iter().map(flat).collect(), history)
    }

    /// Asserts that a hundred steps end within 1e-5 (relative L2) of the golden, with its history on the way.
    pub(crate) fn assert_hundred_steps(
        &self,
        name: &str,
        expected: &Trained,
        last: Activation,
        options: &TrainOptions,
    ) {
        let (found, history) = self.hundred_steps(last, options);
        let moved = distance(&self.parameters, &expected.parameters);
        assert!(moved > 0.05, "{name}: the golden's steps must go somewhere: {moved:e}");
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
                let error = (found - expected).abs() / expected;
                assert!(error < 1e-5, "{name}, epoch {}: {found}, Keras {expected}", epoch.epoch);
            }
        }
    }
}

/// Relative L2 distance over all parameters.
pub(crate) fn distance(found: &[Vec<f32>], expected: &[Vec<f32>]) -> f64 {
    let square = |sum: f64, value: f64| sum + value * value;
    let pairs = found.iter().flatten().zip(expected.iter().flatten());
    let error = pairs.map(|(a, b)| f64::from(*a) - f64::from(*b)).fold(0.0, square);
    let size = expected.iter().flatten().map(|value| f64::from(*value)).fold(0.0, square);
    (error / size).sqrt()
}
