//! Sweeps over small sets of rows, the folds beneath them, and their statistics against statsmodels.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

use std::ops::ControlFlow;

use candle_core::Device;
use headstart_head::analysis::{CrossValidation, stratified_folds};
use headstart_head::sweep::{Candidate, Sweep, SweepEvent, holm, mcnemar_exact, sweep};
use headstart_head::{Error, ErrorKind, InMemory, Labelled, RmsProp, Samples, Subset};
use proptest::prelude::*;
use serde_json::Value;

fn golden() -> Value {
    let path = format!("{}/../../tests/golden/sweep/cases.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn floats(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
}

fn close(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= 1e-9 * expected
}

#[test]
fn mcnemars_exact_test_is_that_of_statsmodels() {
    let golden = golden();
    let cases = golden["mcnemar"].as_array().unwrap();
    assert_eq!(cases.len(), 16);
    for case in cases {
        let [first, second] = [0, 1].map(|i| case[i].as_u64().unwrap() as usize);
        let (found, expected) = (mcnemar_exact(first, second), case[2].as_f64().unwrap());
        assert!(close(found, expected), "{first} and {second}: {found} instead of {expected}");
    }
}

#[test]
fn holms_correction_is_that_of_statsmodels() {
    let golden = golden();
    let families = golden["holm"].as_array().unwrap();
    assert_eq!(families.len(), 7);
    for family in families {
        let (found, expected) = (holm(&floats(&family["values"])), floats(&family["corrected"]));
        assert_eq!(found.len(), expected.len());
        assert!(found.iter().zip(&expected).all(|(f, e)| close(*f, *e)), "{found:?} and {expected:?}");
    }
    assert!(holm(&[]).is_empty());
}

proptest! {
    #[test]
    fn a_subset_gives_the_rows_that_it_names_in_its_order(
        rows in 1..30_usize,
        picks in proptest::collection::vec(any::<prop::sample::Index>(), 1..40),
        reads in proptest::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let values: Vec<f32> = (0..rows * 3).map(|value| value as f32).collect();
        let samples = InMemory::new(&values, &[3]).unwrap();
        let indices: Vec<usize> = picks.iter().map(|pick| pick.index(rows)).collect();
        let subset = Subset { samples: &samples, indices: &indices };
        prop_assert_eq!((subset.rows(), subset.row_shape()), (indices.len(), &[3][..]));
        let reads: Vec<usize> = reads.iter().map(|read| read.index(indices.len())).collect();
        let (mut found, mut expected) = (vec![0.0; reads.len() * 3], vec![0.0; reads.len() * 3]);
        subset.read(&reads, &mut found).unwrap();
        samples.read(&reads.iter().map(|&read| indices[read]).collect::<Vec<_>>(), &mut expected).unwrap();
        prop_assert_eq!(found, expected);
    }
}

/// Rows of one 1 each, at their class, and beside it some of noise; labels in turns.
fn rows(count: usize, classes: usize) -> (Vec<f32>, Vec<u32>) {
    let labels: Vec<u32> = (0..count).map(|row| (row % classes) as u32).collect();
    let value = |(row, column): (usize, usize)| {
        if column == row % classes { 1.0 } else { ((row * 31 + column * 17) % 11) as f32 / 30.0 }
    };
    let places = (0..count).flat_map(|row| (0..classes + 2).map(move |column| (row, column)));
    (places.map(value).collect(), labels)
}

fn options(epochs: usize) -> CrossValidation {
    let optimizer = RmsProp { learning_rate: 0.02, ..RmsProp::keras1() }.into();
    let mut options = CrossValidation::default();
    (options.training.epochs, options.training.optimizer) = (epochs, optimizer);
    options
}

fn swept(values: &[f32], labels: &[u32], candidates: &[Candidate], options: &CrossValidation) -> Sweep {
    let samples = InMemory::new(values, &[values.len() / labels.len()]).unwrap();
    let data = Labelled { samples: &samples, labels };
    let mut answers = Vec::new();
    let mut collect = |event: SweepEvent<'_>| {
        if let SweepEvent::Answer { candidate, fold, folds } = event {
            answers.push((fold, *candidate));
            assert_eq!(folds, options.folds);
        }
        ControlFlow::Continue(())
    };
    let sweep = sweep(data, candidates, options, &Device::Cpu, &mut collect).unwrap();
    let expected = (1..=options.folds).flat_map(|fold| candidates.iter().map(move |&c| (fold, c)));
    assert_eq!(answers, expected.collect::<Vec<_>>());
    sweep
}

/// Without the seconds, which are never the same.
fn timeless(mut sweep: Sweep) -> Sweep {
    sweep.scores.iter_mut().for_each(|score| score.seconds = 0.0);
    sweep
}

#[test]
fn of_candidates_that_are_always_right_the_simplest_is_taken() {
    for classes in [2, 3] {
        let (values, labels) = rows(60, classes);
        let candidates = Candidate::standard(0.5);
        let sweep = swept(&values, &labels, &candidates, &options(60));
        for score in &sweep.scores {
            assert_eq!((score.right, score.accuracy.mean), (60, 1.0), "{}", score.candidate);
            assert_eq!(score.accuracy.standard_error, 0.0);
            assert!(score.equals_best());
        }
        assert_eq!((sweep.best, sweep.chosen, sweep.chosen_head()), (0, 0, Some(0)));
    }
}

