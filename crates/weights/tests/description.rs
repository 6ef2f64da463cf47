//! What `headstart inspect` shows of a weight file.

// A test that meets an error where it expects none should stop there.
#![allow(clippy::unwrap_used)]

mod common;

use common::golden;
use headstart_weights::{Format, Layout, TensorDescription, describe};

fn tensor(name: &str, shape: &[usize], dtype: &str, storage: &str) -> TensorDescription {
    TensorDescription {
        name: name.to_owned(),
        shape: shape.to_vec(),
        dtype: dtype.to_owned(),
        storage: storage.to_owned(),
    }
}

#[test]
fn types_and_storage_are_told_as_they_are_stored() {
    for (name, expected) in [
        ("legacy_f32.h5", tensor("layer_1/param_0", &[3, 2, 3, 3], "f32", "contiguous")),
        ("legacy_f32_compact.h5", tensor("layer_1/param_0", &[3, 2, 3, 3], "f32", "compact")),
        (
            "legacy_f32_deflate.h5",
            tensor("layer_1/param_0", &[3, 2, 3, 3], "f32", "chunked (2, 1, 2, 2), shuffle, deflate"),
        ),
        (
            "legacy_f64_big_endian.h5",
            tensor("layer_1/param_0", &[3, 2, 3, 3], "f64 big-endian", "contiguous"),
        ),
        (
            "legacy_f16_big_endian_deflate.h5",
            tensor(
                "layer_1/param_0",
                &[3, 2, 3, 3],
                "f16 big-endian",
                "chunked (3, 2, 3, 3), shuffle, deflate, fletcher32",
            ),
        ),
        ("legacy_f32_lzf.h5", tensor("layer_1/param_0", &[3, 2, 3, 3], "f32", "chunked (2, 1, 2, 2), lzf")),
    ] {
        let description = describe(&golden("weights").join(name)).unwrap();
        assert_eq!(description.format, Format::Hdf5);
        assert_eq!(description.layout, Some(Layout::LegacySequential));
        assert_eq!(description.attributes["nb_layers"], "8");
        assert_eq!(description.parameters, 54 + 3 + 108 + 4 + 180 + 5);
        assert_eq!(description.tensors.len(), 6);
        assert_eq!(description.tensors[0], expected, "{name}");
    }
}

#[test]
fn attributes_tell_which_keras_wrote_a_file() {
    let description = describe(&golden("weights/keras2_written_by_2_11.h5")).unwrap();
    assert_eq!(description.layout, Some(Layout::Keras));
    assert_eq!(description.attributes["keras_version"], "2.11.0");
    assert_eq!(description.attributes["backend"], "tensorflow");
    assert_eq!(
        description.attributes["layer_names"],
        "input_1, block1_conv1, block1_conv2, max_pooling2d, block2_conv1, max_pooling2d_1"
    );
    let whole = describe(&golden("weights/keras2_whole_model.h5")).unwrap();
    assert_eq!(whole.attributes["keras_version"], "3.15.1");
}

#[test]
fn safetensors_are_listed_by_name_with_their_texts() {
    let description = describe(&golden("weights/torchvision_f16_top.safetensors")).unwrap();
    assert_eq!(description.format, Format::Safetensors);
    assert_eq!(description.layout, Some(Layout::Safetensors));
    assert_eq!(description.attributes["format"], "pt");
    assert_eq!(description.tensors[0], tensor("classifier.0.bias", &[6], "f16", "contiguous"));
    assert!(description.tensors.is_sorted_by_key(|t| t.name.clone()));
    assert_eq!(
        description.bytes,
        golden("weights/torchvision_f16_top.safetensors").metadata().unwrap().len()
    );
}

#[test]
fn a_description_is_json() {
    let description = describe(&golden("head_files/headstart.weights.h5")).unwrap();
    let json = serde_json::to_value(&description).unwrap();
    assert_eq!(json["format"], "hdf5");
    assert_eq!(json["layout"], "keras3");
    assert_eq!(json["parameters"], 12 * 5 + 5 + 5 + 1);
    assert_eq!(json["tensors"][0]["name"], "layers/dense/vars/0");
    assert_eq!(json["tensors"][0]["shape"], serde_json::json!([12, 5]));
}
