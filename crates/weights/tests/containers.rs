//! A network in another file than one of its own: nested in a model, in a `.keras` archive, with a prefix before its names,
//! in halves, or with the name of the backend it was written for.

// A test that meets an error where it expects none should stop there.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::{Path, PathBuf};

use common::{Folder, golden, load, small_network};
use half::bf16;
use headstart_weights::{
    Error, ErrorKind, Format, KernelConvention, LayerParameters, Layout, LoadOptions, LoadReport, Source,
    describe, load_layers,
};
use serde_json::{Map, Value};

fn path(name: &str) -> PathBuf {
    golden("weights").join(name)
}

/// Loads a golden of the small network, holds its parameters against the expected ones, and gives the report.
#[track_caller]
fn report_of(name: &str) -> LoadReport {
    let (slots, expected) = small_network();
    let loaded = load_layers(&path(name), &slots, &LoadOptions::default()).unwrap();
    assert_eq!(loaded.layers, expected, "{name}");
    loaded.report
}

#[test]
fn kernels_are_reversed_if_the_file_names_theano() {
    for name in [
        "keras2_backend_theano.h5",
        "keras2_backend_theano_whole_model.h5",
        "keras2_backend_theano_at_the_top.h5",
        "keras1_backend_theano.h5",
        "keras1_backend_theano_channels_first.h5",
        "keras2_nested_theano.h5",
    ] {
        let report = report_of(name);
        assert!(report.flipped && !report.named_otherwise, "{name}");
    }
    for name in [
        "keras2_backend_cntk.h5",
        "keras1_backend_tensorflow_channels_first.h5",
        "keras2_backend_unstated.h5",
    ] {
        assert!(!report_of(name).flipped, "{name}");
    }
}

#[test]
fn the_caller_overrules_the_backend() {
    let (slots, expected) = small_network();
    let by = |name: &str, convention| {
        let options = LoadOptions::default().with_kernel_convention(convention);
        load_layers(&path(name), &slots, &options).unwrap()
    };
    let taken = by("keras2_backend_theano.h5", KernelConvention::Correlation);
    assert!(!taken.report.flipped);
    assert_ne!(taken.layers, expected);
    let reversed = by("keras2_backend_cntk.h5", KernelConvention::Convolution);
    assert!(reversed.report.flipped);
    // Both are the reversed kernels.
    assert_eq!(taken.layers, reversed.layers);
}

#[test]
fn axes_of_theano_without_a_backend_are_asked_about() {
    let (slots, expected) = small_network();
    let golden = path("keras1_channels_first.h5");
    let error = load(&golden).unwrap_err();
    assert!(matches!(error, Error::UnknownKernels { .. }), "{error}");
    assert_eq!(error.kind(), ErrorKind::Usage);
    let options = LoadOptions::default().with_kernel_convention(KernelConvention::Convolution);
    assert_eq!(load_layers(&golden, &slots, &options).unwrap().layers, expected);
}

#[test]
fn a_name_that_says_otherwise_is_told() {
    let folder = Folder::new();
    let (slots, _) = small_network();
    let report = |golden: &str, name: &str, convention| {
        let path = folder.write(name, &std::fs::read(path(golden)).unwrap());
        load_layers(&path, &slots, &LoadOptions::default().with_kernel_convention(convention)).unwrap().report
    };
    let (auto, name) = (KernelConvention::Auto, "vgg16_tf_dim_ordering_th_kernels.h5");
    assert!(report("keras2_backend_unstated.h5", name, auto).named_otherwise);
    assert!(report("legacy_f32.h5", "VGG16-tf-kernels.h5", auto).named_otherwise);
    assert!(!report("keras2_backend_unstated.h5", "vgg16_tf_kernels.h5", auto).named_otherwise);
    // The file or the caller decides.
    assert!(!report("keras2_backend_cntk.h5", name, auto).named_otherwise);
    assert!(!report("keras2_backend_unstated.h5", name, KernelConvention::Correlation).named_otherwise);
}

#[test]
fn a_nested_network_is_found() {
    for name in [
        "keras2_nested.h5",
        "keras2_nested_twice.h5",
        "keras1_nested.h5",
        "keras3_nested.h5",
        "keras3_nested_functional.h5",
        "keras3_nested_twice.h5",
    ] {
        let report = report_of(name);
        assert_eq!(report.layout, Layout::Keras, "{name}");
        assert_eq!(report.unused.len(), 2, "{name}");
    }
    for name in ["keras3_nested.weights.h5", "keras3_nested_numbered.weights.h5"] {
        assert_eq!(report_of(name).layout, Layout::Keras3, "{name}");
    }
}

#[test]
fn a_keras_archive_is_a_file_of_weights() {
    for name in ["network.keras", "nested.keras", "nested_numbered.keras"] {
        assert_eq!(report_of(name).layout, Layout::Keras3, "{name}");
        let description = describe(&path(name)).unwrap();
        assert_eq!((description.format, description.layout), (Format::Keras, Some(Layout::Keras3)), "{name}");
        assert_eq!(description.attributes["keras_version"], "3.15.1");
        assert!(description.tensors.iter().any(|tensor| tensor.shape == [3, 3, 2, 3]), "{name}");
    }
}

