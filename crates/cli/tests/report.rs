//! `headstart report`, from outside.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use std::fs;

use common::{Workplace, fails, json};

const REPORT: [&str; 6] = ["report", "run", "--train-images", "images", "-o", "report.html"];

/// The run of a head that was trained on three images a class, and validated on the same.
fn trained() -> Workplace {
    let place = Workplace::new(3);
    for name in ["train.npy", "validation.npy"] {
        place.extract("images", name, &[]).code(0);
    }
    let run = ["--epochs", "4", "-o", "head.safetensors", "--run", "run"];
    place
        .run(&[&["train", "--train", "train.npy", "--validation", "validation.npy"], &run[..]].concat())
        .code(0);
    place
}

#[test]
fn a_report_shows_the_copies_that_both_splits_have() {
    let place = trained();
    let told = json(&place.run(&[&REPORT[..], &["--json"]].concat()).code(0));
    assert_eq!(told["epochs"].as_array().unwrap().len(), 4);
    let pairs = told["near_duplicates"].as_array().unwrap();
    assert!(
        (0..6).all(|i| pairs[i]["distance"].as_f64().unwrap() < 1e-6
            && pairs[i]["a"]["path"] == pairs[i]["b"]["path"])
    );
    let page = fs::read_to_string(place.path("report.html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>"));
    assert!(page.contains("data:image/jpeg;base64,") && page.contains("no image"));
    assert!(place.files().iter().all(|name| !name.contains("partial")));
}

/// The head that was written, the report and `evaluate` give one number; a figure that chose the epoch is told as such.
#[test]
fn the_report_is_of_the_head_that_was_written() {
    let place = Workplace::new(6);
    place.image("validation/a/0.png", 110, 3);
    place.image("validation/a/1.png", 160, 5);
    place.image("validation/b/0.png", 120, 4);
    place.image("validation/b/1.png", 220, 9);
    place.extract("images", "train.npy", &[]).code(0);
    place.extract("validation", "validation.npy", &[]).code(0);
    let data = ["--train", "train.npy", "--validation", "validation.npy", "--epochs", "12", "--seed", "3"];
    let mut losses = Vec::new();
    for (name, more) in [("last", &[][..]), ("kept", &["--keep-best"])] {
        let (head, run) = (format!("{name}.safetensors"), format!("{name}-run"));
        place.run(&[&["train", "-o", &head, "--run", &run], &data[..], more].concat()).code(0);
        let evaluated = json(&place.run(&["evaluate", &head, "validation.npy", "--json"]).code(0));
        let page = format!("{name}.html");
        let told = json(&place.run(&["report", &run, "-o", &page, "--json"]).code(0));
        for figure in ["accuracy", "loss"] {
            assert_eq!(told["evaluation"][figure], evaluated[figure], "{name} {figure}");
        }
        assert_eq!(told["caution"].is_string(), name == "kept", "{}", told["caution"]);
        let page = fs::read_to_string(place.path(&page)).unwrap();
        assert_eq!(page.contains("lowest validation loss on these same images"), name == "kept");
        assert!(page.contains(&format!("{:.1} %", 100.0 * evaluated["accuracy"].as_f64().unwrap())));
        losses.push(evaluated["loss"].as_f64().unwrap());
    }
    assert!(losses[1] < losses[0], "the last epoch was the best, so nothing was tested: {losses:?}");
}

#[test]
fn images_that_are_gone_leave_a_report_with_places_for_them() {
    let place = trained();
    fs::remove_dir_all(place.path("images")).unwrap();
    place.run(&REPORT).code(0);
    let page = fs::read_to_string(place.path("report.html")).unwrap();
    assert!(!page.contains("data:image") && page.contains("no image"));
}

#[test]
fn what_stands_at_the_output_is_kept_unless_fresh_is_given() {
    let place = trained();
    place.write("report.html", "mine");
    fails(place.run(&REPORT), 2, &["report.html: exists", "--fresh"]);
    assert_eq!(fs::read(place.path("report.html")).unwrap(), b"mine");
    place.run(&[&REPORT[..], &["--fresh"]].concat()).code(0);
    assert_ne!(fs::read(place.path("report.html")).unwrap(), b"mine");
}

