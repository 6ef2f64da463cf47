//! The files that Keras saves of its own networks, at any depth and with or without a classifier: names, order of tensors,
//! order of axes. The names are Keras's (tests/golden/networks/keras_files.json), the values are made here. That the
//! networks' tables have these names is a test of crates/backbone.

// A test that meets an error where it expects none should stop there.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use common::{Folder, json};
use hdf5::{AttrValue, FileBuilder, GroupBuilder};
use headstart_weights::{
    Array, LayerParameters, LayerSlot, LoadOptions, Parameter, ParameterSlot, check_layers, load_layers,
};
use serde_json::{Map, Value};

/// The parameters of a network by layer and position among the layer's tensors.
type Parameters = BTreeMap<(String, usize), (Parameter, Array)>;

/// What a file's layers are for a network, in the order of the network.
fn network(listing: &Value) -> (Vec<LayerSlot>, Vec<LayerParameters>) {
    let shapes = listing["shapes"].as_object().unwrap();
    let names = listing["attributes"]["model_weights@layer_names"].as_array().unwrap();
    let mut layers = (Vec::new(), Vec::new());
    for (number, name) in names.iter().map(|name| name.as_str().unwrap()).enumerate() {
        let tensors = [
            ("kernel", Parameter::Kernel, 0),
            ("bias", Parameter::Bias, 1),
            ("gamma", Parameter::Gamma, 0),
            ("beta", Parameter::Beta, 1),
            ("moving_mean", Parameter::Mean, 2),
            ("moving_variance", Parameter::Variance, 3),
        ];
        let (mut slots, mut arrays) = (Vec::new(), Vec::new());
        for (tensor, mut parameter, position) in tensors {
            let Some(shape) = shapes.get(&format!("model_weights/{name}/{name}/{tensor}")) else { continue };
            let mut shape: Vec<usize> =
                shape.as_array().unwrap().iter().map(|axis| axis.as_u64().unwrap() as usize).collect();
            match shape.as_slice() {
                // The classifier.
                [_, _] => break,
                &[height, width, channels, 1] => {
                    parameter = Parameter::DepthwiseKernel;
                    shape = vec![channels, 1, height, width];
                }
                &[height, width, inputs, out] => shape = vec![out, inputs, height, width],
                _ => {}
            }
            let values =
                (0..shape.iter().product()).map(|at: usize| ((at + 31 * number + position) % 8191) as f32);
            arrays.push((parameter, Array::new(shape.clone(), values.collect()).unwrap()));
            slots.push(ParameterSlot::new(parameter, shape).keras(name, position));
        }
        if !slots.is_empty() && name != "predictions" {
            layers.0.push(LayerSlot::new(name, slots));
            layers.1.push(LayerParameters { name: name.to_owned(), arrays });
        }
    }
    layers
}

/// The same by the places that files have them at.
fn places(slots: &[LayerSlot], layers: &[LayerParameters]) -> Parameters {
    let places = slots.iter().flat_map(|slot| &slot.parameters).map(|slot| slot.keras.clone().unwrap());
    places.zip(layers.iter().flat_map(|layer| layer.arrays.clone())).collect()
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
fn every_file_of_kerass_networks_gives_its_parameters() {
    for (network_name, files) in json("networks/keras_files.json").as_object().unwrap() {
        let whole = files.get("whole.h5").or(files.get("base.h5")).unwrap();
        let (slots, expected) = network(whole);
        let parameters = places(&slots, &expected);
        for (name, listing) in files.as_object().unwrap() {
            let [attributes, shapes] = ["attributes", "shapes"].map(|key| listing[key].as_object().unwrap());
            // Keras 3 of 2023 did not write the names of layers.
            let is_keras3 = name.ends_with(".weights.h5");
            for has_names in [true, false].into_iter().take(1 + usize::from(is_keras3)) {
                let folder = Folder::new();
                let path = folder.0.path().join(name);
                Listing { attributes, shapes, has_names }.write(&path, &parameters);
                let what = format!("{network_name} {name}, names: {has_names}");
                check_layers(&path, &slots).unwrap_or_else(|error| panic!("{what}: {error}"));
                let loaded = load_layers(&path, &slots, &LoadOptions::default()).unwrap();
                for (found, expected) in loaded.layers.iter().zip(&expected) {
                    assert!(found == expected, "{what}: {}", found.name);
                }
                assert_eq!(loaded.layers.len(), expected.len());
                assert!(!loaded.report.flipped);
                // The classifier, or the layer behind the nested network.
                let others = if name.starts_with("base") { 0 } else { 2 };
                assert_eq!(loaded.report.unused.len(), others, "{what}");
            }
        }
    }
}
