//! `headstart convert`, from outside: our models come back to the byte, whatever layout is between.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{Workplace, fails, json, root};
use headstart_weights::{FlattenOrder, IfExists, Model, export_model, load_model, save_model};
use serde_json::{Value, json};

fn goldens() -> PathBuf {
    root().join("tests/golden/models")
}

/// The model of the goldens: `keras_heads.rs` of the library builds it and holds each golden to its bytes.
fn ours() -> Model {
    load_model(&goldens().join("ours.safetensors")).unwrap()
}

const OURS: [(&str, FlattenOrder); 5] = [
    ("ours.safetensors", FlattenOrder::ChannelsFirst),
    ("ours.h5", FlattenOrder::ChannelsFirst),
    ("ours.weights.h5", FlattenOrder::ChannelsFirst),
    ("ours_tf.h5", FlattenOrder::ChannelsLast),
    ("ours_tf.weights.h5", FlattenOrder::ChannelsLast),
];

#[test]
fn converting_to_and_fro_gives_the_same_bytes() {
    let place = Workplace::empty();
    for (from, order) in OURS {
        for (between, _) in OURS {
            let between = place.path(&format!("from_{from}_{between}"));
            let back = place.path(&format!("back_{from}"));
            let (from, to) =
                (goldens().join(from), if order == FlattenOrder::ChannelsLast { "tf" } else { "th" });
            let (there, here) = (between.to_str().unwrap(), back.to_str().unwrap());
            place.run(&["convert", from.to_str().unwrap(), "-o", there]).code(0);
            place.run(&["convert", there, "-o", here, "--to-order", to, "--fresh"]).code(0);
            assert!(fs::read(&from).unwrap() == fs::read(&back).unwrap(), "{} by {there}", from.display());
        }
    }
}

#[test]
fn a_head_without_a_description_comes_back_to_the_byte_and_that_is_told() {
    let place = Workplace::empty();
    let heads = root().join("tests/golden/head_files");
    for name in ["headstart.h5", "headstart.weights.h5"] {
        let from = heads.join(name);
        let told = place.run(&["convert", from.to_str().unwrap(), "-o", "model.safetensors", "--fresh"]);
        fails(told, 0, &["does not say its activations", "--activations"]);
        place.run(&["convert", "model.safetensors", "-o", name]).code(0);
        assert!(fs::read(&from).unwrap() == fs::read(place.path(name)).unwrap(), "{name}");
    }
    // Keras's own files keep their parameters to the bit.
    for name in ["keras1.h5", "keras3.h5", "keras3.weights.h5"] {
        let from = heads.join(name);
        place.run(&["convert", from.to_str().unwrap(), "-o", "model.safetensors", "--fresh"]).code(0);
        for back in ["back.h5", "back.weights.h5"] {
            place.run(&["convert", "model.safetensors", "-o", back, "--fresh"]).code(0);
            let read = |path: &Path| headstart_weights::load_head(path).unwrap();
            assert_eq!(read(&from), read(&place.path(back)), "{name}");
        }
    }
}

#[test]
fn a_model_is_inspected_with_all_that_it_says() {
    let place = Workplace::empty();
    let path = goldens().join("ours.safetensors");
    let description = json(&place.run(&["--json", "inspect", path.to_str().unwrap()]).code(0));
    assert_eq!(description["layout"], "model");
    assert_eq!(description["attributes"]["preset"], "caffe");
    assert_eq!(description["attributes"]["height"], "96");
    let text = place.run(&["inspect", path.to_str().unwrap()]).code(0);
    let text = String::from_utf8(text.get_output().stdout.clone()).unwrap();
    for line in
        ["layout      headstart model", "attribute   backbone = vgg16", "tensor      dense_1/kernel  30 x 7"]
    {
        assert!(text.contains(line), "{line:?} in {text}");
    }
    let keras = goldens().join("ours.h5");
    let description = json(&place.run(&["--json", "inspect", keras.to_str().unwrap()]).code(0));
    let inner: Value =
        serde_json::from_str(description["attributes"]["headstart"].as_str().unwrap()).unwrap();
    assert_eq!(inner["classes"], json!(["animal", "caf\u{e9}", "\u{1f436}"]));
}

#[test]
fn thousands_of_classes_fit_into_each_layout() {
    let place = Workplace::empty();
    let mut model = ours();
    model.metadata.classes = (0..10_000).map(|i| format!("a class with a long name, number {i}")).collect();
    for (name, order) in OURS {
        export_model(&place.path(name), &model, order, IfExists::Refuse).unwrap();
        assert_eq!(load_model(&place.path(name)).unwrap(), model, "{name}");
    }
}

