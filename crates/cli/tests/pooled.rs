//! Pooled features through every command.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use std::fs;

use common::{Workplace, fails, json, weights};
use headstart_features::Features;
use headstart_weights::{LayerConfig, load_model};
use serde_json::{Value, json};

/// Maps of 2 x 2, so that a mean, a maximum and a single value differ.
fn extract(place: &Workplace, output: &str, more: &[&str]) -> assert_cmd::assert::Assert {
    let weights = weights();
    let fixed =
        ["extract", "images", "-o", output, "--weights", weights.to_str().unwrap(), "--size", "64x64"];
    place.run(&[&fixed[..], more].concat())
}

/// Features pooled by avg, and a head that was trained on them.
fn trained(images: usize) -> Workplace {
    let place = Workplace::new(images);
    extract(&place, "avg.npy", &["--pool", "avg"]).code(0);
    for suffix in ["npy", "jsonl"] {
        fs::copy(place.path(&format!("avg.{suffix}")), place.path(&format!("again.{suffix}"))).unwrap();
    }
    let train = ["train", "--train", "avg.npy", "--validation", "again.npy", "-o", "model.safetensors"];
    place.run(&[&train[..], &["--epochs", "4", "--units", "8", "--run", "run"]].concat()).code(0);
    place
}

fn pair(place: &Workplace, name: &str) -> [Vec<u8>; 2] {
    ["npy", "jsonl"].map(|suffix| fs::read(place.path(&format!("{name}.{suffix}"))).unwrap())
}

#[test]
fn rows_are_the_means_and_the_maxima_of_the_maps_that_are_stored_without_pooling() {
    let place = Workplace::new(3);
    let told = json(&extract(&place, "maps.npy", &["--json"]).code(0));
    assert_eq!((&told["shape"], &told["pooling"]), (&json!([6, 512, 2, 2]), &json!("none")));
    let none = extract(&place, "maps.npy", &["--pool", "none", "--json"]).code(0);
    assert_eq!(json(&none)["kept"], 6, "none is VGG's own");
    let maps = Features::open(&place.path("maps.npy")).unwrap().read_all().unwrap();
    let mean = |map: &[f32]| (map.iter().map(|&value| f64::from(value)).sum::<f64>() / 4.0) as f32;
    let max = |map: &[f32]| map.iter().copied().fold(f32::MIN, f32::max);
    for (name, pool) in [("avg", &mean as &dyn Fn(&[f32]) -> f32), ("max", &max)] {
        let output = format!("{name}.npy");
        let told = json(&extract(&place, &output, &["--pool", name, "--batch-size", "4", "--json"]).code(0));
        assert_eq!((&told["shape"], &told["pooling"]), (&json!([6, 512]), &json!(name)));
        let features = Features::open(&place.path(&output)).unwrap();
        assert_eq!(features.row_shape(), [512]);
        let expected: Vec<f32> = maps.chunks(4).map(pool).collect();
        assert!(expected.iter().any(|&value| value > 0.0));
        assert!(features.read_all().unwrap() == expected, "{name}");
        let text = String::from_utf8(place.run(&["inspect", &output]).code(0).get_output().stdout.clone());
        let text = text.unwrap();
        assert!(text.contains("shape       6 x 512\n") && text.contains(&format!("pooling     {name}\n")));
    }
    let again = extract(&place, "avg.npy", &["--pool", "avg"]).code(0);
    let said = String::from_utf8(again.get_output().stdout.clone()).unwrap();
    assert!(said.starts_with("features  avg.npy (6 x 512)") && said.contains("6 kept"), "{said}");
    for (pool, found) in [("max", "pooling avg against max"), ("none", "pooling avg against none")] {
        fails(extract(&place, "avg.npy", &["--pool", pool]), 1, &[found, "made in another way", "--fresh"]);
    }
    extract(&place, "avg.npy", &["--pool", "max", "--fresh"]).code(0);
    assert!(pair(&place, "avg") == pair(&place, "max"));
    fails(extract(&place, "no.npy", &["--pool", "mean"]), 2, &["--pool", "none, avg, max", "mean"]);
}

