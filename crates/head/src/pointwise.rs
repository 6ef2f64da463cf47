//! Activations and their derivatives on plain slices.

use candle_core::cpu::erf::erf_f32;

use crate::activation::{SELU_ALPHA, SELU_SCALE};
use headstart_weights::Activation;

/// Replaces arguments by the activation's values, `N x units`.
pub(crate) fn apply(activation: Activation, x: &mut [f32], units: usize) {
    // One loop for each function, so that the compiler can vectorize it.
    match activation {
        Activation::Linear => {}
        Activation::Relu => each(x, |x| if x <= 0.0 { 0.0 } else { x }),
        Activation::Sigmoid => each(x, sigmoid),
        Activation::Softmax => x.chunks_exact_mut(units).for_each(softmax),
        Activation::Tanh => each(x, f32::tanh),
        Activation::Elu => each(x, |x| elu(x, 1.0)),
        Activation::Selu => each(x, |x| SELU_SCALE as f32 * elu(x, SELU_ALPHA as f32)),
        Activation::Softplus => each(x, softplus),
        Activation::Softsign => each(x, |x| x / (1.0 + x.abs())),
        Activation::HardSigmoid => each(x, |x| (x / 6.0 + 0.5).clamp(0.0, 1.0)),
        Activation::Exponential => each(x, f32::exp),
        Activation::Silu => each(x, |x| x * sigmoid(x)),
        Activation::Gelu => each(x, |x| x * normal(x)),
    }
}

/// Turns derivatives of the loss by the activation's values `y` into those by its arguments `x`. All are `N x units`.
pub(crate) fn differentiate(activation: Activation, x: &[f32], y: &[f32], delta: &mut [f32], units: usize) {
    match activation {
        Activation::Linear => {}
        Activation::Relu => times(delta, x, |x| if x <= 0.0 { 0.0 } else { 1.0 }),
        Activation::Sigmoid => times(delta, y, |y| y * (1.0 - y)),
        Activation::Softmax => {
            for (delta, y) in delta.chunks_exact_mut(units).zip(y.chunks_exact(units)) {
                let mean: f32 = delta.iter().zip(y).map(|(delta, y)| delta * y).sum();
                delta.iter_mut().zip(y).for_each(|(delta, y)| *delta = y * (*delta - mean));
            }
        }
        Activation::Tanh => times(delta, y, |y| 1.0 - y * y),
        Activation::Elu => times(delta, x, |x| elu_slope(x, 1.0)),
        Activation::Selu => times(delta, x, |x| SELU_SCALE as f32 * elu_slope(x, SELU_ALPHA as f32)),
        Activation::Softplus => times(delta, x, sigmoid),
        Activation::Softsign => times(delta, x, |x| (1.0 + x.abs()).powi(-2)),
        Activation::HardSigmoid => times(delta, y, |y| if y > 0.0 && y < 1.0 { 1.0 / 6.0 } else { 0.0 }),
        Activation::Exponential => times(delta, y, |y| y),
        Activation::Silu => times(delta, x, |x| sigmoid(x) * (1.0 + x * (1.0 - sigmoid(x)))),
        Activation::Gelu => times(delta, x, |x| normal(x) + x * normal_density(x)),
    }
}

fn each(values: &mut [f32], function: impl Fn(f32) -> f32) {
    values.iter_mut().for_each(|value| *value = function(*value));
}

/// Multiplies by the slopes at given points.
fn times(delta: &mut [f32], points: &[f32], slope: impl Fn(f32) -> f32) {
    delta.iter_mut().zip(points).for_each(|(delta, &point)| *delta *= slope(point));
}

/// 1 / (1 + exp(-x))
pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)), which never overflows.
pub(crate) fn softplus(x: f32) -> f32 {
    // Not `max`, which would lose a NaN.
    let positive = if x <= 0.0 { 0.0 } else { x };
    positive + (-x.abs()).exp().ln_1p()
}

fn elu(x: f32, alpha: f32) -> f32 {
    if x < 0.0 { alpha * (x.exp() - 1.0) } else { x }
}

fn elu_slope(x: f32, alpha: f32) -> f32 {
    if x < 0.0 { alpha * x.exp() } else { 1.0 }
}

pub(crate) fn softmax(row: &mut [f32]) {
    let largest = largest(row);
    each(row, |x| (x - largest).exp());
    let sum: f32 = row.iter().sum();
    each(row, |x| x / sum);
}

pub(crate) fn largest(row: &[f32]) -> f32 {
    row.iter().copied().fold(f32::NEG_INFINITY, f32::max)
}

/// The normal distribution's function, Phi.
fn normal(x: f32) -> f32 {
    0.5 * (1.0 + erf_f32(x * std::f32::consts::FRAC_1_SQRT_2))
}

/// Its density: exp(-x^2 / 2) / sqrt(2 pi).
fn normal_density(x: f32) -> f32 {
    (-0.5 * x * x).exp() * 0.5 * std::f32::consts::FRAC_2_SQRT_PI * std::f32::consts::FRAC_1_SQRT_2
}
