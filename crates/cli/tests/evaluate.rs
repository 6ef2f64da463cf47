//! `headstart evaluate`, from outside.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use common::{Workplace, fails, json};
use headstart_weights::{Array, HeadLayer, IfExists, save_head};
use serde_json::json;

/// Writes a `.npy` of f32 rows.
fn write_npy(place: &Workplace, name: &str, rows: &[&[f32]]) {
    let header =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {}), }}", rows.len(), rows[0].len());
    // Magic, version 1.0 and the length of the header take 10 bytes, the line break 1.
    let header = format!("{header:<117}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(rows.iter().copied().flatten().flat_map(|value| value.to_le_bytes()));
    place.write(name, bytes);
}

/// Writes a head of one Dense layer without bias.
fn write_head(place: &Workplace, name: &str, shape: [usize; 2], kernel: &[f32]) {
    let kernel = Array { shape: shape.to_vec(), values: kernel.to_vec() };
    let layers = [HeadLayer { name: "dense_1".to_owned(), kernel, bias: None }];
    let names = ["flatten_1".to_owned(), "dense_1".to_owned()];
    save_head(&place.path(name), &layers, &names, IfExists::Refuse).unwrap();
}

/// Features of six rows of three classes, whose values a head takes for logits; rows 1 and 4 go wrong.
fn three_classes() -> Workplace {
    let place = Workplace::empty();
    let rows: [&[f32]; 6] = [
        &[4.0, 0.0, 0.0],
        &[0.0, 4.0, 0.0],
        &[0.0, 4.0, 0.0],
        &[0.0, 5.0, 1.0],
        &[3.0, 0.0, 1.0],
        &[0.0, 0.0, 9.0],
    ];
    write_npy(&place, "f.npy", &rows);
    write_head(&place, "head.h5", [3, 3], &[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
    place
}

#[test]
fn many_classes_are_counted_by_the_largest_output() {
    let place = three_classes();
    let arguments = ["evaluate", "head.h5", "f.npy", "--counts", "2,2,2"];
    let report = json(&place.run(&[&arguments[..], &["--json"]].concat()).code(0));
    assert_eq!(report["classes"], json!(["0", "1", "2"]));
    assert_eq!(report["confusion_matrix"], json!([[1, 1, 0], [0, 2, 0], [1, 0, 1]]));
    assert_eq!(report["accuracy"], 4.0 / 6.0);
    assert_eq!(report["per_class"][1]["precision"], 2.0 / 3.0);
    assert_eq!(report["per_class"][1]["support"], 2);
    let assert = place.run(&arguments).code(0);
    let text = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
    assert!(text.contains("accuracy              0.667 (95 % interval "), "{text}");
    assert!(text.contains("\n2           1    0    1\n"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn what_train_measured_is_found_again() {
    let place = Workplace::new(3);
    for name in ["train.npy", "validation.npy"] {
        place.extract("images", name, &[]).code(0);
    }
    let train = ["train", "--train", "train.npy", "--validation", "validation.npy", "-o", "head.h5"];
    let trained = json(&place.run(&[&train[..], &["--epochs", "4", "--json"]].concat()).code(0));
    let evaluate = |more: &[&str]| {
        json(&place.run(&[&["evaluate", "head.h5", "validation.npy", "--json"], more].concat()).code(0))
    };
    let report = evaluate(&[]);
    let close = |a: &serde_json::Value, b: &serde_json::Value| {
        (a.as_f64().unwrap() - b.as_f64().unwrap()).abs() < 1e-6
    };
    assert!(close(&report["accuracy"], &trained["last"]["val_accuracy"]), "{report}");
    assert!(close(&report["loss"], &trained["last"]["val_loss"]), "{report}");
    assert_eq!(report["classes"], json!(["a", "b"]));
    assert_eq!(report["intervals"]["resamples"], 1000);

    assert_eq!(report, evaluate(&["--threads", "1", "--batch-size", "32"]));
    assert_ne!(report["intervals"], evaluate(&["--seed", "1"])["intervals"]);
    assert_eq!(evaluate(&["--resamples", "0"])["intervals"], serde_json::Value::Null);
}

#[test]
fn a_head_and_features_that_do_not_fit_are_refused() {
    let place = three_classes();
    let evaluate = |head: &str, more: &[&str]| place.run(&[&["evaluate", head, "f.npy"], more].concat());
    fails(evaluate("head.h5", &[]), 2, &["f.npy: expected a manifest", "--counts"]);
    fails(evaluate("head.h5", &["--counts", "2,2"]), 4, &["f.npy", "sum to 4", "6 rows"]);
    let differ = ["head.h5: has 3 classes", "f.npy has rows of 2"];
    fails(evaluate("head.h5", &["--counts", "3,3"]), 4, &differ);
    write_head(&place, "narrow.h5", [2, 1], &[1.0, -1.0]);
    let shape = ["narrow.h5: its layer dense_1 takes 2 values", "rows of shape [3]"];
    fails(evaluate("narrow.h5", &["--counts", "3,3"]), 4, &shape);
    fails(evaluate("missing.h5", &["--counts", "2,2,2"]), 1, &["missing.h5"]);
    fails(evaluate("f.npy", &["--counts", "2,2,2"]), 4, &["f.npy"]);
}

#[test]
fn features_that_are_not_numbers_are_refused_by_row() {
    let place = three_classes();
    write_npy(&place, "f.npy", &[&[1.0, 0.0, 0.0], &[0.0, f32::NAN, 0.0], &[0.0, 0.0, 1.0]]);
    let assert = place.run(&["evaluate", "head.h5", "f.npy", "--counts", "1,1,1"]);
    fails(assert, 4, &["evaluating head.h5 on f.npy", "row 1", "found NaN"]);
}