#[test]
fn images_that_are_new_are_computed_and_shards_are_merged_to_the_bytes_of_one_run() {
    let place = Workplace::new(3);
    extract(&place, "grown.npy", &["--pool", "avg"]).code(0);
    place.image("images/a/more.png", 90, 3);
    let grown = json(&extract(&place, "grown.npy", &["--pool", "avg", "--json"]).code(0));
    assert_eq!((&grown["computed"], &grown["kept"]), (&json!(1), &json!(6)));
    extract(&place, "whole.npy", &["--pool", "avg"]).code(0);
    assert!(pair(&place, "grown") == pair(&place, "whole"));
    for shard in ["0/2", "1/2"] {
        let name = format!("part{}.npy", &shard[..1]);
        extract(&place, &name, &["--pool", "avg", "--shard", shard]).code(0);
    }
    place.run(&["merge", "part0.npy", "part1.npy", "-o", "merged.npy"]).code(0);
    assert!(pair(&place, "merged") == pair(&place, "whole"));
}

#[test]
#[cfg(unix)]
fn killed_and_run_again_the_result_is_an_uninterrupted_run_s() {
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    let place = Workplace::new(30);
    let start = |output: &str| {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("headstart"));
        command.current_dir(place.path("")).args(["extract", "images", "-o", output, "--weights"]);
        command.arg(weights()).args(["--size", "64x64", "--pool", "max", "--batch-size", "2"]);
        command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    };
    assert!(start("whole.npy").wait().unwrap().success());
    let mut child = start("f.npy");
    let (journal, begun) = (place.path(".f.jsonl.partial"), Instant::now());
    while fs::metadata(&journal).map_or(0, |metadata| metadata.len()) < 1500 {
        assert!(begun.elapsed() < Duration::from_secs(60), "no row was flushed");
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!place.path("f.npy").exists());
    let last = start("f.npy").wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&last.stderr).into_owned();
    assert!(last.status.success() && said.contains("the other rows are there"), "{said}");
    assert!(pair(&place, "f") == pair(&place, "whole"));
}

#[test]
fn a_head_on_pooled_rows_is_trained_judged_and_asked() {
    let place = trained(5);
    let model = load_model(&place.path("model.safetensors")).unwrap();
    assert_eq!(model.metadata.row_shape, [512]);
    assert_eq!(model.metadata.head, Some(LayerConfig::binary_head(8, 0.5)[1..].to_vec()), "no Flatten");
    let evaluated = json(&place.run(&["evaluate", "model.safetensors", "avg.npy", "--json"]).code(0));
    let weights = weights();
    let weights = weights.to_str().unwrap();
    let ask = ["predict", "model.safetensors", "images", "--weights", weights, "--json"];
    let answers = String::from_utf8(place.run(&ask).code(0).get_output().stdout.clone()).unwrap();
    let records: Vec<Value> = answers.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(records.len(), 10);
    let is_right = |record: &&Value| {
        record["path"].as_str().unwrap().contains(&format!("/{}/", record["label"].as_str().unwrap()))
    };
    assert_eq!(evaluated["accuracy"], records.iter().filter(is_right).count() as f64 / 10.0);
    fails(place.run(&[&ask[..], &["--pool", "avg"]].concat()), 2, &["says that itself", "leave --pool out"]);

    place.run(&["report", "run", "-o", "report.html"]).code(0);
    assert!(fs::read_to_string(place.path("report.html")).unwrap().contains("Pooling"));
    let sweep = ["train", "--train", "avg.npy", "--sweep", "--folds", "2", "--epochs", "1", "--json"];
    assert!(json(&place.run(&sweep).code(0))["scores"].is_array());
}

#[test]
fn features_and_heads_of_another_pooling_are_refused_in_words() {
    let place = trained(3);
    extract(&place, "maps.npy", &[]).code(0);
    let train = ["train", "--train", "maps.npy", "-o", "maps.safetensors", "--epochs", "1", "--units", "4"];
    place.run(&train).code(0);
    let mismatch = |model: &str, features: &str, words: &[&str]| {
        fails(place.run(&["evaluate", model, features]), 4, words);
    };
    mismatch(
        "maps.safetensors",
        "avg.npy",
        &["features were pooled by avg, the head was trained on none", "--pool none", "maps.safetensors"],
    );
    mismatch(
        "model.safetensors",
        "maps.npy",
        &["features were pooled by none, the head was trained on avg", "--pool avg", "model.safetensors"],
    );
    let pair = ["train", "--train", "maps.npy", "--validation", "avg.npy", "-o", "no.safetensors"];
    fails(place.run(&pair), 4, &["pooling none against avg"]);
    // A head that says only that it takes maps.
    place.run(&["convert", "maps.safetensors", "-o", "maps.h5"]).code(0);
    mismatch("maps.h5", "avg.npy", &["features were pooled by avg, the head was trained on none"]);
}

