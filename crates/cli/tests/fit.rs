//! `headstart fit`: a folder to a classifier, with nothing but the binary.
#![cfg(feature = "efficientnet-lite2")]
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use common::{Workplace, fails, json, root};
use headstart::{Backbone, Classifier};
use serde_json::Value;

#[test]
fn the_shipped_images_need_nothing_but_the_binary() {
    let place = Workplace::empty();
    let [train, validation] = ["data/train", "data/validation"].map(|part| root().join(part));
    let command =
        ["fit", train.to_str().unwrap(), "-o", "m.safetensors", "--test", validation.to_str().unwrap()];
    let told = json(&place.run(&[&command[..], &["--json"]].concat()).code(0));
    assert_eq!((told["recipe"].as_str(), told["rows"].as_u64()), (Some("logistic"), Some(377)));
    assert_eq!(told["leaks"].as_array().unwrap().len(), 3, "{}", told["leaks"]);
    let (crossed, test) = (&told["cross_validation"], &told["test"]);
    assert_eq!((crossed["images"].as_u64(), test["images"].as_u64()), (Some(377), Some(140)));
    for estimate in [crossed, test] {
        assert!(estimate["accuracy"].as_f64().unwrap() > 0.82, "{estimate}");
        assert!(estimate["loss"].as_f64().unwrap() < 0.4, "{estimate}");
        assert!(estimate["expected_calibration_error"].as_f64().unwrap() < 0.1, "{estimate}");
    }
    assert_eq!(told["learning_curve"].as_array().unwrap().len(), 4);

    // A second run computes nothing, and its summary says what the number is of.
    let assert = place.run(&command).code(0);
    let summary = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
    for text in [
        "5-fold cross-validation, 377 images, no image judged by a head that saw it",
        "3 images in both folders, not trained on; 5 same image under two labels",
        "report       m.report.html",
        "next         headstart predict m.safetensors new.jpg",
    ] {
        assert!(summary.contains(text), "{summary}");
    }
    let page = std::fs::read_to_string(place.path("m.report.html")).unwrap();
    let accuracy = format!("{:.1} %", 100.0 * test["accuracy"].as_f64().unwrap());
    assert!(
        page.contains(&accuracy) && page.contains("140 images that were kept for the test"),
        "{accuracy}"
    );
    assert!(page.contains("data:image/jpeg;base64,") && page.contains("5-fold cross-validation"));

    // The model is one like any other, and evaluates to the figure of the test.
    let evaluated = json(&place.run(&["evaluate", "m.safetensors", "m.test.features.npy", "--json"]).code(0));
    assert_eq!((&evaluated["accuracy"], &evaluated["loss"]), (&test["accuracy"], &test["loss"]));
    let image = validation.join("animals/a_simple_pig_01.jpg");
    let answered = place.run(&["predict", "m.safetensors", image.to_str().unwrap(), "--json"]).code(0);
    let answer: Value = json(&answered);
    let classifier = Classifier::load(place.path("m.safetensors")).unwrap();
    let backbone: Backbone = classifier.shipped_backbone().unwrap();
    let answers = classifier.predict(&backbone, [&image]).unwrap();
    let prediction = answers[0].prediction.as_ref().unwrap();
    assert_eq!(answer["label"].as_str(), Some(prediction.label.as_str()));
    assert_eq!(answer["probability"].as_f64().unwrap() as f32, prediction.probability);
    place.run(&["convert", "m.safetensors", "-o", "m.h5"]).code(0);
    let inspected = place.run(&["inspect", "m.safetensors"]).code(0);
    assert!(String::from_utf8_lossy(&inspected.get_output().stdout).contains("\"recipe\":\"logistic\""));
}

#[test]
fn what_is_wrong_is_told_with_the_flag() {
    let place = Workplace::new(3);
    let fit = |more: &[&str]| {
        place.run(&[&["fit", "images", "-o", "m.safetensors", "--size", "64x64"], more].concat())
    };
    fails(
        fit(&["--test", "1.5"]),
        2,
        &["--test: expected a folder, or a share above 0 and below 1, found 1.5"],
    );
    fails(fit(&["--test", "images"]), 2, &["--test: ", "shares images with images"]);
    fails(fit(&["--group-by", "("]), 2, &["--group-by: expected a regular expression, found (: "]);
    fails(fit(&["--test", "absent"]), 1, &["absent"]);
    place.write("m.safetensors", "mine");
    fails(fit(&[]), 1, &["m.safetensors: already exists", "--fresh"]);
    assert_eq!(place.files(), ["m.safetensors"], "no features are computed");
    place.write("m.report.html", "mine");
    std::fs::remove_file(place.path("m.safetensors")).unwrap();
    fails(fit(&[]), 2, &["m.report.html: exists and is no report", "--report", "--no-report"]);
    assert_eq!(std::fs::read(place.path("m.report.html")).unwrap(), b"mine");
    place.write("test/a/1.png", std::fs::read(place.path("images/a/1.png")).unwrap());
    place.image("test/b/1.png", 210, 3);
    let strict = fit(&["--fresh", "--strict", "--test", "test"]);
    fails(strict, 4, &["expected no image that is in test too", "found 1, first a/1.png"]);
    fails(fit(&["--fresh", "--test", "test"]), 0, &["1 image is in test too", "first a/1.png"]);
}