#[test]
fn a_damaged_keras_archive_is_called_damaged() {
    let folder = Folder::new();
    let bytes = std::fs::read(path("network.keras")).unwrap();
    for length in (4..bytes.len()).step_by(bytes.len() / 60) {
        let error = load(&folder.write("cut.keras", &bytes[..length])).unwrap_err();
        assert!(matches!(error, Error::Damaged { .. }), "cut at {length}: {error}");
    }
    // A value of a kernel: only the archive's checksum can tell.
    let value = 2.0f32.to_le_bytes();
    let mut changed = bytes.clone();
    let kernel = small_network().1[2].arrays[0].1.values[0].to_le_bytes();
    let places: Vec<usize> =
        changed.windows(4).enumerate().filter(|(_, window)| *window == kernel).map(|(at, _)| at).collect();
    assert!(!places.is_empty());
    for place in places {
        changed[place..place + 4].copy_from_slice(&value);
    }
    let error = load(&folder.write("changed.keras", &changed)).unwrap_err();
    assert!(matches!(error, Error::Damaged { .. }), "{error}");
}

#[test]
fn halves_of_keras_3_are_read() {
    report_of("keras3_f16.weights.h5");
    let rounded = |layer: &LayerParameters| {
        let mut layer = layer.clone();
        for (_, array) in &mut layer.arrays {
            array.values.iter_mut().for_each(|value| *value = bf16::from_f32(*value).to_f32());
        }
        layer
    };
    let (slots, expected) = small_network();
    let expected: Vec<LayerParameters> = expected.iter().map(rounded).collect();
    for name in ["keras3_bf16.weights.h5", "network_bf16.keras"] {
        let loaded = load_layers(&path(name), &slots, &LoadOptions::default()).unwrap();
        assert_eq!(loaded.layers, expected, "{name}");
        assert!(describe(&path(name)).unwrap().tensors.iter().all(|tensor| tensor.dtype == "bf16"), "{name}");
    }
}

/// The golden of torchvision with other names, and perhaps more tensors of other names with the same values.
fn renamed(folder: &Folder, names: &[&dyn Fn(&str) -> String]) -> PathBuf {
    let bytes = std::fs::read(path("torchvision_f32.safetensors")).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: Map<String, Value> = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let data = &bytes[8 + length..];
    let mut entries = Map::new();
    for (copy, rename) in names.iter().enumerate() {
        for (name, entry) in header.iter().filter(|(name, _)| *name != "__metadata__") {
            let mut entry = entry.clone();
            for offset in entry["data_offsets"].as_array_mut().unwrap() {
                *offset = (offset.as_u64().unwrap() as usize + copy * data.len()).into();
            }
            entries.insert(rename(name), entry);
        }
    }
    let header = serde_json::to_vec(&entries).unwrap();
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(&header);
    bytes.extend(data.repeat(names.len()));
    folder.write("renamed.safetensors", &bytes)
}

#[test]
fn prefixes_and_bare_numbers_are_found_in_safetensors() {
    let folder = Folder::new();
    let (slots, expected) = small_network();
    for prefix in [
        "module.",
        "model.",
        "backbone.",
        "_orig_mod.",
        "encoder.",
        "vgg.",
        "state_dict.model.module.",
        "net.backbone._orig_mod.",
    ] {
        let path = renamed(&folder, &[&|name| format!("{prefix}{name}")]);
        let loaded = load_layers(&path, &slots, &LoadOptions::default()).unwrap();
        assert_eq!(loaded.layers, expected, "{prefix}");
        assert_eq!(describe(&path).unwrap().layout, Some(Layout::Safetensors), "{prefix}");
    }
    // The features alone, and in another model under another name.
    for prefix in ["", "encoder.", "backbone.base.", "0."] {
        let path = renamed(&folder, &[&|name| name.replace("features.", prefix)]);
        let loaded = load_layers(&path, &slots, &LoadOptions::default()).unwrap();
        assert_eq!(loaded.layers, expected, "{prefix}");
        assert_eq!(loaded.report.unused, [], "{prefix}");
    }
}

#[test]
fn two_networks_in_one_file_are_not_chosen_between() {
    let folder = Folder::new();
    for names in [["student.", "teacher."], ["", "ema."]] {
        let [first, second] = names.map(|prefix| move |name: &str| format!("{prefix}{name}"));
        let error = load(&renamed(&folder, &[&first, &second])).unwrap_err();
        assert!(matches!(error, Error::OtherNetwork { expected: 3, found: 6, .. }), "{error}");
    }
}

#[test]
fn a_safetensors_file_is_read_out_of_memory_as_from_the_disk() {
    let path = path("torchvision_f32.safetensors");
    let bytes = std::fs::read(&path).unwrap();
    let memory = |bytes| Source::Memory { name: Path::new("memory.safetensors"), bytes };
    let (slots, _) = small_network();
    let options = LoadOptions::default();
    let expected = load_layers(&path, &slots, &options).unwrap();
    assert_eq!(load_layers(memory(&bytes), &slots, &options).unwrap(), expected);
    assert_eq!(describe(memory(&bytes)).unwrap(), describe(&path).unwrap());
    for cut in [0, 7, 8, 9, bytes.len() / 2, bytes.len() - 1] {
        let error = load_layers(memory(&bytes[..cut]), &slots, &options).unwrap_err();
        assert!(error.to_string().starts_with("memory.safetensors: "), "{cut}: {error}");
    }
    let hdf5 = std::fs::read(golden("weights/legacy_f32.h5")).unwrap();
    let error = describe(memory(&hdf5)).unwrap_err();
    assert!(matches!(error, Error::Unsupported { .. }), "{error}");
}
