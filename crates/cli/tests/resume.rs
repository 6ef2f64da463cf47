//! `headstart extract` that ends early or meets a folder that changed, and what a fresh run would have written.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use std::fs;

use common::{Workplace, fails, json};
use proptest::prelude::*;

/// The output's two files.
fn pair(place: &Workplace, name: &str) -> [Vec<u8>; 2] {
    ["npy", "jsonl"].map(|suffix| fs::read(place.path(&format!("{name}.{suffix}"))).unwrap())
}

#[test]
fn a_second_run_computes_new_content_alone_and_says_how_many() {
    let place = Workplace::new(6);
    place.extract("images", "f.npy", &[]).code(0);
    let report = json(&place.extract("images", "f.npy", &["--json"]).code(0));
    assert_eq!(
        (&report["computed"], &report["kept"], &report["dropped"]),
        (&0.into(), &12.into(), &0.into())
    );
    assert!(report["weights"].is_null());

    fs::rename(place.path("images/a/0.png"), place.path("images/b/z.png")).unwrap();
    fs::remove_file(place.path("images/a/1.png")).unwrap();
    place.image("images/a/new.png", 77, 3);
    let report = json(&place.extract("images", "f.npy", &["--json"]).code(0));
    assert_eq!(
        (&report["computed"], &report["kept"], &report["dropped"]),
        (&1.into(), &11.into(), &1.into())
    );
    place.extract("images", "fresh.npy", &[]).code(0);
    assert!(pair(&place, "f") == pair(&place, "fresh"));
    assert_eq!(place.files(), ["f.jsonl", "f.npy", "fresh.jsonl", "fresh.npy"]);
}

#[test]
fn rows_that_were_made_in_another_way_are_refused_and_the_difference_is_named() {
    let place = Workplace::new(1);
    place.extract("images", "f.npy", &[]).code(0);
    let before = pair(&place, "f");
    for (more, text) in [
        (&["--preset", "caffe"][..], "preprocessing blog 32x32 against caffe 32x32"),
        (&["--interpolation", "bilinear"], "interpolation nearest against bilinear"),
        (&["--kernels", "correlation"], "backbone vgg16 against vgg16, kernels as for correlation"),
        (&["--shard", "0/1"], "part the whole folder against shard 0 of 1"),
    ] {
        fails(place.extract("images", "f.npy", more), 1, &["f.npy", "can't be used", text, "start over"]);
    }
    assert!(pair(&place, "f") == before);
    place.extract("images", "f.npy", &["--preset", "caffe", "--fresh"]).code(0);
    assert!(pair(&place, "f") != before);
    assert_eq!(place.files(), ["f.jsonl", "f.npy"]);
}

#[test]
fn strict_stops_at_the_first_bad_image_and_loses_nothing() {
    let place = Workplace::new(8);
    place.write("images/b/4.png", "not an image");
    let strict = ["--strict", "--batch-size", "4"];
    fails(place.extract("images", "f.npy", &strict), 4, &["images/b/4.png", "expected a PNG"]);
    assert_eq!(place.files(), [".f.jsonl.partial", ".f.npy.partial"]);
    let report = json(&place.extract("images", "f.npy", &["--json"]).code(3));
    assert_eq!((&report["computed"], &report["kept"]), (&3.into(), &12.into()));
    assert_eq!(place.files(), ["f.jsonl", "f.npy"]);
}

/// What is done to the folder between two runs.
#[derive(Debug, Clone)]
enum Change {
    Add(u8),
    Rename(u8, u8),
    Edit(u8),
    Corrupt(u8),
    Remove(u8),
}

fn change() -> impl Strategy<Value = Change> {
    let file = || 0_u8..16;
    prop_oneof![
        3 => file().prop_map(Change::Add),
        2 => (file(), file()).prop_map(|(from, to)| Change::Rename(from, to)),
        1 => file().prop_map(Change::Edit),
        1 => file().prop_map(Change::Corrupt),
        1 => file().prop_map(Change::Remove),
    ]
}

/// File `i` of two class folders and a sub-folder.
fn name(file: u8) -> String {
    format!("images/{}/{}.png", ["a", "a/more", "b"][usize::from(file % 3)], file / 3)
}