#[test]
fn a_run_that_lacks_something_is_told_what() {
    let place = trained();
    place.image("images/a/more.png", 60, 9);
    place.extract("images", "train.npy", &[]).code(0);
    fails(
        place.run(&REPORT),
        4,
        &[
            "train.npy: expected the train features of the run, found other values; name the right file with --train",
        ],
    );
    fs::remove_file(place.path("run/best.safetensors")).unwrap();
    fs::remove_file(place.path("run/last.safetensors")).unwrap();
    fails(place.run(&REPORT), 4, &["run: expected a run that kept a head, found none"]);
    fails(place.run(&["report", "images", "-o", "r.html"]), 1, &["settings.json"]);
    let alone = ["train", "--train", "train.npy", "-o", "h.h5", "--epochs", "2", "--run", "alone"];
    place.run(&alone).code(0);
    fails(place.run(&["report", "alone", "-o", "r.html"]), 4, &["a run with validation features"]);
    assert!(!place.path("r.html").exists());
}

/// Without manifests, rows have numbers in place of names; the features are still held to those of the run.
#[test]
fn the_run_of_bare_features_is_shown_by_rows() {
    let place = trained();
    fs::remove_file(place.path("train.jsonl")).unwrap();
    fs::remove_file(place.path("validation.jsonl")).unwrap();
    let run =
        ["--validation", "validation.npy", "--counts", "3,3", "--validation-counts", "3,3", "--run", "bare"];
    place
        .run(&[&["train", "--train", "train.npy", "-o", "b.h5", "--epochs", "2"], &run[..]].concat())
        .code(0);
    let report = ["report", "bare", "-o", "bare.html", "--train-images", "images", "--json"];
    let told = json(&place.run(&report).code(0));
    assert_eq!(told["classes"], serde_json::json!(["0", "1"]));
    assert_eq!(told["near_duplicates"][0]["a"]["path"], "row 0");
    assert!(told["evaluation"]["accuracy"].is_number());
    let mut bytes = fs::read(place.path("train.npy")).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    place.write("train.npy", bytes);
    fails(
        place.run(&[&report[..], &["--fresh"]].concat()),
        4,
        &["train.npy: expected the train features of the run"],
    );
}

/// A training that fails keeps the epochs before, and can be shown.
#[test]
fn a_run_that_diverged_is_shown_as_far_as_it_went() {
    let place = trained();
    let diverging =
        ["--optimizer", "sgd", "--learning-rate", "1", "--units", "0", "--l2", "3", "--epochs", "400"];
    let train = [
        "train",
        "--train",
        "train.npy",
        "--validation",
        "validation.npy",
        "-o",
        "d.h5",
        "--run",
        "diverged",
    ];
    let stderr = fails(place.run(&[&train[..], &diverging].concat()), 1, &["lower the learning rate"]);
    assert!(stderr.contains("diverged keeps the heads and figures of the "), "{stderr}");
    assert!(!place.path("d.h5").exists());
    for name in ["best.safetensors", "last.safetensors", "timings.json"] {
        assert!(place.path("diverged").join(name).exists(), "{name}");
    }
    let told = json(&place.run(&["report", "diverged", "-o", "d.html", "--json"]).code(0));
    let epochs = told["epochs"].as_array().unwrap().len();
    assert!((1..400).contains(&epochs), "{epochs}");
    assert!(stderr.contains(&format!("of the {epochs} epochs before")), "{stderr}");
}

#[test]
fn a_distance_out_of_range_is_refused() {
    let place = Workplace::empty();
    for value in ["nan", "inf", "-1", "2.5", "1e300", "x"] {
        let report = ["report", "run", "-o", "r.html", "--duplicate-distance", value];
        fails(place.run(&report), 2, &["--duplicate-distance", "from 0 to 2", value]);
    }
}
