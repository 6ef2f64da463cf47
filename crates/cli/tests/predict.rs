//! `headstart predict`, from outside.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use assert_cmd::assert::Assert;
use common::{Workplace, fails, header_and_tensors, json, weights};
use headstart::Device;
use headstart_features::Features;
use headstart_head::{Head, InMemory, LayerConfig};
use headstart_weights::{
    Array, HeadLayer, IfExists, Model, ModelMetadata, load_head, load_model, save_head, save_model,
};
use serde_json::{Value, json};

/// So many images of each of two classes, their features, and a model trained on these; its head alone is in head.h5.
fn trained(images: usize) -> Workplace {
    let place = Workplace::new(images);
    place.extract("images", "f.npy", &[]).code(0);
    place.run(&["train", "--train", "f.npy", "-o", "model.safetensors", "--epochs", "4"]).code(0);
    let Model { layers, layer_names, .. } = load_model(&place.path("model.safetensors")).unwrap();
    save_head(&place.path("head.h5"), &layers, &layer_names, IfExists::Refuse).unwrap();
    place
}

/// What the features' manifest says, as a model says it.
fn described(place: &Workplace) -> ModelMetadata {
    let features = Features::open(&place.path("f.npy")).unwrap();
    let header = features.manifest().unwrap().header.clone();
    ModelMetadata {
        classes: header.classes,
        row_shape: header.row_shape.to_vec(),
        provenance: Some(header.provenance),
        ..ModelMetadata::default()
    }
}

/// The same model file with other texts in its header; a null takes a text out.
fn tampered(place: &Workplace, from: &str, to: &str, texts: &[(&str, Value)]) {
    let bytes = std::fs::read(place.path(from)).unwrap();
    let (mut header, tensors) = header_and_tensors(&bytes);
    let metadata = header["__metadata__"].as_object_mut().unwrap();
    for (key, value) in texts {
        match value {
            Value::Null => drop(metadata.remove(*key)),
            Value::String(text) => drop(metadata.insert((*key).to_owned(), json!(text))),
            other => drop(metadata.insert((*key).to_owned(), json!(other.to_string()))),
        }
    }
    let mut text = serde_json::to_vec(&header).unwrap();
    text.resize(text.len().next_multiple_of(8), b' ');
    let length = (text.len() as u64).to_le_bytes();
    place.write(to, [&length[..], &text, tensors].concat());
}

/// Features of two classes of images, and a model that tells three of them by one feature each.
fn three_classes(images: usize) -> Workplace {
    let place = Workplace::new(images);
    place.extract("images", "f.npy", &[]).code(0);
    let mut values = vec![0.0; 512 * 3];
    for (unit, feature) in [(0, 7), (1, 100), (2, 300)] {
        values[feature * 3 + unit] = 0.1;
    }
    let bias = Some(Array { shape: vec![3], values: vec![0.5, 0.0, -0.5] });
    let layer = HeadLayer { name: "dense_1".to_owned(), kernel: Array { shape: vec![512, 3], values }, bias };
    let classes = ["plain", "a,b", "say \"c\""].map(str::to_owned).to_vec();
    let metadata = ModelMetadata { classes, ..described(&place) };
    let layer_names = vec!["flatten_1".to_owned(), "dense_1".to_owned()];
    save(
        &place,
        "model.safetensors",
        &Model { layers: vec![layer], layer_names, metadata, ..Model::default() },
    );
    place
}

fn save(place: &Workplace, name: &str, model: &Model) {
    save_model(&place.path(name), model, IfExists::Replace).unwrap();
}

/// `headstart predict` of a model with the shipped weights and more arguments.
fn predict(place: &Workplace, model: &str, more: &[&str]) -> Assert {
    let weights = weights();
    let fixed = ["predict", model, "--weights", weights.to_str().unwrap()];
    place.run(&[&fixed[..], more].concat())
}

fn text(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stdout.clone()).unwrap()
}

fn records(assert: &Assert) -> Vec<Value> {
    text(assert).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// `headstart predict` that reads paths from a pipe and writes answers to another.
fn piped(place: &Workplace) -> Child {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("headstart"));
    command.current_dir(place.path("")).args(["predict", "model.safetensors", "--json", "--weights"]);
    command.arg(weights()).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}

