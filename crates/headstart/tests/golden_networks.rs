//! From shipped images through the shipped weights of EfficientNet-Lite, held against timm in float64
//! (tests/golden/networks/generate_shipped.py): features, and the ImageNet classes that the file's own classifier gives.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use std::path::Path;

use candle_core::Device;
use headstart_backbone::{Architecture, Backbone};
use headstart_dataset::{Limits, load_file};
use headstart_provenance::Pooling;
use headstart_weights::{Array, LayerSlot, LoadOptions, Parameter, ParameterSlot, load_layers};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    network: String,
    /// A shipped image, without its suffix.
    image: String,
    /// The same as another file.
    lossless: String,
    output: String,
    start: usize,
    /// Classes and their logits, the likeliest first.
    top: Vec<(usize, f64)>,
}

const CHANNELS: usize = 1280;

/// Largest relative L2 distance of an image that is decoded without loss. PyTorch in f32 is off by up to 1.6e-6 on these
/// drawings, whose white fields are at the end of the range.
const TOLERANCE: f64 = 2e-6;

/// Of a JPEG, whose pixels differ from libjpeg's: see docs/formats.md.
const JPEG_TOLERANCE: f64 = 5e-2;

fn classifier(path: &Path) -> [Array; 2] {
    let slots = [(Parameter::Kernel, vec![1000, CHANNELS], "weight"), (Parameter::Bias, vec![1000], "bias")];
    let slots = slots.map(|(parameter, shape, name)| {
        ParameterSlot::new(parameter, shape).safetensors(format!("classifier.{name}"))
    });
    let slots = [LayerSlot::new("classifier", slots.to_vec())];
    let mut layers = load_layers(path, &slots, &LoadOptions::default());
    let layer = layers.as_mut().unwrap().layers.remove(0);
    [Parameter::Kernel, Parameter::Bias].map(|parameter| layer.array(parameter).unwrap().clone())
}

fn top(features: &[f32], [kernel, bias]: &[Array; 2]) -> Vec<(usize, f64)> {
    let rows = kernel.values.chunks_exact(CHANNELS).zip(&bias.values);
    let product =
        |row: &[f32]| row.iter().zip(features).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let mut logits: Vec<(usize, f64)> =
        rows.map(|(row, bias)| product(row) + f64::from(*bias)).enumerate().collect();
    logits.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    logits.truncate(5);
    logits
}

fn relative_l2(found: &[f32], expected: &[f32]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let square = |sum: f64, value: f64| sum + value * value;
    let error = found.iter().zip(expected).map(|(f, e)| f64::from(*f) - f64::from(*e)).fold(0.0, square);
    (error / expected.iter().map(|value| f64::from(*value)).fold(f64::MIN_POSITIVE, square)).sqrt()
}

#[test]
fn shipped_images_have_the_features_and_classes_of_timm() {
    let goldens = common::root().join("tests/golden/networks");
    let cases = std::fs::read_to_string(goldens.join("shipped.json")).unwrap();
    let cases: Vec<Case> = serde_json::from_str(&cases).unwrap();
    let mut loaded: Option<(String, Box<dyn Backbone>, [Array; 2])> = None;
    for case in &cases {
        if loaded.as_ref().is_none_or(|(name, ..)| *name != case.network) {
            let path = common::root().join(format!("data/weights/{}.safetensors", case.network));
            let architecture = Architecture::of_file(&path).unwrap();
            assert_eq!(architecture.name(), case.network);
            let engine = architecture.suited_engine(&Device::Cpu, 1);
            let (network, report) =
                architecture.load(&path, &LoadOptions::default(), &Device::Cpu, engine).unwrap();
            let unused: Vec<&str> = report.unused.iter().map(|unused| unused.name.as_str()).collect();
            assert_eq!(unused, ["classifier.bias", "classifier.weight"]);
            loaded = Some((case.network.clone(), network, classifier(&path)));
        }
        let (_, network, classifier) = loaded.as_ref().unwrap();
        let bytes = std::fs::read(goldens.join(&case.output)).unwrap();
        let values = bytes.chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()));
        let expected: Vec<f32> = values.skip(case.start).take(CHANNELS).collect();
        let classes = |top: &[(usize, f64)]| top.iter().map(|(class, _)| *class).collect::<Vec<_>>();

        let found = features(network.as_ref(), &goldens.join(&case.lossless));
        let distance = relative_l2(&found, &expected);
        println!("{} {}: {distance:.1e}", case.network, case.lossless);
        assert!(distance < TOLERANCE, "{} {}: {distance:e}", case.network, case.lossless);
        let found = top(&found, classifier);
        assert_eq!(classes(&found), classes(&case.top), "{} {}", case.network, case.lossless);
        for ((_, found), (_, expected)) in found.iter().zip(&case.top) {
            assert!((found - expected).abs() < 1e-4, "{found} {expected}");
        }

        let jpeg = common::root().join(format!("data/validation/{}.jpg", case.image));
        let found = features(network.as_ref(), &jpeg);
        let distance = relative_l2(&found, &expected);
        println!("{} {}: {distance:.1e}", case.network, case.image);
        assert!(distance < JPEG_TOLERANCE, "{} {}: {distance:e}", case.network, case.image);
        assert_eq!(top(&found, classifier)[0].0, case.top[0].0, "{} {}", case.network, case.image);
    }
}

/// The pooled features of an image, preprocessed as the network's table says.
fn features(network: &dyn Backbone, image: &Path) -> Vec<f32> {
    let preprocessing = network.architecture().input().preprocessing();
    let mut pixels = vec![0.0; preprocessing.len()];
    load_file(image, &preprocessing, &Limits::default(), &mut pixels).unwrap();
    let shape = [1, 3, preprocessing.height, preprocessing.width];
    let mut features = vec![0.0; CHANNELS];
    network.forward_pooled(&pixels, shape, Pooling::Average, &mut features).unwrap();
    features
}
