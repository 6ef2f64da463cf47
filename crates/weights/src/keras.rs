//! The layout of Keras 1.2 and 2: the root lists its layers in `layer_names`, each layer's group its tensors in
//! `weight_names`.

use std::collections::{BTreeMap, BTreeSet};

use crate::adapter::KernelAxes;
use crate::hdf5_file::{Hdf5File, join, shown};
use crate::layout::keras_root;
use crate::stored::StoredTensor;
use crate::survey::{StoredLayer, Survey, WrittenFor, assign};
use crate::{Error, LayerSlot, Layout, ParameterSlot};

/// The layers of the file in the order of `layer_names`, including those without parameters.
pub(crate) fn layers_of(file: &Hdf5File) -> Result<Vec<StoredLayer>, Error> {
    let root = keras_root(file)?.unwrap_or_default();
    let names = file
        .names(root, "layer_names")?
        .ok_or_else(|| file.missing_attribute("the root group", "layer_names", "the names of the layers"))?;
    refuse_repeated(file, root, "layer_names", &names)?;
    let groups = file.children(root)?.groups;
    let mut layers = Vec::new();
    for name in names {
        let place = join(root, &name);
        // A name may hold slashes, and then names a group further down.
        let first = name.split('/').next().unwrap_or_default();
        if groups.binary_search_by(|g| g.as_str().cmp(first)).is_err() {
            return Err(file.missing(&place, "the attribute layer_names"));
        }
        let weights = file.names(&place, "weight_names")?.ok_or_else(|| {
            file.missing_attribute(&place, "weight_names", "the names of the layer's tensors")
        })?;
        refuse_repeated(file, &place, "weight_names", &weights)?;
        let mut tensors = Vec::with_capacity(weights.len());
        for weight in weights {
            tensors.push(file.tensor(&join(&place, &weight), "the attribute weight_names")?);
        }
        layers.push(StoredLayer { place, name, tensors });
    }
    Ok(layers)
}

/// Refuses a list with a name twice, as Keras does for layers. Otherwise a list that repeats one layer, whose own list
/// repeats one tensor, would stand for as many tensors as the product of their lengths.
fn refuse_repeated(file: &Hdf5File, group: &str, attribute: &str, names: &[String]) -> Result<(), Error> {
    let mut seen = BTreeSet::new();
    match names.iter().find(|name| !seen.insert(name.as_str())) {
        None => Ok(()),
        Some(repeated) => Err(Error::WrongAttribute {
            path: file.path().to_owned(),
            object: shown(group).to_owned(),
            attribute: attribute.to_owned(),
            expected: "a list of different names",
            found: format!("{repeated} more than once"),
        }),
    }
}

/// The layers of the file, and those of nested models in their place.
pub(crate) fn unnested_layers_of(file: &Hdf5File) -> Result<Vec<StoredLayer>, Error> {
    Ok(layers_of(file)?.into_iter().flat_map(unnested).collect())
}

/// Gives the file's layers to the slots.
pub(crate) fn survey(
    file: &Hdf5File,
    layers: Vec<StoredLayer>,
    slots: &[LayerSlot],
) -> Result<Survey, Error> {
    let mut survey = assign(layers, slots, Layout::Keras);
    survey.axes = axes(&survey, slots);
    survey.written_for = written_for(file)?;
    Ok(survey)
}

/// Keras 1 with `dim_ordering` th has (out, in, h, w), which the file does not say. Its shapes do.
fn axes(survey: &Survey, slots: &[LayerSlot]) -> KernelAxes {
    let mut kernels = slots.iter().zip(&survey.located).flat_map(|(slot, located)| {
        let tensors = located.iter().map(|located| located.tensor.as_ref());
        slot.parameters.iter().zip(tensors).filter(|(wanted, _)| wanted.is_convolution())
    });
    let fits = |axes: KernelAxes| {
        move |(wanted, tensor): (&ParameterSlot, Option<&StoredTensor>)| {
            tensor.is_some_and(|tensor| tensor.shape == axes.stored_shape(wanted.parameter, &wanted.shape))
        }
    };
    let (first, last) = (KernelAxes::OutInHeightWidth, KernelAxes::HeightWidthInOut);
    if kernels.clone().all(fits(first)) && !kernels.all(fits(last)) { first } else { last }
}

/// What Keras 2 does by the attribute `backend`: kernels of Theano are reversed, those of all others are taken as they are.
fn written_for(file: &Hdf5File) -> Result<WrittenFor, Error> {
    let root = keras_root(file)?.unwrap_or_default();
    let backend = match file.text(root, "backend")? {
        None if !root.is_empty() => file.text("", "backend")?,
        found => found,
    };
    Ok(match backend.as_deref() {
        Some("theano") => WrittenFor::KerasConvolution,
        Some(_) => WrittenFor::Correlation,
        None => WrittenFor::Unstated,
    })
}

/// A layer of the file, or the layers of the model that it is.
///
/// A nested model is one entry of `layer_names`, whose `weight_names` are those of all its layers:
/// `block1_conv1/kernel:0`, or `block1_conv1_W` in Keras 1. First come all that are trained and then all that are not, so
/// that those of one layer need not stand together.
fn unnested(layer: StoredLayer) -> Vec<StoredLayer> {
    let prefix = format!("{}/", layer.place);
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut layers: Vec<(String, Vec<StoredTensor>)> = Vec::new();
    for tensor in &layer.tensors {
        let owner = owner(tensor.name.strip_prefix(&prefix).unwrap_or(&tensor.name)).to_owned();
        let place = *places.entry(owner.clone()).or_insert(layers.len());
        match layers.get_mut(place) {
            Some((_, tensors)) => tensors.push(tensor.clone()),
            None => layers.push((owner, vec![tensor.clone()])),
        }
    }
    if layers.len() < 2 {
        return vec![layer];
    }
    let inner = |(owner, tensors): (String, _)| StoredLayer {
        place: join(&layer.place, &owner),
        name: owner.rsplit('/').next().unwrap_or(&owner).to_owned(),
        tensors,
    };
    layers.into_iter().map(inner).collect()
}

/// The layer that a tensor belongs to, by its name in `weight_names`: all but the last part. Empty for a name of one part.
fn owner(name: &str) -> &str {
    if let Some((owner, _)) = name.rsplit_once('/') {
        return owner;
    }
    // Keras 1 joins the parts by `_`, and TensorFlow may add a number and `:0`.
    let name = name.split(':').next().unwrap_or(name);
    let numbered = name.rsplit_once('_').filter(|(_, digits)| digits.bytes().all(|b| b.is_ascii_digit()));
    let name = numbered.map_or(name, |(name, _)| name);
    KERAS_1_PARTS.iter().find_map(|part| name.strip_suffix(part)).unwrap_or_default()
}

/// What Keras 1 adds to the name of a convolution, a dense layer or a batch normalization.
const KERAS_1_PARTS: [&str; 6] = ["_W", "_b", "_gamma", "_beta", "_running_mean", "_running_std"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tensor_belongs_to_the_layer_in_its_name() {
        for (name, layer) in [
            ("block1_conv1/kernel:0", "block1_conv1"),
            ("vgg16/block1_conv1/kernel", "vgg16/block1_conv1"),
            ("block1_conv1_W", "block1_conv1"),
            ("block1_conv1_b:0", "block1_conv1"),
            ("block1_conv1_W_3:0", "block1_conv1"),
            ("batchnormalization_1_running_mean", "batchnormalization_1"),
            ("param_0", ""),
            ("norm_moving_mean", ""),
        ] {
            assert_eq!(owner(name), layer, "{name}");
        }
    }
}
