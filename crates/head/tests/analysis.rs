//! Label errors against cleanlab, near-duplicates against scikit-learn, and probabilities of rows that were held out.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

use std::ops::ControlFlow;

use headstart_head::analysis::{
    CrossValidation, CrossValidationEvent, Probabilities, confident_thresholds, find_label_issues,
    near_duplicates, near_duplicates_within, out_of_fold_probabilities, principal_components,
};
use headstart_head::{Error, ErrorKind, InMemory, Labelled, RmsProp, TrainingEvent};
use serde_json::Value;

fn golden(path: &str) -> Value {
    let path = format!("{}/../../tests/golden/{path}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn floats(value: &Value) -> Vec<f32> {
    value.as_array().unwrap().iter().map(|value| value.as_f64().unwrap() as f32).collect()
}

fn integers(value: &Value) -> Vec<u64> {
    value.as_array().unwrap().iter().map(|value| value.as_u64().unwrap()).collect()
}

#[test]
fn label_issues_and_their_order_are_cleanlabs() {
    let cases = golden("label_issues/cases.json");
    let cases = cases.as_array().unwrap();
    assert_eq!(cases.len(), 5);
    for case in cases {
        let classes = case["classes"].as_u64().unwrap() as usize;
        let labels: Vec<u32> = integers(&case["labels"]).iter().map(|label| *label as u32).collect();
        let probabilities = Probabilities::new(floats(&case["probabilities"]), classes).unwrap();
        let expected = case["thresholds"].as_array().unwrap();
        for (found, expected) in confident_thresholds(&labels, &probabilities).iter().zip(expected) {
            assert!((found - expected.as_f64().unwrap()).abs() < 1e-9);
        }
        let found = find_label_issues(&labels, &probabilities);
        let found: Vec<u64> = found.iter().map(|issue| issue.row as u64).collect();
        assert_eq!(found, integers(&case["issues"]), "{classes} classes");
    }
}

#[test]
fn near_duplicates_are_those_of_scikit_learn() {
    let case = golden("near_duplicates/case.json");
    let shape = [case["row"].as_u64().unwrap() as usize];
    let (first, second) = (floats(&case["first"]), floats(&case["second"]));
    let (first, second) = (InMemory::new(&first, &shape).unwrap(), InMemory::new(&second, &shape).unwrap());
    let expected = case["pairs"].as_array().unwrap();
    let threshold = case["threshold"].as_f64().unwrap();

    let all = near_duplicates(&first, &second, threshold, usize::MAX).unwrap();
    assert_eq!((all.found, all.pairs.len()), (expected.len(), expected.len()));
    for expected in expected {
        let [a, b] = [0, 1].map(|i| expected[i].as_u64().unwrap() as usize);
        let found = all.pairs.iter().find(|pair| (pair.a, pair.b) == (a, b)).unwrap();
        assert!((found.distance - expected[2].as_f64().unwrap()).abs() < 1e-9);
    }
    assert!(all.pairs.is_sorted_by(|a, b| a.distance <= b.distance));

    let nearest = near_duplicates(&first, &second, threshold, 2).unwrap();
    assert_eq!((nearest.found, nearest.pairs.as_slice()), (expected.len(), &all.pairs[..2]));
}

#[test]
fn principal_components_are_those_of_a_singular_value_decomposition() {
    let case = golden("principal_components/case.json");
    let shape = [case["row"].as_u64().unwrap() as usize];
    let values = floats(&case["values"]);
    let found = principal_components(&InMemory::new(&values, &shape).unwrap(), 2).unwrap();
    for (component, share) in found.shares.iter().enumerate() {
        assert!((share - case["shares"][component].as_f64().unwrap()).abs() < 1e-9);
        for (row, place) in found.coordinates.iter().enumerate() {
            let expected = case["coordinates"][row][component].as_f64().unwrap();
            assert!((place[component] - expected).abs() < 1e-6, "{row} {component}");
        }
    }
}

#[test]
fn near_duplicates_are_found_across_blocks() {
    // 600 rows a set are three blocks of 256 and less; row i of the one is row 599 - i of the other.
    let row = |i: usize| (0..16).map(move |bit| (((i * 40_503) >> bit) % 7) as f32);
    let first: Vec<f32> = (1..=600).flat_map(row).collect();
    let second: Vec<f32> = (1..=600).rev().flat_map(row).collect();
    let (first, second) = (InMemory::new(&first, &[16]).unwrap(), InMemory::new(&second, &[16]).unwrap());
    let found = near_duplicates(&first, &second, 1e-12, usize::MAX).unwrap();
    for i in 0..600 {
        assert!(found.pairs.iter().any(|pair| (pair.a, pair.b) == (i, 599 - i)), "row {i}");
    }
}

#[test]
fn near_duplicates_within_a_set_are_those_with_itself_and_can_be_ended() {
    // Three blocks of rows.
    let values: Vec<f32> = (0..600 * 3).map(|i| (i * 7919 % 101) as f32).collect();
    let rows = InMemory::new(&values, &[3]).unwrap();
    let threshold = 2e-4;
    let mut expected = near_duplicates(&rows, &rows, threshold, usize::MAX).unwrap().pairs;
    expected.retain(|pair| pair.a < pair.b);
    let (mut found, mut heard) = (Vec::new(), Vec::new());
    let mut on_rows = |rows| {
        heard.push(rows);
        ControlFlow::Continue(())
    };
    near_duplicates_within(&rows, threshold, &mut |pair| found.push(pair), &mut on_rows).unwrap();
    found.sort_by(|a, b| a.distance.total_cmp(&b.distance).then((a.a, a.b).cmp(&(b.a, b.b))));
    assert!(expected.len() > 10 && expected.iter().any(|pair| pair.a < 256 && pair.b >= 512));
    assert_eq!(found, expected);
    assert_eq!(heard, [256, 512, 600]);
    let ended = near_duplicates_within(&rows, threshold, &mut |_| {}, &mut |_| ControlFlow::Break(()));
    assert!(matches!(ended, Err(Error::Interrupted)));
}

#[test]
fn a_wrong_label_is_found_by_models_that_have_not_seen_it() {
    let mut labels: Vec<u32> = (0..100).map(|row| row % 2).collect();
    let values: Vec<f32> = (0..100_usize)
        .flat_map(|row| {
            let noise = (row * 37 % 11) as f32 / 40.0;
            if row % 2 == 0 { [1.0 + noise, noise] } else { [noise, 1.0 + noise] }
        })
        .collect();
    labels[17] = 0;
    labels[60] = 1;
    let rows = InMemory::new(&values, &[2]).unwrap();
    let data = Labelled { samples: &rows, labels: &labels };
    // Two features need larger steps than 8192.
    let optimizer = RmsProp { learning_rate: 0.02, ..RmsProp::keras1() };
    let mut options = CrossValidation::default();
    (options.training.epochs, options.training.optimizer) = (60, optimizer.into());
    let judge = || out_of_fold_probabilities(data, &options, &mut |_| ControlFlow::Continue(())).unwrap();
    let judged = judge();
    assert_eq!(judged, judge());
    assert!(judged.rows().all(|row| (row[0] + row[1] - 1.0).abs() < 1e-6));
    let mut found: Vec<usize> = find_label_issues(&labels, &judged).iter().map(|issue| issue.row).collect();
    found.sort_unstable();
    assert_eq!(found, [17, 60]);
}

#[test]
fn folds_out_of_range_are_refused() {
    let rows = InMemory::new(&[0.0, 1.0, 2.0], &[1]).unwrap();
    let data = Labelled { samples: &rows, labels: &[0, 1, 0] };
    for folds in [0, 1, 4] {
        let options = CrossValidation { folds, ..CrossValidation::default() };
        let judged = out_of_fold_probabilities(data, &options, &mut |_| ControlFlow::Continue(()));
        let error = judged.unwrap_err().to_string();
        assert!(error.contains("folds: expected from 2 to the number of rows"), "{error}");
    }
}

#[test]
fn an_observer_hears_of_every_batch_and_fold_and_can_end_it() {
    let values: Vec<f32> = (0..20_u8).map(f32::from).collect();
    let rows = InMemory::new(&values, &[1]).unwrap();
    let labels = [0, 1].repeat(10);
    let data = Labelled { samples: &rows, labels: &labels };
    let mut options = CrossValidation { folds: 4, ..CrossValidation::default() };
    (options.training.epochs, options.training.batch_size) = (2, 8);
    // Two batches of 15 rows in each of two epochs, and the epochs, in each of four folds.
    let (mut batches, mut epochs, mut folds) = (0, 0, Vec::new());
    let mut count = |event: CrossValidationEvent<'_>| {
        match event {
            CrossValidationEvent::Training { event: TrainingEvent::Batch { batches: 2, .. }, .. } => {
                batches += 1
            }
            CrossValidationEvent::Training { event: TrainingEvent::Epoch(_), .. } => epochs += 1,
            CrossValidationEvent::Fold { fold, folds: 4 } => folds.push(fold),
            other => panic!("{other:?}"),
        }
        ControlFlow::Continue(())
    };
    out_of_fold_probabilities(data, &options, &mut count).unwrap();
    assert_eq!((batches, epochs, folds), (16, 8, vec![1, 2, 3, 4]));

    for last in [1, 2, 3, 6, 7, 28] {
        let mut heard = 0;
        let mut end = |_: CrossValidationEvent<'_>| {
            heard += 1;
            if heard == last { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let error = out_of_fold_probabilities(data, &options, &mut end).unwrap_err();
        assert!(matches!(error, Error::Interrupted), "{error}");
        assert_eq!((error.kind(), heard), (ErrorKind::Interrupted, last));
    }
}