fn apply(place: &Workplace, change: &Change) {
    let (one, other) = match *change {
        Change::Add(file) | Change::Edit(file) | Change::Corrupt(file) | Change::Remove(file) => (file, file),
        Change::Rename(from, to) => (from, to),
    };
    let there = place.path(&name(one)).exists();
    match change {
        Change::Add(file) if !there => place.image(&name(*file), 90, *file),
        Change::Edit(file) if there => place.image(&name(*file), 200, *file),
        Change::Corrupt(file) if there => place.write(&name(*file), "not an image"),
        Change::Remove(_) if there => fs::remove_file(place.path(&name(one))).unwrap(),
        Change::Rename(..) if there => {
            fs::create_dir_all(place.path(&name(other)).parent().unwrap()).unwrap();
            fs::rename(place.path(&name(one)), place.path(&name(other))).unwrap();
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]

    /// From a few images to many and back, so that the kernels' choice changes in between too.
    #[test]
    fn reuse_equals_a_fresh_run(steps in prop::collection::vec(prop::collection::vec(change(), 1..8), 1..4)) {
        let place = Workplace::new(3);
        place.extract("images", "f.npy", &[]).code(0);
        for changes in &steps {
            changes.iter().for_each(|change| apply(&place, change));
            // These stay, so that there are always two classes and a row.
            place.image("images/a/stays.png", 1, 1);
            place.image("images/b/stays.png", 2, 2);
            let reused = place.extract("images", "f.npy", &[]);
            let fresh = place.extract("images", "fresh.npy", &["--fresh"]);
            prop_assert_eq!(reused.get_output().status.code(), fresh.get_output().status.code());
            prop_assert!(pair(&place, "f") == pair(&place, "fresh"));
        }
        prop_assert_eq!(place.files(), ["f.jsonl", "f.npy", "fresh.jsonl", "fresh.npy"]);
    }
}

#[test]
fn shards_are_merged_to_what_one_run_writes() {
    let place = Workplace::new(9);
    place.write("images/b/3.png", "not an image");
    // Folders are sorted by their whole path, and come after the files beside them: not the order of plain paths.
    for (shade, name) in (5..).zip(["more/x", "more-1/x", "z"]) {
        place.image(&format!("images/a/{name}.png"), 5, shade);
    }
    place.extract("images", "whole.npy", &[]).code(3);
    let mut codes = Vec::new();
    for index in 0..3 {
        let shard = format!("{index}/3");
        let assert = place.extract("images", &format!("{index}.npy"), &["--shard", &shard]);
        codes.push(assert.get_output().status.code());
    }
    assert!(codes.iter().filter(|code| **code == Some(3)).count() == 1, "{codes:?}");
    place.run(&["merge", "2.npy", "0.npy", "1.npy", "-o", "merged.npy"]).code(3);
    assert!(pair(&place, "whole") == pair(&place, "merged"));
    place.run(&["merge", "2.npy", "0.npy", "1.npy", "-o", "merged.npy", "--skipped-ok"]).code(0);
    place.extract("images", "whole.npy", &["--skipped-ok"]).code(0);

    let merge = |shards: &[&str]| place.run(&[&["merge", "-o", "bad.npy"], shards].concat());
    fails(merge(&["0.npy", "2.npy"]), 4, &["expected all 3 shards, found 2", "shard 1 is missing"]);
    fails(merge(&["0.npy", "1.npy"]), 4, &["expected all 3 shards, found 2", "shard 2 is missing"]);
    fails(merge(&["0.npy", "1.npy", "1.npy"]), 4, &["1.npy: shard 1 of 3 is given twice"]);
    fails(merge(&["0.npy", "1.npy", "whole.npy"]), 4, &["whole.npy: expected a shard"]);
    // A file more, and the shard that has it no longer goes with the others; whose images stay where they are.
    place.image("images/b/another.png", 9, 9);
    let mut computed = Vec::new();
    for index in 0..3 {
        let shard = format!("{index}/3");
        if index == 1 {
            fails(
                merge(&["0.npy", "1.npy", "2.npy"]),
                4,
                &["1.npy: it can't be merged with 0.npy", "the folder"],
            );
        }
        let output = format!("{index}.npy");
        let report = place.extract("images", &output, &["--shard", &shard, "--json"]);
        computed.push(json(&report)["computed"].as_u64().unwrap());
    }
    computed.sort_unstable();
    assert_eq!(computed, [0, 0, 1]);
    assert!(!place.path("bad.npy").exists() && !place.path(".bad.npy.partial").exists());
}

#[test]
fn a_shard_is_named_by_the_scheduler() {
    let place = Workplace::new(6);
    let weights = common::weights();
    let extract = |output: &str| {
        let fixed = ["extract", "images", "-o", output, "--size", "32x32", "--shard", "--weights"];
        let mut command = place.command(&fixed);
        command.arg(&weights);
        command
    };
    for (task, output) in [("1", "0.npy"), ("2", "1.npy")] {
        let mut command = extract(output);
        command.env("SLURM_ARRAY_TASK_ID", task).env("SLURM_ARRAY_TASK_MIN", "1");
        command.env("SLURM_ARRAY_TASK_COUNT", "2").assert().code(0);
    }
    place.extract("images", "whole.npy", &[]).code(0);
    place.run(&["merge", "0.npy", "1.npy", "-o", "merged.npy"]).code(0);
    assert!(pair(&place, "whole") == pair(&place, "merged"));
    fails(extract("x.npy").env_remove("SLURM_ARRAY_TASK_COUNT").assert(), 2, &["SLURM_ARRAY_TASK_COUNT"]);
    fails(place.extract("images", "x.npy", &["--shard", "3/3"]), 2, &["I from 0 to N-1"]);
    fails(place.extract("images", "x.npy", &["--shard", "0/4000000"]), 2, &["use fewer shards"]);
}
