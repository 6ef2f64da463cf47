//! Probabilities from a head, compared with its forward pass on tensors.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

use candle_core::{Device, Tensor};
use candle_nn::Module;
use headstart_head::{Activation, Error, Head, InMemory, LayerConfig, predict};

const ROWS: usize = 23;
const ROW: [usize; 3] = [4, 2, 2];

fn values() -> Vec<f32> {
    (0..ROWS * 16).map(|index| ((index * 37 + 11) % 101) as f32 / 50.0 - 0.8).collect()
}

fn head(units: usize, activation: Activation) -> Head {
    let layers = [
        LayerConfig::Flatten,
        LayerConfig::Dense { units: 8, activation: Activation::Relu, use_bias: true },
        LayerConfig::Dropout { rate: 0.5 },
        LayerConfig::Dense { units, activation, use_bias: true },
    ];
    Head::new(&layers, &ROW, 4, &Device::Cpu).unwrap()
}

fn probabilities(head: &Head, batch_size: usize) -> Vec<f32> {
    predict(head, &InMemory::new(&values(), &ROW).unwrap(), batch_size).unwrap()
}

fn assert_close(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    let largest = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(largest < 1e-6, "{largest}: {found:?} {expected:?}");
}

#[test]
fn rows_of_any_batch_size_have_the_forward_passs_probabilities() {
    let rows = Tensor::from_vec(values(), (ROWS, 4, 2, 2), &Device::Cpu).unwrap();
    for batch_size in [1, 7, 23, 1000] {
        let softmax = head(5, Activation::Softmax);
        let expected = softmax.forward(&rows).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_close(&probabilities(&softmax, batch_size), &expected);
        // Linear outputs are the logits of the same softmax.
        assert_close(&probabilities(&head(5, Activation::Linear), batch_size), &expected);

        let sigmoid = head(1, Activation::Sigmoid);
        let class_1 = sigmoid.forward(&rows).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let expected: Vec<f32> = class_1.iter().flat_map(|&p| [1.0 - p, p]).collect();
        assert_close(&probabilities(&sigmoid, batch_size), &expected);
    }
}

#[test]
fn small_probabilities_of_class_0_are_not_rounded_away() {
    let layers = [LayerConfig::Dense { units: 1, activation: Activation::Sigmoid, use_bias: false }];
    let head = Head::new(&layers, &[1], 0, &Device::Cpu).unwrap();
    head.parameters()[0].set(&Tensor::ones((1, 1), candle_core::DType::F32, &Device::Cpu).unwrap()).unwrap();
    let found = predict(&head, &InMemory::new(&[20.0, 0.0], &[1]).unwrap(), 2).unwrap();
    assert!((found[0] / (-20.0_f32).exp() - 1.0).abs() < 1e-5, "{found:?}");
    assert_eq!(found[1..], [1.0, 0.5, 0.5]);
}

#[test]
fn probabilities_do_not_depend_on_the_number_of_threads() {
    let head = head(5, Activation::Softmax);
    let bits = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| probabilities(&head, 8).into_iter().map(f32::to_bits).collect::<Vec<_>>())
    };
    assert_eq!(bits(1), bits(3));
}

#[test]
fn heads_and_rows_that_give_no_probabilities_are_refused() {
    let values = values();
    let rows = InMemory::new(&values, &ROW).unwrap();
    for (units, activation) in [(1, Activation::Relu), (1, Activation::Softmax), (3, Activation::Sigmoid)] {
        let refused = predict(&head(units, activation), &rows, 8);
        assert!(matches!(refused, Err(Error::NotProbabilities { .. })), "{units} {activation}");
    }
    let flat = InMemory::new(&values, &[16]).unwrap();
    assert!(matches!(predict(&head(1, Activation::Sigmoid), &flat, 8), Err(Error::RowShape { .. })));
    let none = InMemory::new(&[], &ROW).unwrap();
    assert!(matches!(predict(&head(1, Activation::Sigmoid), &none, 8), Err(Error::NoRows(_))));
}
