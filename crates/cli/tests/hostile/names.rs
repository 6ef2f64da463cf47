//! Names of files that a terminal would obey, that are no text, or that mean something else than a class.
#![cfg(unix)]

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use serde_json::Value;

use crate::common::{Workplace, fails, json, weights};

/// Puts `name`, which some file systems refuse, into a folder of images; false if it was refused.
fn rename(place: &Workplace, from: &str, folder: &str, name: &[u8]) -> bool {
    fs::rename(place.path(from), place.path(folder).join(OsStr::from_bytes(name))).is_ok()
}

#[test]
fn a_name_that_is_no_text_is_skipped_with_the_reason() {
    let place = Workplace::new(3);
    if !rename(&place, "images/a/2.png", "images/a", b"2\xE9.png") {
        return;
    }
    fs::create_dir(place.path("images/x")).unwrap();
    assert!(rename(&place, "images/b/2.png", "images/x", b"2.png"));
    assert!(rename(&place, "images/x", "images/b", b"\xFF"));
    place.image("images/c/0.png", 99, 1);
    assert!(rename(&place, "images/c", "images", b"caf\xE9"));

    let told = [
        "images: 4 images (a 2, b 2)",
        r"skipped caf\xE9: its name is not valid UTF-8; rename it",
        r"skipped a/2\xE9.png: its name is not valid UTF-8; rename it",
        r"skipped b/\xFF: its name is not valid UTF-8; rename it",
    ];
    fails(place.extract("images", "f.npy", &[]), 3, &told);
    let report = json(&place.extract("images", "f.npy", &["--json"]).code(3));
    let skipped: Vec<_> =
        report["skipped_images"].as_array().unwrap().iter().map(|image| &image["path"]).collect();
    assert_eq!(skipped, [r"caf\xE9", r"a/2\xE9.png", r"b/\xFF"]);
    fails(
        place.extract("images", "s.npy", &["--strict"]),
        4,
        &[r"images/caf\xE9: its name is not valid UTF-8"],
    );

    // Shards see the same.
    for (output, shard) in [("0.npy", "0/2"), ("1.npy", "1/2")] {
        place.extract("images", output, &["--shard", shard]).code(3);
    }
    place.run(&["merge", "0.npy", "1.npy", "-o", "m.npy"]).code(3);
    for suffix in ["npy", "jsonl"] {
        let [merged, whole] =
            ["m", "f"].map(|name| fs::read(place.path(&format!("{name}.{suffix}"))).unwrap());
        assert!(merged == whole, "{suffix}");
    }

    let report = json(&place.run(&["doctor", "images", "--json"]).code(3));
    let errors: Vec<&Value> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["severity"] == "error")
        .collect();
    assert_eq!((&errors[0]["what"], &errors[0]["count"]), (&Value::from("unreadable_file"), &Value::from(3)));

    place.run(&["train", "--train", "f.npy", "-o", "model.safetensors", "--epochs", "1"]).code(0);
    let weights = weights();
    let predict = |more: &[&str]| {
        let fixed = ["predict", "model.safetensors", "--weights", weights.to_str().unwrap(), "--json"];
        place.command(&[&fixed[..], more].concat())
    };
    let answers = |stdout: &[u8]| -> Vec<(String, bool)> {
        let lines = std::str::from_utf8(stdout).unwrap().lines();
        let answer = |line: &str| {
            let answer: Value = serde_json::from_str(line).unwrap();
            let error = answer["error"].as_str();
            assert!(error.is_none_or(|error| error.contains("not valid UTF-8")), "{answer}");
            (answer["path"].as_str().unwrap().to_owned(), error.is_some())
        };
        lines.map(answer).collect()
    };
    let assert = predict(&["images/a"]).assert().code(3);
    let expected = [("images/a/0.png", false), ("images/a/1.png", false), (r"images/a/2\xE9.png", true)]
        .map(|(path, error)| (path.to_owned(), error));
    assert_eq!(answers(&assert.get_output().stdout), expected);
    let assert = predict(&[])
        .write_stdin(&b"\xEF\xBB\xBFimages/a/0.png\r\nimages/a/1.png\nimages/a/2\xE9.png"[..])
        .assert()
        .code(3);
    assert_eq!(answers(&assert.get_output().stdout), expected);
    let utf16: Vec<u8> = "\u{FEFF}images/a/0.png\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    fails(
        predict(&[]).write_stdin(utf16).assert(),
        4,
        &["standard input", "found text in UTF-16; save it as UTF-8"],
    );
}

