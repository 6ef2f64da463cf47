//! Images that are trained on and judged by: `train` and `evaluate` tell them, by their contents.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use std::fs;

use assert_cmd::assert::Assert;
use common::{Workplace, fails, json};

/// Features of eight images to train on, and of six others of which two have the content of one that is trained on.
fn place() -> Workplace {
    let place = Workplace::new(4);
    for (class, level) in [("a", 35), ("b", 210)] {
        for index in 0..2 {
            place.image(&format!("others/{class}/{index}.png"), level, index as u8 + 8);
        }
    }
    fs::copy(place.path("images/a/1.png"), place.path("others/a/renamed.png")).unwrap();
    fs::copy(place.path("images/b/2.png"), place.path("others/b/2.png")).unwrap();
    place.extract("images", "train.npy", &[]).code(0);
    place.extract("others", "validation.npy", &[]).code(0);
    place
}

fn train(place: &Workplace, more: &[&str]) -> Assert {
    let fixed = ["train", "--train", "train.npy", "--epochs", "3", "--units", "0"];
    place.run(&[&fixed[..], more].concat())
}

const VALIDATED: [&str; 4] = ["--validation", "validation.npy", "-o", "m.safetensors"];

#[test]
fn training_tells_the_images_on_both_sides_and_refuses_them_where_asked() {
    let place = place();
    let warning = "warning: validation.npy: 2 images were trained on (train.npy), so the figures are too good; first \
                   a/renamed.png";
    let told = train(&place, &[&VALIDATED[..], &["--json"]].concat()).code(0);
    assert_eq!(json(&told)["leaks"], serde_json::json!(["a/renamed.png", "b/2.png"]));
    fails(told, 0, &[warning]);
    let strict = train(&place, &[&VALIDATED[..], &["--strict", "--fresh"]].concat());
    let expected =
        "validation.npy: expected no image that was trained on (train.npy); found 2, first a/renamed.png";
    fails(strict, 4, &[expected]);
    // Without images on both sides nothing is told.
    fs::remove_file(place.path("others/a/renamed.png")).unwrap();
    fs::remove_file(place.path("others/b/2.png")).unwrap();
    place.extract("others", "validation.npy", &["--fresh"]).code(0);
    let clean = train(&place, &[&VALIDATED[..], &["--strict", "--fresh"]].concat()).code(0);
    assert!(!String::from_utf8_lossy(&clean.get_output().stderr).contains("trained on"));
}

#[test]
fn the_same_file_is_not_trained_on_and_validated_on() {
    let place = place();
    let expected = "expected features of images that are not trained on, found ";
    for name in ["train.npy", "./train.npy"] {
        let same = train(&place, &["--validation", name, "-o", "m.h5"]);
        fails(same, 2, &["--validation: ", expected]);
    }
    #[cfg(unix)]
    {
        for suffix in ["npy", "jsonl"] {
            let (file, link) = (format!("train.{suffix}"), place.path(&format!("link.{suffix}")));
            std::os::unix::fs::symlink(place.path(&file), link).unwrap();
        }
        fails(train(&place, &["--validation", "link.npy", "-o", "m.h5"]), 2, &[expected]);
    }
    assert!(!place.path("m.h5").exists());
}

#[test]
fn evaluation_knows_the_images_that_its_head_was_trained_on() {
    let place = place();
    train(&place, &["-o", "m.safetensors"]).code(0);
    let evaluate = |model: &str, features: &str, more: &[&str]| {
        place.run(&[&["evaluate", model, features], more].concat())
    };
    let told = evaluate("m.safetensors", "validation.npy", &["--json"]).code(0);
    assert_eq!(json(&told)["leaks"], serde_json::json!(["a/renamed.png", "b/2.png"]));
    let shown = evaluate("m.safetensors", "validation.npy", &[]).code(0);
    let text = String::from_utf8_lossy(&shown.get_output().stdout).into_owned();
    assert!(text.contains("trained on            2 of the 6 images, so the figures are too good"), "{text}");
    fails(shown, 0, &["warning: validation.npy: 2 images were trained on (m.safetensors)"]);
    let strict = evaluate("m.safetensors", "validation.npy", &["--strict"]);
    fails(strict, 4, &["expected no image that was trained on (m.safetensors); found 2"]);
    fails(evaluate("m.safetensors", "train.npy", &[]), 0, &["8 images were trained on"]);

    // A model that is copied knows it, one in Keras's form does not.
    place.run(&["convert", "m.safetensors", "-o", "copy.safetensors"]).code(0);
    assert!(
        fs::read(place.path("m.safetensors")).unwrap() == fs::read(place.path("copy.safetensors")).unwrap()
    );
    place.run(&["convert", "m.safetensors", "-o", "m.h5"]).code(0);
    assert_eq!(
        json(&evaluate("m.h5", "validation.npy", &["--json"]).code(0))["leaks"],
        serde_json::json!([])
    );
    let shown = place.run(&["inspect", "m.safetensors"]).code(0);
    let text = String::from_utf8_lossy(&shown.get_output().stdout).into_owned();
    assert!(text.contains("attached/trained_on  8 x 8  u8"), "{text}");
    assert!(text.contains("parameters  513"), "{text}");
}
