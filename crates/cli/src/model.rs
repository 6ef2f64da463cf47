//! A trained head from its file.

use std::path::Path;

use anyhow::Context;
use candle_core::Device;
use headstart_head::{Activation, Head, LayerConfig};
use headstart_weights::{HeadLayer, load_head, load_model};

use crate::outcome::Fault;

/// A head with what its file says about it.
pub(crate) struct TrainedHead {
    pub(crate) head: Head,
    /// The names of the classes, by label, where the file has them.
    pub(crate) classes: Option<Vec<String>>,
}

impl TrainedHead {
    /// Reads a head for rows of a shape.
    ///
    /// A file of Keras has parameters only, so the layers are those that `train` writes: Flatten, Dense with relu, and
    /// at the end one unit with sigmoid or a linear unit a class.
    pub(crate) fn load(path: &Path, row_shape: &[usize], device: &Device) -> anyhow::Result<Self> {
        let saved = load_head(path)?;
        check_inputs(path, &saved, row_shape)?;
        let fits = || format!("the head of {}", path.display());
        let mut head = Head::new(&layers_of(&saved), row_shape, 0, device).with_context(fits)?;
        head.set_parameters(&saved).with_context(fits)?;
        Ok(Self { head, classes: None })
    }

    /// The epoch (from 1) that a model's parameters are of, where it says so.
    pub(crate) fn epoch(path: &Path) -> anyhow::Result<Option<usize>> {
        let training = load_model(path)?.metadata.training;
        Ok(training.and_then(|training| training["metrics"]["epoch"].as_u64()).map(|epoch| epoch as usize))
    }

    /// How many classes it tells apart.
    pub(crate) fn class_count(&self) -> usize {
        self.head.output().map_or(0, |output| output.units().max(2))
    }
}

/// The layers whose parameters these are.
fn layers_of(saved: &[HeadLayer]) -> Vec<LayerConfig> {
    let dense = |(index, layer): (usize, &HeadLayer)| {
        let units = layer.kernel.shape[1];
        let activation = match (index + 1 == saved.len(), units) {
            (false, _) => Activation::Relu,
            (true, 1) => Activation::Sigmoid,
            (true, _) => Activation::Linear,
        };
        LayerConfig::Dense { units, activation, use_bias: layer.bias.is_some() }
    };
    std::iter::once(LayerConfig::Flatten).chain(saved.iter().enumerate().map(dense)).collect()
}

/// Each layer must take as many values as what is before it gives.
fn check_inputs(path: &Path, saved: &[HeadLayer], row_shape: &[usize]) -> anyhow::Result<()> {
    let mut values: usize = row_shape.iter().product();
    let mut before = format!("the features have rows of shape {row_shape:?}");
    for HeadLayer { name, kernel, .. } in saved {
        let [inputs, units] = kernel.shape[..] else { continue };
        if inputs != values {
            let path = path.display();
            return Err(Fault::BadData(format!(
                "{path}: its layer {name} takes {inputs} values, but {before}, which is {values}"
            ))
            .into());
        }
        (values, before) = (units, format!("the layer {name} gives {units}"));
    }
    Ok(())
}