#[test]
fn answers_are_those_of_the_extracted_features() {
    let place = trained(5);
    let features = Features::open(&place.path("f.npy")).unwrap();
    let mut head = Head::new(&LayerConfig::default_head(), features.row_shape(), 1, &Device::Cpu).unwrap();
    head.set_parameters(&load_head(&place.path("head.h5")).unwrap()).unwrap();
    let values = features.read_all().unwrap();
    let rows = InMemory::new(&values, features.row_shape()).unwrap();
    let expected = headstart_head::predict(&head, &rows, 32).unwrap();

    let assert = predict(&place, "model.safetensors", &["images", "--json", "--top-k", "2"]).code(0);
    let found = records(&assert);
    let manifest = features.manifest().unwrap();
    assert_eq!(found.len(), manifest.rows.len());
    let mut right = 0;
    for ((record, row), expected) in found.iter().zip(&manifest.rows).zip(expected.chunks(2)) {
        assert_eq!(record["path"], format!("images/{}", row.path));
        let best = usize::from(expected[1] > expected[0]);
        for (ranked, label) in record["top"].as_array().unwrap().iter().zip([best, 1 - best]) {
            assert_eq!(ranked["label"], ["a", "b"][label]);
            // To the bit.
            assert_eq!(ranked["probability"].to_string().parse(), Ok(expected[label]));
        }
        assert_eq!(record["label"], record["top"][0]["label"]);
        assert_eq!(record["probability"], record["top"][0]["probability"]);
        assert_eq!(record["error"], Value::Null);
        right += usize::from(best == row.label as usize);
    }
    let evaluated = json(&place.run(&["evaluate", "model.safetensors", "f.npy", "--json"]).code(0));
    assert_eq!(evaluated["accuracy"], right as f64 / found.len() as f64);
    assert_eq!(evaluated["classes"], json!(["a", "b"]));

    for more in [["--batch-size", "1"], ["--batch-size", "3"], ["--threads", "1"]] {
        let arguments = [&["images", "--json", "--top-k", "2"], &more[..]].concat();
        let again = predict(&place, "model.safetensors", &arguments).code(0);
        assert_eq!(text(&again), text(&assert), "{more:?}");
    }
}

#[test]
fn a_head_that_says_nothing_takes_flags() {
    let place = trained(1);
    let expected = text(&predict(&place, "model.safetensors", &["images", "--json"]).code(0));
    let activations = ["--activations", "relu,sigmoid"];
    let all = ["--classes", "a,b", "--preset", "blog", "--size", "32x32", "--backbone", "vgg16"];
    let unsaid = predict(&place, "head.h5", &[&["images", "--json"], &all[..]].concat());
    let stderr = fails(unsaid, 2, &["head.h5: does not state its activations; give them with --activations"]);
    assert!(!stderr.contains("--from-order"), "maps of 1 x 1 have no order: {stderr}");
    let assert =
        predict(&place, "head.h5", &[&["images", "--json"], &all[..], &activations].concat()).code(0);
    assert_eq!(text(&assert), expected);
    fails(assert, 0, &["head.h5: does not state which weights"]);

    let missing = ["head.h5: does not state its classes", "--classes", "--preset", "--size", "--backbone"];
    fails(predict(&place, "head.h5", &["images"]), 2, &missing);
    let no_size = ["images", "--classes", "a,b", "--preset", "blog", "--backbone", "vgg16"];
    let stderr = fails(predict(&place, "head.h5", &no_size), 2, &["preprocessing", "--size"]);
    assert!(!stderr.contains("--classes"), "{stderr}");
    for flags in all.chunks(2) {
        let assert = predict(&place, "model.safetensors", &[&["images"], flags].concat());
        fails(assert, 2, &["model.safetensors: says that itself", flags[0]]);
    }
    let stated = predict(&place, "model.safetensors", &[&["images"], &activations[..]].concat());
    fails(stated, 2, &["states its activations itself", "leave --activations out"]);
    let larger = ["images", "--classes", "a,b", "--preset", "blog", "--size", "64x64", "--backbone", "vgg16"];
    fails(predict(&place, "head.h5", &larger), 4, &["head.h5: its layer dense_1 takes 512 values"]);
    let three = [&["images", "--classes", "a,b,c"], &all[2..], &activations].concat();
    fails(
        predict(&place, "head.h5", &three),
        2,
        &["--classes: expected names of the 2 classes of head.h5, found 3"],
    );
    fails(
        place.run(&["predict", "head.h5", "images"]),
        2,
        &["does not state its classes", "--classes, --preset and --size, --backbone"],
    );
    let no_weights = ["--weights", "model.safetensors", "vgg16_weights.h5"];
    fails(place.run(&["predict", "model.safetensors", "images"]), 2, &no_weights);
}

