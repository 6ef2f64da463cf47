//! Models that hold the network's weights: predict needs nothing else.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use std::fs;

use common::{Workplace, fails, header_and_tensors, weights};
use serde_json::Value;

/// What is answered for the images, without any place where weights could lie.
fn answers(place: &Workplace, more: &[&str]) -> assert_cmd::assert::Assert {
    place.run(&[&["predict", "m.safetensors", "images", "--json"], more].concat())
}

/// The description in a model's header, without the answers that it recorded, and the bytes of its tensors.
fn without_recorded(model: &[u8]) -> (Value, &[u8]) {
    let (mut header, tensors) = header_and_tensors(model);
    header["__metadata__"].as_object_mut().unwrap().remove("recorded");
    (header, tensors)
}

#[test]
fn a_trained_model_holds_the_weights_of_any_layout() {
    let place = Workplace::new(3);
    place.extract("images", "f.npy", &[]).code(0);
    let weights = weights();
    let weights = weights.to_str().unwrap();
    let train = |more: &[&str]| {
        let fixed = ["train", "--train", "f.npy", "--epochs", "2", "--units", "0", "--fresh"];
        place.run(&[&fixed[..], more].concat())
    };
    train(&["-o", "m.safetensors"]).code(0);
    fails(answers(&place, &[]), 2, &["--weights: expected a file of the weights vgg16_weights.h5"]);
    let expected = answers(&place, &["--weights", weights]).code(0).get_output().stdout.clone();
    let plain = fs::read(place.path("m.safetensors")).unwrap();

    fails(train(&["--bundle", "-o", "m.h5"]), 2, &["--bundle: expected an output .safetensors, found m.h5"]);
    let missing =
        ["the weights vgg16_weights.h5, which f.npy was computed with, found none in ", "--weights"];
    fails(train(&["--bundle", "-o", "m.safetensors"]), 2, &missing);
    train(&["--bundle", "--weights", weights, "-o", "m.safetensors"]).code(0);
    let bundled = fs::metadata(place.path("m.safetensors")).unwrap().len();
    assert!(bundled > fs::metadata(weights).unwrap().len(), "{bundled}");
    assert!(answers(&place, &[]).code(0).get_output().stdout == expected);
    let shown = place.run(&["inspect", "m.safetensors"]).code(0);
    let text = String::from_utf8_lossy(&shown.get_output().stdout).into_owned();
    assert!(text.contains("holds       the weights of its network (58.9 MB)"), "{text}");
    assert!(text.contains("tensor      attached/backbone"), "{text}");

    // A copy is the same, and without the weights it is what it would have been, but for the answers that it recorded.
    place.run(&["convert", "m.safetensors", "-o", "copy.safetensors"]).code(0);
    assert!(
        fs::read(place.path("copy.safetensors")).unwrap() == fs::read(place.path("m.safetensors")).unwrap()
    );
    place.run(&["convert", "m.safetensors", "-o", "m.safetensors", "--no-bundle", "--fresh"]).code(0);
    let converted = fs::read(place.path("m.safetensors")).unwrap();
    assert!(without_recorded(&converted) == without_recorded(&plain));
    place.run(&["verify", "m.safetensors", "--weights", weights]).code(0);
    fails(place.run(&["verify", "m.safetensors"]), 2, &["--weights: expected a file of the weights"]);
    fails(
        place.run(&["convert", "copy.safetensors", "-o", "copy.h5"]),
        0,
        &["copy.h5: has no place for the network's weights"],
    );

    // Weights that were damaged are not computed with.
    let mut bytes = fs::read(place.path("copy.safetensors")).unwrap();
    let middle = bytes.len() - 1000;
    bytes[middle] ^= 1;
    place.write("m.safetensors", bytes);
    fails(answers(&place, &[]), 4, &["is not the file of weights that m.safetensors was trained with"]);
}

#[test]
#[cfg(feature = "efficientnet-lite2")]
fn fit_puts_the_weights_into_the_model() {
    let place = Workplace::new(4);
    let fit = |more: &[&str]| {
        let fixed = ["fit", "images", "-o", "m.safetensors", "--size", "64x64"];
        place.run(&[&fixed[..], more].concat()).code(0)
    };
    let size = || fs::metadata(place.path("m.safetensors")).unwrap().len();
    fit(&[]);
    assert!(size() > 20_000_000, "{}", size());
    let with = answers(&place, &[]).code(0).get_output().stdout.clone();
    place.run(&["convert", "m.safetensors", "-o", "converted.safetensors", "--no-bundle"]).code(0);
    fit(&["--no-bundle"]);
    assert!(size() < 100_000, "{}", size());
    assert!(answers(&place, &[]).code(0).get_output().stdout == with);
    // Both ways to leave the weights out give the same file, with the answers for verify.
    let read = |name: &str| fs::read(place.path(name)).unwrap();
    assert!(read("converted.safetensors") == read("m.safetensors"));
    place.run(&["verify", "converted.safetensors"]).code(0);
}
