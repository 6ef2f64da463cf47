//! One step of a softmax layer, made in four ways: by our Dense, by candle's Linear, by hand, and by training.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use candle_core::{Device, Tensor, Var};
use candle_nn::{Linear, Module};
use headstart_head::loss::sparse_categorical_crossentropy_from_logits;
use headstart_head::random::{Random, Stream};
use headstart_head::{
    Activation, Dense, Head, InMemory, Labelled, LayerConfig, Loss, Sgd, TrainOptions, train,
};
use proptest::prelude::*;

const RATE: f32 = 0.1;

fn flat(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// Kernel (`inputs x classes`) and bias after a step of gradient descent by candle's gradients.
fn stepped(layer: &dyn Module, [kernel, bias]: [&Var; 2], x: &Tensor, labels: &Tensor) -> [Vec<f32>; 2] {
    let logits = layer.forward(x).unwrap();
    let loss = sparse_categorical_crossentropy_from_logits(&logits, labels).unwrap();
    let gradients = loss.backward().unwrap();
    [kernel, bias].map(|parameter| {
        let step = (gradients.get(parameter).unwrap() * f64::from(RATE)).unwrap();
        flat(&(parameter.as_tensor() - step).unwrap())
    })
}

/// The same with the gradient written out, in f64: x^T (softmax - onehot) / N.
fn by_hand(kernel: &[f32], bias: &[f32], x: &[f32], labels: &[u32]) -> [Vec<f32>; 2] {
    let (rows, classes) = (labels.len(), bias.len());
    let inputs = x.len() / rows;
    let [mut new_kernel, mut new_bias] =
        [kernel, bias].map(|values| values.iter().copied().map(f64::from).collect::<Vec<_>>());
    for (x, &label) in x.chunks_exact(inputs).zip(labels) {
        let logit = |class: usize| {
            let products = (0..inputs).map(|i| f64::from(x[i]) * f64::from(kernel[i * classes + class]));
            products.sum::<f64>() + f64::from(bias[class])
        };
        let powers: Vec<f64> = (0..classes).map(|class| logit(class).exp()).collect();
        let sum: f64 = powers.iter().sum();
        for class in 0..classes {
            let one_hot = if class == label as usize { 1.0 } else { 0.0 };
            let delta = f64::from(RATE) * (powers[class] / sum - one_hot) / rows as f64;
            new_bias[class] -= delta;
            (0..inputs).for_each(|i| new_kernel[i * classes + class] -= f64::from(x[i]) * delta);
        }
    }
    [new_kernel, new_bias].map(|values| values.into_iter().map(|value| value as f32).collect())
}

/// The same by a head in training, on the CPU's kernels.
fn trained(kernel: &Tensor, bias: &Tensor, x: &[f32], labels: &[u32]) -> [Vec<f32>; 2] {
    let (inputs, classes) = kernel.dims2().unwrap();
    let layers = [LayerConfig::Dense { units: classes, activation: Activation::Linear, use_bias: true }];
    let mut head = Head::new(&layers, &[inputs], 0, &Device::Cpu).unwrap();
    assert_eq!(Loss::of(&head).unwrap(), Loss::SparseCategoricalCrossentropy);
    let parameters = head.parameters();
    parameters[0].set(kernel).unwrap();
    parameters[1].set(bias).unwrap();
    let rows = InMemory::new(x, &[inputs]).unwrap();
    let optimizer = Sgd { learning_rate: RATE, ..Sgd::default() }.into();
    let mut options = TrainOptions::default();
    (options.epochs, options.batch_size, options.optimizer) = (1, labels.len(), optimizer);
    train(&mut head, Labelled { samples: &rows, labels }, None, &options, &mut common::silent).unwrap();
    [flat(&head.parameters()[0]), flat(&head.parameters()[1])]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn our_dense_candles_linear_and_the_formula_take_the_same_step(
        rows in 1_usize..9, inputs in 1_usize..20, classes in 2_usize..30, seed: u64
    ) {
        let mut random = Random::new(seed, Stream::Initialization);
        let x: Vec<f32> = (0..rows * inputs).map(|_| 2.0 * random.uniform() - 1.0).collect();
        let labels: Vec<u32> = (0..rows).map(|_| (random.uniform() * classes as f32) as u32).collect();
        let dense = Dense::new(inputs, classes, Activation::Linear, true, &mut random, &Device::Cpu).unwrap();
        let (kernel, bias) = (dense.kernel(), dense.bias().unwrap());
        let bias_values: Vec<f32> = (0..classes).map(|_| random.uniform()).collect();
        bias.set(&Tensor::from_vec(bias_values, classes, &Device::Cpu).unwrap()).unwrap();
        let rows = Tensor::from_slice(&x, (rows, inputs), &Device::Cpu).unwrap();
        let label_tensor = Tensor::from_slice(&labels, labels.len(), &Device::Cpu).unwrap();

        let expected = by_hand(&flat(kernel), &flat(bias), &x, &labels);
        let ours = stepped(&dense, [kernel, bias], &rows, &label_tensor);
        // candle's layer has the kernel transposed.
        let transposed = Var::from_tensor(&kernel.t().unwrap().contiguous().unwrap()).unwrap();
        let linear = Linear::new(transposed.as_tensor().clone(), Some(bias.as_tensor().clone()));
        let [theirs, their_bias] = stepped(&linear, [&transposed, bias], &rows, &label_tensor);
        let theirs = Tensor::from_vec(theirs, (classes, inputs), &Device::Cpu).unwrap();
        let theirs = [flat(&theirs.t().unwrap()), their_bias];
        let trained = trained(kernel, bias, &x, &labels);
        for (what, found) in [("our Dense", ours), ("candle's Linear", theirs), ("training", trained)] {
            for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
                prop_assert!((found - expected).abs() < 1e-6, "{}: {} {}", what, found, expected);
            }
        }
    }
}
