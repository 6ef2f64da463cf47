//! The safetensors form of a model: tensors `<layer>/kernel` (in, out) and `<layer>/bias` (out), f32, in the order of the
//! network, then `known/class_means` where the model knows its images; its description in `__metadata__`, a text a field. What
//! comes with it is bytes, U8, under `attached/`.

use std::collections::BTreeSet;
use std::path::Path;

use crate::head_reader::{dense_layers, unsupported};
use crate::head_writer::check;
use crate::known::{self, KnownImages};
use crate::model_text::ModelText;
use crate::recorded::{self, RecordedAnswers};
use crate::safetensors_file::SafetensorsFile;
use crate::safetensors_writer::{Entry, entry, start};
use crate::stored::StoredTensor;
use crate::survey::StoredLayer;
use crate::{Array, Attached, Error, FlattenOrder, HeadLayer, IfExists, ImageMarks, Model, StoredFile};

/// Tensors of what comes with a model. They come last, so the marks of the images are aligned as they need not be.
const BACKBONE: &str = "attached/backbone";
const TRAINED_ON: &str = "attached/trained_on";

/// Whether a tensor of a model is no parameter of its head.
pub(crate) fn is_attached(name: &str) -> bool {
    [BACKBONE, TRAINED_ON].contains(&name)
}

/// Writes a model. The same model gives the same bytes.
pub(crate) fn write(path: &Path, model: &Model, if_exists: IfExists) -> Result<(), Error> {
    check(path, &model.layers, &model.layer_names)?;
    let text = ModelText {
        layer_names: model.layer_names.clone(),
        flatten_order: FlattenOrder::ChannelsFirst,
        metadata: model.metadata.clone(),
    };
    let mut texts = text.to_texts()?;
    if let Some(known) = &model.known {
        let rule = serde_json::to_string(&known.rule).map_err(|e| Error::NoJson { reason: e.to_string() })?;
        texts.insert(known::FIELD.to_owned(), rule);
    }
    if let Some(answers) = &model.recorded {
        let answers = serde_json::to_string(answers).map_err(|e| Error::NoJson { reason: e.to_string() })?;
        texts.insert(recorded::FIELD.to_owned(), answers);
    }
    let start = start(entries(model), texts)?;
    headstart_files::write(path, if_exists, |writer| {
        let mut write = |bytes: &[u8]| writer.write_all(bytes).map_err(Error::io(path, "write it"));
        write(&start)?;
        for (_, array) in tensors_of(model) {
            for value in &array.values {
                write(&value.to_le_bytes())?;
            }
        }
        write(model.attached.trained_on.bytes())?;
        model.attached.backbone.iter().try_for_each(|file| file.copy_to(path, writer))
    })
}

/// The tensors of a layer with their names, in the order of the file.
fn tensors(layer: &HeadLayer) -> impl Iterator<Item = (String, &Array)> {
    let named = |array, parameter| (format!("{}/{parameter}", layer.name), array);
    std::iter::once(named(&layer.kernel, "kernel")).chain(layer.bias.as_ref().map(|bias| named(bias, "bias")))
}

/// The tensors of a model with their names, in the order of the file.
fn tensors_of(model: &Model) -> impl Iterator<Item = (String, &Array)> {
    let known = model.known.as_ref().map(|known| (known::TENSOR.to_owned(), &known.class_means));
    model.layers.iter().flat_map(tensors).chain(known)
}

/// Everything that the file has, in its order.
fn entries(model: &Model) -> impl Iterator<Item = Entry> {
    let Attached { backbone, trained_on } = &model.attached;
    let marks = [trained_on.len(), ImageMarks::BYTES].to_vec();
    let marks = (TRAINED_ON, marks, trained_on.bytes().len());
    let bytes = backbone.as_ref().map(|file| file.length() as usize);
    let attached =
        [(!trained_on.is_empty()).then_some(marks), bytes.map(|bytes| (BACKBONE, vec![bytes], bytes))];
    let attached = attached.into_iter().flatten();
    let attached = attached.map(|(name, shape, bytes)| (name.to_owned(), "U8", shape, bytes));
    tensors_of(model).map(|(name, array)| entry(name, array)).chain(attached)
}

/// What a file has of a model.
pub(crate) struct Read {
    /// In the order of `layer_names`.
    pub(crate) layers: Vec<HeadLayer>,
    pub(crate) text: ModelText,
    pub(crate) attached: Attached,
    pub(crate) known: Option<KnownImages>,
    pub(crate) recorded: Option<RecordedAnswers>,
}

pub(crate) fn read(path: &Path, file: &SafetensorsFile<'_>) -> Result<Read, Error> {
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
    let known = KnownImages::read(path, file)?;
    found.extend(known.is_some().then(|| known::TENSOR.to_owned()));
    let is_other = |tensor: &&StoredTensor| !found.contains(&tensor.name) && !is_attached(&tensor.name);
    if let Some(other) = file.tensors().find(is_other) {
        return Err(unsupported(path, format!("the tensor {}, which is of no layer", other.name)));
    }
    let layers = dense_layers(path, layers, &|tensor| file.read(tensor))?;
    let recorded = RecordedAnswers::read(path, file)?;
    Ok(Read { layers, text, attached: attached(path, file)?, known, recorded })
}

fn attached(path: &Path, file: &SafetensorsFile<'_>) -> Result<Attached, Error> {
    let bytes = |name: &str| match file.tensor(name) {
        Some(tensor) if tensor.dtype != "u8" => {
            let (dataset, found) = (name.to_owned(), tensor.dtype.clone());
            Err(Error::WrongType { path: path.to_owned(), dataset, found })
        }
        tensor => Ok(tensor),
    };
    let trained_on = match bytes(TRAINED_ON)? {
        Some(tensor) => ImageMarks::of_bytes(&file.read_bytes(tensor)?)
            .ok_or_else(|| unsupported(path, format!("{TRAINED_ON} with a part of a mark")))?,
        None => ImageMarks::default(),
    };
    let place = bytes(BACKBONE)?.and_then(|tensor| file.bytes(tensor));
    let backbone = place.map(|(start, length)| StoredFile::Part { path: path.to_owned(), start, length });
    Ok(Attached { backbone, trained_on })
}
