//! What a prediction consists of besides the network's layers.

use headstart_head::{Head, Layer};
use headstart_provenance::{Pooling, Preprocessing};
use headstart_weights::{Activation, HeadLayer, KnownImages};

use crate::Error;

/// A classifier, ready to be written.
pub(super) struct Parts<'a> {
    /// Class names, in label order.
    pub(super) classes: &'a [String],
    /// What becomes of pixels.
    pub(super) preprocessing: &'a Preprocessing,
    /// What becomes of the network's maps.
    pub(super) pooling: Pooling,
    /// The shape of a row of features.
    pub(super) row_shape: Vec<usize>,
    /// The layers of the head on flat rows: channels, height, width.
    pub(super) layers: Vec<RowLayer>,
    /// The images that it knows.
    pub(super) known: Option<&'a KnownImages>,
}

/// A layer on flat rows.
pub(super) enum RowLayer {
    /// The activation of the last one gives probabilities: sigmoid that of the second of two classes, softmax those of all.
    Dense(HeadLayer, Activation),
    /// With its rate; it does nothing to predictions.
    Dropout(f32),
}

/// The layers of a head on flat rows.
pub(super) fn layers_of(head: &Head) -> Result<Vec<RowLayer>, Error> {
    let mut saved = head.to_saved().map_err(headstart_head::Error::from)?.into_iter();
    let mut layers: Vec<RowLayer> = Vec::new();
    for layer in head.layers() {
        match layer {
            Layer::Dense(dense) => {
                layers.extend(saved.next().map(|layer| RowLayer::Dense(layer, dense.activation())));
            }
            Layer::Dropout(dropout) => layers.push(RowLayer::Dropout(dropout.rate)),
            _ => {}
        }
    }
    if let Some(RowLayer::Dense(layer, activation)) = layers.last_mut() {
        let is_one = layer.kernel.shape.last() == Some(&1);
        *activation = if is_one { Activation::Sigmoid } else { Activation::Softmax };
    }
    Ok(layers)
}
