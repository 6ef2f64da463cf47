//! `headstart report`, from outside.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use std::fs;

use common::{Workplace, fails, json};

const REPORT: [&str; 13] = [
    "report",
    "--train",
    "train.npy",
    "--validation",
    "validation.npy",
    "--head",
    "head.h5",
    "--history",
    "train.json",
    "--train-images",
    "images",
    "-o",
    "report.html",
];

/// A head trained on three images a class, validated on the same.
fn trained() -> Workplace {
    let place = Workplace::new(3);
    for name in ["train.npy", "validation.npy"] {
        place.extract("images", name, &[]).code(0);
    }
    let train =
        ["train", "--train", "train.npy", "--validation", "validation.npy", "-o", "head.h5", "--epochs", "4"];
    let record = place.run(&[&train[..], &["--json"]].concat()).code(0);
    fs::write(place.path("train.json"), &record.get_output().stdout).unwrap();
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
