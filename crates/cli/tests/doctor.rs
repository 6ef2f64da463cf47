//! `headstart doctor`, from outside.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use common::{Workplace, fails, json};
use serde_json::{Value, json};

/// Enough images a class for no warning.
const ENOUGH: usize = 10;

fn good() -> Workplace {
    let place = Workplace::empty();
    for (folder, shift) in [("images", 0), ("validation", 100)] {
        for index in 0..ENOUGH {
            for (class, level) in [("a", 30), ("b", 220)] {
                let pixel =
                    |x: u32, y: u32| [level, (x * 3) as u8, (index + shift + y as usize) as u8].into();
                let path = place.path(&format!("{folder}/{class}/{index}.png"));
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                headstart_dataset::RgbImage::from_fn(40, 36, pixel).save(path).unwrap();
            }
        }
    }
    place
}

fn stdout(assert: &assert_cmd::assert::Assert) -> String {
    String::from_utf8(assert.get_output().stdout.clone()).unwrap()
}

/// Kind, severity and count of each finding.
fn kinds(report: &Value) -> Vec<(&str, &str, u64)> {
    let text =
        |finding: &'static str, value: &Value| -> String { value[finding].as_str().unwrap().to_owned() };
    let findings = report["findings"].as_array().unwrap();
    findings
        .iter()
        .map(|finding| {
            assert_eq!(
                finding["entries"].as_array().unwrap().len() as u64,
                finding["count"].as_u64().unwrap()
            );
            assert!(!text("what", finding).is_empty());
            (
                finding["severity"].as_str().unwrap(),
                finding["what"].as_str().unwrap(),
                finding["count"].as_u64().unwrap(),
            )
        })
        .collect()
}

#[test]
fn good_folders_exit_with_0() {
    let place = good();
    let assert = place.run(&["doctor", "images", "validation"]).code(0);
    let text = stdout(&assert);
    assert!(text.contains("images: 20 images of 2 classes (a 10, b 10)"), "{text}");
    assert!(text.contains("median 40 x 36"), "{text}");
    assert!(text.ends_with("verdict    good: nothing worse than notes\n"), "{text}");
    assert!(assert.get_output().stderr.is_empty());
    // Notes alone change nothing.
    place.write("images/a/.hidden", "");
    place.write("images/loose.txt", "");
    let report = json(&place.run(&["doctor", "images", "--json"]).code(0));
    assert_eq!(kinds(&report), [("note", "hidden", 1), ("note", "loose_file", 1)]);
    assert_eq!(
        (&report["usable"], &report["notes"], &report["decoded"]),
        (&json!(true), &json!(2), &json!(false))
    );
    assert_eq!(report["folders"][0]["formats"], json!({ "PNG": 20 }));
    assert_eq!(report["folders"][0]["split"], "images");
}

#[test]
fn images_that_would_be_skipped_exit_with_3_and_stand_first() {
    let place = good();
    for index in 0..5 {
        let bytes = fs::read(place.path(&format!("images/a/{index}.png"))).unwrap();
        place.write(&format!("images/a/torn-{index}.png"), &bytes[..bytes.len() - 20]);
    }
    fs::copy(place.path("images/a/1.png"), place.path("validation/b/1.png")).unwrap();
    let assert = place.run(&["doctor", "images", "validation"]).code(3);
    let text = stdout(&assert);
    let at = |part: &str| text.find(part).unwrap_or_else(|| panic!("expected {part:?} in {text}"));
    assert!(at("truncated image") < at("same image in both folders"));
    assert!(at("images/a/torn-0.png: PNG: the image is truncated") < at("images/a/torn-2.png"));
    assert!(!text.contains("torn-3"), "{text}");
    at("and 2 more (--json lists all)");
    at("images/a/1.png, validation/b/1.png\n");
    at("verdict    usable, but 5 images would be skipped, with 2 warnings\n");

    let report = json(&place.run(&["doctor", "images", "validation", "--json"]).code(3));
    let expected = [("error", "truncated_image", 5), ("warning", "leak", 1), ("warning", "two_labels", 1)];
    assert_eq!(kinds(&report), expected);
    let leak = [
        json!({ "split": "images", "path": "a/1.png" }),
        json!({ "split": "validation", "path": "b/1.png" }),
    ];
    assert_eq!(report["findings"][1]["entries"][0], json!({ "places": leak }));
    assert_eq!(report["findings"][0]["entries"][4]["places"][0]["path"], "a/torn-4.png");
}

#[test]
fn folders_that_are_no_dataset_exit_as_in_every_command_and_are_reported() {
    let place = good();
    place.image("one/a/1.png", 1, 1);
    let assert = place.run(&["doctor", "images", "one", "--json"]);
    let report = json(&assert);
    fails(assert, 4, &["headstart: one: expected at least two class folders"]);
    assert_eq!(kinds(&report), [("error", "unusable_folder", 1)]);
    assert_eq!(report["usable"], false);
    assert_eq!(report["folders"].as_array().unwrap().len(), 1);

    let assert = place.run(&["doctor", "one"]);
    let text = stdout(&assert);
    assert!(text.contains("\n           one: expected at least two class folders"), "{text}");
    assert!(text.ends_with("verdict    can't be used as a dataset\n"), "{text}");
    fails(assert, 4, &[]);

    fails(place.run(&["doctor", "missing"]), 1, &["missing: can't open the data folder"]);

    place.write("torn/a/1.png", "no");
    place.write("torn/b/1.png", "no");
    let assert = place.run(&["doctor", "torn"]);
    assert!(stdout(&assert).contains("torn: none of 2 images can be read"));
    fails(assert, 4, &["no image of a folder can be read"]);
}