#[test]
fn what_the_file_does_not_say_is_asked_for() {
    let place = Workplace::empty();
    let weights = goldens().join("keras3.weights.h5");
    let weights = weights.to_str().unwrap();
    let convert = |more: &[&str]| place.run(&[&["convert", weights, "-o", "m.safetensors"], more].concat());
    fails(convert(&["--from-order", "tf"]), 2, &["--row-shape", "keras3.weights.h5", "found none"]);
    let wrong = convert(&["--from-order", "tf", "--row-shape", "5x3x3"]);
    fails(wrong, 4, &["keras3.weights.h5", "(30, 7)", "(5, 3, 3)"]);
    fails(convert(&["--row-shape", "5x3x3"]), 4, &["(5, 3, 3)"]);
    fails(convert(&["--row-shape", "5x6"]), 2, &["CHANNELSxHEIGHTxWIDTH"]);
    fails(convert(&["--activations", "relu"]), 2, &["has 2 Dense layers", "found 1", "--activations"]);
    fails(convert(&["--activations", "relu,wave"]), 2, &["wave"]);
    fails(convert(&["--to-order", "tf"]), 2, &["always in the order th"]);
    fails(place.run(&["convert", weights, "-o", "m.pb"]), 2, &["m.pb", ".safetensors"]);
    fails(
        place.run(&["convert", weights, "-o", "m.onnx"]),
        2,
        &["keras3.weights.h5", "--classes", "--preset"],
    );
    let unsaid = ["keras3.weights.h5: does not state its order of flattening", "--from-order"];
    let shaped = ["--row-shape", "5x3x2", "--activations", "relu,sigmoid"];
    fails(convert(&shaped), 2, &unsaid);
    fails(place.run(&["convert", weights, "-o", "m.h5", "--to-order", "tf"]), 2, &unsaid);
    let whole = goldens().join("keras3_whole.h5");
    let whole = ["convert", whole.to_str().unwrap(), "-o", "m.safetensors", "--activations", "relu,sigmoid"];
    fails(place.run(&whole), 2, &["leave --activations out"]);
    assert!(place.files().is_empty(), "{:?}", place.files());
}

#[test]
fn a_shape_that_contradicts_the_stated_order_is_asked_about() {
    let place = Workplace::empty();
    // Keras 2 and 3 state channels_last unless told otherwise, also for maps that are channels first.
    let path = goldens().join("keras3_shaped.h5");
    let convert = |more: &[&str]| {
        place.run(&[&["convert", path.to_str().unwrap(), "-o", "m.safetensors"], more].concat())
    };
    fails(convert(&[]), 2, &["--from-order", "(5, 3, 2)"]);
    convert(&["--from-order", "th"]).code(0);
    assert_eq!(load_model(&place.path("m.safetensors")).unwrap().metadata.row_shape, [5, 3, 2]);
}

#[test]
fn nothing_is_replaced_unasked() {
    let place = Workplace::empty();
    let path = goldens().join("ours.h5");
    place.write("model.safetensors", "mine");
    let convert = ["convert", path.to_str().unwrap(), "-o", "model.safetensors"];
    fails(place.run(&convert), 1, &["already exists", "--fresh"]);
    assert_eq!(fs::read(place.path("model.safetensors")).unwrap(), b"mine");
    place.run(&[&convert[..], &["--fresh"]].concat()).code(0);
    save_model(&place.path("again.safetensors"), &ours(), IfExists::Refuse).unwrap();
    let read = |name: &str| fs::read(place.path(name)).unwrap();
    assert!(read("model.safetensors") == read("again.safetensors"));
}

/// The suffix chooses the layout in capitals, too; what a file says of itself stays with it, and nothing is made up.
#[test]
fn what_nobody_said_stays_unsaid_and_suffixes_may_be_capitals() {
    let place = Workplace::empty();
    let heads = root().join("tests/golden/keras_heads");
    let convert = |from: &str, to: &str, more: &[&str]| {
        let from = if place.path(from).exists() { place.path(from) } else { heads.join(from) };
        place.run(&[&["convert", from.to_str().unwrap(), "-o", to], more].concat())
    };
    convert("plain.weights.h5", "plain.SAFETENSORS", &["--activations", "tanh,sigmoid"]).code(0);
    convert("plain.SAFETENSORS", "plain.H5", &[]).code(0);
    convert("plain.H5", "plain.WEIGHTS.H5", &[]).code(0);
    let kept = load_model(&place.path("plain.WEIGHTS.H5")).unwrap();
    assert_eq!(kept.metadata.head.unwrap().len(), 3);
    for name in ["plain.SAFETENSORS", "plain.H5", "plain.WEIGHTS.H5"] {
        let shaped = convert(name, "shaped.safetensors", &["--row-shape", "8x2x3"]);
        fails(shaped, 2, &[name, "order of flattening"]);
    }
    let order = ["--from-order", "th"];
    fails(
        convert(
            "plain.weights.h5",
            "a.safetensors",
            &["--from-order", "th", "--activations", "relu,sigmoid"],
        ),
        0,
        &["--row-shape"],
    );
    convert("plain.weights.h5", "b.safetensors", &[&order[..], &["--row-shape", "8x2x3"]].concat()).code(0);
    // A head for flat rows takes maps, once it is said how they are laid flat.
    convert("flat.keras", "flat.safetensors", &["--from-order", "tf", "--row-shape", "8x2x3"]).code(0);
    let flat = load_model(&place.path("flat.safetensors")).unwrap();
    assert_eq!((flat.metadata.row_shape, flat.metadata.head.unwrap().len()), (vec![8, 2, 3], 3));
    assert_eq!(flat.layer_names[0], "flatten");
    // Layers that can't follow each other are refused before anything is written.
    fails(
        convert("nested_square.weights.h5", "x.safetensors", &[]),
        4,
        &["more than one order", "head.keras"],
    );
    fails(convert("cube.keras", "x.safetensors", &[]), 2, &["--from-order", "(3, 3, 3)"]);
    assert!(!place.path("x.safetensors").exists());
}
