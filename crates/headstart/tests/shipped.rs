//! Weights that are part of the program.
#![cfg(feature = "efficientnet-lite2")]
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use std::fs;

use common::{Place, root};
use headstart::{
    Architecture, Backbone, Classifier, Device, Error, Extraction, Pooling, Preprocessing, Preset, Recipe,
    Silent,
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
