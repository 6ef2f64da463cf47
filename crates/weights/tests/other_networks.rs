//! A network of other layers than plain convolutions loads from a table of its own: here one convolution without a bias,
//! and a depthwise one with the batch normalization after it.

// A test that meets an error where it expects none should stop there.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::{Path, PathBuf};

use common::Folder;
use hdf5::{AttrValue, FileBuilder};
use headstart_weights::{
    Array, Error, LayerParameters, LayerSlot, Layout, LoadOptions, Loaded, Parameter, ParameterSlot,
    check_each, load_layers,
};

use Parameter::{Beta, DepthwiseKernel, Gamma, Kernel, Mean, Variance};

fn slots() -> Vec<LayerSlot> {
    let stem = ParameterSlot::new(Kernel, [2, 3, 1, 1]).keras("stem_conv", 0).safetensors("conv_stem.weight");
    let depthwise = ParameterSlot::new(DepthwiseKernel, [2, 1, 3, 2])
        .keras("depthwise", 0)
        .safetensors("blocks.0.dw.weight");
    let norm = [(Gamma, "weight"), (Beta, "bias"), (Mean, "running_mean"), (Variance, "running_var")];
    let norm = norm.into_iter().enumerate().map(|(position, (parameter, name))| {
        ParameterSlot::new(parameter, [2]).keras("norm", position).safetensors(format!("blocks.0.bn.{name}"))
    });
    vec![
        LayerSlot::new("stem", vec![stem]),
        LayerSlot::new("block", std::iter::once(depthwise).chain(norm).collect()),
    ]
}

fn counted(shape: &[usize], from: usize) -> Array {
    let count = shape.iter().product::<usize>();
    Array::new(shape.to_vec(), (from..from + count).map(|value| value as f32).collect()).unwrap()
}

/// What every file of the network holds, by the shapes that it has in memory.
fn parameters() -> Vec<LayerParameters> {
    slots()
        .into_iter()
        .enumerate()
        .map(|(layer, slot)| LayerParameters {
            name: slot.name,
            arrays: (slot.parameters.into_iter().enumerate())
                .map(|(i, slot)| (slot.parameter, counted(&slot.shape, 100 * layer + 20 * i)))
                .collect(),
        })
        .collect()
}

