//! Every layout, type and storage form gives the same parameters, and says what it did.

// A test that meets an error where it expects none should stop there.
#![allow(clippy::unwrap_used)]

mod common;

use common::{floats, golden, json, moved, small_network};
use headstart_weights::{
    Error, KernelConvention, Layout, LoadOptions, LoadReport, Parameter, Unused, check_layers, legacy,
    load_layers,
};

fn auto() -> LoadOptions {
    LoadOptions::default()
}

fn by(convention: KernelConvention) -> LoadOptions {
    LoadOptions::default().with_kernel_convention(convention)
}

/// Loads a golden of the small network, holds its parameters against the expected ones, and gives the report.
#[track_caller]
fn report_of(name: &str) -> LoadReport {
    let (slots, expected) = small_network();
    let loaded = load_layers(&golden("weights").join(name), &slots, &auto()).unwrap();
    assert_eq!(loaded.layers, expected, "{name}");
    assert_eq!(loaded.report.applied, ["block1_conv1", "block1_conv2", "block2_conv1"]);
    check_layers(&golden("weights").join(name), &slots).unwrap();
    loaded.report
}

#[test]
fn legacy_files_of_every_type_and_storage_form_load_alike() {
    let names = [
        "legacy_f32.h5",
        "legacy_f64.h5",
        "legacy_f16.h5",
        "legacy_f32_big_endian.h5",
        "legacy_f64_big_endian.h5",
        "legacy_f16_big_endian.h5",
        "legacy_f32_chunked.h5",
        "legacy_f32_deflate.h5",
        "legacy_f64_deflate.h5",
        "legacy_f16_big_endian_deflate.h5",
        "legacy_f32_lzf.h5",
        "legacy_f32_growable.h5",
        "legacy_f32_compact.h5",
        "legacy_f32_latest.h5",
    ];
    for name in names {
        let report = report_of(name);
        assert_eq!(report.layout, Layout::LegacySequential, "{name}");
        assert!(report.flipped, "{name}");
        assert_eq!(report.unused, [], "{name}");
    }
}

#[test]
fn the_fully_connected_top_is_told_and_left_out() {
    let report = report_of("legacy_f32_top.h5");
    let unused = |name: &str, shape: &[usize]| Unused { name: name.to_owned(), shape: shape.to_vec() };
    assert_eq!(
        report.unused,
        [
            unused("layer_9/param_0", &[20, 6]),
            unused("layer_9/param_1", &[6]),
            unused("layer_11/param_0", &[6, 2]),
            unused("layer_11/param_1", &[2]),
        ]
    );
}

#[test]
fn keras_2_files_load_by_name_by_order_and_out_of_a_whole_model() {
    let names =
        ["keras2_named.h5", "keras2_numbered.h5", "keras2_whole_model.h5", "keras2_written_by_2_11.h5"];
    for name in names {
        let report = report_of(name);
        assert_eq!(report.layout, Layout::Keras, "{name}");
        assert!(!report.flipped, "{name}");
    }
}

#[test]
fn keras_3_files_load_by_name_and_by_number() {
    let names =
        ["keras3_named.weights.h5", "keras3_numbered.weights.h5", "keras3_written_by_2_13.weights.h5"];
    for name in names {
        let report = report_of(name);
        assert_eq!(report.layout, Layout::Keras3, "{name}");
        assert!(!report.flipped, "{name}");
    }
}

#[test]
fn torchvision_files_load_in_every_float() {
    assert_eq!(report_of("torchvision_f32.safetensors").unused, []);
    for name in ["torchvision_f16_top.safetensors", "torchvision_f64_top.safetensors"] {
        let report = report_of(name);
        assert_eq!(report.layout, Layout::Safetensors);
        assert!(!report.flipped);
        let unused: Vec<&str> = report.unused.iter().map(|u| u.name.as_str()).collect();
        assert_eq!(
            unused,
            ["classifier.0.bias", "classifier.0.weight", "classifier.3.bias", "classifier.3.weight"]
        );
    }
}

