//! `headstart train --sweep`, from outside.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use common::{Workplace, fails, json};
use serde_json::Value;

const WRITE: &str = "to write  headstart train --train f.npy ";
const FIGURE: &str = "figure    accuracy 1.0000 +- 0.0000, log loss ";

fn place() -> Workplace {
    let place = Workplace::new(8);
    place.extract("images", "f.npy", &[]).code(0);
    place
}

fn sweep(place: &Workplace, more: &[&str]) -> assert_cmd::assert::Assert {
    let fixed = ["train", "--train", "f.npy", "--sweep", "--folds", "4", "--epochs", "8", "--dropout", "0"];
    place.run(&[&fixed[..], more].concat())
}

#[test]
fn every_candidate_is_scored_and_nothing_is_written_without_an_output() {
    let place = place();
    let report = |threads| json(&sweep(&place, &["--json", "--threads", threads]).code(0));
    let (one, three) = (report("1"), report("3"));
    assert_eq!(one["rows"], 16);
    let scores = |report: &Value| -> Vec<Value> {
        let scores = report["scores"].as_array().unwrap();
        scores
            .iter()
            .map(|score| [&score["accuracy"], &score["loss"]].map(Clone::clone).to_vec().into())
            .collect()
    };
    assert_eq!(scores(&one).len(), 7);
    assert_eq!(scores(&one), scores(&three));
    let chosen = one["chosen"].as_u64().unwrap() as usize;
    // The classes differ in brightness alone, which any head learns.
    assert_eq!(one["scores"][chosen]["accuracy"]["mean"], 1.0);
    assert_eq!(place.files(), ["f.jsonl", "f.npy"]);
    let table = String::from_utf8(sweep(&place, &[]).code(0).get_output().stdout.clone()).unwrap();
    for text in
        ["logistic regression", "15 nearest neighbours", "Dense 1024", "take ", "McNemar", WRITE, FIGURE]
    {
        assert!(table.contains(text), "{table}");
    }
}

#[test]
fn the_chosen_head_is_written_where_there_is_an_output() {
    let place = place();
    let report = json(&sweep(&place, &["--json", "-o", "head.safetensors"]).code(0));
    let model = headstart_weights::load_model(&place.path("head.safetensors")).unwrap();
    assert_eq!(serde_json::to_value(&model.metadata.head).unwrap(), report["head"]["layers"]);
    let told = place.run(&["evaluate", "head.safetensors", "f.npy", "--json"]).code(0);
    assert_eq!(json(&told)["rows"], 16);
    // The figure of the model is the cross-validated one, in the file, too.
    let training = serde_json::to_value(&model.metadata.training).unwrap();
    assert_eq!(training["sweep"], report["cross_validated"]);
    assert_eq!(training["sweep"]["folds"], 4);
    let shown = sweep(&place, &["-o", "head.safetensors", "--fresh"]).code(0);
    let text = String::from_utf8(shown.get_output().stdout.clone()).unwrap();
    assert!(text.lines().last().unwrap().starts_with(FIGURE), "{text}");
    assert!(!text.contains("epoch   8/8"), "{text}");
    // The advice can be pasted.
    let table = String::from_utf8(sweep(&place, &[]).code(0).get_output().stdout.clone()).unwrap();
    let advice = table.lines().find_map(|line| line.strip_prefix("to write  headstart ")).unwrap();
    place.run(&advice.split(' ').collect::<Vec<_>>()).code(0);
    let written = headstart_weights::load_model(&place.path("model.safetensors")).unwrap();
    assert_eq!(written.layers, model.layers);
}

#[test]
fn what_does_not_go_together_is_refused() {
    let place = place();
    fails(sweep(&place, &["--validation", "f.npy"]), 2, &["--sweep", "--validation"]);
    fails(sweep(&place, &["--units", "32"]), 2, &["--sweep", "--units"]);
    let many = ["train", "--train", "f.npy", "--sweep", "--folds", "17", "--epochs", "2"];
    fails(place.run(&many), 2, &["folds", "17 for 16 rows"]);
    fails(place.run(&["train", "--train", "f.npy", "--folds", "3", "-o", "h.h5"]), 2, &["--sweep"]);
    place.write("head.h5", "mine");
    fails(sweep(&place, &["-o", "head.h5"]), 1, &["head.h5: already exists"]);
}
