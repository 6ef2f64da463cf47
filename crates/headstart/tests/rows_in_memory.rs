//! Rows of features in memory give what the same rows give in a file.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use std::ops::ControlFlow;

use common::{Place, backbone, small};
use headstart::evaluation::EvaluationOptions;
use headstart::{
    Classifier, ErrorKind, FitRecord, Fitted, Fitting, LabelledFeatures, Pooling, Prediction, RowFitting,
    Silent,
};

fn fitted(place: &Place) -> Fitted {
    let (dataset, backbone) = (place.dataset(), backbone());
    let fitting = Fitting::new(&dataset, &backbone).preprocessing(small()).pooling(Pooling::Average);
    fitting.near_duplicates(0.0).to(place.path("model.safetensors")).run(&mut Silent).unwrap()
}

fn values_of(features: &LabelledFeatures) -> Vec<f32> {
    let features = features.features();
    let mut values = vec![0.0; features.rows() * features.row_len()];
    features.read_rows(&(0..features.rows()).collect::<Vec<_>>(), &mut values).unwrap();
    values
}

#[test]
fn rows_in_memory_give_the_classifier_of_their_folder() {
    let place = Place::new(12);
    let of_folder = fitted(&place);
    let features = of_folder.extracted.features().unwrap();
    let values = values_of(&features);
    let classes = features.class_names();
    let row_shape = features.features().row_shape();
    let fitting = RowFitting::new(&values, row_shape, features.labels(), &classes);
    let of_rows = fitting.provenance(of_folder.extracted.provenance.clone()).run(&mut Silent).unwrap();
    let (theirs, ours) = (of_folder.classifier.model(), of_rows.classifier.model());
    assert_eq!(ours.layers, theirs.layers);
    assert_eq!(ours.metadata.classes, theirs.metadata.classes);
    assert_eq!(ours.metadata.provenance, theirs.metadata.provenance);
    assert_eq!(ours.known, theirs.known);
    assert_eq!(of_rows.cross_validation, of_folder.cross_validation);

    let path = place.path("rows.safetensors");
    of_rows.classifier.save(&path).unwrap();
    let loaded = Classifier::load(&path).unwrap();
    assert_eq!(FitRecord::of(&loaded).unwrap(), of_rows.record);
    let fixed = RowFitting::new(&values, row_shape, features.labels(), &classes).strength(0.01);
    assert_eq!(fixed.calibrate(false).run(&mut Silent).unwrap().record.strength, 0.01);
}

#[test]
fn answers_and_figures_are_those_of_the_file() {
    let place = Place::new(12);
    let fitted = fitted(&place);
    let (classifier, features) = (&fitted.classifier, fitted.extracted.features().unwrap());
    let (values, row_shape) = (values_of(&features), features.features().row_shape());
    let mut of_file: Vec<Prediction> = Vec::new();
    let mut keep = |answer: headstart::Answer| {
        of_file.push(answer.prediction.unwrap());
        ControlFlow::Continue(())
    };
    classifier.predict_rows(features.features(), None, &mut keep).unwrap();
    assert_eq!(classifier.predict_values(&values, row_shape, None).unwrap(), of_file);
    assert!(of_file.iter().all(|prediction| prediction.novelty.is_some()));
    let one = classifier.predict_values(&values[..row_shape[0]], row_shape, None).unwrap();
    assert_eq!(one, of_file[..1], "the rows beside one do not matter");

    let options = EvaluationOptions::default();
    let evaluation = classifier.evaluate_values(&values, row_shape, features.labels(), &options).unwrap();
    assert_eq!(evaluation, classifier.evaluate(&features).unwrap());
}

#[test]
fn rows_that_can_t_be_used_are_refused() {
    let place = Place::new(12);
    let classifier = fitted(&place).classifier;
    let says = |error: headstart::Error, kind: ErrorKind, text: &str| {
        assert!(error.kind() == kind && error.to_string().contains(text), "{:?} {error}", error.kind());
    };
    let mut values = vec![0.5; 512];
    values[7] = f32::NAN;
    says(
        classifier.predict_values(&values, &[512], None).unwrap_err(),
        ErrorKind::Usage,
        "found NaN in row 0",
    );
    says(
        classifier.predict_values(&values, &[256], None).unwrap_err(),
        ErrorKind::BadData,
        "takes 512 values",
    );
    let classes = ["a".to_owned(), "b".to_owned()];
    let rows: Vec<f32> = (0..24).map(|i| i as f32).collect();
    let labels: Vec<u32> = (0..12).map(|row| row % 2).collect();
    let fitting = RowFitting::new(&rows, &[2], &labels, &classes);
    says(
        fitting.clone().groups(&[1]).run(&mut Silent).unwrap_err(),
        ErrorKind::Usage,
        "a group for each of 12",
    );
    says(fitting.clone().unknown_share(1.0).run(&mut Silent).unwrap_err(), ErrorKind::Usage, "unknown_share");
    says(fitting.strength(0.0).run(&mut Silent).unwrap_err(), ErrorKind::Usage, "strengths");
    let short = RowFitting::new(&rows[..22], &[2], &labels, &classes).run(&mut Silent).unwrap_err();
    says(short, ErrorKind::BadData, "a label for each of 11 rows, found 12");
}