#[test]
fn a_difference_beyond_chance_is_told_and_the_better_is_taken() {
    // The class is whether two signs differ, which no line divides; nearest neighbours and hidden units do.
    let corner = |row: usize| [row & 1, row >> 1 & 1];
    let labels: Vec<u32> = (0..120).map(|row| (corner(row)[0] ^ corner(row)[1]) as u32).collect();
    let jitter = |row: usize| (row % 7) as f32 / 50.0;
    let values: Vec<f32> =
        (0..120).flat_map(|row| corner(row).map(|side| side as f32 * 2.0 - 1.0 + jitter(row))).collect();
    let candidates = [Candidate::LogisticRegression, Candidate::NearestNeighbours { neighbours: 5 }];
    let sweep = swept(&values, &labels, &candidates, &options(10));
    assert_eq!((sweep.best, sweep.chosen, sweep.scores[1].right), (1, 1, 120));
    let comparison = sweep.scores[0].against_best.unwrap();
    assert!(comparison.is_significant() && comparison.corrected_p < 1e-6, "{comparison:?}");
    assert_eq!(comparison.other_alone, 0);
    assert_eq!(comparison.best_alone, 120 - sweep.scores[0].right);
    assert_eq!(comparison.p, mcnemar_exact(comparison.best_alone, 0));
    assert!(sweep.scores[1].against_best.is_none());
    // Nearest neighbours can't be written; logistic regression is the only head.
    assert_eq!(sweep.chosen_head(), Some(0));
}

#[test]
fn the_folds_figures_are_those_of_nearest_neighbours_counted_by_hand() {
    // The last row is nearer to the other class than to its own, and to no row the nearest, whatever the folds.
    let (mut values, labels) = rows(20, 2);
    values[19 * 4..].copy_from_slice(&[1.0, 0.0, 0.0, 1.0]);
    let one = [Candidate::NearestNeighbours { neighbours: 1 }];
    let options = CrossValidation::default();
    let sweep = swept(&values, &labels, &one, &options);
    let score = &sweep.scores[0];
    assert_eq!(score.right, 19);
    let fold = stratified_folds(&labels, 5, options.seed)[19];
    assert_eq!(score.accuracy.folds[fold], 0.75);
    let mean = score.accuracy.folds.iter().sum::<f64>() / 5.0;
    assert!((score.accuracy.mean - mean).abs() < 1e-12);
    let variance = score.accuracy.folds.iter().map(|a| (a - mean).powi(2)).sum::<f64>() / 4.0;
    assert!((score.accuracy.standard_error - (variance / 5.0).sqrt()).abs() < 1e-12);
    // A wrong answer that is sure costs as much as the clip of the loss allows.
    assert!((score.loss.mean - 1e-7_f64.ln() / -20.0).abs() < 1e-4);
}

#[test]
fn a_sweep_is_the_same_for_any_number_of_threads_and_another_for_another_seed() {
    let (values, labels) = rows(50, 2);
    let noisy: Vec<f32> =
        values.iter().enumerate().map(|(i, value)| value + ((i * 7919) % 13) as f32 / 8.0).collect();
    let candidates = Candidate::standard(0.5);
    let on = |threads: usize, seed: u64| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let options = CrossValidation { seed, ..options(3) };
        pool.install(|| timeless(swept(&noisy, &labels, &candidates, &options)))
    };
    assert_eq!(on(1, 3), on(3, 3));
    assert_ne!(on(1, 3), on(1, 4));
}

#[test]
fn what_can_not_be_swept_is_refused() {
    let (values, labels) = rows(10, 2);
    let samples = InMemory::new(&values, &[4]).unwrap();
    let refuses = |candidates: &[Candidate], folds: usize, labels: &[u32], words: &str| {
        let options = CrossValidation { folds, ..options(1) };
        let data = Labelled { samples: &samples, labels };
        let swept = sweep(data, candidates, &options, &Device::Cpu, &mut |_| ControlFlow::Continue(()));
        let error = swept.unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    };
    let logistic = [Candidate::LogisticRegression];
    refuses(&[], 5, &labels, "candidates: expected at least one, found none");
    refuses(&[Candidate::NearestNeighbours { neighbours: 0 }], 5, &labels, "neighbours: expected at least 1");
    refuses(&logistic, 1, &labels, "folds: expected from 2 to the number of rows, found 1 for 10 rows");
    refuses(&logistic, 11, &labels, "found 11 for 10 rows");
    refuses(&logistic, 5, &labels[1..], "expected a label for each of 10 rows, found 9 labels");
}

#[test]
fn a_sweep_can_be_ended_during_the_search_within_training_and_after_an_answer() {
    let (values, labels) = rows(40, 2);
    let samples = InMemory::new(&values, &[4]).unwrap();
    let data = Labelled { samples: &samples, labels: &labels };
    let candidates = [Candidate::NearestNeighbours { neighbours: 1 }, Candidate::LogisticRegression];
    let ended_at = |end: &dyn Fn(SweepEvent<'_>) -> bool| {
        let mut ended = 0;
        let mut observe = |event: SweepEvent<'_>| {
            assert_eq!(ended, 0, "nothing is said after the end");
            if end(event) {
                ended += 1;
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        };
        let error = sweep(data, &candidates, &options(2), &Device::Cpu, &mut observe).unwrap_err();
        assert!(matches!(error, Error::Interrupted) && error.kind() == ErrorKind::Interrupted, "{error}");
        assert_eq!(ended, 1);
    };
    ended_at(&|event| matches!(event, SweepEvent::Search { fold: 2, folds: 5 }));
    ended_at(&|event| matches!(event, SweepEvent::Training { fold: 3, .. }));
    ended_at(&|event| {
        matches!(event, SweepEvent::Answer { fold: 5, candidate: Candidate::LogisticRegression, .. })
    });
}
