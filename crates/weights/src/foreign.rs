//! Files that hold no weights this crate reads: what they are, by their content, and what to do about them.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use crate::Error;

/// Bytes at the start of a file that tell what it is.
const LOOKED_AT: u64 = 1 << 16;

/// What a TensorFlow checkpoint's index, which is a table of LevelDB, ends with.
const TABLE_END: [u8; 8] = [0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb];

/// What the manifest of some features begins with.
const MANIFEST: &str = "{\"format\":\"headstart.features\"";

/// What a file is, as a phrase, and what to do about it.
type Foreign = (&'static str, &'static str);

const TORCH: &str = "save it as safetensors: python -c \"import torch, safetensors.torch as s; \
     s.save_file(torch.load('OLD.pth', map_location='cpu', weights_only=True), 'NEW.safetensors')\" \
     (if it holds more than the parameters, take its 'state_dict')";
const TORCH_SCRIPT: &str = "save it as safetensors: python -c \"import torch, safetensors.torch as s; \
     s.save_file(torch.jit.load('OLD.pt').state_dict(), 'NEW.safetensors')\"";
const NPZ: &str = "save it as safetensors, with torchvision's names: python -c \"import numpy as n, \
     safetensors.numpy as s; s.save_file(dict(n.load('OLD.npz')), 'NEW.safetensors')\"";
const ONNX: &str = "save it as safetensors: python -c \"import onnx, safetensors.numpy as s; \
     s.save_file({t.name: onnx.numpy_helper.to_array(t) for t in onnx.load('OLD.onnx').graph.initializer}, \
     'NEW.safetensors')\"";
const KERAS: &str = "load it in Keras, and save it with model.save_weights('NEW.weights.h5')";
const TENSORFLOW: &str = "load it in the Keras that wrote it, and save it with model.save_weights('NEW.h5')";
const SHARDS: &str = "load it in Keras with model.load_weights, and save it in one file with \
     model.save_weights('NEW.weights.h5')";
const SAFETENSORS_SHARDS: &str = "merge the files it names into one: python -c \"import glob, \
     safetensors.torch as s; s.save_file({k: v for f in glob.glob('*.safetensors') \
     for k, v in s.load_file(f).items()}, 'NEW.safetensors')\"";
const TFJS: &str = "turn it into a file of Keras: tensorflowjs_converter --input_format=tfjs_layers_model \
     --output_format=keras model.json NEW.h5";
const ORIGINAL: &str = "use the file of Keras or PyTorch that it was made from";
const UNPACK: &str = "unpack it first";
const WEIGHTS: &str = "give the file of the network's weights";
const HEAD: &str = "give the file of a trained head";
const ANY: &str =
    "give a file of weights or of a head, or a .npy of features, which is described with its manifest";
const DOWNLOAD: &str = "check that the download is complete and is not an error page";

impl Error {
    fn foreign(path: &Path, (found, advice): Foreign) -> Self {
        Self::UnknownFormat { path: path.to_owned(), found: found.to_owned(), advice }
    }

    /// The same error where a head was to be read, and not the weights of a network.
    pub(crate) fn where_a_head_is(self) -> Self {
        self.advising(HEAD)
    }

    /// The same error where any file was to be described.
    pub(crate) fn where_any_file_is(self) -> Self {
        self.advising(ANY)
    }

    fn advising(self, advice: &'static str) -> Self {
        match self {
            Self::UnknownFormat { path, found, advice: WEIGHTS } => {
                Self::UnknownFormat { path, found, advice }
            }
            error => error,
        }
    }
}

/// The error for a folder that stands for a model; `None` for any other.
pub(crate) fn model_folder(path: &Path) -> Option<Error> {
    let has = |name: &str| path.join(name).is_file();
    if has("saved_model.pb") {
        return Some(Error::foreign(path, ("a folder of TensorFlow's SavedModel", TENSORFLOW)));
    }
    (has("config.json") && has("model.weights.h5")).then(|| {
        Error::foreign(path, ("an unpacked .keras archive", "give the model.weights.h5 that is in it"))
    })
}

