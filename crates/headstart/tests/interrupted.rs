//! Long jobs that their observer ends.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use std::ops::ControlFlow;

use common::Place;
use headstart::report::{Report, ReportOptions};
use headstart::{
    Classifier, Device, EpochMetrics, Error, ErrorKind, IfExists, LabelledFeatures, Note, Observer, Progress,
    Recipe, Run, Silent, Stage, Training,
};

/// Ends a stage at its n-th call, and remembers what it heard.
#[derive(Default)]
struct Ending {
    at: usize,
    calls: Vec<Progress>,
    epochs: Vec<usize>,
    notes: Vec<String>,
}

impl Observer for Ending {
    fn progress(&mut self, progress: &Progress) -> ControlFlow<()> {
        self.calls.push(*progress);
        if self.calls.len() == self.at { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn note(&mut self, note: &Note) {
        self.notes.push(note.to_string());
    }

    fn epoch(&mut self, epoch: &EpochMetrics) {
        self.epochs.push(epoch.epoch);
    }
}

fn ending_at(at: usize) -> Ending {
    Ending { at, ..Ending::default() }
}

fn recipe(epochs: usize) -> Recipe {
    let mut recipe = Recipe::default();
    recipe.units = 4;
    recipe.options.epochs = epochs;
    recipe.options.batch_size = 4;
    recipe
}

#[test]
fn an_extraction_that_is_ended_goes_on_where_it_was() {
    let place = Place::new(6);
    std::fs::write(place.path("images/cats/torn.png"), "no image").unwrap();
    let whole = place.extract("whole.npy");
    let mut observer = ending_at(3);
    let error = place.extract_with("f.npy", &mut observer).unwrap_err();
    assert!(matches!(error, Error::Interrupted { done: 8, total: 13, unit: "images", .. }), "{error}");
    assert_eq!(error.kind(), ErrorKind::Interrupted);
    assert!(!place.path("f.npy").exists());
    assert_eq!(observer.calls[0].stage, Stage::Extraction);
    assert!(observer.notes.iter().any(|note| note.starts_with("skipped cats/torn.png: ")));

    let mut observer = ending_at(0);
    let resumed = place.extract_with("f.npy", &mut observer).unwrap();
    assert_eq!((resumed.summary.computed, resumed.summary.kept), (5, 7));
    assert!(
        observer.notes.iter().any(|note| note.contains("the other rows are there")),
        "{:?}",
        observer.notes
    );
    for suffix in ["npy", "jsonl"] {
        let read = |name: &str| std::fs::read(place.path(&format!("{name}.{suffix}"))).unwrap();
        assert!(read("whole") == read("f"), "{suffix}");
    }
    assert_eq!(whole.skipped.len(), 1);
}

/// Twelve rows in batches of four: three calls after batches, and one after the epoch.
#[test]
fn a_training_that_is_ended_keeps_the_heads_of_its_whole_epochs() {
    let place = Place::new(6);
    let features = place.extract("f.npy").features().unwrap();
    let copy = place.copy_of(&features);
    let recipe = recipe(9);
    let train = |run: &str, observer: &mut dyn Observer| {
        let folder = place.path(run);
        let training = Training::new(&features, &recipe).validate_on(&copy);
        training.record_in(&folder, IfExists::Refuse).run(observer)
    };
    // In the middle of the third epoch.
    let mut observer = ending_at(10);
    let trained = train("run", &mut observer).unwrap();
    assert!(trained.history.interrupted);
    assert_eq!(observer.epochs, [1, 2]);
    assert_eq!(trained.history.epochs.len(), 2);
    let run = Run::open(place.path("run")).unwrap();
    assert_eq!(run.epochs, trained.history.epochs);
    assert_eq!(Classifier::load(run.model.unwrap()).unwrap().epoch(), Some(trained.kept.epoch.min(2)));
    // What is kept is what a training of two epochs gives.
    let mut short = recipe.clone();
    short.options.epochs = 2;
    let folder = place.path("short");
    let training = Training::new(&features, &short).validate_on(&copy);
    training.record_in(&folder, IfExists::Refuse).run(&mut Silent).unwrap();
    let last = |run: &str| Classifier::load(place.path(&format!("{run}/last.safetensors"))).unwrap();
    assert_eq!(last("run").model().layers, last("short").model().layers);

    let report = Report::of_run(place.path("run"), &ReportOptions::default()).unwrap();
    assert_eq!(report.epochs.len(), 2);
    assert!(report.to_html().contains("2 of 9: training ended before its last epoch"));
}

#[test]
fn a_training_that_is_ended_before_its_first_epoch_keeps_nothing_and_says_so() {
    let place = Place::new(6);
    let features = place.extract("f.npy").features().unwrap();
    let folder = place.path("run");
    let recipe = recipe(3);
    let training = Training::new(&features, &recipe).record_in(&folder, IfExists::Refuse);
    let error = training.run(&mut ending_at(2)).unwrap_err();
    assert!(matches!(error, Error::Interrupted { done: 0, total: 3, unit: "epochs", .. }), "{error}");
    assert_eq!(Run::open(&folder).unwrap().model, None);
    let error = Report::of_run(&folder, &ReportOptions::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadData);
    let error = Classifier::train(&features, None, &recipe, &mut ending_at(6)).unwrap_err();
    assert!(matches!(error, Error::Interrupted { done: 1, .. }), "{error}");
}

#[test]
fn a_sweep_can_be_ended() {
    let place = Place::new(6);
    let features = place.extract("f.npy").features().unwrap();
    let error = recipe(2).sweep(&features, 3, &Device::Cpu, &mut ending_at(5)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
    assert!(error.to_string().starts_with("interrupted after "), "{error}");
}

/// A full disk or a power cut can leave half a line.
#[test]
fn a_run_that_was_cut_off_within_a_line_has_the_epochs_before_it() {
    let place = Place::new(2);
    let features = place.extract("f.npy").features().unwrap();
    let folder = place.path("run");
    let recipe = recipe(3);
    Training::new(&features, &recipe).record_in(&folder, IfExists::Refuse).run(&mut Silent).unwrap();
    let file = folder.join("metrics.jsonl");
    let metrics = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, &metrics[..metrics.len() - 10]).unwrap();
    let epochs: Vec<usize> = Run::open(&folder).unwrap().epochs.iter().map(|epoch| epoch.epoch).collect();
    assert_eq!(epochs, [1, 2]);
    // A line that was ended is held to be whole.
    std::fs::write(&file, metrics.replacen("epoch", "", 1)).unwrap();
    let error = Run::open(&folder).unwrap_err();
    assert!(error.to_string().contains("metrics.jsonl: line 1: "), "{error}");
}

#[test]
fn a_report_of_very_few_images_is_a_report() {
    for images in [1, 2] {
        let place = Place::new(images);
        let features = place.extract("f.npy").features().unwrap();
        let folder = place.path("run");
        let copy = place.copy_of(&features);
        let recipe = recipe(2);
        let training = Training::new(&features, &recipe).validate_on(&copy);
        training.record_in(&folder, IfExists::Refuse).run(&mut Silent).unwrap();
        let report = Report::of_run(&folder, &ReportOptions::default()).unwrap();
        assert_eq!(report.epochs.len(), 2);
    }
}

#[test]
fn a_report_of_bare_features_goes_by_rows_and_one_that_lost_a_manifest_says_so() {
    let place = Place::new(3);
    let extracted = place.extract("f.npy");
    std::fs::copy(&extracted.summary.npy, place.path("bare.npy")).unwrap();
    let recipe = recipe(1);
    let run = |name: &str, features: &LabelledFeatures| {
        let copy = place.copy_of(features);
        let training = Training::new(features, &recipe).validate_on(&copy);
        training.record_in(&place.path(name), IfExists::Refuse).run(&mut Silent).unwrap();
    };
    run("bare", &LabelledFeatures::with_counts(place.path("bare.npy"), Some(&[3, 3])).unwrap());
    let report = Report::of_run(place.path("bare"), &ReportOptions::default()).unwrap();
    assert_eq!((report.title.as_str(), report.classes.len()), ("0 and 1", 2));
    assert_eq!(report.near_duplicates[0].a.path, "row 0");

    run("whole", &extracted.features().unwrap());
    std::fs::remove_file(place.path("f.jsonl")).unwrap();
    let error = Report::of_run(place.path("whole"), &ReportOptions::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    let message = error.to_string();
    assert!(message.starts_with("train: ") && message.contains("f.npy has no manifest"), "{message}");
}

/// Ends a stage when it is complete.
struct EndingWhenComplete;

impl Observer for EndingWhenComplete {
    fn progress(&mut self, progress: &Progress) -> ControlFlow<()> {
        if progress.done == progress.total { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

#[test]
fn a_job_that_is_complete_is_not_interrupted() {
    let place = Place::new(6);
    let extracted = place.extract_with("f.npy", &mut EndingWhenComplete).unwrap();
    assert_eq!(extracted.summary.rows, 12);
    let features = extracted.features().unwrap();
    Classifier::train(&features, None, &recipe(2), &mut EndingWhenComplete).unwrap();
    recipe(1).sweep(&features, 2, &Device::Cpu, &mut EndingWhenComplete).unwrap();
}
