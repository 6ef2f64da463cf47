//! What a model file says about images.
//!
//! `cargo run --release -p headstart --example predict -- MODEL.safetensors WEIGHTS IMAGE...`
#![allow(clippy::print_stdout, reason = "an example shows its result")]

use headstart::{Backbone, Classifier};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, weights, images @ ..] = arguments.as_slice() else {
        return Err("expected MODEL.safetensors WEIGHTS IMAGE...".into());
    };
    let backbone = Backbone::open(weights)?;
    for answer in Classifier::load(model)?.predict(&backbone, images)? {
        match answer.prediction {
            Ok(found) => println!("{}  {}  {:.4}", answer.path, found.label, found.probability),
            Err(skipped) => println!("{}  {}", answer.path, skipped.reason),
        }
    }
    Ok(())
}