/// The error for a file that is neither HDF5 nor safetensors nor a zip archive.
pub(crate) fn unknown(path: &Path, mut file: &File) -> Result<Error, Error> {
    let mut start = Vec::new();
    let read = file.seek(SeekFrom::Start(0)).and_then(|_| file.take(LOOKED_AT).read_to_end(&mut start));
    read.map_err(Error::io(path, "read it"))?;
    let mut end = [0; 8];
    let has_end = file.seek(SeekFrom::End(-8)).and_then(|_| file.read_exact(&mut end)).is_ok();
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let foreign = by_signature(&start)
        .or_else(|| by_text(&start))
        .or_else(|| by_message(&start))
        .or_else(|| {
            (has_end && end == TABLE_END).then_some(("the index of a TensorFlow checkpoint", TENSORFLOW))
        })
        .or_else(|| name.contains(".data-0").then_some(("the data of a TensorFlow checkpoint", TENSORFLOW)));
    if let Some(foreign) = foreign {
        return Ok(Error::foreign(path, foreign));
    }
    let bytes: Vec<String> = start.iter().take(8).map(|b| format!("{b:02x}")).collect();
    let found = format!("a file that starts with the bytes {}", bytes.join(" "));
    Ok(Error::UnknownFormat { path: path.to_owned(), found, advice: DOWNLOAD })
}

/// The error for a zip archive that is no `.keras`, by the names of its entries.
pub(crate) fn archive(path: &Path, names: &[String]) -> Error {
    let any = |test: &dyn Fn(&str) -> bool| names.iter().any(|name| test(name));
    let last = |name: &str, wanted: &str| name.rsplit('/').next() == Some(wanted);
    let foreign = if any(&|name| last(name, "constants.pkl")) {
        ("a TorchScript file", TORCH_SCRIPT)
    } else if any(&|name| last(name, "data.pkl")) {
        ("a PyTorch file (.pth, .pt)", TORCH)
    } else if any(&|name| name.starts_with("model.weights.")) {
        ("a .keras archive whose weights are not in model.weights.h5", KERAS)
    } else if !names.is_empty() && !any(&|name| !name.ends_with(".npy")) {
        ("arrays of numpy (.npz)", NPZ)
    } else if any(&|name| last(name, "saved_model.pb")) {
        ("TensorFlow's SavedModel in a zip archive", TENSORFLOW)
    } else {
        ("a zip archive that holds no model of Keras", UNPACK)
    };
    Error::foreign(path, foreign)
}

/// Formats that begin with bytes of their own.
fn by_signature(start: &[u8]) -> Option<Foreign> {
    let at = |place: usize, bytes: &[u8]| start.get(place..).is_some_and(|rest| rest.starts_with(bytes));
    Some(if start.is_empty() {
        ("an empty file", DOWNLOAD)
    } else if start.len() >= 8 && start.iter().all(|&byte| byte == 0) {
        ("a file that begins with zeros", DOWNLOAD)
    } else if at(0, b"\x93NUMPY") {
        ("a .npy array, which is features and not parameters", WEIGHTS)
    } else if let Some(image) = image(&at) {
        (image, WEIGHTS)
    } else if at(4, b"TFL3") {
        ("a TensorFlow Lite model", ORIGINAL)
    } else if at(0, b"GGUF") {
        ("a GGUF file of a language model", ORIGINAL)
    } else if at(0, b"MATLAB 5.0") {
        ("a MATLAB file", ORIGINAL)
    } else if at(0, b"\x1f\x8b") || at(0, b"BZh") || at(0, b"\xfd7zXZ") || at(0, b"\x28\xb5\x2f\xfd") {
        ("a compressed file", UNPACK)
    } else if at(0, b"7z\xbc\xaf\x27\x1c") || at(0, b"Rar!") || at(257, b"ustar") {
        ("an archive", UNPACK)
    } else if at(0, b"\x80") && is_torch_pickle(start) {
        ("a PyTorch file of before version 1.6, which is a Python pickle", TORCH)
    } else if at(0, b"\x80") && start.get(1).is_some_and(|version| (2..=5).contains(version)) {
        ("a Python pickle; if PyTorch wrote it", TORCH)
    } else {
        return None;
    })
}

