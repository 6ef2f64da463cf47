//! Files that headstart 0.1.0 wrote are used as if this version had written them.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use common::{Place, backbone, root};
use headstart::{Classifier, Dataset, Extraction, LabelledFeatures, Preprocessing, Preset, Recipe, Silent};

#[test]
fn models_predict_with_the_weights_that_they_were_trained_with() {
    let place = Place::new(1);
    for name in ["blog.safetensors", "blog.h5", "blog_tf.h5", "caffe.weights.h5"] {
        let classifier = Classifier::load(root().join("tests/golden/models/0.1.0").join(name)).unwrap();
        assert_eq!(classifier.classes(), ["café", "food"], "{name}");
        assert_eq!(classifier.epoch(), Some(2), "{name}");
        let answers = classifier.predict(&backbone(), [place.path("images")]).unwrap();
        assert!(answers.iter().all(|answer| answer.prediction.is_ok()), "{name}: {answers:?}");
    }
}

#[test]
fn features_train_a_classifier_and_their_rows_are_used_again() {
    let golden = root().join("tests/golden/features/0.1.0");
    let features = LabelledFeatures::open(golden.join("whole.npy")).unwrap();
    let mut recipe = Recipe::default();
    recipe.units = 2;
    recipe.options.epochs = 1;
    let classifier = Classifier::train(&features, None, &recipe, &mut Silent).unwrap();
    assert_eq!(classifier.evaluate(&features).unwrap().rows, features.labels().len());
    let provenance = &features.manifest().unwrap().header.provenance;
    let now = backbone().provenance(&provenance.preprocessing, provenance.pooling).unwrap();
    assert_eq!(provenance.differences(&now), []);
}

/// The rows of an old file are kept, and those of new images are added.
#[test]
fn an_extraction_goes_on_from_features_of_an_earlier_version() {
    let place = Place::new(3);
    let (dataset, backbone) = (place.dataset(), backbone());
    let extract = |dataset: &Dataset| {
        let blog = Preprocessing::preset(Preset::Blog, 32, 32);
        let extraction = Extraction::new(dataset, &backbone).preprocessing(blog);
        extraction.to(place.path("f.npy")).run(&mut Silent).unwrap().summary
    };
    assert_eq!(extract(&dataset).computed, 6);
    // The manifest of 0.1.0 has the same text.
    let manifest = std::fs::read_to_string(place.path("f.jsonl")).unwrap();
    let old = std::fs::read_to_string(root().join("tests/golden/features/0.1.0/whole.jsonl")).unwrap();
    let keys = |text: &str| -> Vec<String> {
        let header: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        header.as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(keys(&manifest), keys(&old));
    place.image("images/cats/new.png", 60, 9);
    let again = extract(&place.dataset());
    assert_eq!((again.computed, again.kept), (1, 6));
}
