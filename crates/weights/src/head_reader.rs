//! Heads that this crate or any Keras from 1.2 to 3 wrote.

use std::path::Path;

use crate::error::{Shape, list};
use crate::hdf5_file::Hdf5File;
use crate::layout::{Container, detect_hdf5, unknown_hdf5};
use crate::stored::StoredTensor;
use crate::survey::StoredLayer;
use crate::{Array, Error, HeadLayer, Layout, Parameter, keras, keras3};

/// Reads the dense layers of a head in their order. The layout is detected from the content.
///
/// Layers without parameters (Flatten, Dropout) are left out. Names are the file's own where it has them; an older Keras 3
/// stored only `dense`, `dense_1`, ...
///
/// # Errors
/// [`Error::Unsupported`] if a layer is not dense, that is anything but a kernel (in, out) and at most a bias (out),
/// and for files of convolutions; [`Error::NotFinite`] for NaN or infinity; [`Error::UnknownFormat`] and
/// [`Error::UnknownLayout`] for other kinds of file; [`Error::Damaged`], [`Error::AbsurdShape`],
/// [`Error::WrongType`], [`Error::MissingObject`], [`Error::MissingAttribute`] and [`Error::WrongAttribute`] for a file
/// that does not hold what it says; [`Error::File`] if it can't be read.
pub fn load_head(path: &Path) -> Result<Vec<HeadLayer>, Error> {
    let Container::Hdf5(file) = Container::open(path)? else {
        return Err(unsupported(path, "a safetensors file".to_owned()));
    };
    dense_layers(path, layers_of(&file)?, &|tensor| file.read(tensor))
}

/// The layers of a file in one of the layouts of a head, including those without parameters if the file names them.
pub(crate) fn layers_of(file: &Hdf5File) -> Result<Vec<StoredLayer>, Error> {
    match detect_hdf5(file)? {
        Some(Layout::Keras) => keras::layers_of(file),
        Some(Layout::Keras3) => keras3::layers_of(file),
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
        if !is_dense(&layer) {
            let shapes: Vec<String> = layer.tensors.iter().map(|t| Shape(&t.shape).to_string()).collect();
            let found = format!("the layer {} with tensors {}", layer.name, list(&shapes, 4));
            return Err(unsupported(path, found));
        }
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
    Ok(head)
}

pub(crate) fn unsupported(path: &Path, found: String) -> Error {
    Error::Unsupported {
        path: path.to_owned(),
        expected: "a head: dense layers, each a kernel (in, out) and at most a bias (out)",
        found,
    }
}

fn is_dense(layer: &StoredLayer) -> bool {
    match layer.tensors.as_slice() {
        [kernel] => kernel.shape.len() == 2,
        [kernel, bias] => kernel.shape.len() == 2 && bias.shape == kernel.shape[1..],
        _ => false,
    }
}
