//! Heads that this crate or any Keras from 1.2 to 3 wrote.

use std::path::Path;

use crate::bystander::{SAVE_WHOLE, is_harmless_name};
use crate::error::{Shape, list};
use crate::hdf5_file::Hdf5File;
use crate::keras_config::{KerasConfig, Place};
use crate::keras3_head::{Container as Keras3Container, Node};
use crate::layout::{Container, detect_hdf5, unknown_hdf5};
use crate::stored::StoredTensor;
use crate::survey::StoredLayer;
use crate::{Array, Error, HeadLayer, Layout, Parameter, keras};

/// Reads the dense layers of a head in their order. The layout is detected from the content.
///
/// Layers that change nothing when a head predicts (Flatten, Dropout) are left out. Names are the file's own where it has
/// them; an older Keras 3 stored only `dense`, `dense_1`, ... In a file of Keras 3 that holds models within the model, the
/// order is the only one in which the shapes of the layers follow each other.
///
/// # Errors
/// [`Error::Unsupported`] if a layer is not dense, that is anything but a kernel (in, out) and at most a bias (out), or if
/// the file names a layer without parameters that computes something; if the layers do not follow each other, or if their
/// order is not clear; and for files of convolutions; [`Error::NotFinite`] for NaN or infinity; [`Error::UnknownFormat`]
/// and [`Error::UnknownLayout`] for other kinds of file; [`Error::Damaged`], [`Error::AbsurdShape`],
/// [`Error::WrongType`], [`Error::MissingObject`], [`Error::MissingAttribute`] and [`Error::WrongAttribute`] for a file
/// that does not hold what it says; [`Error::File`] if it can't be read.
pub fn load_head(path: &Path) -> Result<Vec<HeadLayer>, Error> {
    let Container::Hdf5(file) = Container::open(path.into()).map_err(Error::where_a_head_is)? else {
        return Err(unsupported(path, "a safetensors file".to_owned()));
    };
    dense_layers(path, layers_of(&file)?, &|tensor| file.read(tensor))
}

/// The layers of a file that no configuration and no description explains, including those without parameters if the
/// layout lists them. A layer that may compute something without parameters is refused.
pub(crate) fn layers_of(file: &Hdf5File) -> Result<Vec<StoredLayer>, Error> {
    if layout_of(file)? == Layout::Keras3 {
        return Keras3Container::read(file, false)?.into_chain(file);
    }
    let layers = keras::layers_of(file)?;
    match layers.iter().find(|layer| layer.tensors.is_empty() && !is_harmless_name(&layer.name)) {
        None => Ok(layers),
        Some(unknown) => {
            let found = format!("the layer {}, which has no weights and may compute something", unknown.name);
            Err(unsupported(file.path(), format!("{found}; {SAVE_WHOLE}")))
        }
    }
}

/// The layers of a file whose own description says what they are, in the order of the file.
pub(crate) fn described_layers_of(file: &Hdf5File) -> Result<Vec<StoredLayer>, Error> {
    if layout_of(file)? == Layout::Keras3 {
        return Keras3Container::read(file, true)?.into_chain(file);
    }
    keras::layers_of(file)
}

/// The Dense layers of a configuration, in its order.
pub(crate) fn configured_layers_of(file: &Hdf5File, config: &KerasConfig) -> Result<Vec<StoredLayer>, Error> {
    let missing = |place: &Place| unsupported(file.path(), format!("no weights of the layer {}", place.name));
    let left = |layer: &StoredLayer| {
        let found = format!("the layer {}, which its configuration does not list as Dense", layer.name);
        unsupported(file.path(), found)
    };
    let mut found = Vec::with_capacity(config.places.len());
    if layout_of(file)? == Layout::Keras3 {
        let mut container = Keras3Container::read(file, true)?;
        for place in &config.places {
            let mut inside = Some(&mut container);
            for (class, position) in &place.models {
                inside = inside.and_then(|container| container.model(class, *position));
            }
            match inside.and_then(|container| container.take("dense", place.position)) {
                Some(Node::Dense(layer)) => found.push(layer),
                _ => return Err(missing(place)),
            }
        }
        return match container.first_left() {
            None => Ok(found),
            Some(layer) => Err(left(layer)),
        };
    }
    let mut stored = keras::layers_of(file)?;
    for place in &config.places {
        let top = stored.iter_mut().find(|layer| layer.name == place.top).ok_or_else(|| missing(place))?;
        let tensors = if place.models.is_empty() {
            std::mem::take(&mut top.tensors)
        } else {
            // A model's layer lists the tensors of all its layers: `inner/dense_1/kernel`, `dense_1/kernel:0`.
            let of_layer = |tensor: &mut StoredTensor| {
                tensor.name.rsplit('/').nth(1).is_some_and(|layer| layer == place.name)
            };
            top.tensors.extract_if(.., of_layer).collect()
        };
        if tensors.is_empty() {
            return Err(missing(place));
        }
        found.push(StoredLayer { place: top.place.clone(), name: place.name.clone(), tensors });
    }
    match stored.iter().find(|layer| !layer.tensors.is_empty()) {
        None => Ok(found),
        Some(layer) => Err(left(layer)),
    }
}

