//! What is fitted to held-out rows: Platt's numbers against scipy's and scikit-learn's (tests/golden/calibration), distances
//! to the classes' means against scipy's (tests/golden/novelty).
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

use candle_core::Device;
use headstart_head::{
    ClassMeans, Head, InMemory, Labelled, LayerConfig, Logits, Platt, distance_refusing, held_out_distances,
    predict,
};
use serde::Deserialize;

fn golden<T: for<'de> Deserialize<'de>>(name: &str) -> T {
    let path = format!("{}/../../tests/golden/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[derive(Deserialize)]
struct Calibrated {
    name: String,
    logits: Vec<f64>,
    labels: Vec<u32>,
    slope: f64,
    offset: f64,
    log_loss: f64,
}

#[test]
fn platts_numbers_are_scipys() {
    let cases: Vec<Calibrated> = golden("calibration/platt.json");
    assert_eq!(cases.len(), 4);
    for Calibrated { name, logits, labels, slope, offset, log_loss } in cases {
        let two: Vec<f64> = logits.iter().flat_map(|&logit| [0.25, logit + 0.25]).collect();
        // The same of a column a class.
        for logits in [Logits::new(logits, 1).unwrap(), Logits::new(two, 2).unwrap()] {
            let found = Platt::fit(&logits, &labels).unwrap().unwrap();
            assert!((found.slope - slope).abs() < 1e-6 * slope.max(1.0), "{name}: {found:?}");
            assert!((found.offset - offset).abs() < 1e-6, "{name}: {found:?}");
            let after = found.of_logits(&logits).log_loss(&labels).unwrap();
            assert!((after - log_loss).abs() < 1e-9, "{name}: {after}");
        }
    }
}

#[test]
fn a_calibrated_head_gives_the_calibrated_probabilities() {
    let layers = LayerConfig::head_for(2, 0, 0.0);
    let mut head = Head::new(&layers[1..], &[3], 5, &Device::Cpu).unwrap();
    let rows = [0.5, -1.0, 2.0, 1.5, 0.25, -3.0];
    let rows = InMemory::new(&rows, &[3]).unwrap();
    let before = predict(&head, &rows, 8).unwrap();
    let platt = Platt { slope: 0.5, offset: -0.75 };
    platt.apply(&mut head).unwrap();
    for (before, after) in before.chunks(2).zip(predict(&head, &rows, 8).unwrap().chunks(2)) {
        let logit = f64::from(before[1] / before[0]).ln();
        let expected = 1.0 / (1.0 + (-(0.5 * logit - 0.75)).exp());
        assert!((f64::from(after[1]) - expected).abs() < 1e-6, "{after:?} {expected}");
    }
}

#[derive(Deserialize)]
struct Known {
    features: usize,
    classes: usize,
    folds: usize,
    /// In 64ths.
    parts: Vec<i32>,
    labels: Vec<u32>,
    fold_of: Vec<usize>,
    held_out: Vec<f64>,
    other: Vec<i32>,
    distances: Vec<f64>,
    thresholds: Vec<(f64, f64)>,
}

#[test]
fn distances_to_the_classes_and_thresholds_are_scipys() {
    let cases: Vec<Known> = golden("novelty/cases.json");
    assert_eq!(cases.len(), 2);
    for case in cases {
        let values = |parts: &[i32]| parts.iter().map(|&part| part as f32 / 64.0).collect::<Vec<f32>>();
        let (values, other) = (values(&case.parts), values(&case.other));
        let samples = InMemory::new(&values, &[case.features]).unwrap();
        let data = Labelled { samples: &samples, labels: &case.labels };
        let near = |found: &[f64], expected: &[f64]| {
            assert_eq!(found.len(), expected.len());
            // The means are kept in f32.
            assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?} {expected:?}");
        };
        let held_out = held_out_distances(data, case.classes, &case.fold_of, case.folds).unwrap();
        near(&held_out, &case.held_out);
        let other = InMemory::new(&other, &[case.features]).unwrap();
        near(&ClassMeans::of(data, case.classes).unwrap().distances(&other).unwrap(), &case.distances);
        for (share, threshold) in case.thresholds {
            near(&[distance_refusing(&held_out, share).unwrap()], &[threshold]);
        }
    }
}
