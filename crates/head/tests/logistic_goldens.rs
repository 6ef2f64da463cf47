//! Logistic regressions and grouped folds against scikit-learn's, temperatures against scipy's (tests/golden/logistic).
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

use std::ops::ControlFlow;

use candle_core::Device;
use headstart_head::analysis::grouped_folds;
use headstart_head::evaluation::EvaluationOptions;
use headstart_head::logistic::{
    LogisticEvent, LogisticModel, LogisticOptions, choose_strength, divide, fit, learning_curve,
};
use headstart_head::{
    Activation, ClassWeight, InMemory, Labelled, Layer, Logits, Temperature, predict, stratified_share,
};
use serde::Deserialize;

fn golden<T: for<'de> Deserialize<'de>>(name: &str) -> T {
    let path = format!("{}/../../tests/golden/logistic/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[derive(Deserialize)]
struct Data {
    name: String,
    features: usize,
    classes: usize,
    /// The features in 256ths.
    parts: Vec<i32>,
    labels: Vec<u32>,
}

impl Data {
    fn values(&self) -> Vec<f32> {
        self.parts.iter().map(|&part| part as f32 / 256.0).collect()
    }
}

#[derive(Deserialize)]
struct Fits {
    mean: Vec<f64>,
    scale: Vec<f64>,
    fits: Vec<Fit>,
}

#[derive(Deserialize)]
struct Fit {
    c: f64,
    balanced: bool,
    coefficients: Vec<f64>,
    intercepts: Vec<f64>,
    log_loss: f64,
}

impl Fit {
    fn options(&self) -> LogisticOptions {
        let mut options = LogisticOptions::default();
        options.tolerance = 1e-11;
        options.class_weight = if self.balanced { ClassWeight::Balanced } else { ClassWeight::None };
        options
    }
}

fn silent(_: &LogisticEvent) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn distance(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

/// Calls `check` with each case's rows and fit.
fn for_each_fit(mut check: impl FnMut(&Data, Labelled<'_>, &Fits, &Fit)) {
    let (data, fits): (Vec<Data>, Vec<Fits>) = (golden("data.json"), golden("fits.json"));
    assert_eq!((data.len(), fits.len()), (4, 4));
    for (data, fits) in data.iter().zip(&fits) {
        let values = data.values();
        let samples = InMemory::new(&values, &[data.features]).unwrap();
        for fit in &fits.fits {
            check(data, Labelled { samples: &samples, labels: &data.labels }, fits, fit);
        }
    }
}

#[test]
fn coefficients_and_losses_are_scikit_learns() {
    for_each_fit(|data, rows, fits, expected| {
        let name = format!("{}, C {}, balanced {}", data.name, expected.c, expected.balanced);
        let model = fit(rows, data.classes, expected.c, &expected.options(), None, &mut silent).unwrap();
        assert!(model.convergence().converged, "{name}: {:?}", model.convergence());
        assert!(distance(&model.standardization().mean, &fits.mean) < 1e-12, "{name}");
        assert!(distance(&model.standardization().scale, &fits.scale) < 1e-12, "{name}");
        // scikit-learn's own gradient is up to 2e-10 from zero, and a coefficient may move by C x weights times as much.
        let tolerance = 1e-9 * (1.0 + 60.0 * expected.c).sqrt() + 1e-8;
        let errors =
            [distance(model.kernel(), &expected.coefficients), distance(model.bias(), &expected.intercepts)];
        assert!(errors.iter().all(|error| *error < tolerance), "{name}: {errors:?}");
        let loss = model.logits(rows.samples).unwrap().log_loss(rows.labels).unwrap();
        assert!((loss - expected.log_loss).abs() < 1e-10, "{name}: {loss}, {}", expected.log_loss);
    });
}

#[test]
fn the_default_tolerance_is_within_what_is_promised() {
    for_each_fit(|data, rows, _, expected| {
        let mut options = expected.options();
        options.tolerance = LogisticOptions::default().tolerance;
        let model = fit(rows, data.classes, expected.c, &options, None, &mut silent).unwrap();
        let error = distance(model.kernel(), &expected.coefficients);
        assert!(error < 1e-4, "{}, C {}: {error:e}", data.name, expected.c);
        let loss = model.logits(rows.samples).unwrap().log_loss(rows.labels).unwrap();
        assert!((loss - expected.log_loss).abs() < 1e-6, "{}, C {}", data.name, expected.c);
    });
}

#[test]
fn the_head_says_what_the_model_says() {
    for_each_fit(|data, rows, _, expected| {
        let model = fit(rows, data.classes, expected.c, &expected.options(), None, &mut silent).unwrap();
        let head = model.to_head(&Device::Cpu).unwrap();
        let [Layer::Dense(dense)] = head.layers() else { panic!("{head:?}") };
        let expected_layer =
            if data.classes == 2 { (1, Activation::Sigmoid) } else { (data.classes, Activation::Linear) };
        assert_eq!((dense.units(), dense.activation()), expected_layer);
        let found = predict(&head, rows.samples, 7).unwrap();
        let probabilities = model.logits(rows.samples).unwrap().probabilities().unwrap();
        for (found, expected) in found.iter().zip(probabilities.rows().flatten()) {
            assert!((found - expected).abs() < 2e-5, "{}: {found} {expected}", data.name);
        }
    });
}

#[test]
fn a_start_changes_the_way_and_not_the_end() {
    for_each_fit(|data, rows, _, expected| {
        let options = expected.options();
        let from = |strength: f64, start: Option<&LogisticModel>| {
            fit(rows, data.classes, strength, &options, start, &mut silent).unwrap()
        };
        let weaker = from(0.5 * expected.c, None);
        let (cold, warm) = (from(expected.c, None), from(expected.c, Some(&weaker)));
        assert!(distance(cold.kernel(), warm.kernel()) < 1e-8 * (1.0 + expected.c), "{}", data.name);
        assert!(warm.convergence().passes <= cold.convergence().passes, "{}", data.name);
        assert_eq!(from(expected.c, Some(&cold)).convergence().steps, 0);
    });
}

/// Which rows the points of a learning curve are fitted to, and what scikit-learn's models say of the others.
#[derive(Deserialize)]
struct Curve {
    name: String,
    strength: f64,
    fold_of: Vec<usize>,
    points: Vec<Point>,
}

#[derive(Deserialize)]
struct Point {
    share: f64,
    /// By fold.
    rows: Vec<Vec<usize>>,
    accuracy: f64,
    loss: f64,
}

/// The fold of each row, and the rows of a share outside of each fold, by another way than the curve's.
fn subsets(
    labels: &[u32],
    folds: usize,
    share: f64,
    options: &LogisticOptions,
) -> (Vec<usize>, Vec<Vec<usize>>) {
    let classes = labels.iter().max().unwrap() + 1;
    let (fold_of, found) = divide(labels, classes as usize, None, options).unwrap();
    assert_eq!(found, folds);
    let of_fold = |fold| {
        let others: Vec<usize> = (0..labels.len()).filter(|&row| fold_of[row] != fold).collect();
        let of_others: Vec<u32> = others.iter().map(|&row| labels[row]).collect();
        let each: Vec<usize> = (0..others.len()).collect();
        let rows = stratified_share(&of_others, &each, share, options.seed).unwrap();
        rows.into_iter().map(|row| others[row]).collect()
    };
    let rows = (0..folds).map(of_fold).collect();
    (fold_of, rows)
}

#[test]
fn learning_curves_are_scikit_learns() {
    let (all, curves): (Vec<Data>, Vec<Curve>) = (golden("data.json"), golden("curves.json"));
    assert_eq!(curves.len(), 2);
    for curve in curves {
        let data = all.iter().find(|data| data.name == curve.name).unwrap();
        let mut options = LogisticOptions::default();
        (options.seed, options.strengths) = (3, vec![curve.strength]);
        let values = data.values();
        let samples = InMemory::new(&values, &[data.features]).unwrap();
        let labelled = Labelled { samples: &samples, labels: &data.labels };
        let choice = choose_strength(labelled, data.classes, None, &options, &mut silent).unwrap();
        assert_eq!(choice.fold_of, curve.fold_of, "{}", curve.name);
        let evaluation = EvaluationOptions::default();
        let found = learning_curve(labelled, data.classes, None, &choice, &options, &evaluation, &mut silent)
            .unwrap();
        assert_eq!(found.len(), curve.points.len());
        for (found, expected) in found.iter().zip(curve.points) {
            let (_, rows) = subsets(&data.labels, choice.folds, expected.share, &options);
            // New rows would go into curves.json, and curve.py would make the figures anew.
            assert!(found.share == expected.share && rows == expected.rows, "{}: {rows:?}", curve.name);
            let mean = rows.iter().map(Vec::len).sum::<usize>() as f64 / rows.len() as f64;
            assert!((found.training_rows - mean).abs() < 1e-9);
            assert!((found.accuracy - expected.accuracy).abs() < 1e-12, "{}: {found:?}", curve.name);
            assert!((found.loss - expected.loss).abs() < 1e-6, "{}: {found:?} {}", curve.name, expected.loss);
            assert!(
                found.accuracy_interval.is_some_and(|i| i.low <= found.accuracy && found.accuracy <= i.high)
            );
        }
    }
}

#[derive(Deserialize)]
struct Calibrated {
    name: String,
    units: usize,
    logits: Vec<f64>,
    labels: Vec<u32>,
    temperature: f64,
    log_loss: f64,
    before: f64,
}

#[test]
fn temperatures_are_scipys() {
    let cases: Vec<Calibrated> = golden("temperatures.json");
    assert_eq!(cases.len(), 3);
    for case in cases {
        let logits = Logits::new(case.logits, case.units).unwrap();
        let found = Temperature::fit(&logits, &case.labels).unwrap();
        // A minimum that is searched by its value is found to the square root of a rounding error.
        assert!((found.value() / case.temperature - 1.0).abs() < 1e-6, "{}: {found:?}", case.name);
        assert!((logits.log_loss(&case.labels).unwrap() - case.before).abs() < 1e-12, "{}", case.name);
        let after = found.of_logits(logits).log_loss(&case.labels).unwrap();
        assert!((after - case.log_loss).abs() < 1e-12 && after <= case.log_loss + 1e-15, "{}", case.name);
    }
}

#[derive(Deserialize)]
struct Grouped {
    name: String,
    labels: Vec<u32>,
    groups: Vec<usize>,
    folds: usize,
    unevenness: f64,
}

#[test]
fn grouped_folds_are_as_even_as_scikit_learns() {
    let cases: Vec<Grouped> = golden("folds.json");
    assert_eq!(cases.len(), 3);
    for Grouped { name, labels, groups, folds, unevenness } in cases {
        let classes = labels.iter().max().unwrap() + 1;
        let of_seed = |seed| {
            let fold_of = grouped_folds(&labels, Some(&groups), folds, seed).unwrap();
            let mut sum = 0.0;
            for class in 0..classes {
                let of_class: Vec<usize> =
                    (0..labels.len()).filter(|&row| labels[row] == class).map(|row| fold_of[row]).collect();
                for fold in 0..folds {
                    let inside = of_class.iter().filter(|&&found| found == fold).count();
                    sum += (inside as f64 / of_class.len() as f64 - 1.0 / folds as f64).powi(2);
                }
            }
            sum
        };
        let mean = (0..10).map(of_seed).sum::<f64>() / 10.0;
        assert!(mean <= 1.1 * unevenness, "{name}: {mean}, scikit-learn {unevenness}");
    }
}
