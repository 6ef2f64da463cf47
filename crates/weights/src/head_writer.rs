//! Heads written so that Keras loads them.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use hdf5::{AttrValue, FileBuilder, LibVer};

use crate::array::element_count;
use crate::error::Shape;
use crate::hdf5_file::guarded;
use crate::keras3::class_and_number;
use crate::model_text::{self, ModelText};
use crate::{Array, Error, FlattenOrder, HeadLayer, IfExists, ModelMetadata, Parameter};

/// The Keras whose layout this is. Without a version Keras 2 takes a file for one of Keras 1, whose kernels it converts.
const KERAS_VERSION: &str = "2.1.6";

/// Writes the dense layers of a head. The suffix of `path` chooses the layout:
///
/// | suffix | layout | loaded by `load_weights` of |
/// | --- | --- | --- |
/// | `.weights.h5` | Keras 3: `/layers/dense/vars/{0,1}`, `/layers/dense_1/vars/{0,1}`, ... | Keras 3 |
/// | `.h5`, `.hdf5` | Keras 1.2 and 2: `/dense_1/dense_1/kernel:0`, ... | Keras 1.2, 2 and 3 |
///
/// `all_layer_names` are the names of every layer of the Sequential model in order, including those without parameters
/// (`flatten_1`, `dropout_1`). `layers` are the ones that have parameters, in the same order. Keras matches by order and
/// shape, not by name.
///
/// The file is f32, contiguous, in the format of HDF5 1.8, and holds no time: the same head gives the same
/// bytes. It is whole under its name or not there: temporary file, fsync, rename.
///
/// # Errors
/// [`Error::UnknownSuffix`] for another suffix; [`Error::InvalidLayer`] for a name that is used twice, absent from
/// `all_layer_names`, out of order or not writable, and for shapes that are not (in, out) and (out);
/// [`Error::NotFinite`] for NaN or infinity; [`Error::File`] if the name is taken or can't be written.
///
/// # Examples
/// ```
/// use headstart_weights::{Array, HeadLayer, IfExists, load_head, save_head};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("bottleneck_fc_model.h5");
/// let layers = [HeadLayer {
///     name: "dense_1".into(),
///     kernel: Array::new(vec![2, 1], vec![0.5, -0.5])?,
///     bias: Some(Array::new(vec![1], vec![0.25])?),
/// }];
/// let names = ["flatten_1".to_owned(), "dense_1".to_owned()];
/// save_head(&path, &layers, &names, IfExists::Refuse)?;
/// assert_eq!(load_head(&path)?, layers);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn save_head(
    path: &Path,
    layers: &[HeadLayer],
    all_layer_names: &[String],
    if_exists: IfExists,
) -> Result<(), Error> {
    let bare = ModelMetadata::default();
    save_keras(path, layers, all_layer_names, &bare, FlattenOrder::ChannelsFirst, if_exists)
}

/// [`save_head`] with a description, whose `flatten_order` is that of the first kernel's rows.
///
/// It is an attribute of the root, which Keras does not look at. The layout of Keras 3 has no place for the order of
/// layers of different classes, so there it is always written; elsewhere only if it says anything.
pub(crate) fn save_keras(
    path: &Path,
    layers: &[HeadLayer],
    all_layer_names: &[String],
    metadata: &ModelMetadata,
    flatten_order: FlattenOrder,
    if_exists: IfExists,
) -> Result<(), Error> {
    let keras3 = is_keras3(path)?;
    check(path, layers, all_layer_names)?;
    let mut file =
        if keras3 { keras3_file(layers, all_layer_names) } else { keras_file(layers, all_layer_names) };
    if keras3 || *metadata != ModelMetadata::default() || flatten_order != FlattenOrder::ChannelsFirst {
        let (layer_names, metadata) = (all_layer_names.to_vec(), metadata.clone());
        let text = ModelText { layer_names, flatten_order, metadata }.to_json()?;
        file.set_attr(model_text::ATTRIBUTE, AttrValue::AsciiString(text));
    }
    headstart_files::write(path, if_exists, |writer| guarded(path, "the head", || file.finish_to(writer)))
}

/// Checks before training what [`save_head`] would refuse after it: the suffix, a name that is taken, a folder that can't
/// be written. Leaves nothing behind.
///
/// # Errors
/// [`Error::UnknownSuffix`] and [`Error::File`], as for [`save_head`].
pub fn check_head_path(path: &Path, if_exists: IfExists) -> Result<(), Error> {
    is_keras3(path)?;
    Ok(headstart_files::check_writable(path, if_exists)?)
}

/// Whether the suffix asks for the layout of Keras 3.
fn is_keras3(path: &Path) -> Result<bool, Error> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let keras3 = name.ends_with(".weights.h5");
    if keras3 || name.ends_with(".h5") || name.ends_with(".hdf5") {
        Ok(keras3)
    } else {
        Err(Error::UnknownSuffix { path: path.to_owned() })
    }
}

