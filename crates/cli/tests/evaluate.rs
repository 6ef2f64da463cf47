//! `headstart evaluate`, from outside.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use common::{Workplace, fails, json};
use headstart_weights::{Array, HeadLayer, IfExists, save_head};
use serde_json::json;

/// Writes a `.npy` of f32 rows.
fn write_npy(place: &Workplace, name: &str, rows: &[&[f32]]) {
    write_npy_of(place, name, rows.len(), &[rows[0].len() as u64], &rows.concat());
}

/// Writes a `.npy` of f32 rows of a shape.
fn write_npy_of(place: &Workplace, name: &str, rows: usize, shape: &[u64], values: &[f32]) {
    let axes: Vec<String> = shape.iter().map(ToString::to_string).collect();
    let header =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {}), }}", axes.join(", "));
    // Magic, version 1.0 and the length of the header take 10 bytes, the line break 1.
    let header = format!("{header:<117}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
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
    let arguments = ["evaluate", "head.h5", "f.npy", "--counts", "2,2,2", "--activations", "linear"];
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
    let unsaid = ["head.h5: does not state its activations", "--activations"];
    let stderr = fails(evaluate("head.h5", &["--counts", "2,2,2"]), 2, &unsaid);
    assert!(!stderr.contains("--from-order"), "flat rows have no order: {stderr}");
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

/// The files of keras_heads, on maps of 8 x 2 x 3 and of 2 x 3 x 8: `keras_files.rs` of the library compares the values.
#[test]
fn what_a_head_of_weights_alone_does_not_say_is_asked_for_by_flag() {
    let place = Workplace::empty();
    let goldens = common::root().join("tests/golden/keras_heads");
    let golden: serde_json::Value =
        serde_json::from_slice(&std::fs::read(goldens.join("cases.json")).unwrap()).unwrap();
    for name in ["th", "tf"] {
        let rows = &golden["rows"][name];
        let shape: Vec<u64> = serde_json::from_value(rows["shape"].clone()).unwrap();
        let values: Vec<f32> = serde_json::from_value(rows["values"].clone()).unwrap();
        write_npy_of(&place, &format!("{name}.NPY"), 4, &shape, &values);
    }
    let evaluate = |file: &str, features: &str, more: &[&str]| {
        let file = goldens.join(file);
        let fixed = ["evaluate", file.to_str().unwrap(), features, "--counts", "2,2", "--json"];
        place.run(&[&fixed[..], more].concat())
    };
    let plain = "plain.weights.h5";
    fails(evaluate(plain, "th.NPY", &[]), 2, &["--activations", "relu,sigmoid", "--from-order th", "or tf"]);
    let said = ["--activations", "tanh,sigmoid", "--from-order", "tf"];
    let told = json(&evaluate(plain, "th.NPY", &said).code(0));
    let maps = ["tf.NPY: its rows have shape [2, 3, 8]", "--features-order th (channels first) or tf"];
    fails(evaluate(plain, "tf.NPY", &said), 2, &maps);
    for more in [["--features-order", "tf"], ["--row-shape", "8x2x3"]] {
        let turned = json(&evaluate(plain, "tf.NPY", &[&said[..], &more].concat()).code(0));
        assert_eq!(turned["loss"], told["loss"], "{more:?}");
    }
    let count = ["--activations", "tanh", "--from-order", "tf"];
    fails(evaluate(plain, "th.NPY", &count), 2, &["has 2 Dense layers", "--activations"]);
    fails(evaluate("own.keras", "th.NPY", &[]), 0, &[]);
    fails(evaluate("flat.keras", "th.NPY", &[]), 2, &["order of flattening", "--from-order"]);
    fails(evaluate("flat.keras", "th.NPY", &["--from-order", "tf"]), 0, &[]);
    for (file, word) in [
        ("sigmoid3.keras", "3 classes"),
        ("rescaling.weights.h5", "the layer rescaling"),
        ("nested_square.weights.h5", "more than one order"),
        ("outputs.keras", "branches"),
    ] {
        fails(evaluate(file, "th.NPY", &said[2..]), 4, &[file, word]);
    }
    let three = goldens.join("sigmoid3.keras");
    let labels = ["evaluate", three.to_str().unwrap(), "th.NPY", "--counts", "1,1,2"];
    fails(place.run(&labels), 4, &["sigmoid3.keras: ends in 3 sigmoid units", "many labels"]);
}

#[test]
fn numbers_out_of_range_are_refused_by_flag() {
    let place = three_classes();
    let arguments = ["evaluate", "head.h5", "f.npy", "--counts", "2,2,2", "--activations", "linear"];
    for (flag, value, expected) in [
        ("--resamples", "-1", "expected a whole number, 0 or more, found -1"),
        ("--resamples", "1000001", "resamples: expected 0 to 1000000, found 1000001"),
        ("--resamples", "1e300", "found 1e300"),
        ("--resamples", "nan", "found nan"),
        ("--batch-size", "-1", "expected a whole number of at least 1, found -1"),
        ("--batch-size", "0", "expected at least 1"),
        ("--seed", "-1", "found -1"),
        ("--seed", "99999999999999999999", "found 99999999999999999999"),
        ("--counts", "-1,7", "found -1"),
        ("--threads", "-1", "expected a whole number from 0 to 1024, found -1"),
    ] {
        fails(place.run(&[&arguments[..], &[flag, value]].concat()), 2, &[flag.trim_matches('-'), expected]);
    }
    place
        .run(&[&arguments[..], &["--batch-size", "18446744073709551615", "--resamples", "2"]].concat())
        .code(0);
}
