//! The small network of tests/golden/weights, whose files are every layout, type and storage form; and folders for
//! files made up by a test.

// Every test file compiles this module for itself, and none uses all of it.
#![allow(dead_code)]

use std::path::{Path, PathBuf};

use hdf5::FileBuilder;
use headstart_weights::{Array, Error, LayerParameters, LayerSlot, LoadOptions, Parameter, load_layers};
use serde_json::Value;
use tempfile::TempDir;

pub(crate) fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden").join(name)
}

pub(crate) fn json(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(golden(name)).unwrap()).unwrap()
}

pub(crate) fn floats(value: &Value) -> Vec<f32> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap() as f32).collect()
}

pub(crate) fn shape(value: &Value) -> Vec<usize> {
    value.as_array().unwrap().iter().map(|v| v.as_u64().unwrap() as usize).collect()
}

/// The slots of the small network, and the parameters that every file must give.
pub(crate) fn small_network() -> (Vec<LayerSlot>, Vec<LayerParameters>) {
    json("weights/expected.json")["convolutions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|layer| {
            let slot = small_slot(layer);
            let bias = floats(&layer["bias"]);
            let parameters = LayerParameters::convolution(
                slot.name.clone(),
                Array::new(shape(&layer["kernel_shape"]), floats(&layer["kernel"])).unwrap(),
                Array::new(vec![bias.len()], bias).unwrap(),
            );
            (slot, parameters)
        })
        .unzip()
}

fn small_slot(layer: &Value) -> LayerSlot {
    let text = |key: &str| layer[key].as_str().unwrap();
    let legacy = layer["legacy_layer"].as_u64().unwrap() as usize;
    let kernel = shape(&layer["kernel_shape"]).try_into().unwrap();
    LayerSlot::convolution(text("name"), kernel, legacy, text("torchvision"))
}

/// A slot of the small network in another place: with another name, layer of the legacy file, and module.
pub(crate) fn moved(slot: &LayerSlot, name: &str, legacy_layer: usize, module: &str) -> LayerSlot {
    let kernel = slot.shape(Parameter::Kernel).unwrap().try_into().unwrap();
    LayerSlot::convolution(name, kernel, legacy_layer, module)
}

/// A folder of files made for a test.
pub(crate) struct Folder(pub(crate) TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// An HDF5 file, filled by the test.
    pub(crate) fn build(&self, fill: impl FnOnce(&mut FileBuilder)) -> PathBuf {
        let mut file = FileBuilder::new();
        fill(&mut file);
        self.write("built.h5", &file.finish().unwrap())
    }
}

/// Loads the small network.
pub(crate) fn load(path: &Path) -> Result<(), Error> {
    let (slots, _) = small_network();
    load_layers(path, &slots, &LoadOptions::default()).map(drop)
}
