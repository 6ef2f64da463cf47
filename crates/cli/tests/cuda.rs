//! A binary built for NVIDIA GPUs, held against itself on the CPU; needs a GPU.
#![cfg(feature = "cuda")]
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use std::fs;

use common::{Workplace, fails, json, weights};
use headstart_features::Features;
use serde_json::Value;

/// Largest relative L2 distance between features of the CPU and of a GPU.
const TOLERANCE: f64 = 1e-5;

/// `headstart extract` on a device, into `output`; gives the report.
fn extract(place: &Workplace, device: &str, output: &str, more: &[&str]) -> Value {
    let weights = weights();
    let fixed = ["--device", device, "extract", "images", "-o", output, "--json", "--weights"];
    json(&place.run(&[&fixed[..], &[weights.to_str().unwrap()], more].concat()).code(0))
}

/// The output's two files.
fn pair(place: &Workplace, name: &str) -> [Vec<u8>; 2] {
    ["npy", "jsonl"].map(|suffix| fs::read(place.path(&format!("{name}.{suffix}"))).unwrap())
}

/// Features of both devices, in cpu.npy and cuda.npy.
fn extracted() -> Workplace {
    let place = Workplace::new(8);
    for device in ["cpu", "cuda"] {
        let report = extract(&place, device, &format!("{device}.npy"), &["--size", "64x64"]);
        assert_eq!(report["device"], device);
    }
    place
}

#[test]
fn features_are_those_of_the_cpu_within_rounding() {
    let place = Workplace::new(3);
    for more in
        [["--size", "150x150"], ["--size", "33x97"], ["--preset", "caffe"], ["--preset", "torchvision"]]
    {
        let [expected, found] = ["cpu", "cuda"].map(|device| {
            let output = format!("{device}.npy");
            extract(&place, device, &output, &[&more[..], &["--fresh"]].concat());
            Features::open(&place.path(&output)).unwrap().read_all().unwrap()
        });
        let length = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
        let mut differences = found.iter().zip(&expected).map(|(a, b)| f64::from(a - b));
        let error = length(&mut differences) / length(&mut expected.iter().map(|v| f64::from(*v)));
        assert!(error < TOLERANCE, "{more:?}: {error:e}");
        // Equal to the bit would mean that the CPU computed both.
        assert!(error > 0.0, "{more:?}");
    }
}

#[test]
fn a_row_is_the_same_whichever_images_are_computed_with_it() {
    let place = Workplace::new(0);
    let size = ["--size", "97x83"];
    let mut shades = 0..;
    let mut add = |count: usize| {
        for shade in shades.by_ref().take(count) {
            place.image(&format!("images/a/{shade}.png"), 90, shade);
            place.image(&format!("images/b/{shade}.png"), 200, shade);
        }
    };
    for count in [1, 2, 9, 4] {
        add(count);
        extract(&place, "cuda", "grown.npy", &size);
        for (name, batch) in [("whole", "32"), ("ones", "1"), ("fives", "5")] {
            extract(
                &place,
                "cuda",
                &format!("{name}.npy"),
                &[&size[..], &["--fresh", "--batch-size", batch]].concat(),
            );
            assert!(pair(&place, "grown") == pair(&place, name), "{name}, {count} more");
        }
    }
}

#[test]
fn rows_of_the_cpu_and_of_a_gpu_are_not_mixed() {
    let place = extracted();
    let report = extract(&place, "cuda", "cpu.npy", &["--size", "64x64"]);
    assert_eq!((&report["computed"], &report["kept"]), (&16.into(), &0.into()));
    assert!(pair(&place, "cpu") == pair(&place, "cuda"));
}

#[test]
fn heads_and_answers_are_those_of_the_cpu_within_rounding() {
    let place = extracted();
    for suffix in ["npy", "jsonl"] {
        fs::copy(place.path(&format!("cpu.{suffix}")), place.path(&format!("again.{suffix}"))).unwrap();
    }
    let weights = weights();
    let [expected, found] = ["cpu", "cuda"].map(|device| {
        let model = format!("{device}.safetensors");
        // An optimizer whose first steps do not divide rounding by itself, as those of g / sqrt(g^2) do.
        let train =
            ["--device", device, "train", "--train", "cpu.npy", "--validation", "again.npy", "--json"];
        let more = ["--rmsprop", "keras3", "--epochs", "3", "-o", &model];
        let trained = json(&place.run(&[&train[..], &more].concat()).code(0));
        assert_eq!(trained["device"], device);
        let evaluated = place.run(&["--device", device, "evaluate", &model, "cpu.npy", "--json"]).code(0);
        let predict = ["--device", device, "predict", &model, "images", "--json", "--weights"];
        let answered = place.run(&[&predict[..], &[weights.to_str().unwrap()]].concat()).code(0);
        let answered = String::from_utf8(answered.get_output().stdout.clone()).unwrap();
        let answers = answered.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let probabilities = answers.map(|answer| answer["probability"].as_f64().unwrap());
        let losses = [&trained["last"]["loss"], &trained["last"]["val_loss"], &json(&evaluated)["loss"]];
        losses.map(|loss| loss.as_f64().unwrap()).into_iter().chain(probabilities).collect::<Vec<_>>()
    });
    assert_eq!(expected.len(), 3 + 16);
    assert_eq!(found.len(), expected.len());
    for (index, (found, expected)) in found.iter().zip(&expected).enumerate() {
        assert!((found - expected).abs() < 1e-4, "{index}: {found}, expected {expected}");
    }
}

#[test]
fn an_answer_is_the_same_however_many_are_asked_for() {
    let place = extracted();
    place.run(&["train", "--train", "cuda.npy", "--epochs", "3", "-o", "model.safetensors"]).code(0);
    let weights = weights();
    let [all, threes, ones] = ["32", "3", "1"].map(|batch| {
        let predict = ["--device", "cuda", "predict", "model.safetensors", "images", "--json", "--weights"];
        let more = [weights.to_str().unwrap(), "--batch-size", batch];
        place.run(&[&predict[..], &more].concat()).code(0).get_output().stdout.clone()
    });
    assert!(!all.is_empty() && all == threes && all == ones);
}

#[test]
fn a_gpu_that_is_not_there_is_named() {
    let place = Workplace::new(1);
    let text = "an NVIDIA GPU with that number and its driver are needed";
    fails(place.extract("images", "f.npy", &["--device", "cuda:99"]), 1, &[text]);
    assert_eq!(place.files(), [""; 0]);
}

#[test]
fn a_machine_without_a_gpu_computes_on_the_cpu_if_it_is_told_to() {
    let (place, weights) = (Workplace::new(2), weights());
    let fixed = ["--device", "cpu", "extract", "images", "-o", "f.npy", "--size", "64x64", "--weights"];
    let arguments = [&fixed[..], &[weights.to_str().unwrap()]].concat();
    place.command(&arguments).env("CUDA_VISIBLE_DEVICES", "").assert().code(0);
}
