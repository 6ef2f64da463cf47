//! `headstart convert` to files of other programs, and `headstart verify`, from outside. What other runtimes compute is tested in
//! the library and in tests/golden/export.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use std::fs;

use common::{Workplace, fails, header_and_tensors, json, root, weights};
use serde_json::{Value, json};

/// A place with a model of two classes on images of 32 x 32.
fn fitted() -> Workplace {
    let place = Workplace::new(6);
    let weights = weights();
    let weights = weights.to_str().unwrap();
    let fit =
        ["fit", "images", "-o", "m.safetensors", "--weights", weights, "--size", "32x32", "--no-report"];
    place.run(&fit).code(0);
    place
}

#[test]
fn a_model_is_written_for_other_programs() {
    let place = fitted();
    let report = |more: &[&str]| {
        json(&place.run(&[&["convert", "m.safetensors", "--json", "-o"], more].concat()).code(0))
    };
    let onnx = report(&["m.onnx"]);
    assert_eq!((&onnx["input"], &onnx["classes"]), (&json!([3, 32, 32]), &json!(["a", "b"])));
    assert_eq!(onnx["tells_novelty"], true);
    // The network's 14.7 million parameters are in it.
    assert!(onnx["bytes"].as_u64().unwrap() > 58_000_000, "{onnx}");
    let bytes = fs::read(place.path("m.onnx")).unwrap();
    let has = |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    for text in [
        "classes",
        r#"["a","b"]"#,
        r#""size":[32,32],"resize":"stretch""#,
        "fingerprint",
        "headstart_version",
    ] {
        assert!(has(&bytes[..100_000.min(bytes.len())], text), "{text}");
    }
    fails(
        place.run(&["convert", "m.safetensors", "-o", "m.onnx"]),
        1,
        &["m.onnx", "already exists", "--fresh"],
    );
    let again = report(&["m.onnx", "--fresh"]);
    assert!(again == onnx && fs::read(place.path("m.onnx")).unwrap() == bytes);

    assert_eq!(report(&["m.keras"])["input"], json!([32, 32, 3]));
    let head = report(&["head.keras", "--no-bundle"]);
    assert_eq!((&head["input"], &head["takes_pixels"]), (&json!([512]), &json!(false)));
    place.run(&["convert", "head.keras", "-o", "back.safetensors"]).code(0);

    assert_eq!(report(&["state.safetensors", "--pytorch"])["input"], json!([3, 32, 32]));
    let state = fs::read(place.path("state.safetensors")).unwrap();
    for name in ["backbone.features.28.weight", "head.0.weight", "\"mean\"", "\\\"a\\\",\\\"b\\\""] {
        assert!(has(&state[..20_000], name), "{name}");
    }
}

#[test]
fn what_no_file_of_another_program_has_is_refused() {
    let place = Workplace::empty();
    let model = root().join("tests/golden/models/ours.safetensors");
    let convert = |more: &[&str]| place.run(&[&["convert", model.to_str().unwrap(), "-o"], more].concat());
    fails(convert(&["m.onnx", "--no-bundle"]), 2, &["--no-bundle"]);
    fails(convert(&["m.onnx", "--to-order", "tf"]), 2, &["--to-order"]);
    fails(convert(&["m.onnx", "--pytorch"]), 2, &["--pytorch", ".safetensors"]);
    fails(convert(&["m.h5", "--weights", "w.h5"]), 2, &["--weights"]);
    // Its weights are nowhere.
    fails(convert(&["m.onnx"]), 2, &["--weights"]);
    let told = fails(convert(&["m.keras"]), 0, &["has the head alone"]);
    assert!(!told.contains("m.onnx"), "{told}");
    assert_eq!(place.files(), ["m.keras"]);
}

#[test]
fn a_model_answers_as_it_did_and_that_is_verified() {
    let place = fitted();
    let here = json(&place.run(&["verify", "m.safetensors", "--json"]).code(0));
    assert_eq!(
        (&here["images"], &here["probabilities"], &here["features"]),
        (&json!(4), &json!(0.0), &json!(0.0))
    );
    let here = place.run(&["verify", "m.safetensors"]).code(0);
    let text = String::from_utf8(here.get_output().stdout.clone()).unwrap();
    assert_eq!(text.matches("do not differ").count(), 2, "{text}");
    place.run(&["verify", "m.safetensors", "--inputs", "images.npy"]).code(0);
    let images = fs::read(place.path("images.npy")).unwrap();
    assert_eq!(images.len(), 128 + 4 * 4 * 3 * 32 * 32);
    // Of image 1, the second, pixel (5, 3) of plane 2 has the level 2 * 11 + 100 + 15 / 8.
    let at = 128 + 4 * (((3 + 2) * 32 + 3) * 32 + 5);
    assert_eq!(images[at..at + 4], 123.0_f32.to_le_bytes());

    let model = fs::read(place.path("m.safetensors")).unwrap();
    let (header, _) = header_and_tensors(&model);
    let recorded: Value = serde_json::from_str(header["__metadata__"]["recorded"].as_str().unwrap()).unwrap();
    let mut answers = recorded["probabilities"].clone();
    place.write("answers.json", answers.to_string());
    let same = json(&place.run(&["verify", "m.safetensors", "--outputs", "answers.json", "--json"]).code(0));
    assert_eq!((&same["probabilities"], &same["features"]), (&json!(0.0), &Value::Null));
    // A sigmoid unit gives the second class alone.
    let second: Vec<Value> = answers.as_array().unwrap().iter().map(|row| json!([row[1]])).collect();
    place.write("second.json", Value::from(second).to_string());
    place.run(&["verify", "m.safetensors", "--outputs", "second.json"]).code(0);
    let first = answers[0][0].as_f64().unwrap();
    answers[0][0] = json!(first + 0.01);
    place.write("answers.json", answers.to_string());
    let other = place.run(&["verify", "m.safetensors", "--outputs", "answers.json"]).code(1);
    let text = String::from_utf8(other.get_output().stdout.clone()).unwrap();
    assert!(text.contains("differ by at most 1.0e-2") && text.contains("not the same"), "{text}");
    place.run(&["verify", "m.safetensors", "--outputs", "answers.json", "--tolerance", "0.02"]).code(0);
    place.write("answers.json", "[[0.5, 0.5]]");
    let few = place.run(&["verify", "m.safetensors", "--outputs", "answers.json"]);
    fails(few, 4, &["answers.json", "2 classes for each of 4 images", "found 2 for each of 1"]);

    let old = root().join("tests/golden/models/ours.safetensors");
    fails(place.run(&["verify", old.to_str().unwrap()]), 4, &["has no recorded answers", "fit again"]);
}