#[test]
fn the_convention_decides_about_the_flip() {
    let (slots, expected) = small_network();
    let stored = legacy::read(&golden("weights/legacy_f32.h5")).unwrap();
    for (name, convention, flipped) in [
        ("weights/legacy_f32.h5", KernelConvention::Correlation, false),
        ("weights/legacy_f32.h5", KernelConvention::Convolution, true),
        ("weights/torchvision_f32.safetensors", KernelConvention::Correlation, false),
        ("weights/torchvision_f32.safetensors", KernelConvention::Convolution, true),
        ("weights/keras2_named.h5", KernelConvention::Convolution, true),
    ] {
        let options = by(convention);
        let loaded = load_layers(&golden(name), &slots, &options).unwrap();
        assert_eq!(loaded.report.flipped, flipped, "{name} {convention:?}");
        // The legacy file holds the flipped kernels, every other file the plain ones.
        let as_expected = (loaded.report.layout == Layout::LegacySequential) == flipped;
        for ((got, want), slot) in loaded.layers.iter().zip(&expected).zip(&slots) {
            let (layer, _) = slot.parameters[0].legacy.unwrap();
            let want =
                if as_expected { want.array(Parameter::Kernel) } else { stored[layer].parameters.first() };
            assert_eq!(got.array(Parameter::Kernel), want, "{name} {convention:?}");
        }
    }
}

/// The seven-loop correlation over an image padded by one, and nothing clever.
fn correlate(image: &[f32], (height, width): (usize, usize), kernel: &[f32], bias: &[f32]) -> Vec<f32> {
    let inputs = image.len() / (height * width);
    let mut output = Vec::new();
    for (o, bias) in bias.iter().enumerate() {
        for y in 0..height {
            for x in 0..width {
                let mut sum = *bias;
                for i in 0..inputs {
                    for dy in 0..3 {
                        for dx in 0..3 {
                            let (row, column) = ((y + dy).wrapping_sub(1), (x + dx).wrapping_sub(1));
                            if row < height && column < width {
                                sum += image[(i * height + row) * width + column]
                                    * kernel[((o * inputs + i) * 3 + dy) * 3 + dx];
                            }
                        }
                    }
                }
                output.push(sum);
            }
        }
    }
    output
}

#[test]
fn correlating_the_loaded_kernel_is_what_keras_1_on_theano_computed() {
    let theano = json("weights/theano_convolution.json");
    let size = (theano["height"].as_u64().unwrap() as usize, theano["width"].as_u64().unwrap() as usize);
    let (image, output) = (floats(&theano["image"]), floats(&theano["output"]));
    let (slots, _) = small_network();
    let difference = |convention| {
        let options = by(convention);
        let loaded = load_layers(&golden("weights/legacy_f32.h5"), &slots, &options).unwrap();
        let [(Parameter::Kernel, kernel), (Parameter::Bias, bias)] = loaded.layers[0].arrays.as_slice()
        else {
            panic!("{:?}", loaded.layers[0])
        };
        let ours = correlate(&image, size, &kernel.values, &bias.values);
        assert_eq!(ours.len(), output.len());
        ours.iter().zip(&output).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    };
    assert!(difference(KernelConvention::Auto) < 1e-4);
    // The test sees a flip that is left out.
    assert!(difference(KernelConvention::Correlation) > 1.0);
}

#[test]
fn a_missing_convolution_is_named_with_its_shape() {
    let (mut slots, _) = small_network();
    slots[2] = moved(&slots[2], "block2_conv1", 7, "features.7");
    let error = load_layers(&golden("weights/legacy_f32.h5"), &slots, &auto()).unwrap_err();
    let Error::MissingParameter { layer, place, parameter, expected, .. } = &error else { panic!("{error}") };
    assert_eq!((layer.as_str(), place.as_str(), *parameter), ("block2_conv1", "layer_7", Parameter::Kernel));
    assert_eq!(**expected, [5, 4, 3, 3]);
    let text = error.to_string();
    assert!(text.contains("expected a kernel of shape (5, 4, 3, 3), found none"), "{text}");
    assert!(text.contains("3 convolutions (layer_1/param_0, layer_3/param_0, layer_6/param_0)"), "{text}");

    let error = load_layers(&golden("weights/torchvision_f32.safetensors"), &slots, &auto()).unwrap_err();
    assert!(
        matches!(&error, Error::MissingParameter { place, .. } if place == "features.7.weight"),
        "{error}"
    );

    // Named files are searched by name, and the last name is in none of them.
    slots[2] = moved(&slots[2], "block2_conv2", 7, "features.7");
    for name in ["weights/keras2_named.h5", "weights/keras3_named.weights.h5"] {
        let error = load_layers(&golden(name), &slots, &auto()).unwrap_err();
        assert!(
            matches!(&error, Error::MissingParameter { expected, .. } if **expected == [3, 3, 4, 5]),
            "{error}"
        );
    }
}