/// What a model was trained on is cropped when it predicts, without being asked; a head that says nothing is told.
#[test]
fn a_model_fits_images_as_its_features_were_made() {
    let place = Workplace::new(2);
    place.extract("images", "f.npy", &["--resize", "crop", "--crop-pct", "0.6"]).code(0);
    place.run(&["train", "--train", "f.npy", "-o", "model.safetensors", "--epochs", "4"]).code(0);
    let Model { layers, layer_names, .. } = load_model(&place.path("model.safetensors")).unwrap();
    save_head(&place.path("head.h5"), &layers, &layer_names, IfExists::Refuse).unwrap();
    let expected = text(&predict(&place, "model.safetensors", &["images", "--json"]).code(0));

    let told = |more: &[&str]| {
        let all = ["images", "--json", "--classes", "a,b", "--preset", "blog", "--size", "32x32"];
        let of_network = ["--backbone", "vgg16", "--activations", "relu,sigmoid"];
        text(&predict(&place, "head.h5", &[&all[..], &of_network, more].concat()).code(0))
    };
    assert_eq!(told(&["--resize", "crop", "--crop-pct", "0.6"]), expected);
    for other in [&[][..], &["--resize", "crop"], &["--resize", "pad"]] {
        assert_ne!(told(other), expected, "{other:?}");
    }
    for flags in [["--resize", "crop"], ["--crop-pct", "0.6"]] {
        let assert = predict(&place, "model.safetensors", &[&["images"], &flags[..]].concat());
        fails(assert, 2, &["model.safetensors: says that itself", flags[0]]);
    }
}

#[test]
fn answers_come_while_paths_are_still_to_come() {
    let place = trained(6);
    let paths: Vec<String> = (0..12).map(|i| format!("images/{}/{}.png", ["a", "b"][i / 6], i % 6)).collect();
    let mut child = piped(&place);
    let mut input = child.stdin.take().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut one_by_one = String::new();
    for path in &paths {
        writeln!(input, "{path}").unwrap();
        let line = answers.next().unwrap().unwrap();
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap()["path"], **path);
        one_by_one += &format!("{line}\n");
    }
    drop(input);
    assert!(answers.next().is_none());
    assert!(child.wait().unwrap().success());

    // How paths come makes no difference, nor do empty lines, line ends and a last line without one.
    let weights = weights();
    let arguments = ["predict", "model.safetensors", "-", "--json", "--weights", weights.to_str().unwrap()];
    let lines = format!("\n{}", paths.join("\r\n"));
    let at_once = place.command(&arguments).write_stdin(lines).assert().code(0);
    assert_eq!(text(&at_once), one_by_one);

    let none = place.command(&arguments).write_stdin("").assert().code(0);
    assert_eq!(text(&none), "");
    let other =
        place.command(&arguments).write_stdin(*b"\xff.png\nimages/a/0.png\nimages\n").assert().code(3);
    let errors: Vec<_> = records(&other).iter().map(|record| record["error"].is_string()).collect();
    assert_eq!(errors, [true, false, true]);
    let long = place.command(&arguments).write_stdin("x".repeat(70_000)).assert();
    fails(long, 4, &["standard input", "65536 bytes or more in line 1"]);
    fails(predict(&place, "model.safetensors", &["images", "-"]), 2, &["-", "stands alone"]);
}

#[test]
fn nobody_who_reads_is_no_error_and_ends_the_run() {
    let place = trained(1);
    let mut child = piped(&place);
    drop(child.stdout.take());
    let mut input = child.stdin.take().unwrap();
    writeln!(input, "images/a/0.png").unwrap();
    // Its input stays open: it ends by itself.
    assert_eq!(child.wait().unwrap().code(), Some(0));
    drop(input);
}

#[test]
fn an_image_that_cannot_be_read_keeps_its_place() {
    let place = trained(1);
    place.write("images/a/broken.png", "no image");
    place.write("images/a/notes.txt", "no image either");
    let more = ["images/b/0.png", "images/a/", "none.jpg", "images/b/0.png", "--top-k", "1", "--json"];
    let assert = predict(&place, "model.safetensors", &more).code(3);
    let found = records(&assert);
    let paths: Vec<_> = found.iter().map(|record| record["path"].as_str().unwrap()).collect();
    let in_folder = ["images/a/0.png", "images/a/broken.png"];
    assert_eq!(paths, ["images/b/0.png", in_folder[0], in_folder[1], "none.jpg", "images/b/0.png"]);
    let failed = found.iter().map(|record| record["error"].is_string());
    assert_eq!(failed.collect::<Vec<_>>(), [false, false, true, true, false]);
    assert_eq!(found[2]["label"], Value::Null);
    assert_eq!(found[2]["top"], json!([]));
    assert_eq!(found[0], found[4]);
    let told = ["skipped images/a/broken.png: ", "skipped none.jpg: ", "unknown extension: notes.txt"];
    fails(assert, 3, &told);

    let small = ["images/b/0.png", "--max-pixels", "100", "--format", "csv"];
    let assert = predict(&place, "model.safetensors", &small).code(3);
    assert!(text(&assert).contains("images/b/0.png,,,\"the image is 20 x 16"), "{}", text(&assert));
    place.write("empty/notes.txt", "no image");
    fails(
        predict(&place, "model.safetensors", &["empty"]),
        4,
        &["empty: found no image (1 other entries were left out)"],
    );
}

