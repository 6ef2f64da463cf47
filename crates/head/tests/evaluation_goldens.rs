//! Metrics of predictions, compared with scikit-learn and Keras (tests/golden/evaluation).
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

use headstart_head::evaluation::{
    ClassScores, Evaluation, EvaluationOptions, Predictions, binary_columns, quantile,
};
use serde::Deserialize;

fn golden<T: for<'de> Deserialize<'de>>(name: &str) -> T {
    let path = format!("{}/../../tests/golden/evaluation/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[derive(Deserialize)]
struct Case {
    name: String,
    classes: usize,
    /// Probabilities in 64ths.
    parts: Vec<f32>,
    labels: Vec<u32>,
    loss: f64,
    accuracy: f64,
    top_1: f64,
    top_k: f64,
    balanced_accuracy: f64,
    matthews_correlation: f64,
    roc_auc: Option<f64>,
    class_roc_auc: Vec<Option<f64>>,
    brier_score: f64,
    expected_calibration_error: f64,
    reliability: Vec<Bin>,
    macro_average: [f64; 3],
    weighted_average: [f64; 3],
    precision: Vec<f64>,
    recall: Vec<f64>,
    f1: Vec<f64>,
    support: Vec<u64>,
    confusion_matrix: Vec<Vec<u64>>,
}

#[derive(Deserialize)]
struct Bin {
    rows: u64,
    confidence: Option<f64>,
    accuracy: Option<f64>,
}

impl Case {
    fn probabilities(&self) -> Vec<f32> {
        self.parts.iter().map(|parts| parts / 64.0).collect()
    }

    fn evaluation(&self) -> Evaluation {
        let names: Vec<String> = (0..self.classes).map(|class| format!("class {class}")).collect();
        let mut options = EvaluationOptions::default();
        (options.resamples, options.top_k) = (0, 3);
        Evaluation::new(&self.probabilities(), &self.labels, &names, &options).unwrap()
    }

    fn close(&self, what: &str, found: impl IntoIterator<Item = Option<f64>>, expected: &[Option<f64>]) {
        let found: Vec<Option<f64>> = found.into_iter().collect();
        let same = |(a, b): (&Option<f64>, &Option<f64>)| match (a, b) {
            (Some(a), Some(b)) => (a - b).abs() < 1e-6,
            (a, b) => a == b,
        };
        let all = found.len() == expected.len() && found.iter().zip(expected).all(same);
        assert!(all, "{}: {what}: found {found:?}, expected {expected:?}", self.name);
    }
}

fn three(scores: ClassScores) -> [Option<f64>; 3] {
    [scores.precision, scores.recall, scores.f1].map(Some)
}

#[test]
fn every_metric_agrees() {
    let cases: Vec<Case> = golden("cases.json");
    assert_eq!(cases.len(), 7);
    for case in &cases {
        let found = case.evaluation();
        case.close(
            "single metrics",
            [
                Some(found.loss),
                Some(found.accuracy),
                Some(found.balanced_accuracy),
                Some(found.matthews_correlation),
                Some(found.brier_score),
                Some(found.expected_calibration_error),
                found.roc_auc,
            ],
            &[
                Some(case.loss),
                Some(case.accuracy),
                Some(case.balanced_accuracy),
                Some(case.matthews_correlation),
                Some(case.brier_score),
                Some(case.expected_calibration_error),
                case.roc_auc,
            ],
        );
        case.close("macro average", three(found.macro_average), &case.macro_average.map(Some));
        case.close("weighted average", three(found.weighted_average), &case.weighted_average.map(Some));
        let areas = found.per_class.iter().map(|class| class.roc_auc);
        case.close("areas", areas, &case.class_roc_auc);
        assert_eq!(found.confusion_matrix, case.confusion_matrix, "{}", case.name);
        for (label, class) in found.per_class.iter().enumerate() {
            let expected = [case.precision[label], case.recall[label], case.f1[label]].map(Some);
            case.close(&class.class, three(class.scores), &expected);
            assert_eq!(class.support, case.support[label], "{}", case.name);
        }
        for (found, expected) in found.reliability.iter().zip(&case.reliability) {
            assert_eq!(found.rows, expected.rows, "{}: ({}, {}]", case.name, found.lower, found.upper);
            case.close("bin", [found.confidence, found.accuracy], &[expected.confidence, expected.accuracy]);
        }
        assert_eq!(found.reliability.len(), case.reliability.len());
    }
}

#[test]
fn top_k_counts_ties_as_keras_does() {
    let mut ties = 0;
    for case in golden::<Vec<Case>>("cases.json") {
        let probabilities = case.probabilities();
        let predictions = Predictions::new(&probabilities, &case.labels, case.classes).unwrap();
        let found = [predictions.top_k_accuracy(1), predictions.top_k_accuracy(3)].map(Some);
        case.close("top k", found, &[Some(case.top_1), Some(case.top_k)]);
        ties += usize::from(case.top_1 > case.accuracy);
        let reported = case.evaluation().top_k_accuracy.map(|top| top.accuracy);
        assert_eq!(reported, (case.classes > 3).then_some(predictions.top_k_accuracy(3)));
    }
    assert!(ties > 0, "no case has a tie that argmax decides");
}

#[test]
fn one_column_means_the_same_as_two() {
    let cases: Vec<Case> = golden("cases.json");
    let probabilities = cases[0].probabilities();
    let class_1: Vec<f32> = probabilities.chunks_exact(2).map(|row| row[1]).collect();
    assert_eq!(binary_columns(&class_1), probabilities);
}

#[derive(Deserialize)]
struct Quantiles {
    shares: Vec<f64>,
    lists: Vec<List>,
}

#[derive(Deserialize)]
struct List {
    values: Vec<f64>,
    quantiles: Vec<f64>,
}

#[test]
fn quantiles_are_numpys() {
    let golden: Quantiles = golden("quantiles.json");
    for list in &golden.lists {
        for (&share, expected) in golden.shares.iter().zip(&list.quantiles) {
            let found = quantile(&list.values, share).unwrap();
            assert!((found - expected).abs() < 1e-12, "{share} of {:?}: {found}, {expected}", list.values);
        }
    }
    assert_eq!(quantile(&[], 0.5), None);
}
