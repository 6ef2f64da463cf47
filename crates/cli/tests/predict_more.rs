//! `headstart predict` on stored features, on standard input and into files and folders.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use assert_cmd::assert::Assert;
use common::{Workplace, fails, weights};
use serde_json::Value;

/// Three images of each of two classes, their features, and a model trained on these.
fn trained() -> Workplace {
    let place = Workplace::new(3);
    place.extract("images", "f.npy", &[]).code(0);
    place.run(&["train", "--train", "f.npy", "-o", "model.safetensors", "--epochs", "4"]).code(0);
    place
}

fn predict(place: &Workplace, model: &str, more: &[&str]) -> Assert {
    let weights = weights();
    place.run(&[&["predict", model, "--weights", weights.to_str().unwrap()], more].concat())
}

/// Standard output as a JSON value a line.
fn json_lines(assert: &Assert) -> Vec<Value> {
    let text = String::from_utf8_lossy(&assert.get_output().stdout).into_owned();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn stored_features_are_answered_without_weights_as_their_images_are() {
    let place = trained();
    let images = json_lines(&predict(&place, "model.safetensors", &["images", "--json"]).code(0));
    let stored = json_lines(&place.run(&["predict", "model.safetensors", "f.npy", "--json"]).code(0));
    assert_eq!(images.len(), stored.len());
    for (image, row) in images.iter().zip(&stored) {
        assert_eq!((&image["label"], &image["probability"]), (&row["label"], &row["probability"]));
        assert_eq!(image["path"].as_str().unwrap(), format!("images/{}", row["path"].as_str().unwrap()));
    }
    let both = place.run(&["predict", "model.safetensors", "f.npy", "images"]);
    fails(both, 2, &["expected images or stored features (.npy), found both"]);
    let sorted = place.run(&["predict", "model.safetensors", "f.npy", "--copy-to", "sorted"]);
    fails(sorted, 2, &["which do not say where their images are"]);
    place.extract("images", "caffe.npy", &["--preset", "caffe"]).code(0);
    let other = place.run(&["predict", "model.safetensors", "caffe.npy"]);
    fails(other, 4, &["was trained on other features than caffe.npy", "blog 32x32 against caffe 32x32"]);
}

#[test]
fn an_image_on_standard_input_is_told_from_paths() {
    let place = trained();
    let weights = weights();
    let arguments = ["predict", "model.safetensors", "-", "--json", "--weights", weights.to_str().unwrap()];
    let bytes = std::fs::read(place.path("images/b/1.png")).unwrap();
    let answer = json_lines(&place.command(&arguments).write_stdin(bytes).assert().code(0));
    let paths = json_lines(&place.command(&arguments).write_stdin("images/b/1.png\n").assert().code(0));
    assert_eq!((answer[0]["path"].as_str(), answer.len()), (Some("-"), 1));
    assert_eq!(answer[0]["probability"], paths[0]["probability"]);
    let torn = place.command(&arguments).write_stdin(&b"\x89PNG torn\0"[..]).assert();
    let told = json_lines(&torn.code(3));
    assert!(told[0]["error"].is_string() && told[0]["path"] == "-", "{told:?}");
    let sorted = place.command(&[&arguments[..], &["--copy-to", "x"]].concat()).write_stdin("\u{0}").assert();
    fails(sorted, 2, &["expected images with names"]);
}

#[test]
fn answers_are_written_whole_or_not_at_all() {
    let place = trained();
    let shown = predict(&place, "model.safetensors", &["images", "--format", "csv"]).code(0);
    let file = ["images", "--format", "csv", "-o", "answers.csv"];
    let written = predict(&place, "model.safetensors", &file).code(0);
    assert!(written.get_output().stdout.is_empty());
    assert!(std::fs::read(place.path("answers.csv")).unwrap() == shown.get_output().stdout);
    fails(predict(&place, "model.safetensors", &file), 1, &["answers.csv: already exists", "--fresh"]);
    predict(&place, "model.safetensors", &[&file[..], &["--fresh"]].concat()).code(0);
    let absent = ["images", "-o", "other.csv", "--weights", "absent.h5"];
    fails(place.run(&[&["predict", "model.safetensors"], &absent[..]].concat()), 1, &["absent.h5"]);
    assert!(!place.path("other.csv").exists() && !place.files().iter().any(|name| name.contains("partial")));
}

#[test]
fn images_are_sorted_by_class_and_nothing_is_overwritten() {
    let place = trained();
    place.write("images/a/torn.png", "no image");
    place.write("sorted/a/0.png", "mine");
    let sort = |more: &[&str]| {
        let fixed = ["images", "--json", "--copy-to", "sorted"];
        predict(&place, "model.safetensors", &[&fixed[..], more].concat())
    };
    let told = sort(&[]).code(3);
    let answers = json_lines(&told);
    fails(told, 3, &["sorted 6 images, 0 were there already"]);
    assert_eq!(std::fs::read(place.path("sorted/a/0.png")).unwrap(), b"mine");
    let mut expected = vec!["0.png".to_owned()];
    for answer in answers.iter().filter(|answer| answer["label"] == "a") {
        let name = answer["path"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        let taken = expected.contains(&name);
        expected.push(if taken { name.replace('.', "-2.") } else { name });
    }
    expected.sort();
    let mut found: Vec<String> = std::fs::read_dir(place.path("sorted/a"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    found.sort();
    // The images of the other class have the same names, and may be answered so, too.
    assert_eq!(found.len(), expected.len(), "{found:?} {expected:?}");
    fails(sort(&[]), 3, &["sorted 0 images, 6 were there already"]);
    // Rejected images have a folder of their own.
    sort(&["--reject", "1"]).code(3);
    assert!(std::fs::read_dir(place.path("sorted/unknown")).unwrap().count() > 0);
    fails(sort(&["--link-to", "links"]), 2, &["--copy-to", "--link-to"]);
}

#[test]
fn the_least_certain_come_first_and_alone() {
    let place = trained();
    let all = json_lines(&predict(&place, "model.safetensors", &["images", "--json"]).code(0));
    let two = ["images", "--json", "--uncertain", "2"];
    let least = json_lines(&predict(&place, "model.safetensors", &two).code(0));
    let mut certainties: Vec<f64> =
        all.iter().map(|answer| answer["probability"].as_f64().unwrap()).collect();
    certainties.sort_by(f64::total_cmp);
    let found: Vec<f64> = least.iter().map(|answer| answer["probability"].as_f64().unwrap()).collect();
    assert_eq!(found, certainties[..2]);
}

#[test]
fn cached_features_are_used_again_and_answer_alike() {
    let place = trained();
    place.write("images/a/0_torn.png", "no image");
    let plain = predict(&place, "model.safetensors", &["images", "--json"]).code(3);
    let cached = ["images", "--json", "--cache", "cache.npy"];
    let first = predict(&place, "model.safetensors", &cached).code(3);
    assert_eq!(json_lines(&first), json_lines(&plain));
    place.image("images/b/9.png", 215, 9);
    let second = predict(&place, "model.safetensors", &cached).code(3);
    fails(second, 3, &["cache.npy: ", "images to compute, the other rows are there"]);
    let again = json_lines(&predict(&place, "model.safetensors", &cached).code(3));
    assert_eq!(again.len(), 8);
    let piped =
        place.command(&["predict", "model.safetensors", "--cache", "c.npy"]).write_stdin("x").assert();
    fails(piped, 2, &["--cache: expected images and folders as arguments"]);
}