#[test]
fn each_format_tells_the_same() {
    let place = three_classes(1);
    let run = |more: &[&str]| {
        let arguments = [&["images", "--top-k", "9"], more].concat();
        text(&predict(&place, "model.safetensors", &arguments).code(0))
    };
    let found: Vec<Value> =
        run(&["--format", "jsonl"]).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(run(&["--json"]), run(&["--format", "jsonl"]));

    let mut csv =
        "path,label,probability,error,label_1,probability_1,label_2,probability_2,label_3,probability_3\n"
            .to_owned();
    for record in &found {
        let quoted = |label: &Value| match label.as_str().unwrap() {
            "plain" => "plain",
            "a,b" => "\"a,b\"",
            _ => "\"say \"\"c\"\"\"",
        };
        csv += record["path"].as_str().unwrap();
        csv += &format!(",{},{},", quoted(&record["label"]), record["probability"]);
        let top = record["top"].as_array().unwrap();
        assert_eq!(top.len(), 3);
        let sum: f64 = top.iter().map(|ranked| ranked["probability"].as_f64().unwrap()).sum();
        assert!((sum - 1.0).abs() < 1e-6, "{record}");
        for ranked in top {
            csv += &format!(",{},{}", quoted(&ranked["label"]), ranked["probability"]);
        }
        csv += "\n";
    }
    assert_eq!(run(&["--format", "csv"]), csv);

    let table = run(&[]);
    assert_eq!(table.lines().count(), found.len());
    for (line, record) in table.lines().zip(&found) {
        assert!(line.starts_with(record["label"].as_str().unwrap()), "{line}");
        assert!(line.contains(&format!("  {:.4}  ", record["probability"].as_f64().unwrap())), "{line}");
        assert!(line.ends_with(record["path"].as_str().unwrap()), "{line}");
    }
    fails(predict(&place, "model.safetensors", &["images", "--json", "--format", "csv"]), 2, &["--json"]);
}

#[test]
fn what_is_not_probable_enough_is_unknown() {
    let place = three_classes(1);
    let run = |reject: &str| {
        let more = ["images/a/0.png", "--json", "--top-k", "1", "--reject", reject];
        records(&predict(&place, "model.safetensors", &more).code(0)).remove(0)
    };
    let accepted = run("0");
    assert_eq!(accepted["label"], accepted["top"][0]["label"]);
    let exactly = accepted["probability"].to_string();
    assert_eq!(run(&exactly), accepted);
    let rejected = run("1");
    assert_eq!(rejected["label"], "unknown");
    for name in ["probability", "top", "path", "error"] {
        assert_eq!(rejected[name], accepted[name]);
    }
    fails(predict(&place, "model.safetensors", &["images", "--reject", "1.5"]), 2, &["from 0 to 1"]);

    let mut model = load_model(&place.path("model.safetensors")).unwrap();
    model.metadata.classes[1] = "unknown".to_owned();
    save(&place, "model.safetensors", &model);
    let named = ["--reject", "model.safetensors has a class unknown"];
    fails(predict(&place, "model.safetensors", &["images", "--reject", "0.5"]), 2, &named);
}

