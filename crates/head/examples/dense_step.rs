//! A Dense layer built by hand, trained by hand: two variables, a forward pass, a loss, gradients, an update.
//!
//! It does the work of the library's [`headstart_head::Dense`]: from the same parameters, both give the same logits.
//!
//!     cargo run --release --example dense_step -p headstart-head
#![allow(clippy::print_stdout, reason = "the loss is there to be watched")]

use candle_core::{Device, Result, Tensor, Var};
use candle_nn::Module;
use headstart_head::loss::sparse_categorical_crossentropy_from_logits;
use headstart_head::random::{Random, Stream};
use headstart_head::{Activation, Dense, glorot_uniform};

const ROWS: usize = 60;
const INPUTS: usize = 4;
const CLASSES: usize = 3;

/// x . kernel + bias.
struct HandMade {
    kernel: Var,
    bias: Var,
}

impl Module for HandMade {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        x.matmul(&self.kernel)?.broadcast_add(&self.bias)
    }
}

/// Rows of noise; in a row of class c, input c is larger.
fn data(random: &mut Random, device: &Device) -> Result<(Tensor, Tensor)> {
    let labels: Vec<u32> = (0..ROWS as u32).map(|row| row % CLASSES as u32).collect();
    let input = |index: usize| {
        let (label, input) = (labels[index / INPUTS] as usize, index % INPUTS);
        random.uniform() + if input == label { 1.0 } else { 0.0 }
    };
    let values: Vec<f32> = (0..ROWS * INPUTS).map(input).collect();
    Ok((Tensor::from_vec(values, (ROWS, INPUTS), device)?, Tensor::from_vec(labels, ROWS, device)?))
}

fn main() -> Result<()> {
    let device = Device::Cpu;
    let mut random = Random::new(1, Stream::Initialization);
    let (x, labels) = data(&mut random, &device)?;

    let kernel = glorot_uniform(INPUTS, CLASSES, &mut random, &device)?;
    let bias = Tensor::zeros(CLASSES, kernel.dtype(), &device)?;
    let library = Dense::from_parameters(&kernel, Some(&bias), Activation::Linear)?;
    let layer = HandMade { kernel: Var::from_tensor(&kernel)?, bias: Var::from_tensor(&bias)? };
    let difference = (layer.forward(&x)? - library.forward(&x)?)?.abs()?.max_all()?.to_scalar::<f32>()?;
    println!("largest difference from the library's layer: {difference}");

    let learning_rate = 0.5;
    for step in 0..=100 {
        let loss = sparse_categorical_crossentropy_from_logits(&layer.forward(&x)?, &labels)?;
        if step % 10 == 0 {
            println!("step {step:>3}  loss {:.4}", loss.to_scalar::<f32>()?);
        }
        let gradients = loss.backward()?;
        for parameter in [&layer.kernel, &layer.bias] {
            if let Some(gradient) = gradients.get(parameter) {
                parameter.set(&(parameter.as_tensor() - (gradient * learning_rate)?)?)?;
            }
        }
    }
    Ok(())
}
