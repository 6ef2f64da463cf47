//! Networks and weights that no flag names: the file tells the network, and the binary has weights of its own.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use common::{Workplace, fails, json, root, weights};
use serde_json::{Value, json};

const LITE2: [&str; 2] = ["--backbone", "efficientnet_lite2"];

/// `headstart extract` of the images with no more than these flags.
fn extract(place: &Workplace, output: &str, more: &[&str]) -> assert_cmd::assert::Assert {
    place.run(&[&["extract", "images", "-o", output, "--size", "64x64", "--json"], more].concat())
}

fn header(place: &Workplace, name: &str) -> Value {
    let text = std::fs::read_to_string(place.path(name)).unwrap();
    serde_json::from_str(text.lines().next().unwrap()).unwrap()
}

#[test]
fn the_file_of_weights_tells_the_network() {
    let place = Workplace::new(1);
    let weights = weights();
    let told = json(&extract(&place, "f.npy", &["--weights", weights.to_str().unwrap()]).code(0));
    assert_eq!((&told["shape"], &told["pooling"]), (&json!([2, 512, 2, 2]), &json!("none")));
    assert_eq!(header(&place, "f.jsonl")["backbone"], "vgg16");
    let named = ["--weights", weights.to_str().unwrap(), "--backbone", "vgg16"];
    assert_eq!(json(&extract(&place, "f.npy", &named).code(0))["kept"], 2);
    place.write("text.h5", "no weights");
    fails(extract(&place, "no.npy", &["--weights", "text.h5"]), 4, &["text.h5: "]);
    fails(extract(&place, "no.npy", &["--weights", "absent.h5"]), 1, &["absent.h5: cannot open it"]);
}

#[test]
fn weights_are_asked_for_where_the_binary_has_none() {
    let place = Workplace::new(1);
    fails(extract(&place, "f.npy", &[]), 2, &["--weights: expected a file of weights", "--backbone"]);
    let vgg = ["--backbone", "vgg16"];
    fails(extract(&place, "f.npy", &vgg), 2, &["--weights: expected a file of the weights of vgg16"]);
}

#[test]
#[cfg(feature = "efficientnet-lite2")]
fn efficientnet_lite2_needs_no_file() {
    let place = Workplace::new(3);
    let told = json(&extract(&place, "f.npy", &LITE2).code(0));
    assert_eq!((&told["shape"], &told["pooling"]), (&json!([6, 1280]), &json!("avg")));
    let file = root().join("data/weights/efficientnet_lite2.safetensors");
    let told = json(&extract(&place, "f.npy", &["--weights", file.to_str().unwrap()]).code(0));
    assert_eq!((&told["computed"], &told["kept"]), (&json!(0), &json!(6)), "the file is the same");

    let train = ["train", "--train", "f.npy", "-o", "model.safetensors", "--units", "0", "--epochs", "2"];
    place.run(&train).code(0);
    let ask = ["predict", "model.safetensors", "images", "--json"];
    let answers = place.run(&ask).code(0);
    let with_file = place.run(&[&ask[..], &["--weights", file.to_str().unwrap()]].concat()).code(0);
    assert_eq!(answers.get_output().stdout, with_file.get_output().stdout);
    assert_eq!(String::from_utf8_lossy(&answers.get_output().stdout).lines().count(), 6);
}
