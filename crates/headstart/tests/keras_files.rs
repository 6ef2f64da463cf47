//! Heads as Keras 3 saves them, on features of several shapes: the probabilities are Keras's, or what the file does not say
//! is asked for, or it is refused by name. tests/golden/keras_heads/generate.py made the files.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

use std::fs;
use std::path::{Path, PathBuf};

use headstart::convert::{FlattenOrder, ImportOptions};
use headstart::{Classifier, Error, ErrorKind, LabelledFeatures, Part};
use serde_json::Value;

fn goldens() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/keras_heads")
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

fn order(value: &Value) -> Option<FlattenOrder> {
    value.as_str().map(|name| match name {
        "channels_first" => FlattenOrder::ChannelsFirst,
        _ => FlattenOrder::ChannelsLast,
    })
}

/// A `.npy` of four rows of these values.
fn write_npy(path: &Path, rows: &Value) {
    let shape: Vec<String> = numbers(&rows["shape"]).iter().map(|axis| format!("{axis}")).collect();
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': (4, {}), }}", shape.join(", "));
    let header = format!("{header:<117}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(numbers(&rows["values"]).iter().flat_map(|&value| (value as f32).to_le_bytes()));
    fs::write(path, bytes).unwrap();
}

/// What the case says of the head, and the loss of the head on the case's features.
fn loss(case: &Value, features: &Path, counts: &[usize]) -> Result<f64, Error> {
    let mut said = ImportOptions::default();
    said.flatten_order = order(&case["flatten_order"]);
    said.row_shape =
        case["row_shape"].as_array().map(|axes| [0, 1, 2].map(|i| axes[i].as_u64().unwrap() as usize));
    let names = case["activations"].as_array();
    said.activations =
        names.map(|names| names.iter().map(|name| name.as_str().unwrap().parse().unwrap()).collect());
    let classifier = Classifier::load_with(goldens().join(case["file"].as_str().unwrap()), &said)?;
    let mut features = LabelledFeatures::with_counts(features, Some(counts))?;
    if let Some(order) = order(&case["features_order"]) {
        features = features.in_order(order)?;
    }
    Ok(classifier.evaluate(&features)?.loss)
}

#[test]
fn heads_of_keras_3_give_its_probabilities_or_ask_or_are_refused() {
    let place = tempfile::tempdir().unwrap();
    let golden: Value = serde_json::from_slice(&fs::read(goldens().join("cases.json")).unwrap()).unwrap();
    for (name, rows) in golden["rows"].as_object().unwrap() {
        write_npy(&place.path().join(format!("{name}.npy")), rows);
    }
    let cases = golden["cases"].as_array().unwrap();
    assert!(cases.len() > 50, "{}", cases.len());
    let mut failures = Vec::new();
    for case in cases {
        let features = place.path().join(format!("{}.npy", case["rows"].as_str().unwrap()));
        let mut shown = case.clone();
        shown.as_object_mut().unwrap().remove("predictions");
        let mut fail = |found: String| failures.push(format!("{shown}: {found}"));
        if let Some(predictions) = case["predictions"].as_array() {
            let predictions: Vec<f64> = predictions.iter().map(|v| v.as_f64().unwrap()).collect();
            let (counts, labels) = match predictions.len() / 4 {
                1 => (vec![2, 2], [0, 0, 1, 1]),
                _ => (vec![1, 1, 2], [0, 1, 2, 2]),
            };
            let probability = |row: usize| match predictions.len() / 4 {
                1 if labels[row] == 0 => 1.0 - predictions[row],
                1 => predictions[row],
                classes => predictions[row * classes + labels[row]],
            };
            let expected =
                -(0..4).map(|row| probability(row).clamp(1e-7, 1.0 - 1e-7).ln()).sum::<f64>() / 4.0;
            match loss(case, &features, &counts) {
                Ok(found) if (found - expected).abs() < 1e-4 * expected.max(1.0) => {}
                Ok(found) => fail(format!("expected a loss of {expected}, found {found}")),
                Err(error) => fail(error.to_string()),
            }
            continue;
        }
        let three = ["whole", "3"].iter().any(|word| case["file"].as_str().unwrap().contains(word));
        let counts: &[usize] = if three { &[1, 1, 2] } else { &[2, 2] };
        match loss(case, &features, counts) {
            Ok(found) => fail(format!("a loss of {found}")),
            Err(error) => {
                if let Some(word) = case["refused"].as_str() {
                    let message = error.to_string();
                    if error.kind() != ErrorKind::BadData || !message.contains(word) {
                        fail(message);
                    }
                    continue;
                }
                let asked: Vec<&str> = match &error {
                    Error::Unstated { parts, .. } => parts
                        .iter()
                        .map(|part| match part {
                            Part::Activations => "activations",
                            Part::FlattenOrder => "flatten_order",
                            _ => "another part",
                        })
                        .collect(),
                    Error::UnstatedAxes { .. } => vec!["features_order"],
                    _ => vec![],
                };
                if case["asks"] != Value::from(asked) || error.kind() != ErrorKind::Usage {
                    fail(error.to_string());
                }
            }
        }
    }
    assert!(failures.is_empty(), "{} of {} cases:\n{}", failures.len(), cases.len(), failures.join("\n"));
}
