//! A classifier as a whole model of Keras 3.

use headstart_backbone::{
    Activation as MapActivation, FoldedConvolution, FoldedNetwork, FoldedOperation, Window,
};
use headstart_provenance::{Pooling, Preprocessing};
use headstart_weights::{Array, FlattenOrder, HeadLayer, KerasLayer, KerasModel, Parameter};
use serde_json::json;

use super::parts::{Parts, RowLayer};
use super::planes::{RgbNumbers, exchange_red_and_blue, reads_bgr};
use crate::Error;

/// The head alone: it takes rows of features as headstart stores them. Its last layer gives the probability of the second of two
/// classes, or one a class.
pub(super) fn head(row_shape: &[usize], of_rows: &[RowLayer]) -> Result<KerasModel, Error> {
    let mut layers = Vec::new();
    layers.extend((row_shape.len() > 1).then(|| KerasLayer::new("Flatten", "flatten_1")));
    layers.extend(dense(row_shape, of_rows, FlattenOrder::ChannelsFirst)?);
    let shape = row_shape.to_vec();
    Ok(KerasModel { name: "head".to_owned(), input: "features".to_owned(), shape, layers })
}

/// A network whose layers are a chain, with the head: it takes pixels, N x height x width x 3, RGB, 0 to 255. None for a network
/// of another kind, and where the features are also those of mirror images, which no layer of Keras makes.
pub(super) fn whole(network: &FoldedNetwork, parts: &Parts<'_>) -> Result<Option<KerasModel>, Error> {
    let Parts { preprocessing, pooling, .. } = parts;
    if preprocessing.mirror {
        return Ok(None);
    }
    let mut layers = normalization(preprocessing);
    for (at, layer) in network.layers.iter().enumerate() {
        if layer.reads != [at] {
            return Ok(None);
        }
        let next = match &layer.operation {
            FoldedOperation::Convolution(one) => {
                let is_first_bgr = at == 0 && reads_bgr(preprocessing);
                convolution(&layer.name, one, is_first_bgr)
            }
            FoldedOperation::MaxPool(window) if padding_of(window) == Some("valid") => Some(
                KerasLayer::new("MaxPooling2D", &layer.name)
                    .with("pool_size", json!(window.size))
                    .with("strides", json!(window.stride)),
            ),
            _ => None,
        };
        let Some(next) = next else { return Ok(None) };
        layers.push(next);
    }
    layers.push(match pooling {
        Pooling::None => KerasLayer::new("Flatten", "flatten_1"),
        Pooling::Average => KerasLayer::new("GlobalAveragePooling2D", "features"),
        Pooling::Max => KerasLayer::new("GlobalMaxPooling2D", "features"),
    });
    // Keras flattens height, width, channels.
    layers.extend(dense(&parts.row_shape, &parts.layers, FlattenOrder::ChannelsLast)?);
    let shape = vec![preprocessing.height, preprocessing.width, 3];
    Ok(Some(KerasModel { name: "headstart".to_owned(), input: "pixels".to_owned(), shape, layers }))
}

/// (x scale - mean) / std of each channel, in the order red, green, blue.
fn normalization(preprocessing: &Preprocessing) -> Vec<KerasLayer> {
    let RgbNumbers { scale, mean, std } = RgbNumbers::of(preprocessing);
    let rescaling = KerasLayer::new("Rescaling", "scaled")
        .with("scale", f64::from(scale))
        // Keras does not take its default when it reads a model.
        .with("offset", 0.0);
    let variance = std.map(|std| f64::from(std) * f64::from(std));
    let normalization = KerasLayer::new("Normalization", "normalized")
        .with("axis", json!([-1]))
        .with("mean", json!(mean.map(f64::from)))
        .with("variance", json!(variance));
    let is_identity = mean == [0.0; 3] && std == [1.0; 3];
    (scale != 1.0).then_some(rescaling).into_iter().chain((!is_identity).then_some(normalization)).collect()
}

/// A convolution that Keras computes in one layer.
fn convolution(name: &str, one: &FoldedConvolution, is_bgr: bool) -> Option<KerasLayer> {
    let FoldedConvolution { shape, groups, window, activation, kernel, bias, .. } = one;
    let activation = match activation {
        MapActivation::Linear => "linear",
        MapActivation::Relu => "relu",
        MapActivation::Relu6 => "relu6",
        _ => return None,
    };
    let padding = padding_of(window).filter(|_| *groups == 1)?;
    let mut kernel = Array { shape: shape.to_vec(), values: kernel.clone() };
    if is_bgr {
        exchange_red_and_blue(&mut kernel);
    }
    let bias = Array { shape: vec![shape[0]], values: bias.clone() };
    Some(
        KerasLayer::new("Conv2D", name)
            .with("filters", shape[0])
            .with("kernel_size", json!(window.size))
            .with("strides", json!(window.stride))
            .with("padding", padding)
            .with("activation", activation)
            .variable(Parameter::Kernel, kernel)
            .variable(Parameter::Bias, bias),
    )
}

/// What Keras calls the padding of a window, if it has a name for it.
fn padding_of(window: &Window) -> Option<&'static str> {
    let half = window.size.map(|side| side / 2);
    let is_odd = window.size.iter().all(|side| side % 2 == 1);
    match window.padding(window.size[0], window.size[1]) {
        [0, 0, 0, 0] => Some("valid"),
        [top, left, bottom, right]
            if window.stride == [1, 1] && is_odd && [top, left] == half && [bottom, right] == half =>
        {
            Some("same")
        }
        _ => None,
    }
}

/// The layers of the head after Flatten, whose first kernel has its rows in an order.
fn dense(row_shape: &[usize], of_rows: &[RowLayer], order: FlattenOrder) -> Result<Vec<KerasLayer>, Error> {
    let mut layers = Vec::new();
    let mut shape = <[usize; 3]>::try_from(row_shape).ok();
    let mut dropouts = 0;
    for layer in of_rows {
        layers.push(match layer {
            RowLayer::Dense(HeadLayer { name, kernel, bias }, activation) => {
                let kernel = match shape.take() {
                    Some(shape) => FlattenOrder::ChannelsFirst.permuted(kernel, shape, order)?,
                    None => kernel.clone(),
                };
                let dense = KerasLayer::new("Dense", name)
                    .with("units", kernel.shape.last().copied().unwrap_or_default())
                    .with("activation", activation.name())
                    .with("use_bias", bias.is_some())
                    .variable(Parameter::Kernel, kernel);
                match bias {
                    Some(bias) => dense.variable(Parameter::Bias, bias.clone()),
                    None => dense,
                }
            }
            RowLayer::Dropout(rate) => {
                dropouts += 1;
                KerasLayer::new("Dropout", format!("dropout_{dropouts}")).with("rate", f64::from(*rate))
            }
        });
    }
    Ok(layers)
}