/// Checks that names can be written and are different, that shapes fit each other, and that values are finite.
pub(crate) fn check(path: &Path, layers: &[HeadLayer], all_layer_names: &[String]) -> Result<(), Error> {
    let invalid = |layer: &str, reason: &str| Error::InvalidLayer {
        path: path.to_owned(),
        layer: layer.to_owned(),
        reason: reason.to_owned(),
    };
    let mut seen = BTreeSet::new();
    for name in all_layer_names {
        if name.is_empty()
            || name == "."
            || name == ".."
            || !name.bytes().all(|b| b.is_ascii_graphic() && b != b'/')
        {
            return Err(invalid(name, "expected a name of ASCII letters, digits and signs other than /"));
        }
        if !seen.insert(name) {
            return Err(invalid(name, "the name is used twice"));
        }
    }
    let mut rest = all_layer_names.iter();
    for layer in layers {
        if !rest.any(|name| *name == layer.name) {
            return Err(invalid(&layer.name, "expected it among all layer names, in the same order"));
        }
        let &[_, outputs] = layer.kernel.shape.as_slice() else {
            let shape = Shape(&layer.kernel.shape);
            return Err(invalid(&layer.name, &format!("expected a kernel (in, out), found {shape}")));
        };
        for (parameter, array) in
            [(Parameter::Kernel, Some(&layer.kernel)), (Parameter::Bias, layer.bias.as_ref())]
        {
            let Some(array) = array else { continue };
            if parameter == Parameter::Bias && array.shape != [outputs] {
                let shape = Shape(&array.shape);
                return Err(invalid(&layer.name, &format!("expected a bias ({outputs},), found {shape}")));
            }
            if element_count(&array.shape) != Some(array.values.len()) {
                return Err(invalid(&layer.name, &format!("its {parameter}'s shape is not its length")));
            }
            if let Some((index, value)) = array.first_not_finite() {
                return Err(Error::NotFinite {
                    path: path.to_owned(),
                    layer: layer.name.clone(),
                    parameter,
                    index,
                    value,
                });
            }
        }
    }
    Ok(())
}

/// An empty file in the oldest format that the writer has: HDF5 1.8, which the h5py of Keras 1 reads.
fn new_file() -> FileBuilder {
    let mut file = FileBuilder::new();
    file.with_libver_bounds(LibVer::Earliest, LibVer::V18);
    file
}

fn extents(array: &Array) -> Vec<u64> {
    array.shape.iter().map(|&axis| axis as u64).collect()
}

fn keras_file(layers: &[HeadLayer], all_layer_names: &[String]) -> FileBuilder {
    let mut file = new_file();
    // Fixed-length bytes: Keras 1 and 2 call decode on what h5py gives them.
    file.set_attr("layer_names", AttrValue::AsciiStringArray(all_layer_names.to_vec()));
    file.set_attr("backend", AttrValue::AsciiString("tensorflow".to_owned()));
    file.set_attr("keras_version", AttrValue::AsciiString(KERAS_VERSION.to_owned()));
    for name in all_layer_names {
        let mut group = file.create_group(name);
        let layer = layers.iter().find(|layer| layer.name == *name);
        let mut weights = Vec::new();
        if let Some(layer) = layer {
            let mut inner = group.create_group(name);
            let arrays = [("kernel:0", Some(&layer.kernel)), ("bias:0", layer.bias.as_ref())];
            for (dataset, array) in arrays {
                let Some(array) = array else { continue };
                inner.create_dataset(dataset).with_f32_data(&array.values).with_shape(&extents(array));
                weights.push(format!("{name}/{dataset}"));
            }
            group.add_group(inner.finish());
        }
        // h5py makes doubles of an empty list, and so do we: an empty list of strings has no width.
        let weights = if weights.is_empty() {
            AttrValue::F64Array(Vec::new())
        } else {
            AttrValue::AsciiStringArray(weights)
        };
        group.set_attr("weight_names", weights);
        file.add_group(group.finish());
    }
    file
}

fn keras3_file(layers: &[HeadLayer], all_layer_names: &[String]) -> FileBuilder {
    keras3_layers(all_layer_names.iter().map(|name| {
        let layer = layers.iter().find(|layer| layer.name == *name);
        let class = if layer.is_some() { "dense" } else { class_and_number(name).0 };
        let arrays = layer.map(|layer| [Some(&layer.kernel), layer.bias.as_ref()]).into_iter().flatten();
        (class, &**name, arrays.flatten().map(Cow::Borrowed).collect())
    }))
}

/// The variables of layers where Keras 3 looks for them: by the class of the layer, and its number among those of its class. A
/// layer is its class in lower case, its name and its variables.
pub(crate) fn keras3_layers<'a>(
    layers: impl IntoIterator<Item = (impl Into<String>, &'a str, Vec<Cow<'a, Array>>)>,
) -> FileBuilder {
    let mut file = new_file();
    let mut container = file.create_group("layers");
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (class, name, arrays) in layers {
        let class = class.into();
        let count = counts.entry(class.clone()).or_insert(0);
        let numbered = if *count == 0 { class } else { format!("{class}_{count}") };
        *count += 1;
        let mut group = container.create_group(&numbered);
        let mut vars = group.create_group("vars");
        // As Keras 3 writes it, a variable-length string; it is for people, Keras itself does not read it.
        vars.set_attr("name", AttrValue::VarLenString(name.to_owned()));
        for (i, array) in arrays.iter().enumerate() {
            vars.create_dataset(&i.to_string()).with_f32_data(&array.values).with_shape(&extents(array));
        }
        group.add_group(vars.finish());
        container.add_group(group.finish());
    }
    file.add_group(container.finish());
    // The model's own variables, of which it has none.
    let vars = file.create_group("vars");
    file.add_group(vars.finish());
    file
}
