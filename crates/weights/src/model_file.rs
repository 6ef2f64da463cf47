//! The safetensors form of a model: tensors `<layer>/kernel` (in, out) and `<layer>/bias` (out), f32, in the order of the
//! network; its description in `__metadata__`, a text a field.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::head_reader::{dense_layers, unsupported};
use crate::head_writer::check;
use crate::model_text::ModelText;
use crate::safetensors_file::SafetensorsFile;
use crate::survey::StoredLayer;
use crate::{Array, Error, FlattenOrder, HeadLayer, IfExists, Model};

/// The header is padded with spaces to a multiple of this, as safetensors does, so that values are aligned.
const ALIGNMENT: usize = 8;

/// Writes a model. The same model gives the same bytes.
pub(crate) fn write(path: &Path, model: &Model, if_exists: IfExists) -> Result<(), Error> {
    check(path, &model.layers, &model.layer_names)?;
    let text = ModelText {
        layer_names: model.layer_names.clone(),
        flatten_order: FlattenOrder::ChannelsFirst,
        metadata: model.metadata.clone(),
    };
    let no_json = |e: serde_json::Error| Error::NoJson { reason: e.to_string() };
    let header = header(&model.layers, text.to_texts()?).map_err(no_json)?;
    headstart_files::write(path, if_exists, |writer| {
        let mut write = |bytes: &[u8]| writer.write_all(bytes).map_err(Error::io(path, "write it"));
        write(&(header.len() as u64).to_le_bytes())?;
        write(&header)?;
        for (_, array) in model.layers.iter().flat_map(tensors) {
            for value in &array.values {
                write(&value.to_le_bytes())?;
            }
        }
        Ok(())
    })
}

/// The tensors of a layer with their names, in the order of the file.
fn tensors(layer: &HeadLayer) -> impl Iterator<Item = (String, &Array)> {
    let named = |array, parameter| (format!("{}/{parameter}", layer.name), array);
    std::iter::once(named(&layer.kernel, "kernel")).chain(layer.bias.as_ref().map(|bias| named(bias, "bias")))
}

/// The header, sorted by key so that it is always the same.
fn header(layers: &[HeadLayer], texts: BTreeMap<String, String>) -> Result<Vec<u8>, serde_json::Error> {
    let mut entries = BTreeMap::from([("__metadata__".to_owned(), json!(texts))]);
    let mut start = 0;
    for (name, array) in layers.iter().flat_map(tensors) {
        let end = start + array.values.len() * size_of::<f32>();
        let entry = json!({ "dtype": "F32", "shape": array.shape, "data_offsets": [start, end] });
        entries.insert(name, entry);
        start = end;
    }
    let entries: Map<String, Value> = entries.into_iter().collect();
    let mut header = serde_json::to_vec(&entries)?;
    header.resize(header.len().next_multiple_of(ALIGNMENT), b' ');
    Ok(header)
}

/// Reads the layers in the order of `layer_names`, and the description.
pub(crate) fn read(path: &Path, file: &SafetensorsFile<'_>) -> Result<(Vec<HeadLayer>, ModelText), Error> {
    let text = ModelText::from_texts(path, &file.texts)?;
    let mut found = BTreeSet::new();
    let mut layers = Vec::new();
    for name in &text.layer_names {
        let named = |parameter| file.tensor(&format!("{name}/{parameter}"));
        let (kernel, bias) = (named("kernel"), named("bias"));
        if bias.is_some() && kernel.is_none() {
            return Err(unsupported(path, format!("a bias without a kernel in the layer {name}")));
        }
        let tensors: Vec<_> = kernel.into_iter().chain(bias).cloned().collect();
        // A name that is listed twice would stand for more values than the file holds.
        if !tensors.iter().all(|tensor| found.insert(tensor.name.clone())) {
            return Err(unsupported(path, format!("the layer {name} more than once")));
        }
        layers.push(StoredLayer { place: name.clone(), name: name.clone(), tensors });
    }
    if let Some(other) = file.tensors().find(|tensor| !found.contains(&tensor.name)) {
        return Err(unsupported(path, format!("the tensor {}, which is of no layer", other.name)));
    }
    Ok((dense_layers(path, layers, &|tensor| file.read(tensor))?, text))
}