#[test]
fn a_layer_beyond_the_file_is_missing() {
    let (mut slots, _) = small_network();
    slots[2] = moved(&slots[2], "block2_conv1", 100, "features.5");
    let error = load_layers(&golden("weights/legacy_f32.h5"), &slots, &auto()).unwrap_err();
    assert!(matches!(&error, Error::MissingParameter { place, .. } if place == "layer_100"), "{error}");
}

#[test]
fn a_misshapen_kernel_is_named_with_both_shapes() {
    let (mut slots, _) = small_network();
    slots[1].parameters[0].shape[0] = 40;
    for (name, expected, found) in [
        ("weights/legacy_f32.h5", [40, 3, 3, 3], [4, 3, 3, 3]),
        ("weights/torchvision_f32.safetensors", [40, 3, 3, 3], [4, 3, 3, 3]),
        ("weights/keras2_named.h5", [3, 3, 3, 40], [3, 3, 3, 4]),
        ("weights/keras2_numbered.h5", [3, 3, 3, 40], [3, 3, 3, 4]),
        ("weights/keras3_named.weights.h5", [3, 3, 3, 40], [3, 3, 3, 4]),
    ] {
        let error = load_layers(&golden(name), &slots, &auto()).unwrap_err();
        match &error {
            Error::WrongShape { layer, parameter, expected: e, found: f, .. } => {
                assert_eq!((layer.as_str(), *parameter), ("block1_conv2", Parameter::Kernel), "{name}");
                assert_eq!((&**e, &**f), (&expected[..], &found[..]), "{name}");
            }
            other => panic!("{name}: {other}"),
        }
    }
}

#[test]
fn the_file_of_a_deeper_network_is_refused() {
    let (slots, _) = small_network();
    let shallower = &slots[..2];
    for name in [
        "weights/legacy_f32.h5",
        "weights/keras2_named.h5",
        "weights/keras2_numbered.h5",
        "weights/keras3_named.weights.h5",
        "weights/keras3_numbered.weights.h5",
        "weights/torchvision_f32.safetensors",
    ] {
        let error = load_layers(&golden(name), shallower, &auto()).unwrap_err();
        assert!(matches!(error, Error::OtherNetwork { expected: 2, found: 3, .. }), "{name}: {error}");
    }
}

#[test]
fn the_file_of_a_shallower_network_is_refused() {
    let (mut slots, _) = small_network();
    slots.push(moved(&slots[2], "block2_conv2", 7, "features.7"));
    for name in [
        "weights/legacy_f32_top.h5",
        "weights/keras2_named.h5",
        "weights/keras2_numbered.h5",
        "weights/keras3_named.weights.h5",
        "weights/keras3_numbered.weights.h5",
        "weights/torchvision_f16_top.safetensors",
    ] {
        let error = load_layers(&golden(name), &slots, &auto()).unwrap_err();
        assert!(
            matches!(&error, Error::MissingParameter { layer, .. } if layer == "block2_conv2"),
            "{name}: {error}"
        );
    }
}

#[test]
fn a_network_of_no_layers_loads_nothing() {
    let loaded = load_layers(&golden("weights/legacy_f32.h5"), &[], &auto()).unwrap();
    assert_eq!(loaded.layers, []);
    assert_eq!(loaded.report.unused.len(), 6);
}