/// Images, which are easily given in the place of a file of parameters.
fn image(at: &dyn Fn(usize, &[u8]) -> bool) -> Option<&'static str> {
    Some(if at(0, b"\xff\xd8\xff") {
        "a JPEG image"
    } else if at(0, b"\x89PNG\r\n\x1a\n") {
        "a PNG image"
    } else if at(0, b"GIF8") {
        "a GIF image"
    } else if at(0, b"RIFF") && at(8, b"WEBP") {
        "a WebP image"
    } else if at(0, b"II*\0") || at(0, b"MM\0*") {
        "a TIFF image"
    } else if at(0, b"BM") && at(6, &[0; 4]) {
        "a BMP image"
    } else {
        return None;
    })
}

/// PyTorch's number at the start of its pickles.
fn is_torch_pickle(start: &[u8]) -> bool {
    const MAGIC: &[u8] = b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
    start.get(2..).is_some_and(|rest| rest.starts_with(MAGIC))
}

/// Texts: pages, pointers, JSON.
fn by_text(start: &[u8]) -> Option<Foreign> {
    let text = String::from_utf8_lossy(&start[..start.len().min(LOOKED_AT as usize)]);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let lower = text.get(..text.len().min(512)).unwrap_or(text).to_lowercase();
    if lower.starts_with("version https://git-lfs") || lower.starts_with("version https://hawser") {
        return Some(("a Git LFS pointer in place of the file", "fetch the file itself with `git lfs pull`"));
    }
    if lower.starts_with("<!doctype") || lower.starts_with("<html") || lower.starts_with("<head") {
        return Some(("a web page", DOWNLOAD));
    }
    if lower.starts_with("<?xml") || lower.starts_with("<error") {
        return Some(("an XML document", DOWNLOAD));
    }
    if !text.starts_with(['{', '[']) {
        return None;
    }
    let has = |key: &str| text.contains(key);
    Some(if text.starts_with(MANIFEST) {
        ("a manifest of features", WEIGHTS)
    } else if has("\"weight_map\"") && has(".safetensors\"") {
        ("the index of safetensors that are cut into several files", SAFETENSORS_SHARDS)
    } else if has("\"weight_map\"") {
        ("the index of Keras weights that are cut into several files", SHARDS)
    } else if has("\"weightsManifest\"") || has("\"modelTopology\"") {
        ("a model of TensorFlow.js", TFJS)
    } else if has("\"class_name\"") {
        ("the configuration of a Keras model without its weights", "give the file of its weights")
    } else {
        ("a JSON text", DOWNLOAD)
    })
}

/// Protocol buffers, which have no signature: by their first fields.
fn by_message(start: &[u8]) -> Option<Foreign> {
    let &[0x08, version, tag, ..] = start else { return None };
    let has = |text: &[u8]| start.windows(text.len()).any(|window| window == text);
    // SavedModel: the version of its schema, which is 1, and a graph with its tags.
    if version == 1 && tag == 0x12 && (has(b"serve") || has(b"Placeholder") || has(b"tensorflow")) {
        return Some(("TensorFlow's SavedModel", TENSORFLOW));
    }
    // ONNX: the version of its format, then the producer, its version, the operators or the graph.
    let is_onnx = (1..=20).contains(&version) && [0x12, 0x1a, 0x22, 0x2a, 0x32, 0x3a, 0x42].contains(&tag);
    is_onnx.then_some(("an ONNX model", ONNX))
}
