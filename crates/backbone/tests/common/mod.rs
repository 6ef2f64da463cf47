//! Parameters and images by a formula that tests/golden/networks/generate.py computes too.

// Every test file compiles this module for itself, and none uses all of it.
#![allow(dead_code)]

use headstart_weights::{Array, LayerParameters, LayerSlot, Parameter};

/// FNV-1a over the name, mixed with the index by the last steps of MurmurHash3: 24 random bits as a number in [0, 1).
fn unit(name: u32, index: usize) -> f32 {
    let mut bits = name ^ (index as u32).wrapping_mul(0x9E37_79B9);
    bits = (bits ^ (bits >> 16)).wrapping_mul(0x85EB_CA6B);
    bits = (bits ^ (bits >> 13)).wrapping_mul(0xC2B2_AE35);
    ((bits ^ (bits >> 16)) >> 8) as f32 / 16_777_216.0
}

fn hash(name: &str) -> u32 {
    name.bytes().fold(0x811C_9DC5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// Values in -1..1.
pub(crate) fn signed(name: &str, count: usize) -> Vec<f32> {
    let name = hash(name);
    (0..count).map(|index| 2.0 * unit(name, index) - 1.0).collect()
}

/// Pixels of a batch, in -2..2.
pub(crate) fn images(count: usize, height: usize, width: usize) -> Vec<f32> {
    signed("images", count * 3 * height * width).iter().map(|value| 2.0 * value).collect()
}

/// The parameters of one tensor. Kernels are scaled so that maps neither vanish nor explode.
fn tensor(name: &str, parameter: Parameter, shape: &[usize]) -> Array {
    let count = shape.iter().product();
    let values = signed(name, count);
    let values = match parameter {
        Parameter::Kernel | Parameter::DepthwiseKernel => {
            let scale = (3.0 / shape[1..].iter().product::<usize>() as f64).sqrt() as f32;
            values.iter().map(|value| value * scale).collect()
        }
        Parameter::Gamma | Parameter::Variance => values.iter().map(|value| 1.0 + 0.5 * value).collect(),
        _ => values.iter().map(|value| 0.5 * value).collect(),
    };
    Array { shape: shape.to_vec(), values }
}

/// The parameters of a form of a network, by the names of its tensors in files.
pub(crate) fn parameters(slots: &[LayerSlot]) -> Vec<LayerParameters> {
    let layer = |slot: &LayerSlot| {
        let arrays = slot.parameters.iter().map(|wanted| {
            let keras = wanted.keras.as_ref().map(|(layer, position)| format!("{layer}.{position}"));
            let name = wanted.safetensors.clone().or(keras).unwrap_or_default();
            (wanted.parameter, tensor(&name, wanted.parameter, &wanted.shape))
        });
        LayerParameters { name: slot.name.clone(), arrays: arrays.collect() }
    };
    slots.iter().filter(|slot| slot.is_needed).map(layer).collect()
}