#[test]
fn what_a_terminal_would_obey_is_shown_and_not_obeyed() {
    let place = Workplace::new(1);
    let names = ["line\nbreak.png", "\u{1b}[2Jclear.png", "gnp.\u{202e}gpj.png", "\u{9b}31mred.png"];
    for (index, name) in names.iter().enumerate() {
        place.image(&format!("images/a/{name}"), 30, 3 + index as u8);
        place.write(&format!("images/b/{name}"), "no image");
    }
    place.write("images/b/\u{1b}]0;title\u{7}.txt", "words");
    place.image("images/cl\u{1b}[31mass/0.png", 90, 1);
    let is_safe = |text: &[u8]| {
        let text = std::str::from_utf8(text).unwrap();
        assert!(!text.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'), "{text:?}");
        // No name starts a line.
        assert!(!text.lines().any(|line| line.starts_with("break")), "{text}");
    };
    let check = |arguments: &[&str], code: i32| {
        let assert = place.run(arguments).code(code);
        is_safe(&assert.get_output().stdout);
        is_safe(&assert.get_output().stderr);
    };
    let weights = weights();
    let weights = weights.to_str().unwrap();
    check(&["extract", "images", "-o", "f\u{1b}.npy", "--weights", weights, "--size", "32x32"], 3);
    check(&["doctor", "images"], 3);
    check(&["inspect", "f\u{1b}.npy"], 0);
    check(&["train", "--train", "f\u{1b}.npy", "-o", "m\n.safetensors", "--epochs", "1"], 0);
    check(&["evaluate", "m\n.safetensors", "f\u{1b}.npy"], 0);
    check(&["predict", "m\n.safetensors", "images", "--weights", weights], 3);
    check(&["inspect", "m\n.safetensors"], 0);
    check(&["inspect", "no\u{202e}.npy"], 1);
    check(&["convert", "m\n.safetensors", "-o", "m\u{1b}.h5"], 0);
}

#[test]
fn folders_of_systems_are_told_once() {
    let place = Workplace::new(1);
    for class in ["a", "b"] {
        place.image(&format!("images/{class}/@eaDir/0.png/thumb.png"), 1, 1);
    }
    place.image("images/#recycle/0.png", 1, 1);
    let told =
        ["images: 2 images (a 1, b 1)", "left out because it is a folder of the system: #recycle and 2 more"];
    fails(place.extract("images", "f.npy", &[]), 0, &told);
}

#[test]
fn photographs_of_formats_that_are_not_read_are_a_warning() {
    let place = Workplace::new(1);
    for number in 0..40 {
        place.write(&format!("images/a/IMG_{number:04}.HEIC"), b"\0\0\0\x18ftypheic");
    }
    let told = ["warning: 40 photographs in HEIC are not read, first a/IMG_0000.HEIC: convert them to JPEG"];
    let stderr = fails(place.extract("images", "f.npy", &[]), 0, &told);
    assert!(!stderr.contains("unknown extension"), "{stderr}");
    fails(place.run(&["doctor", "images"]), 3, &[]);
    let assert = place.run(&["doctor", "images"]).code(3);
    let stdout = String::from_utf8_lossy(&assert.get_output().stdout).into_owned();
    assert!(stdout.contains("photograph of a format that is not read"), "{stdout}");
}

#[test]
fn the_folder_above_the_classes_is_a_warning_of_extract_and_of_train() {
    let place = Workplace::new(2);
    fs::create_dir_all(place.path("data/train")).unwrap();
    fs::create_dir_all(place.path("data/empty")).unwrap();
    for class in ["a", "b"] {
        place.image(&format!("data/validation/{class}/9.png"), 7, 7);
        fs::rename(place.path(&format!("images/{class}")), place.path(&format!("data/train/{class}")))
            .unwrap();
    }
    let nested =
        "the classes train, validation hold the folders a, b; if those are the classes, extract train alone";
    let told = [&format!("warning: data: {nested}"), "warning: data: class empty is empty: it has no image"];
    fails(place.extract("data", "f.npy", &[]), 0, &told);
    fs::remove_dir(place.path("data/empty")).unwrap();
    place.extract("data", "g.npy", &[]).code(0);
    let train =
        |features: &str| place.run(&["train", "--train", features, "-o", "m.safetensors", "--epochs", "1"]);
    fails(train("f.npy"), 4, &["f.npy: class empty is empty: expected rows of each of 3 classes"]);
    fails(train("g.npy"), 0, &[&format!("warning: g.npy: {nested}")]);
}

#[test]
fn links_in_the_place_of_images_are_named_with_the_flag_that_follows_them() {
    let place = Workplace::new(1);
    fs::create_dir(place.path("links")).unwrap();
    for class in ["a", "b"] {
        std::os::unix::fs::symlink(
            place.path(&format!("images/{class}")),
            place.path(&format!("links/{class}")),
        )
        .unwrap();
    }
    let told = [
        "links: expected one sub-folder per class",
        "; a and 1 more links were not followed; --follow-links follows them",
    ];
    fails(place.extract("links", "f.npy", &[]), 4, &told);
    place.extract("links", "f.npy", &["--follow-links"]).code(0);
}

#[test]
fn the_class_that_is_probably_meant_is_named() {
    let place = Workplace::new(1);
    fs::rename(place.path("images/b"), place.path("images/dogs")).unwrap();
    place.extract("images", "train.npy", &[]).code(0);
    fs::rename(place.path("images/dogs"), place.path("images/dgos")).unwrap();
    place.extract("images", "validation.npy", &[]).code(0);
    let train = ["train", "--train", "train.npy", "--validation", "validation.npy", "-o", "m.safetensors"];
    fails(place.run(&train), 4, &["\"dogs\": did you mean \"dgos\"?"]);
}