fn safetensors(folder: &Folder, tensors: &[(String, Array)]) -> PathBuf {
    let (mut entries, mut data) = (Vec::new(), Vec::new());
    for (name, array) in tensors {
        let start = data.len();
        data.extend(array.values.iter().flat_map(|value| value.to_le_bytes()));
        let (shape, end) = (&array.shape, data.len());
        entries
            .push(format!(r#""{name}":{{"dtype":"F32","shape":{shape:?},"data_offsets":[{start},{end}]}}"#));
    }
    let header = format!("{{{}}}", entries.join(","));
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.bytes());
    bytes.extend(data);
    folder.write("network.safetensors", &bytes)
}

/// The tensors of a safetensors file of the network.
fn tensors() -> Vec<(String, Array)> {
    let named = |(slot, layer): (LayerSlot, LayerParameters)| {
        let names = slot.parameters.into_iter().map(|parameter| parameter.safetensors.unwrap());
        names.zip(layer.arrays.into_iter().map(|(_, array)| array)).collect::<Vec<_>>()
    };
    slots().into_iter().zip(parameters()).flat_map(named).collect()
}

fn load(path: &Path) -> Result<Loaded, Error> {
    load_layers(path, &slots(), &LoadOptions::default())
}

#[test]
fn names_of_another_library_are_found_in_safetensors() {
    let folder = Folder::new();
    let mut all = tensors();
    all.push(("classifier.weight".to_owned(), counted(&[2, 2], 0)));
    let loaded = load(&safetensors(&folder, &all)).unwrap();
    assert_eq!(loaded.layers, parameters());
    assert_eq!(loaded.report.layout, Layout::Safetensors);
    assert_eq!(loaded.report.applied, ["stem", "block"]);
    assert_eq!(loaded.report.unused[0].name, "classifier.weight");
}

#[test]
fn what_is_missing_or_misshapen_or_too_many_is_named() {
    let folder = Folder::new();
    let mut changed = tensors();
    let variance = changed.pop().unwrap();
    let error = load(&safetensors(&folder, &changed)).unwrap_err().to_string();
    assert!(
        error.contains("block (blocks.0.bn.running_var): expected a variance of shape (2,), found none"),
        "{error}"
    );
    changed.push(variance);
    changed[1].1 = counted(&[3, 1, 3, 2], 0);
    let error = load(&safetensors(&folder, &changed)).unwrap_err().to_string();
    assert!(
        error.contains("expected a depthwise kernel of shape (2, 1, 3, 2), found (3, 1, 3, 2)"),
        "{error}"
    );
    let mut deeper = tensors();
    deeper.push(("blocks.1.dw.weight".to_owned(), counted(&[2, 1, 3, 2], 0)));
    let error = load(&safetensors(&folder, &deeper)).unwrap_err();
    assert!(matches!(error, Error::OtherNetwork { expected: 2, found: 3, .. }), "{error}");
}

/// Writes a layer in the layout of Keras 1 and 2.
fn keras_layer(file: &mut FileBuilder, name: &str, arrays: &[(Vec<u64>, Vec<f32>)]) {
    let mut group = file.create_group(name);
    let names: Vec<String> = (0..arrays.len()).map(|i| i.to_string()).collect();
    group.set_attr("weight_names", AttrValue::AsciiStringArray(names.clone()));
    for (name, (shape, values)) in names.iter().zip(arrays) {
        group.create_dataset(name).with_f32_data(values).with_shape(shape);
    }
    file.add_group(group.finish());
}

#[test]
fn keras_files_load_by_name_and_by_order_with_their_axes_moved() {
    let expected = parameters();
    let vector = |parameter| (vec![2], expected[1].array(parameter).unwrap().values.clone());
    // (height, width, in, out) and (height, width, channels, 1), written down by hand.
    let stem = (vec![1, 1, 3, 2], vec![0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
    let depthwise = (
        vec![3, 2, 2, 1],
        vec![100.0, 106.0, 101.0, 107.0, 102.0, 108.0, 103.0, 109.0, 104.0, 110.0, 105.0, 111.0],
    );
    let folder = Folder::new();
    for names in [["stem_conv", "depthwise", "norm"], ["conv2d_1", "conv2d_2", "batch_1"]] {
        let path = folder.build(|file| {
            let list = names.iter().map(|name| (*name).to_owned()).collect();
            file.set_attr("layer_names", AttrValue::AsciiStringArray(list));
            keras_layer(file, names[0], std::slice::from_ref(&stem));
            keras_layer(file, names[1], std::slice::from_ref(&depthwise));
            keras_layer(file, names[2], &[Gamma, Beta, Mean, Variance].map(vector));
        });
        let loaded = load(&path).unwrap();
        assert_eq!(loaded.layers, expected, "{names:?}");
        assert_eq!(loaded.report.unused, []);
    }
}

/// The file of the network with another layer behind it, as a file of the whole network has it.
fn with_head() -> Vec<(String, Array)> {
    let mut all = tensors();
    all.push(("head.weight".to_owned(), counted(&[4, 2, 1, 1], 0)));
    all.push(("blocks.0.bn.num_batches_tracked".to_owned(), counted(&[1], 0)));
    all
}

#[test]
fn a_layer_behind_the_features_is_neither_read_nor_missed_nor_told() {
    let folder = Folder::new();
    let path = safetensors(&folder, &with_head());
    // To a network that does not know of it, it is a convolution too many.
    let error = load(&path).unwrap_err();
    assert!(matches!(error, Error::OtherNetwork { expected: 2, found: 3, .. }), "{error}");
    let head = ParameterSlot::new(Kernel, [4, 2, 1, 1]).safetensors("head.weight");
    let mut slots = slots();
    slots.push(LayerSlot::behind("head", vec![head]));
    for path in [path, safetensors(&folder, &tensors())] {
        let loaded = load_layers(&path, &slots, &LoadOptions::default()).unwrap();
        assert_eq!(loaded.layers, parameters());
        assert_eq!(loaded.report.applied, ["stem", "block"]);
        assert_eq!(loaded.report.unused, []);
    }
}

#[test]
fn the_counter_of_a_normalization_is_not_told_as_unused() {
    let mut all = with_head();
    all.remove(all.len() - 2);
    assert_eq!(load(&safetensors(&Folder::new(), &all)).unwrap().report.unused, []);
}

#[test]
fn a_negative_variance_is_refused_by_its_layer() {
    let folder = Folder::new();
    let mut changed = tensors();
    let (_, variance) = changed.last_mut().unwrap();
    variance.values[1] = -0.5;
    let path = safetensors(&folder, &changed);
    let error = load(&path).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "{}: block: expected a variance of 0 or more, found -0.5 at index 1; these are not the weights of a trained network",
            path.display()
        )
    );
    assert_eq!(error.kind(), headstart_weights::ErrorKind::BadData);
}

#[test]
fn several_lists_of_slots_are_held_against_one_file() {
    let folder = Folder::new();
    let path = safetensors(&folder, &tensors());
    let all = slots();
    let absent = ParameterSlot::new(Kernel, [2, 2, 1, 1]).safetensors("blocks.1.weight");
    let larger = [all.clone(), vec![LayerSlot::new("absent", vec![absent])]].concat();
    let fits = check_each(&path, [&larger[..], &all[..]]).unwrap();
    assert!(matches!(fits[0].result, Err(Error::MissingParameter { .. })) && fits[1].result.is_ok());
    assert_eq!([fits[0].found, fits[1].found], [6, 6]);
    assert!(matches!(check_each(&folder.0.path().join("absent"), [&all[..]]), Err(Error::File(_))));
}
