//! Heads of every Keras predict here what they predicted there, and ours are written to the byte.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

use std::fs;
use std::path::{Path, PathBuf};

use candle_core::{Device, Module, Tensor};
use headstart::convert::{
    FlattenOrder, HeadLayer, ImportOptions, Model, ModelMetadata, export_model, import_model,
};
use headstart::{Activation, IfExists, LayerConfig, Pooling, Preprocessing, Preset, Provenance, WeightsFile};
use headstart_head::Head;
use headstart_weights::{Array, TrainingRecord, load_model};
use serde_json::{Value, json};

/// Largest difference between two probabilities.
const TOLERANCE: f64 = 1e-5;

fn goldens() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/models")
}

fn golden_json(name: &str) -> Value {
    serde_json::from_slice(&fs::read(goldens().join(name)).unwrap()).unwrap()
}

fn floats(value: &Value) -> Vec<f32> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap() as f32).collect()
}

/// What a model file predicts, from nothing but the file.
fn predict(path: &Path, rows: &[f32]) -> Vec<f32> {
    let model = load_model(path).unwrap();
    let layers = model.metadata.head.unwrap();
    let row_shape = model.metadata.row_shape;
    let mut head = Head::new(&layers, &row_shape, 0, &Device::Cpu).unwrap();
    head.set_parameters(&model.layers).unwrap();
    let count = rows.len() / row_shape.iter().product::<usize>();
    let shape: Vec<usize> = std::iter::once(count).chain(row_shape).collect();
    let rows = Tensor::from_slice(rows, shape, &Device::Cpu).unwrap();
    head.forward(&rows).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

fn assert_close(found: &[f32], expected: &[f64], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (index, (&found, &expected)) in found.iter().zip(expected).enumerate() {
        let difference = (f64::from(found) - expected).abs();
        assert!(difference < TOLERANCE, "{what}, value {index}: expected {expected}, found {found}");
    }
}

/// Every file of a Keras, imported with what must be said about it.
fn heads_predict_as_in_keras(golden: &str) {
    let place = tempfile::tempdir().unwrap();
    let golden = golden_json(golden);
    let rows = floats(&golden["rows"]);
    let files = golden["files"].as_array().unwrap();
    assert!(files.len() >= 3);
    for file in files {
        let name = file["file"].as_str().unwrap();
        let whole = ["whole", "archive", "classes", "moved"].iter().any(|kind| name.contains(kind));
        let mut options = ImportOptions::default();
        if !whole {
            let activations = file["activations"].as_array().unwrap().iter();
            let activations = activations.map(|name| name.as_str().unwrap().parse().unwrap()).collect();
            (options.row_shape, options.activations) = (Some([5, 3, 2]), Some(activations));
        }
        if !file["order"].is_null() {
            options.flatten_order = Some(FlattenOrder::ChannelsLast);
        }
        let imported = import_model(goldens().join(name), &options).unwrap();
        let path = place.path().join("model.safetensors");
        export_model(&path, &imported.model, FlattenOrder::ChannelsFirst, IfExists::Replace).unwrap();
        let expected: Vec<f64> = file["predictions"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|row| row.as_array().unwrap())
            .map(|v| v.as_f64().unwrap())
            .collect();
        assert_close(&predict(&path, &rows), &expected, name);
    }
}

#[test]
fn heads_of_keras_1_predict_here_what_they_predict_there() {
    heads_predict_as_in_keras("keras1.json");
}

#[test]
fn heads_of_keras_2_predict_here_what_they_predict_there() {
    heads_predict_as_in_keras("keras2.json");
}

#[test]
fn heads_of_keras_3_predict_here_what_they_predict_there() {
    heads_predict_as_in_keras("keras3.json");
}

/// Three classes out of feature maps of 5 x 3 x 2, with all that a model can say.
fn ours() -> Model {
    let fill = |count: usize, step: usize| {
        (0..count).map(|i| ((i * step) % 64) as f32 / 64.0 - 0.5).collect::<Vec<f32>>()
    };
    let dense = |name: &str, inputs: usize, outputs: usize, step: usize| HeadLayer {
        name: name.to_owned(),
        kernel: Array::new(vec![inputs, outputs], fill(inputs * outputs, step)).unwrap(),
        bias: Some(Array::new(vec![outputs], fill(outputs, step + 2)).unwrap()),
    };
    let head = vec![
        LayerConfig::Flatten,
        LayerConfig::Dense { units: 7, activation: Activation::Relu, use_bias: true },
        LayerConfig::Dropout { rate: 0.3 },
        LayerConfig::Dense { units: 3, activation: Activation::Softmax, use_bias: true },
    ];
    let training = json!({"epochs": 50, "seed": u64::MAX, "loss": 0.1f32, "val_accuracy": 2.0 / 3.0});
    let weights = WeightsFile { name: "vgg16_weights.h5".to_owned(), blake3: "0123".to_owned() };
    let preprocessing = Preprocessing::preset(Preset::Caffe, 96, 64);
    let metadata = ModelMetadata {
        classes: vec!["animal".to_owned(), "caf\u{e9}".to_owned(), "\u{1f436}".to_owned()],
        head: Some(head),
        row_shape: vec![5, 3, 2],
        provenance: Some(Provenance::stored("vgg16", weights, preprocessing, Pooling::None, "4567")),
        training: Some(TrainingRecord::new(&training).unwrap()),
        headstart_version: Some("0.1.0".to_owned()),
    };
    Model {
        layers: vec![dense("dense_1", 30, 7, 37), dense("dense_2", 7, 3, 23)],
        layer_names: ["flatten_1", "dense_1", "dropout_1", "dense_2"].map(str::to_owned).to_vec(),
        metadata,
        ..Model::default()
    }
}

/// The same head on 30 pooled values.
fn ours_pooled() -> Model {
    let mut model = ours();
    model.layer_names.remove(0);
    model.metadata.row_shape = vec![30];
    model.metadata.head.as_mut().unwrap().remove(0);
    model.metadata.provenance.as_mut().unwrap().pooling = Pooling::Average;
    model
}

const OURS: [(&str, FlattenOrder); 5] = [
    ("ours.safetensors", FlattenOrder::ChannelsFirst),
    ("ours.h5", FlattenOrder::ChannelsFirst),
    ("ours.weights.h5", FlattenOrder::ChannelsFirst),
    ("ours_tf.h5", FlattenOrder::ChannelsLast),
    ("ours_tf.weights.h5", FlattenOrder::ChannelsLast),
];

const OURS_POOLED: [(&str, FlattenOrder); 3] = [
    ("ours_pooled.safetensors", FlattenOrder::ChannelsFirst),
    ("ours_pooled.h5", FlattenOrder::ChannelsFirst),
    // Pooled rows have no order, so nothing moves.
    ("ours_pooled.weights.h5", FlattenOrder::ChannelsLast),
];

/// The goldens of tests/golden/models/check.py, which holds what every Keras makes of them against ours.json. With
/// HEADSTART_WRITE_GOLDENS set, writes them in place of comparing; run check.py afterwards.
#[test]
fn models_are_written_to_the_byte_and_predict_as_recorded() {
    let place = tempfile::tempdir().unwrap();
    let write = std::env::var_os("HEADSTART_WRITE_GOLDENS").is_some();
    let all =
        OURS.map(|case| (case, ours())).into_iter().chain(OURS_POOLED.map(|case| (case, ours_pooled())));
    for ((name, order), model) in all {
        export_model(&place.path().join(name), &model, order, IfExists::Refuse).unwrap();
        if write {
            fs::copy(place.path().join(name), goldens().join(name)).unwrap();
        }
        let same = fs::read(place.path().join(name)).unwrap() == fs::read(goldens().join(name)).unwrap();
        assert!(same, "{name} differs from its golden");
        assert_eq!(load_model(&place.path().join(name)).unwrap(), model, "{name}");
    }
    let rows: Vec<f32> = (0..8 * 30).map(|i| ((i * 29) % 97) as f32 / 32.0 - 1.0).collect();
    let predictions = predict(&place.path().join("ours.safetensors"), &rows);
    // The kernels are the same.
    assert_eq!(predict(&place.path().join("ours_pooled.h5"), &rows), predictions);
    if write {
        let golden = json!({"row_shape": [5, 3, 2], "rows": rows, "predictions": predictions});
        fs::write(goldens().join("ours.json"), serde_json::to_string(&golden).unwrap() + "\n").unwrap();
    }
    let golden = golden_json("ours.json");
    assert_eq!(floats(&golden["rows"]), rows);
    let expected: Vec<f64> = floats(&golden["predictions"]).into_iter().map(f64::from).collect();
    assert_close(&predictions, &expected, "ours.json");
}
