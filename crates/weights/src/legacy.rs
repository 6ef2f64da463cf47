//! The layout of Keras 0.3 to 1.1: `layer_{k}/param_{p}`.
//!
//! The root group carries the attribute `nb_layers`; each group `layer_{k}` carries `nb_params`, 0 for
//! padding, pooling and other layers without parameters; its datasets are `param_0` (the kernel), `param_1`
//! (the bias). Every layer of the Sequential model counts. This module does not know which layers
//! are convolutions and flips no kernel: it gives what the file has.

use std::path::Path;

use hdf5::{AttrValue, FileBuilder};

use crate::adapter::KernelAxes;
use crate::array::element_count;
use crate::error::Shape;
use crate::hdf5_file::{Hdf5File, guarded, join};
use crate::layout::{Container, unknown_hdf5};
use crate::survey::{Located, Shelf, StoredLayer, Survey, WrittenFor, locate, nowhere};
use crate::{Array, Error, IfExists, LayerSlot, Layout};

/// Every k up to the largest gets a group, so a huge one would make a huge file.
const LARGEST_INDEX: usize = 9999;

/// One layer of a legacy file.
#[derive(Clone, Debug, PartialEq)]
pub struct LegacyLayer {
    /// The k of `layer_{k}`.
    pub index: usize,
    /// `param_0`, `param_1`, ... as they are stored; empty for a layer without parameters.
    pub parameters: Vec<Array>,
}

/// Reads every layer of a legacy file, in order, without flipping any kernel.
///
/// Attributes may be integers of any width and sign, values f16, f32 or f64 of either byte order,
/// contiguous, compact or chunked and compressed.
///
/// # Errors
/// [`Error::UnknownFormat`] or [`Error::Unsupported`] if the file is no HDF5 file,
/// [`Error::MissingAttribute`], [`Error::WrongAttribute`], [`Error::MissingObject`] if it does not hold what it says,
/// [`Error::WrongType`], [`Error::AbsurdShape`], [`Error::Damaged`] for values that can't be read, [`Error::File`] if the
/// file can't be read.
///
/// # Examples
/// ```
/// use headstart_weights::{Array, IfExists, legacy};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("weights.h5");
/// let padding = legacy::LegacyLayer { index: 0, parameters: vec![] };
/// let convolution = legacy::LegacyLayer {
///     index: 1,
///     parameters: vec![Array::new(vec![1, 1, 3, 3], vec![0.5; 9])?, Array::new(vec![1], vec![0.0])?],
/// };
/// let layers = [padding, convolution];
/// legacy::write(&path, &layers, IfExists::Refuse)?;
/// assert_eq!(legacy::read(&path)?, layers);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn read(path: &Path) -> Result<Vec<LegacyLayer>, Error> {
    let Container::Hdf5(file) = Container::open(path.into())? else {
        return Err(Error::Unsupported {
            path: path.to_owned(),
            expected: "a legacy HDF5 file (layer_k/param_p)",
            found: "a safetensors file".to_owned(),
        });
    };
    if crate::layout::detect_hdf5(&file)? != Some(Layout::LegacySequential) {
        return Err(unknown_hdf5(&file)?);
    }
    let mut layers = Vec::new();
    for (index, layer) in layers_of(&file)?.into_iter().enumerate() {
        let mut parameters = Vec::with_capacity(layer.tensors.len());
        for tensor in &layer.tensors {
            parameters.push(Array { shape: tensor.shape.clone(), values: file.read(tensor)? });
        }
        layers.push(LegacyLayer { index, parameters });
    }
    Ok(layers)
}

/// Writes a legacy file: f32, contiguous, attributes int64, as h5py wrote it. Kernels are written as they are.
///
/// A k that no layer has becomes a layer without parameters. The same layers give the same bytes.
///
/// # Errors
/// [`Error::InvalidLayer`] if two layers have one index, if an index is beyond 9999, or if a parameter's shape does not fit
/// its values; [`Error::File`] if the name is taken or can't be written.
pub fn write(path: &Path, layers: &[LegacyLayer], if_exists: IfExists) -> Result<(), Error> {
    let invalid = |index: usize, reason: String| Error::InvalidLayer {
        path: path.to_owned(),
        layer: format!("layer_{index}"),
        reason,
    };
    for layer in layers {
        if layer.index > LARGEST_INDEX {
            return Err(invalid(layer.index, format!("no network has more than {LARGEST_INDEX} layers")));
        }
        for (p, array) in layer.parameters.iter().enumerate() {
            let (shape, values) = (Shape(&array.shape), array.values.len());
            if element_count(&array.shape) != Some(values) {
                let reason =
                    format!("its param_{p} has the shape {shape}, which does not hold {values} values");
                return Err(invalid(layer.index, reason));
            }
        }
    }
    let count = layers.iter().map(|layer| layer.index + 1).max().unwrap_or(0);
    let mut ordered: Vec<&[Array]> = vec![&[]; count];
    let mut taken = vec![false; count];
    for layer in layers {
        if std::mem::replace(&mut taken[layer.index], true) {
            return Err(invalid(layer.index, "it is given twice".to_owned()));
        }
        ordered[layer.index] = &layer.parameters;
    }

    let mut file = FileBuilder::new();
    file.set_attr("nb_layers", AttrValue::I64(count as i64));
    for (k, parameters) in ordered.into_iter().enumerate() {
        let mut group = file.create_group(&format!("layer_{k}"));
        group.set_attr("nb_params", AttrValue::I64(parameters.len() as i64));
        for (p, array) in parameters.iter().enumerate() {
            let shape: Vec<u64> = array.shape.iter().map(|&axis| axis as u64).collect();
            group.create_dataset(&format!("param_{p}")).with_f32_data(&array.values).with_shape(&shape);
        }
        file.add_group(group.finish());
    }
    headstart_files::write(path, if_exists, |writer| guarded(path, "the layers", || file.finish_to(writer)))
}

/// The layers of a legacy file in order, none of their values read.
pub(crate) fn layers_of(file: &Hdf5File) -> Result<Vec<StoredLayer>, Error> {
    let count = file
        .count("", "nb_layers")?
        .ok_or_else(|| file.missing_attribute("the root group", "nb_layers", "the number of layers"))?;
    let groups = file.children("")?.groups;
    let mut layers = Vec::new();
    for k in 0..count {
        let place = format!("layer_{k}");
        // Ends a loop that a huge count would make endless.
        if groups.binary_search(&place).is_err() {
            return Err(file.missing(&place, &format!("nb_layers = {count}")));
        }
        let parameters = file.count(&place, "nb_params")?.ok_or_else(|| {
            file.missing_attribute(&place, "nb_params", "the number of the layer's parameters")
        })?;
        let promised_by = format!("nb_params = {parameters}");
        let mut tensors = Vec::new();
        for p in 0..parameters {
            tensors.push(file.tensor(&join(&place, &format!("param_{p}")), &promised_by)?);
        }
        layers.push(StoredLayer { name: place.clone(), place, tensors });
    }
    Ok(layers)
}

/// Finds the parameters at the places that the network's table names.
pub(crate) fn survey(layers: Vec<StoredLayer>, slots: &[LayerSlot]) -> Survey {
    let mut shelf = Shelf::new(layers);
    let located = locate(slots, |slot| {
        let Some((layer, position)) = slot.legacy else { return nowhere() };
        Located { place: format!("layer_{layer}"), tensor: shelf.take(layer, position) }
    });
    let (layout, axes) = (Layout::LegacySequential, KernelAxes::OutInHeightWidth);
    Survey { layout, axes, written_for: WrittenFor::Convolution, located, others: shelf.rest() }
}
