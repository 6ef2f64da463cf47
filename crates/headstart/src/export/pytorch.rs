//! A classifier as the state dict of a module of PyTorch.

use headstart_provenance::Preprocessing;
use headstart_weights::{Array, HeadLayer, LayerParameters, LayerSlot};

use super::parts::{Parts, RowLayer};
use super::planes::{RgbNumbers, exchange_red_and_blue, reads_bgr};

/// Tensors by their names.
pub(super) type State = Vec<(String, Array)>;

/// The network's parameters under `backbone.`, with the names that timm or torchvision have for them; none for a network that
/// neither has.
pub(super) fn network(
    layers: Vec<(LayerSlot, LayerParameters)>,
    preprocessing: &Preprocessing,
) -> Option<State> {
    let mut state = State::new();
    for (slot, parameters) in layers {
        for (wanted, (_, mut array)) in slot.parameters.iter().zip(parameters.arrays) {
            let reads_image = array.shape.len() == 4 && array.shape[1] == 3;
            if reads_image && reads_bgr(preprocessing) {
                exchange_red_and_blue(&mut array);
            }
            state.push((format!("backbone.{}", wanted.safetensors.as_deref()?), array));
        }
    }
    Some(state)
}

/// The numbers of the preprocessing, for pixels in the order red, green, blue: `scale`, `mean` and `std`.
pub(super) fn normalization(preprocessing: &Preprocessing) -> State {
    let RgbNumbers { scale, mean, std } = RgbNumbers::of(preprocessing);
    let planes = |values: [f32; 3]| Array { shape: vec![1, 3, 1, 1], values: values.to_vec() };
    let scale = Array { shape: Vec::new(), values: vec![scale] };
    [("scale", scale), ("mean", planes(mean)), ("std", planes(std))]
        .map(|(name, array)| (name.to_owned(), array))
        .to_vec()
}

/// The head, as a Sequential of Linear, activations and Dropout: `head.0.weight` is (out, in). Its last layer gives a logit a
/// class; that of the first of two classes is 0 where the head has one unit.
pub(super) fn head(parts: &Parts<'_>) -> State {
    let mut state = State::new();
    let mut position = 0;
    for (at, layer) in parts.layers.iter().enumerate() {
        let RowLayer::Dense(HeadLayer { kernel, bias, .. }, _) = layer else {
            position += 1;
            continue;
        };
        let (mut weight, mut bias) = (transposed(kernel), bias.clone());
        if weight.shape[0] == 1 {
            let zeros = vec![0.0; weight.values.len()];
            weight = Array { shape: vec![2, weight.shape[1]], values: [zeros, weight.values].concat() };
            bias = bias.map(|bias| Array { shape: vec![2], values: [vec![0.0], bias.values].concat() });
        }
        state.push((format!("head.{position}.weight"), weight));
        state.extend(bias.map(|bias| (format!("head.{position}.bias"), bias)));
        // An activation follows each layer but the last.
        position += if at + 1 < parts.layers.len() { 2 } else { 1 };
    }
    state
}

/// (in, out) to (out, in).
fn transposed(kernel: &Array) -> Array {
    let [inputs, outputs] = [kernel.shape[0], kernel.shape[1]];
    let column = |output: usize| (0..inputs).map(move |input| kernel.values[input * outputs + output]);
    Array { shape: vec![outputs, inputs], values: (0..outputs).flat_map(column).collect() }
}