#[test]
fn other_weights_and_features_are_refused_by_what_differs() {
    let place = trained(2);
    let model = load_model(&place.path("model.safetensors")).unwrap();
    let changed = |texts: &[(&str, Value)]| {
        tampered(&place, "model.safetensors", "other.safetensors", texts);
        predict(&place, "other.safetensors", &["images"])
    };

    let other = "images/a/0.png";
    let hash = |path: &str| headstart_weights::fingerprint(&place.path(path)).unwrap();
    let trained_on = model.metadata.provenance.unwrap().weights.blake3;
    let names = [other, "model.safetensors", "vgg16_weights.h5", &trained_on, &hash(other)];
    fails(place.run(&["predict", "model.safetensors", "images", "--weights", other]), 4, &names);
    let version = changed(&[("fingerprint", json!("of old"))]);
    fails(version, 4, &["other.safetensors", "version of headstart's features of old", "train again"]);

    let preprocessing = changed(&[("preprocessing", json!({"height": 32}))]);
    fails(preprocessing, 4, &["other.safetensors", "preprocessing", "missing field"]);
    let backbone = changed(&[("backbone", json!("resnet1001"))]);
    fails(backbone, 4, &["other.safetensors: its backbone", "resnet1001"]);
    let classes = changed(&[("classes", json!(["a", "b", "c"]))]);
    fails(classes, 4, &["other.safetensors: has 2 classes, but names 3"]);
    let rows = changed(&[("row_shape", json!([128, 2, 2]))]);
    fails(rows, 4, &["other.safetensors: takes rows of shape [128, 2, 2]", "[512, 1, 1]"]);
    // Refused before it is built: its parameters would not fit into memory.
    let dense = json!({"layer": "dense", "units": 1u64 << 60, "activation": "relu", "use_bias": true});
    let head = changed(&[("head", json!([{"layer": "flatten"}, dense]))]);
    fails(head, 4, &["other.safetensors: its parameters are not those of its layers"]);
    let layers = changed(&[("head", json!([{"layer": "attention"}]))]);
    fails(layers, 4, &["other.safetensors", "attention"]);

    let evaluate = |features: &str| place.run(&["evaluate", "model.safetensors", features]);
    for (features, more, what) in [
        ("caffe.npy", ["--preset", "caffe"], "preprocessing blog 32x32 against caffe 32x32"),
        (
            "kernels.npy",
            ["--kernels", "correlation"],
            "backbone vgg16 against vgg16, kernels as for correlation",
        ),
    ] {
        place.extract("images", features, &more).code(0);
        let named = ["model.safetensors: was trained on other features than", features, what];
        fails(evaluate(features), 4, &named);
    }
    place.image("renamed/a/0.png", 9, 9);
    place.image("renamed/c/0.png", 99, 9);
    place.extract("renamed", "renamed.npy", &[]).code(0);
    fails(evaluate("renamed.npy"), 4, &["renamed.npy", r#"classes "a", "b" against "a", "c""#]);
}

#[test]
fn a_file_of_another_step_is_named_with_what_was_to_be_given() {
    let place = trained(2);
    let (vgg16, image) = (weights(), "images/a/0.png");
    let vgg16 = vgg16.to_str().unwrap();
    let of_vgg16 = "expected a trained head, found the weights of vgg16; give the head that train wrote";
    let head = "give the file of a trained head";
    let lite0 = common::root().join("data/weights/efficientnet_lite0.safetensors");
    for (model, texts) in [
        ("f.npy", [".npy array, which is features", head]),
        ("f.jsonl", ["found a manifest of features", head]),
        (image, ["found a PNG image", head]),
        (vgg16, [of_vgg16, "weights go to --weights"]),
        (lite0.to_str().unwrap(), ["found the weights of efficientnet_lite0", "weights go to --weights"]),
    ] {
        fails(place.run(&["predict", model, image]), 4, &texts);
        fails(place.run(&["evaluate", model, "f.npy"]), 4, &texts);
        fails(place.run(&["convert", model, "-o", "converted.h5"]), 4, &texts);
    }
    for (other, found) in [
        ("f.jsonl", "found a manifest (.jsonl), not an image"),
        ("model.safetensors", "found a file of weights or of a head (safetensors), not an image"),
        ("head.h5", "found a file of weights or of a head (HDF5), not an image"),
    ] {
        let arguments = ["predict", "model.safetensors", other, "--weights", vgg16];
        fails(place.run(&arguments), 3, &["expected a PNG, JPEG", found]);
    }
    for (other, found) in [
        ("f.jsonl", "found a manifest; give the .npy beside it"),
        ("head.h5", "found a file of weights or of a head (HDF5); give a .npy of features"),
        ("model.safetensors", "found a file of weights or of a head (safetensors); give a .npy"),
        (image, "found an image; give a .npy of features"),
    ] {
        fails(place.run(&["evaluate", "model.safetensors", other]), 4, &[found]);
        fails(place.run(&["train", "--train", other, "-o", "other.h5"]), 4, &[found]);
    }
    let not_a_run = "model.safetensors: expected the folder of a run, found a file";
    fails(place.run(&["report", "model.safetensors", "-o", "report.html"]), 4, &[not_a_run]);
    fails(place.run(&["inspect", "f.jsonl"]), 4, &["a manifest of features; give", "a .npy of features"]);
}
