//! Weights that are part of the program.
#![cfg(feature = "efficientnet-lite2")]
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

/// What is said where the file is missing.
#[path = "../build.rs"]
#[allow(dead_code, reason = "the test calls a part of it")]
mod build;
mod common;

use std::fs;
use std::ops::ControlFlow;

use common::{Place, root};
use headstart::{
    Architecture, Backbone, Classifier, Device, Error, Extraction, Observer, Pooling, Preprocessing, Preset,
    Progress, Recipe, Silent,
};

fn lite2() -> Architecture {
    "efficientnet_lite2".parse().unwrap()
}

fn of_file() -> Backbone {
    Backbone::open(root().join("data/weights/efficientnet_lite2.safetensors")).unwrap().on(Device::Cpu)
}

fn in_program() -> Backbone {
    Backbone::shipped(lite2()).unwrap().on(Device::Cpu)
}

fn small() -> Preprocessing {
    Preprocessing::preset(Preset::Inception, 64, 64)
}

/// A package of crates.io has no room for the weights.
#[test]
fn a_build_without_the_file_of_the_weights_names_the_feature() {
    assert_eq!(build::fault(&root().join("crates/headstart")), None);
    let elsewhere = tempfile::tempdir().unwrap();
    let fault = build::fault(elsewhere.path()).unwrap();
    assert!(
        fault.contains("the feature efficientnet-lite2 needs") && fault.contains("--no-default-features"),
        "{fault}"
    );
}

#[test]
fn weights_in_the_program_are_those_of_the_file() {
    assert!(Backbone::shipped_networks().eq([lite2()]));
    let (file, program) = (of_file(), in_program());
    assert_eq!(file.id(), program.id());
    assert_eq!(file.preprocessing().unwrap(), program.preprocessing().unwrap());
    let provenance = program.provenance(&small(), Pooling::Average).unwrap();
    assert_eq!(
        file.provenance(&small(), Pooling::Average).unwrap(),
        provenance,
        "the hash that is written down"
    );
    assert_eq!(provenance.weights.name, "efficientnet_lite2.safetensors");

    let place = Place::new(3);
    let dataset = place.dataset();
    let extract = |backbone: &Backbone, name: &str| {
        let extraction = Extraction::new(&dataset, backbone).preprocessing(small()).to(place.path(name));
        extraction.run(&mut Silent).unwrap()
    };
    let extracted = extract(&file, "file.npy");
    assert_eq!(extracted.shape, [6, 1280], "its own pooling is avg");
    extract(&program, "program.npy");
    for suffix in ["npy", "jsonl"] {
        let [a, b] =
            ["file", "program"].map(|name| fs::read(place.path(&format!("{name}.{suffix}"))).unwrap());
        assert!(a == b, "{suffix}");
    }
    // Rows of the one are rows of the other.
    assert_eq!(extract(&program, "file.npy").summary.kept, 6);
}

/// Ends a job at its n-th call.
struct EndingAt(usize);

impl Observer for EndingAt {
    fn progress(&mut self, _: &Progress) -> ControlFlow<()> {
        self.0 -= 1;
        if self.0 == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// Each thread computes batches of its own.
#[test]
fn neither_threads_nor_batches_nor_an_interruption_change_the_files() {
    let place = Place::new(9);
    fs::write(place.path("images/cats/torn.png"), "no image").unwrap();
    let (dataset, backbone) = (place.dataset(), in_program());
    let pair = |name: &str| {
        ["npy", "jsonl"].map(|suffix| fs::read(place.path(&format!("{name}.{suffix}"))).unwrap())
    };
    let extract = |name: &str, threads: usize, batch_size: usize, observer: &mut (dyn Observer + Send)| {
        let extraction = Extraction::new(&dataset, &backbone).preprocessing(small());
        let extraction = extraction.batch_size(batch_size).to(place.path(name));
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| extraction.run(observer))
    };
    extract("one.npy", 1, 1, &mut Silent).unwrap();
    for threads in [1, 2, 3] {
        for batch_size in [1, 7, 16] {
            let name = format!("{threads}_{batch_size}");
            extract(&format!("{name}.npy"), threads, batch_size, &mut Silent).unwrap();
            assert!(pair(&name) == pair("one"), "{threads} threads, batches of {batch_size}");
        }
    }
    let error = extract("ended.npy", 2, 4, &mut EndingAt(3)).unwrap_err();
    assert!(matches!(error, Error::Interrupted { done: 8, total: 19, .. }), "{error}");
    let resumed = extract("ended.npy", 3, 2, &mut Silent).unwrap().summary;
    assert_eq!((resumed.computed + resumed.kept, resumed.skipped), (18, 1));
    assert!(resumed.kept >= 7, "{} rows were kept", resumed.kept);
    assert!(pair("ended") == pair("one"));

    // The images before one that can't be read are kept.
    let strict = Extraction::new(&dataset, &backbone).preprocessing(small()).batch_size(4).strict(true);
    let error = strict.to(place.path("strict.npy")).run(&mut Silent).unwrap_err();
    assert!(matches!(&error, Error::Image { path, .. } if path.ends_with("cats/torn.png")), "{error}");
    let resumed = extract("strict.npy", 2, 4, &mut Silent).unwrap().summary;
    assert!(resumed.kept >= 4, "{} rows were kept", resumed.kept);
    assert!(pair("strict") == pair("one"));
}

#[test]
fn a_classifier_finds_the_weights_that_it_was_trained_with() {
    let place = Place::new(3);
    let (dataset, backbone) = (place.dataset(), of_file());
    let extraction = Extraction::new(&dataset, &backbone).preprocessing(small()).to(place.path("f.npy"));
    let features = extraction.run(&mut Silent).unwrap().features().unwrap();
    let mut recipe = Recipe::default();
    (recipe.units, recipe.options.epochs) = (0, 2);
    let classifier = Classifier::train(&features, None, &recipe, &mut Silent).unwrap();
    let program = classifier.shipped_backbone().unwrap().on(Device::Cpu);
    let images = [place.path("images")];
    let answers = classifier.predict(&program, &images).unwrap();
    assert_eq!(answers, classifier.predict(&backbone, &images).unwrap());
    assert_eq!(answers.len(), 6);

    let vgg16 = common::backbone();
    let vgg = Extraction::new(&dataset, &vgg16).preprocessing(common::small()).to(place.path("v.npy"));
    let features = vgg.run(&mut Silent).unwrap().features().unwrap();
    let classifier = Classifier::train(&features, None, &recipe, &mut Silent).unwrap();
    let error = classifier.shipped_backbone().unwrap_err();
    assert!(matches!(error, Error::NoWeights { feature: None, .. }), "{error}");
    let expected =
        "expected a file of the weights vgg16_weights.h5, which the classifier was trained with, found none";
    assert_eq!(error.to_string(), expected);
}
