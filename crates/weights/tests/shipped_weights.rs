//! Facts of the real file that the repository ships.

// A test that meets an error where it expects none should stop there.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use headstart_weights::{
    Error, LayerSlot, Layout, LoadOptions, Parameter, describe, fingerprint, load_layers,
};

fn shipped() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../data/weights/vgg16_weights.h5")
}

/// VGG16's convolutions: (block, layer in it, k of the legacy file, in, out).
fn slots(places: &[usize]) -> Vec<LayerSlot> {
    let widths = [64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512];
    let mut in_channels = 3;
    places
        .iter()
        .zip(widths)
        .map(|(&k, out_channels)| {
            let (name, module) = (format!("convolution_at_{k}"), format!("features.{k}"));
            let slot = LayerSlot::convolution(name, [out_channels, in_channels, 3, 3], k, &module);
            in_channels = out_channels;
            slot
        })
        .collect()
}

const VGG16: [usize; 13] = [1, 3, 6, 8, 11, 13, 15, 18, 20, 22, 25, 27, 29];

#[test]
fn known_values_stand_where_they_should() {
    let loaded = load_layers(&shipped(), &slots(&VGG16), &LoadOptions::default()).unwrap();
    assert_eq!(loaded.report.layout, Layout::LegacySequential);
    assert!(loaded.report.flipped);
    assert_eq!(loaded.report.unused, []);

    // After the flip, as the data's own README states them.
    let close = |found: &[f32], known: &[f32]| {
        for (a, b) in found.iter().zip(known) {
            assert!((a - b).abs() <= 1e-7 * (1.0 + b.abs()), "{a} is not {b}");
        }
    };
    let arrays = |layer: usize| {
        let layer = &loaded.layers[layer];
        (layer.array(Parameter::Kernel).unwrap(), layer.array(Parameter::Bias).unwrap())
    };
    let (kernel, bias) = arrays(0);
    assert_eq!(kernel.shape, [64, 3, 3, 3]);
    close(&kernel.values, &[0.429_470_57, 0.373_467]);
    close(&bias.values, &[0.734_298_35, 0.093_403_67, 0.067_756_74, 0.886_296_6]);
    let (kernel, bias) = arrays(12);
    assert_eq!(kernel.shape, [512, 512, 3, 3]);
    close(&kernel.values, &[0.000_407_88, 0.000_302_85, 0.003_090_7]);
    close(&bias.values, &[0.188_378_57, -0.500_367_46, 0.542_223_4]);
}

#[test]
fn it_holds_the_parameters_of_vgg16_without_top() {
    let description = describe(&shipped()).unwrap();
    assert_eq!(description.layout, Some(Layout::LegacySequential));
    assert_eq!(description.attributes["nb_layers"], "31");
    // Keras' summary of VGG16(include_top=False) counts the same.
    assert_eq!(description.parameters, 14_714_688);
    assert_eq!(description.tensors.len(), 26);
    assert!(description.tensors.iter().all(|t| t.dtype == "f32" && t.storage == "contiguous"));
}

#[test]
fn vgg19_does_not_find_its_layers_in_it() {
    let vgg19 = [1, 3, 6, 8, 11, 13, 15, 17, 20, 22, 24, 26, 29];
    let error = load_layers(&shipped(), &slots(&vgg19), &LoadOptions::default()).unwrap_err();
    assert!(matches!(&error, Error::MissingParameter { place, .. } if place == "layer_17"), "{error}");
    assert!(error.to_string().contains("13 convolutions"), "{error}");
}

#[test]
fn a_streamed_fingerprint_is_that_of_all_its_bytes() {
    let at_once = blake3::hash(&std::fs::read(shipped()).unwrap());
    assert_eq!(fingerprint(&shipped()).unwrap(), at_once.to_hex().as_str());
}
