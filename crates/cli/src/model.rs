//! A trained head from its file, and whether it belongs to features or weights.

use std::path::Path;

use anyhow::Context;
use candle_core::Device;
use headstart_features::{ManifestHeader, fingerprint};
use headstart_head::{Activation, Head, LayerConfig};
use headstart_weights::{HeadLayer, Model, ModelMetadata};
use serde_json::Value;

use crate::outcome::Fault;

/// A head with what its file says about it.
pub(crate) struct TrainedHead {
    pub(crate) head: Head,
    pub(crate) metadata: ModelMetadata,
}

impl TrainedHead {
    /// Builds the head of a file for rows of a shape.
    ///
    /// Where the file has parameters only, as Keras writes them, the layers are those that `train` writes: Flatten,
    /// Dense with relu, and at the end one unit with sigmoid or a linear unit a class.
    pub(crate) fn new(
        path: &Path,
        model: Model,
        row_shape: &[usize],
        device: &Device,
    ) -> anyhow::Result<Self> {
        let Model { layers: saved, metadata, .. } = model;
        check_inputs(path, &saved, &metadata.row_shape, row_shape)?;
        let layers = match &metadata.head {
            Some(described) => described_layers(path, described, &saved)?,
            None => layers_of(&saved),
        };
        let fits = || format!("the head of {}", path.display());
        let mut head = Head::new(&layers, row_shape, 0, device).with_context(fits)?;
        head.set_parameters(&saved).with_context(fits)?;
        let (classes, named) = (head.classes(), metadata.classes.len());
        if named > 0 && named != classes {
            return bad_data(path, format!("tells {classes} classes apart, but names {named}"));
        }
        Ok(Self { head, metadata })
    }

    /// The epoch (from 1) that the parameters are of, where the file says so.
    pub(crate) fn epoch(&self) -> Option<usize> {
        let training = self.metadata.training.as_ref()?;
        training["metrics"]["epoch"].as_u64().map(|epoch| epoch as usize)
    }
}

/// A model must be evaluated on features of the kind that it was trained on, as far as it says which.
pub(crate) fn check_features(
    path: &Path,
    model: &ModelMetadata,
    features: &Path,
    header: &ManifestHeader,
) -> anyhow::Result<()> {
    let list = |classes: &[String]| format!("{classes:?}");
    let classes = (!model.classes.is_empty()).then(|| list(&model.classes));
    for (what, ours, theirs) in [
        ("classes", classes, list(&header.classes)),
        ("backbone", model.backbone.clone(), header.backbone.clone()),
        ("weights", model.weights_hash.clone(), header.weights_hash.clone()),
        (
            "preprocessing",
            model.preprocessing.as_ref().map(Value::to_string),
            header.preprocessing.to_string(),
        ),
        ("fingerprint", model.fingerprint.clone(), header.fingerprint.clone()),
    ] {
        if let Some(ours) = ours.filter(|ours| *ours != theirs) {
            let text = format!(
                "was trained on features of other {what} than {}: {ours} and {theirs}",
                features.display()
            );
            return bad_data(path, text);
        }
    }
    Ok(())
}

/// A head must be given features of the kind that it was trained on, as far as its file says which: of weights with this
/// hash, by `backbone`, from pixels of this preprocessing.
pub(crate) fn check_weights(
    path: &Path,
    model: &ModelMetadata,
    weights: &Path,
    backbone: &str,
    preprocessing: &Value,
) -> anyhow::Result<()> {
    let found = headstart_weights::fingerprint(weights)?;
    if let Some(expected) = model.weights_hash.as_ref().filter(|expected| **expected != found) {
        let (name, trained) = (model.weights_name.as_deref().unwrap_or("no name"), path.display());
        let text = format!(
            "is not the file that {trained} was trained with: expected {name} {expected}, found {found}"
        );
        return bad_data(weights, text);
    }
    let found = fingerprint(&found, backbone, preprocessing);
    if let Some(expected) = model.fingerprint.as_ref().filter(|expected| **expected != found) {
        return bad_data(
            path,
            format!(
                "was trained on features of fingerprint {expected}, and those of {} have {found}, as computed by this \
                 headstart; extract and train again",
                weights.display()
            ),
        );
    }
    Ok(())
}

/// The layers that a file describes, which must be those whose parameters it has: so a head takes no more memory than
/// its file.
fn described_layers(path: &Path, described: &Value, saved: &[HeadLayer]) -> anyhow::Result<Vec<LayerConfig>> {
    let layers: Vec<LayerConfig> = match serde_json::from_value(described.clone()) {
        Ok(layers) => layers,
        Err(reason) => return bad_data(path, format!("expected layers that headstart has: {reason}")),
    };
    let dense = layers.iter().filter_map(|layer| match layer {
        LayerConfig::Dense { units, use_bias, .. } => Some((*units, *use_bias)),
        _ => None,
    });
    let parameters = saved.iter().map(|layer| (layer.kernel.shape[1], layer.bias.is_some()));
    if dense.eq(parameters) {
        Ok(layers)
    } else {
        bad_data(path, format!("its parameters are not those of its layers, {described}"))
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

/// Each layer must take as many values as what is before it gives, and the first rows of the shape that the file says.
fn check_inputs(path: &Path, saved: &[HeadLayer], said: &[usize], row_shape: &[usize]) -> anyhow::Result<()> {
    // Flat rows are counted alone.
    if said.len() == 3 && row_shape.len() == 3 && said != row_shape {
        return bad_data(path, format!("takes rows of shape {said:?}, but the features have {row_shape:?}"));
    }
    let mut values: usize = row_shape.iter().product();
    let mut before = format!("the features have rows of shape {row_shape:?}");
    for HeadLayer { name, kernel, .. } in saved {
        let [inputs, units] = kernel.shape[..] else { continue };
        if inputs != values {
            let text = format!("its layer {name} takes {inputs} values, but {before}, which is {values}");
            return bad_data(path, text);
        }
        (values, before) = (units, format!("the layer {name} gives {units}"));
    }
    Ok(())
}

fn bad_data<T>(path: &Path, text: String) -> anyhow::Result<T> {
    Err(Fault::BadData(format!("{}: {text}", path.display())).into())
}