#[test]
fn decode_finds_damage_within_the_pixels() {
    let place = good();
    let mut bytes = fs::read(place.path("images/a/3.png")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xFF;
    place.write("images/a/damaged.png", bytes);
    place.run(&["doctor", "images"]).code(0);
    let report = json(&place.run(&["doctor", "images", "--decode", "--json"]).code(3));
    assert_eq!(kinds(&report), [("error", "corrupt_image", 1)]);
    assert_eq!(report["findings"][0]["entries"][0]["places"][0]["path"], "a/damaged.png");
    assert_eq!(report["decoded"], true);
}

#[test]
fn decode_tells_what_extract_skips_in_the_same_words() {
    let place = good();
    let golden = common::root().join("tests/golden/decode/images");
    for (number, file) in
        ["jpeg-420.jpg", "tiff-rgb-lzw.tif", "webp-rgb.webp", "bmp-rle8.bmp"].iter().enumerate()
    {
        let bytes = fs::read(golden.join(file)).unwrap();
        let damaged: Vec<u8> =
            bytes.iter().enumerate().map(|(at, byte)| if at % 97 == 60 { !byte } else { *byte }).collect();
        place.write(&format!("images/a/{number}-{file}"), damaged);
        place.write(&format!("images/b/{number}-{file}"), &bytes[..bytes.len() / 2]);
    }
    let extracted = json(&place.extract("images", "f.npy", &["--json"]).code(3));
    let report = json(&place.run(&["doctor", "images", "--decode", "--json"]).code(3));
    let mut told: Vec<(String, String)> = Vec::new();
    for finding in
        report["findings"].as_array().unwrap().iter().filter(|finding| finding["severity"] == "error")
    {
        for entry in finding["entries"].as_array().unwrap() {
            let path = entry["places"][0]["path"].as_str().unwrap().to_owned();
            told.push((path, entry["detail"].as_str().unwrap().to_owned()));
        }
    }
    told.sort();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let skipped = extracted["skipped_images"].as_array().unwrap();
    let skipped: Vec<_> =
        skipped.iter().map(|image| (text(&image["path"]), text(&image["reason"]))).collect();
    assert!(skipped.len() >= 5, "{skipped:?}");
    assert_eq!(told, skipped);
}

/// Path, time of the last change and content of all that lies below a folder.
fn listing(folder: &Path) -> Vec<(PathBuf, SystemTime, Option<Vec<u8>>)> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let metadata = fs::symlink_metadata(&path).unwrap();
        entries.push((
            path.clone(),
            metadata.modified().unwrap(),
            metadata.is_file().then(|| fs::read(&path).unwrap()),
        ));
        if metadata.is_dir() {
            entries.extend(listing(&path));
        }
    }
    entries.sort();
    entries
}

#[test]
fn nothing_is_changed() {
    let place = good();
    place.write("images/a/torn.jpg", "no");
    place.write("images/a/.hidden", "");
    let before = listing(&place.path(""));
    place.run(&["doctor", "images", "validation"]).code(3);
    place.run(&["doctor", "images", "validation", "--decode", "--json"]).code(3);
    assert!(listing(&place.path("")) == before);
}

#[test]
fn the_report_does_not_depend_on_threads() {
    let place = good();
    place.write("images/a/torn.jpg", "no");
    fs::copy(place.path("images/a/1.png"), place.path("images/b/copy.png")).unwrap();
    let report = |threads: &str| stdout(&place.run(&["doctor", "images", "--threads", threads]).code(3));
    assert_eq!(report("1"), report("3"));
}

#[cfg(unix)]
#[test]
fn links_are_followed_when_asked_and_odd_names_are_quoted() {
    let place = good();
    std::os::unix::fs::symlink(place.path("validation/a/1.png"), place.path("images/a/link.png")).unwrap();
    let report = json(&place.run(&["doctor", "images", "--json"]).code(0));
    assert_eq!(kinds(&report), [("note", "link", 1)]);
    let report = json(&place.run(&["doctor", "images", "validation", "--follow-links", "--json"]).code(3));
    assert_eq!(kinds(&report), [("warning", "leak", 1)]);

    place.write("images/a/x\x1b[31m.png", "no");
    let text = stdout(&place.run(&["doctor", "images"]).code(3));
    assert!(text.contains(r"x\u{1b}[31m.png"), "{text}");
    assert!(!text.contains('\x1b'), "{text}");
}

#[test]
fn help_tells_severities_and_exit_codes() {
    let text = stdout(&good().run(&["doctor", "--help"]).code(0));
    for part in [
        "Exit codes:\n  0  nothing worse",
        "3  warnings",
        "10 times",
        "headstart doctor data/train data/validation",
    ] {
        assert!(text.contains(part), "expected {part:?} in {text}");
    }
}