#[test]
fn a_pooled_head_goes_to_keras_and_back_and_has_no_order() {
    let place = trained(2);
    // Files of Keras do not keep the marks of the images that a head was trained on.
    place.run(&["convert", "model.safetensors", "-o", "first.h5"]).code(0);
    place.run(&["convert", "first.h5", "-o", "unmarked.safetensors"]).code(0);
    for (name, more) in [
        ("head.h5", &[][..]),
        ("head.weights.h5", &[]),
        ("tf.h5", &["--to-order", "tf"]),
        ("tf.weights.h5", &["--to-order", "tf"]),
    ] {
        let convert = place.run(&[&["convert", "model.safetensors", "-o", name], more].concat()).code(0);
        let said = String::from_utf8(convert.get_output().stdout.clone()).unwrap();
        assert!(said.contains("rows      pooled, which have no order"), "{said}");
        place.run(&["convert", name, "-o", "back.safetensors", "--fresh"]).code(0);
        let [there, back] =
            ["unmarked.safetensors", "back.safetensors"].map(|name| fs::read(place.path(name)).unwrap());
        assert!(there == back, "{name}");
    }
    for suffix in ["h5", "weights.h5"] {
        let [th, tf] = ["head", "tf"].map(|name| fs::read(place.path(&format!("{name}.{suffix}"))).unwrap());
        assert!(th == tf, "{suffix}");
    }
    for flags in [["--from-order", "tf"], ["--row-shape", "512x1x1"]] {
        let convert = [&["convert", "head.h5", "-o", "no.safetensors"][..], &flags].concat();
        fails(place.run(&convert), 2, &["head.h5: takes pooled features", flags[0]]);
    }
    let told = json(&place.run(&["convert", "head.h5", "-o", "again.safetensors", "--json"]).code(0));
    assert_eq!((&told["from_order"], &told["metadata"]["pooling"]), (&Value::Null, &json!("avg")));
}

/// A matrix that numpy wrote, as other tools pool.
#[test]
fn a_matrix_without_a_manifest_is_trained_on_judged_and_its_head_takes_images() {
    let place = trained(3);
    fs::copy(place.path("avg.npy"), place.path("bare.npy")).unwrap();
    let counts = ["--counts", "3,3"];
    let train = ["train", "--train", "bare.npy", "-o", "bare.h5", "--epochs", "4", "--units", "8"];
    place.run(&[&train[..], &counts].concat()).code(0);
    let evaluated = |model: &str, features: &str| {
        json(&place.run(&[&["evaluate", model, features, "--json"][..], &counts].concat()).code(0))
    };
    let on_bare = evaluated("bare.h5", "bare.npy");
    // The same rows and the same training.
    assert_eq!(on_bare["loss"], evaluated("model.safetensors", "avg.npy")["loss"]);
    assert_eq!(on_bare["loss"], evaluated("bare.h5", "avg.npy")["loss"]);
    assert_eq!(on_bare["loss"], evaluated("model.safetensors", "bare.npy")["loss"]);

    let weights = weights();
    let weights = weights.to_str().unwrap();
    let said = ["--classes", "a,b", "--preset", "blog", "--size", "64x64", "--backbone", "vgg16"];
    let ask = |more: &[&str]| {
        place.run(
            &[&["predict", "bare.h5", "images", "--json", "--weights", weights][..], &said, more].concat(),
        )
    };
    let expected = place.run(&["predict", "model.safetensors", "images", "--json", "--weights", weights]);
    let [found, expected] = [ask(&["--pool", "avg"]), expected]
        .map(|assert| String::from_utf8(assert.code(0).get_output().stdout.clone()).unwrap());
    assert_eq!(found, expected);
    let words = ["takes 512 values", "rows of shape [512, 2, 2], which is 2048", "one value a channel"];
    fails(ask(&[]), 4, &words);
}
