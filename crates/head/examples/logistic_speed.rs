//! How long a logistic regression takes on made-up features.
//!
//!     cargo run --release --example logistic_speed -p headstart-head -- ROWS FEATURES CLASSES FILE
//!
//! FILE, if it is named, gets the features in f32 and the labels in u32, for another implementation to be timed on.
#![allow(clippy::print_stdout, reason = "the times are there to be read")]

use std::ops::ControlFlow;
use std::time::Instant;

use headstart_head::evaluation::EvaluationOptions;
use headstart_head::logistic::{LogisticOptions, choose_strength, fit, learning_curve};
use headstart_head::random::{Random, Stream};
use headstart_head::{InMemory, Labelled};

/// Directions that the features have in common, as those of a network do.
const COMMON: usize = 64;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |index: usize, default: usize| -> Result<usize, std::num::ParseIntError> {
        arguments.get(index).map_or(Ok(default), |text| text.parse())
    };
    let (rows, features, classes) = (number(0, 2000)?, number(1, 1280)?, number(2, 2)?);
    let (values, labels) = data(rows, features, classes);
    if let Some(path) = arguments.get(3) {
        let bytes =
            values.iter().flat_map(|x| x.to_le_bytes()).chain(labels.iter().flat_map(|y| y.to_le_bytes()));
        std::fs::write(path, bytes.collect::<Vec<u8>>())?;
    }
    let samples = InMemory::new(&values, &[features])?;
    let data = Labelled { samples: &samples, labels: &labels };
    let mut silent = |_: &_| ControlFlow::Continue(());
    let options = LogisticOptions::default();
    for strength in [1e-4, 1e-3, 1e-2] {
        let started = Instant::now();
        let model = fit(data, classes, strength, &options, None, &mut silent)?;
        let seconds = started.elapsed().as_secs_f64();
        let loss = model.logits(&samples)?.log_loss(&labels)?;
        println!("C {strength}: {seconds:.3} s, loss {loss:.6}, {:?}", model.convergence());
    }
    let started = Instant::now();
    let choice = choose_strength(data, classes, None, &options, &mut silent)?;
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{} strengths in {} folds: {seconds:.3} s, C {}",
        choice.scores.len(),
        choice.folds,
        choice.strength
    );
    for score in &choice.scores {
        println!("  C {}: held-out log loss {:.6}", score.strength, score.loss);
    }
    let started = Instant::now();
    let judged = EvaluationOptions::default();
    let curve = learning_curve(data, classes, None, &choice, &options, &judged, &mut silent)?;
    println!("learning curve: {:.3} s", started.elapsed().as_secs_f64());
    for point in &curve {
        println!(
            "  {:.0} rows: accuracy {:.3}, log loss {:.4}",
            point.training_rows, point.accuracy, point.loss
        );
    }
    Ok(())
}

/// Features >= 0 of a few common directions and noise, of unlike scales, in which the classes overlap.
fn data(rows: usize, features: usize, classes: usize) -> (Vec<f32>, Vec<u32>) {
    let mut random = Random::new(1, Stream::Initialization);
    let mut normal = || (0..12).map(|_| random.uniform()).sum::<f32>() - 6.0;
    let mix: Vec<f32> = (0..COMMON * features).map(|_| normal()).collect();
    let centers: Vec<f32> = (0..COMMON * classes).map(|_| normal()).collect();
    let mut values = Vec::with_capacity(rows * features);
    let mut labels = Vec::with_capacity(rows);
    for row in 0..rows {
        let class = row % classes;
        let center = &centers[class * COMMON..][..COMMON];
        let common: Vec<f32> = center.iter().map(|c| 0.35 * c + normal()).collect();
        for feature in 0..features {
            let signal: f32 = (0..COMMON).map(|i| common[i] * mix[i * features + feature]).sum();
            let scale = 0.1 + (feature % 10) as f32;
            values.push((signal * 0.125 + 0.5 * normal()).max(0.0) * scale);
        }
        labels.push(class as u32);
    }
    (values, labels)
}
