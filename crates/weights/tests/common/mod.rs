//! The small network of tests/golden/weights, whose files are every layout, type and storage form; and folders for
//! files made up by a test.

// Every test file compiles this module for itself, and none uses all of it.
#![allow(dead_code)]

use std::path::{Path, PathBuf};

use hdf5::FileBuilder;
use headstart_weights::{
    Array, ConvolutionParameters, ConvolutionSlot, Error, LoadOptions, load_convolutions,
};
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
pub(crate) fn small_network() -> (Vec<ConvolutionSlot>, Vec<ConvolutionParameters>) {
    json("weights/expected.json")["convolutions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|layer| {
            let kernel_shape = shape(&layer["kernel_shape"]);
            let slot = ConvolutionSlot {
                name: layer["name"].as_str().unwrap().to_owned(),
                legacy_layer: layer["legacy_layer"].as_u64().unwrap() as usize,
                torchvision: layer["torchvision"].as_str().unwrap().to_owned(),
                in_channels: kernel_shape[1],
                out_channels: kernel_shape[0],
                kernel_size: 3,
            };
            let bias = floats(&layer["bias"]);
            let parameters = ConvolutionParameters {
                kernel: Array::new(kernel_shape, floats(&layer["kernel"])).unwrap(),
                bias: Array::new(vec![bias.len()], bias).unwrap(),
            };
            (slot, parameters)
        })
        .unzip()
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
    load_convolutions(path, &slots, &LoadOptions::default()).map(drop)
}
