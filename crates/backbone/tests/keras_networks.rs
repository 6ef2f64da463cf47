//! The files that Keras saves of its own networks are told apart and read: names, order of tensors, order of axes. The names
//! are Keras's (tests/golden/networks/keras_files.json), the values are made here.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use candle_core::Device;
use hdf5::{AttrValue, FileBuilder, GroupBuilder};
use headstart_backbone::{Architecture, Engine};
use headstart_weights::{Array, LoadOptions, Parameter};
use serde_json::{Map, Value};

/// The parameters of a network by layer and position among the layer's tensors.
type Parameters = BTreeMap<(String, usize), (Parameter, Array)>;

fn parameters(architecture: Architecture) -> Parameters {
    let slots = architecture.slots();
    let layers = common::parameters(&slots).into_iter().flat_map(|layer| layer.arrays);
    let places = slots.iter().flat_map(|slot| &slot.parameters).map(|wanted| wanted.keras.clone().unwrap());
    places.zip(layers).collect()
}

/// Values in the order of Keras's axes: (height, width, in, out), and (height, width, channels, 1) for depthwise kernels.
fn stored(parameter: Parameter, array: &Array) -> Vec<f32> {
    let &[out, inputs, height, width] = array.shape.as_slice() else { return array.values.clone() };
    let mut values = Vec::with_capacity(array.values.len());
    for position in 0..height * width {
        let at = |out: usize, input: usize| array.values[(out * inputs + input) * height * width + position];
        match parameter {
            Parameter::DepthwiseKernel => values.extend((0..out).map(|channel| at(channel, 0))),
            _ => (0..inputs).for_each(|input| values.extend((0..out).map(|out| at(out, input)))),
        }
    }
    values
}

/// One of Keras's files. `has_names` says whether layers of Keras 3's layout state their names, as they do today.
struct Listing<'a> {
    attributes: &'a Map<String, Value>,
    shapes: &'a Map<String, Value>,
    has_names: bool,
}

impl Listing<'_> {
    /// The layer and the position of a dataset.
    fn place(&self, path: &str) -> (String, usize) {
        let (group, tensor) = path.rsplit_once('/').unwrap();
        if let Some(name) = self.attributes.get(&format!("{group}@name")) {
            return (name.as_str().unwrap().to_owned(), tensor.parse().unwrap());
        }
        let layer = group.rsplit('/').next().unwrap().to_owned();
        (
            layer,
            match tensor {
                "bias" | "beta" => 1,
                "moving_mean" => 2,
                "moving_variance" => 3,
                _ => 0,
            },
        )
    }

    fn write(&self, path: &Path, parameters: &Parameters) {
        let mut file = FileBuilder::new();
        for child in self.children("") {
            let mut group = file.create_group(&child);
            self.fill(&mut group, &child, parameters);
            file.add_group(group.finish());
        }
        std::fs::write(path, file.finish().unwrap()).unwrap();
    }

    /// Groups within a group; the root is the empty name.
    fn children(&self, group: &str) -> BTreeSet<String> {
        let prefix = if group.is_empty() { String::new() } else { format!("{group}/") };
        let paths = self.shapes.keys().filter_map(|path| path.strip_prefix(&prefix)?.split_once('/'));
        // A layer without tensors is a group too.
        let named = self.attributes.get(&format!("{group}@layer_names")).and_then(Value::as_array);
        let named = named.into_iter().flatten().map(|name| name.as_str().unwrap().to_owned());
        paths.map(|(first, _)| first.to_owned()).chain(named).collect()
    }

    fn fill(&self, group: &mut GroupBuilder, path: &str, parameters: &Parameters) {
        let texts = |value: &Value| {
            let texts = value.as_array().into_iter().flatten();
            AttrValue::AsciiStringArray(texts.map(|text| text.as_str().unwrap().to_owned()).collect())
        };
        for key in ["layer_names", "weight_names"] {
            if let Some(value) = self.attributes.get(&format!("{path}@{key}")) {
                group.set_attr(key, texts(value));
            }
        }
        if let Some(name) = self.attributes.get(&format!("{path}@name")).filter(|_| self.has_names) {
            group.set_attr("name", AttrValue::String(name.as_str().unwrap().to_owned()));
        }
        // Keras writes an empty list for layers without tensors.
        let is_layer = path.starts_with("model_weights/") && path.matches('/').count() == 1;
        if is_layer && !self.attributes.contains_key(&format!("{path}@weight_names")) {
            group.set_attr("weight_names", AttrValue::AsciiStringArray(Vec::new()));
        }
        for child in self.children(path) {
            let mut inner = group.create_group(&child);
            self.fill(&mut inner, &format!("{path}/{child}"), parameters);
            group.add_group(inner.finish());
        }
        for (dataset, shape) in self.shapes {
            let Some(name) = dataset.strip_prefix(&format!("{path}/")).filter(|name| !name.contains('/'))
            else {
                continue;
            };
            let shape: Vec<u64> =
                shape.as_array().unwrap().iter().map(|axis| axis.as_u64().unwrap()).collect();
            let zeros = || vec![0.0; shape.iter().product::<u64>() as usize];
            let values = parameters.get(&self.place(dataset)).map(|(kind, array)| stored(*kind, array));
            let values = values.unwrap_or_else(zeros);
            group.create_dataset(name).with_f32_data(&values).with_shape(&shape);
        }
    }
}

#[test]
fn files_of_kerass_networks_are_recognized_and_read() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/networks/keras_files.json");
    let golden: Value = serde_json::from_slice(&std::fs::read(golden).unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for (network, files) in golden.as_object().unwrap() {
        let architecture: Architecture = network.parse().unwrap();
        let parameters = parameters(architecture);
        let expected = common::parameters(&architecture.slots());
        for (name, listing) in files.as_object().unwrap() {
            let [attributes, shapes] = ["attributes", "shapes"].map(|key| listing[key].as_object().unwrap());
            let is_keras3 = name.ends_with(".weights.h5");
            for has_names in [true, false].into_iter().take(1 + usize::from(is_keras3)) {
                let path = folder.path().join(name);
                Listing { attributes, shapes, has_names }.write(&path, &parameters);
                assert_eq!(Architecture::of_file(&path).unwrap(), architecture, "{name} {has_names}");
                let loaded =
                    headstart_weights::load_layers(&path, &architecture.slots(), &LoadOptions::default());
                let loaded = loaded.unwrap_or_else(|error| panic!("{name} {has_names}: {error}"));
                for (found, expected) in loaded.layers.iter().zip(&expected) {
                    assert!(found == expected, "{name} {has_names}: {}", found.name);
                }
                assert!(!loaded.report.flipped);
                if name == "whole.h5" {
                    let unused: Vec<&str> = loaded
                        .report
                        .unused
                        .iter()
                        .map(|unused| unused.name.rsplit('/').next().unwrap())
                        .collect();
                    assert_eq!(unused, ["kernel", "bias"], "the classifier");
                    let options = LoadOptions::default();
                    let (network, _) =
                        architecture.load(&path, &options, &Device::Cpu, Engine::Candle).unwrap();
                    assert_eq!(network.architecture(), architecture);
                }
            }
        }
    }
}
