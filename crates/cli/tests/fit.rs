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
    let rows = told["rows"].as_u64().unwrap();
    assert_eq!(told["recipe"].as_str(), Some("logistic"));
    // Three of the same content, and near-duplicates.
    let leaks = told["leaks"].as_array().unwrap().len() as u64;
    assert!(leaks >= 3 && rows + leaks == 380, "{}", told["leaks"]);
    let (crossed, test) = (&told["cross_validation"], &told["test"]);
    assert_eq!((crossed["images"].as_u64(), test["images"].as_u64()), (Some(rows), Some(140)));
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
        format!("5-fold cross-validation, {rows} images, no image judged by a head that saw it").as_str(),
        "images in both folders, not trained on; 5 same image under two labels",
        "labels that are probably wrong, the likeliest first:",
        "pairs of images that are nearly the same under two labels, the nearest first:",
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
    assert!(answer["novelty"].as_f64().unwrap() <= 1.0, "{answer}");
    // Noise is like none of the images.
    let noise = |x: u32, y: u32| {
        [0, 1, 2].map(|c| ((x * 3 + y * 701 + c + 1).wrapping_mul(2_654_435_761) >> 24) as u8).into()
    };
    headstart_dataset::RgbImage::from_fn(200, 200, noise).save(place.path("noise.png")).unwrap();
    let strange = json(&place.run(&["predict", "m.safetensors", "noise.png", "--json"]).code(0));
    assert!(strange["label"] == "unknown" && strange["novelty"].as_f64().unwrap() > 1.0, "{strange}");
    let table =
        place.run(&["predict", "m.safetensors", "noise.png", "--answer-all", "--format", "csv"]).code(0);
    let table = String::from_utf8_lossy(&table.get_output().stdout).into_owned();
    assert!(
        table.starts_with("path,label,probability,error,novelty\n") && !table.contains("unknown"),
        "{table}"
    );
    assert!(evaluated["unknown"]["refused"].as_f64().unwrap() < 0.1, "{evaluated}");
    place.run(&["convert", "m.safetensors", "-o", "m.h5"]).code(0);
    let inspected = place.run(&["inspect", "m.safetensors"]).code(0);
    assert!(String::from_utf8_lossy(&inspected.get_output().stdout).contains("\"recipe\":\"logistic\""));
}

#[test]
fn killed_at_any_moment_or_with_other_threads_the_model_is_an_uninterrupted_run_s() {
    use std::process::{Command, Stdio};
    use std::time::Instant;

    let place = Workplace::new(30);
    let start = |output: &str, threads: &str| {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("headstart"));
        command.current_dir(place.path("")).args(["fit", "images", "-o", output, "--size", "64x64"]);
        command.args(["--threads", threads, "--test", "0.2"]).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    };
    let files = |name: &str| {
        ["safetensors", "features.npy", "features.jsonl"]
            .map(|suffix| std::fs::read(place.path(&format!("{name}.{suffix}"))).unwrap())
    };
    let begun = Instant::now();
    assert!(start("one.safetensors", "1").wait().unwrap().success());
    let whole = begun.elapsed();
    let expected = files("one");
    assert!(start("two.safetensors", "2").wait().unwrap().success());
    assert!(files("two") == expected, "two threads");
    let mut killed = 0;
    for moment in 1..=6 {
        let output = format!("killed{moment}.safetensors");
        let mut child = start(&output, "2");
        std::thread::sleep(whole * moment / 7);
        // SIGKILL.
        child.kill().unwrap();
        killed += usize::from(!child.wait().unwrap().success());
        assert!(start(&output, "2").wait().unwrap().success());
        assert!(files(&format!("killed{moment}")) == expected, "killed at {moment} of 7");
    }
    assert!(killed > 1, "no run was killed before its end");
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
