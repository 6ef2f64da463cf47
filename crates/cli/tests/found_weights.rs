//! Weights that no flag names, and the input that they are given.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use std::fs;

use assert_cmd::Command;
use common::{Workplace, fails, json, weights};

/// `headstart` with no other place for weights than those that are set.
fn command(place: &Workplace, arguments: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = place.command(arguments);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("HEADSTART_")) {
        command.env_remove(name);
    }
    command.env_remove("XDG_DATA_HOME").env("HOME", place.path("home"));
    command.envs(variables.iter().copied());
    command
}

const EXTRACT: [&str; 8] = ["extract", "images", "-o", "f.npy", "--size", "32x32", "--backbone", "vgg16"];

#[test]
#[cfg(all(unix, not(target_os = "macos")))]
fn weights_are_looked_for_where_the_variable_says_and_in_the_data_folder() {
    let place = Workplace::new(2);
    let missing = [
        "--weights: expected a file of the weights of vgg16, found none in ",
        "home/.local/share/headstart",
        "HEADSTART_WEIGHTS",
        "https://huggingface.co/timm",
    ];
    fails(command(&place, &EXTRACT, &[]).assert(), 2, &missing);
    fails(command(&place, &EXTRACT, &[("HEADSTART_WEIGHTS", "absent.h5")]).assert(), 1, &["absent.h5"]);

    // Of a folder it is the file of that network, whatever the others are.
    let folder = place.path("home/.local/share/headstart");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("notes.h5"), "no weights").unwrap();
    fs::copy(weights(), folder.join("mine.h5")).unwrap();
    let found = json(&command(&place, &[&EXTRACT[..], &["--json"]].concat(), &[]).assert().code(0));
    assert_eq!(found["computed"], 4);
    let train = ["train", "--train", "f.npy", "-o", "model/m.safetensors", "--epochs", "1", "--units", "0"];
    fs::create_dir(place.path("model")).unwrap();
    command(&place, &train, &[]).assert().code(0);
    let predict = ["predict", "model/m.safetensors", "images", "--json"];
    let answers = |variables: &[(&str, &str)]| command(&place, &predict, variables).assert();
    let expected = answers(&[]).code(0).get_output().stdout.clone();

    // Beside the model, under any name: the content decides.
    fs::rename(folder.join("mine.h5"), place.path("model/other.h5")).unwrap();
    assert!(answers(&[]).code(0).get_output().stdout == expected);
    fs::rename(place.path("model/other.h5"), place.path("w.h5")).unwrap();
    fails(
        answers(&[]),
        2,
        &["the weights mine.h5, which model/m.safetensors was trained with, found none in model, "],
    );
    for variable in ["w.h5", "."] {
        assert!(answers(&[("HEADSTART_WEIGHTS", variable)]).code(0).get_output().stdout == expected);
    }
    // A file that the variable names tells the network, too.
    let arguments = ["extract", "images", "-o", "g.npy", "--size", "32x32", "--json"];
    let told = command(&place, &arguments, &[("HEADSTART_WEIGHTS", "w.h5")]).assert().code(0);
    assert_eq!(json(&told)["computed"], 4);
}

/// The preset and the size of features.
fn input(place: &Workplace, name: &str) -> String {
    let text = fs::read_to_string(place.path(name)).unwrap();
    let header: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    let preprocessing = &header["preprocessing"];
    format!("{} {}", header["preset"].as_str().unwrap(), preprocessing["height"])
}

#[test]
fn only_a_file_of_the_scripts_layout_gets_the_scripts_input() {
    let place = Workplace::new(1);
    let script = weights();
    let extract = |weights: &str, more: &[&str]| {
        let fixed = ["extract", "images", "-o", "f.npy", "--fresh", "--weights", weights];
        place.run(&[&fixed[..], more].concat()).code(0)
    };
    let poor = "note: blog 150x150 repeats the script of the blog post; on photographs these weights of vgg16 are better \
                with the input that they were trained for, caffe 224x224: --preset caffe --size 224x224";
    fails(extract(script.to_str().unwrap(), &[]), 0, &[poor, "docs/guide.md"]);
    assert_eq!(input(&place, "f.jsonl"), "blog 150");
    let trained = extract(script.to_str().unwrap(), &["--preset", "caffe"]);
    assert!(!String::from_utf8_lossy(&trained.get_output().stderr).contains("note: "));
    let asked_for = extract(script.to_str().unwrap(), &["--script"]);
    assert!(!String::from_utf8_lossy(&asked_for.get_output().stderr).contains("note: "));
    assert_eq!(input(&place, "f.jsonl"), "blog 150");
    let script_again = ["extract", "images", "-o", "f.npy", "--script", "--preset", "blog"];
    fails(place.run(&script_again), 2, &["--script", "--preset"]);
}
