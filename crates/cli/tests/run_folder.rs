//! The folder that `headstart train --run` writes.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use std::fs;

use common::{Workplace, fails};
use serde_json::Value;

const FILES: [&str; 6] = [
    "best.safetensors",
    "events.out.tfevents.0.headstart",
    "last.safetensors",
    "metrics.jsonl",
    "settings.json",
    "timings.json",
];

fn place() -> Workplace {
    let place = Workplace::new(4);
    place.extract("images", "f.npy", &[]).code(0);
    place.copy_features("f", "v");
    place
}

fn train(place: &Workplace, run: &str, more: &[&str]) -> assert_cmd::assert::Assert {
    let fixed = ["train", "--train", "f.npy", "--validation", "v.npy", "--epochs", "6", "--run", run, "-o"];
    place.run(&[&fixed[..], &[&format!("{run}.safetensors")], more].concat())
}

#[test]
fn the_same_settings_and_seed_give_the_same_bytes() {
    let place = place();
    train(&place, "one", &["--threads", "1"]).code(0);
    train(&place, "two", &["--threads", "3"]).code(0);
    train(&place, "other", &["--seed", "1"]).code(0);
    let mut names: Vec<_> =
        fs::read_dir(place.path("one")).unwrap().map(|file| file.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, FILES);
    let read = |run: &str, name: &str| fs::read(place.path(&format!("{run}/{name}"))).unwrap();
    for name in FILES.iter().filter(|name| **name != "timings.json") {
        assert!(read("one", name) == read("two", name), "{name}");
        assert!(read("one", name) != read("other", name), "{name}");
    }
}

#[test]
fn it_holds_settings_each_epoch_and_both_heads() {
    let place = place();
    train(&place, "run", &["--monitor", "val_loss"]).code(0);
    let text = |name: &str| fs::read_to_string(place.path(&format!("run/{name}"))).unwrap();
    let settings: Value = serde_json::from_str(&text("settings.json")).unwrap();
    assert_eq!(settings["options"]["optimizer"]["rho"].as_f64().map(|rho| rho as f32), Some(0.9));
    assert_eq!(settings["training"]["rows"], 8);
    let epochs: Vec<Value> =
        text("metrics.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(epochs.len(), 6);
    let loss = |epoch: &Value| epoch["val_loss"].as_f64().unwrap();
    let best = epochs.iter().min_by(|a, b| loss(a).total_cmp(&loss(b))).unwrap();
    let kept = |name: &str| {
        let model = headstart_weights::load_model(&place.path(&format!("run/{name}"))).unwrap();
        let training: Value = model.metadata.training.unwrap().read().unwrap();
        training["metrics"]["epoch"].clone()
    };
    assert_eq!(kept("best.safetensors"), best["epoch"]);
    assert_eq!(kept("last.safetensors"), 6);
    // Without --keep-best the output is the last.
    let output = fs::read(place.path("run.safetensors")).unwrap();
    assert!(output == fs::read(place.path("run/last.safetensors")).unwrap());
}

#[test]
fn tensorboard_s_records_hold_the_metrics_of_each_epoch() {
    let place = place();
    train(&place, "run", &[]).code(0);
    let events = fs::read(place.path("run/events.out.tfevents.0.headstart")).unwrap();
    // A record is its length (8 bytes), a checksum (4), the event, and another checksum (4).
    let (mut at, mut records) = (0, 0);
    while at < events.len() {
        let length = u64::from_le_bytes(events[at..at + 8].try_into().unwrap()) as usize;
        let event = &events[at + 12..at + 12 + length];
        let says = |text: &str| event.windows(text.len()).any(|window| window == text.as_bytes());
        match records {
            0 => assert!(says("brain.Event:2")),
            _ => assert!(says("loss/training") && says("loss/validation") && says("accuracy/validation")),
        }
        at += length + 16;
        records += 1;
    }
    assert_eq!((at, records), (events.len(), 7));
}

#[test]
fn an_earlier_run_is_kept_unless_fresh_is_given() {
    let place = place();
    train(&place, "run", &[]).code(0);
    fs::remove_file(place.path("run.safetensors")).unwrap();
    let before = fs::read(place.path("run/settings.json")).unwrap();
    fails(train(&place, "run", &["--seed", "1"]), 1, &["run/settings.json: already exists", "--fresh"]);
    assert!(fs::read(place.path("run/settings.json")).unwrap() == before);
    train(&place, "run", &["--seed", "1", "--fresh"]).code(0);
    assert!(fs::read(place.path("run/settings.json")).unwrap() != before);
}