/// The layout, if it is one of a head.
fn layout_of(file: &Hdf5File) -> Result<Layout, Error> {
    match detect_hdf5(file)? {
        Some(layout @ (Layout::Keras | Layout::Keras3)) => Ok(layout),
        Some(layout) => Err(unsupported(file.path(), format!("a file in the layout {layout}"))),
        None => Err(unknown_hdf5(file)?),
    }
}

/// The layers that have parameters, with their values. `read` reads the values of a tensor.
pub(crate) fn dense_layers(
    path: &Path,
    layers: Vec<StoredLayer>,
    read: &dyn Fn(&StoredTensor) -> Result<Vec<f32>, Error>,
) -> Result<Vec<HeadLayer>, Error> {
    let mut head = Vec::new();
    for layer in layers {
        if layer.tensors.is_empty() {
            continue;
        }
        expect_dense(path, &layer)?;
        let mut arrays = Vec::with_capacity(layer.tensors.len());
        for (tensor, parameter) in layer.tensors.iter().zip([Parameter::Kernel, Parameter::Bias]) {
            let array = Array::new(tensor.shape.clone(), read(tensor)?)?;
            if let Some((index, value)) = array.first_not_finite() {
                let (path, layer) = (path.to_owned(), layer.name.clone());
                return Err(Error::NotFinite { path, layer, parameter, index, value });
            }
            arrays.push(array);
        }
        let mut arrays = arrays.into_iter();
        if let Some(kernel) = arrays.next() {
            head.push(HeadLayer { name: layer.name, kernel, bias: arrays.next() });
        }
    }
    if head.is_empty() {
        return Err(unsupported(path, "no layer with parameters".to_owned()));
    }
    check_chain(path, &head)?;
    Ok(head)
}

/// The error unless each layer takes as many values as the one before it gives.
fn check_chain(path: &Path, head: &[HeadLayer]) -> Result<(), Error> {
    let broken = head.windows(2).find(|pair| pair[0].kernel.shape[1] != pair[1].kernel.shape[0]);
    let Some([before, after]) = broken else { return Ok(()) };
    let (gives, takes) = (before.kernel.shape[1], after.kernel.shape[0]);
    let found = format!(
        "the layer {}, which gives {gives} values, before {}, which takes {takes}",
        before.name, after.name
    );
    Err(unsupported(path, found))
}

pub(crate) fn unsupported(path: &Path, found: String) -> Error {
    Error::Unsupported {
        path: path.to_owned(),
        expected: "a head: dense layers, each a kernel (in, out) and at most a bias (out)",
        found,
    }
}

/// The error for a layer that is not dense.
pub(crate) fn expect_dense(path: &Path, layer: &StoredLayer) -> Result<(), Error> {
    if is_dense(layer) {
        return Ok(());
    }
    let shapes: Vec<String> = layer.tensors.iter().map(|t| Shape(&t.shape).to_string()).collect();
    Err(unsupported(path, format!("the layer {} with tensors {}", layer.name, list(&shapes, 4))))
}

fn is_dense(layer: &StoredLayer) -> bool {
    match layer.tensors.as_slice() {
        [kernel] => kernel.shape.len() == 2,
        [kernel, bias] => kernel.shape.len() == 2 && bias.shape == kernel.shape[1..],
        _ => false,
    }
}
