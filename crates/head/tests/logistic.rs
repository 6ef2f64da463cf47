//! What holds for logistic regressions on any rows.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

use std::ops::ControlFlow;

use candle_core::Device;
use headstart_head::evaluation::{Evaluation, EvaluationOptions};
use headstart_head::logistic::{
    LogisticEvent, LogisticModel, LogisticOptions, StrengthChoice, choose_strength, fit, learning_curve,
};
use headstart_head::random::{Random, Stream};
use headstart_head::{
    ClassWeight, Error, ErrorKind, InMemory, Labelled, Subset, Temperature, logits, predict,
};

fn silent(_: &LogisticEvent) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// Rows of noise; in a row of class c, feature c is larger by `signal`.
fn data(rows: usize, features: usize, classes: usize, signal: f32) -> (Vec<f32>, Vec<u32>) {
    let mut random = Random::new(5, Stream::Initialization);
    let labels: Vec<u32> = (0..rows).map(|row| (row % classes) as u32).collect();
    let value = |index: usize| {
        let own = index % features == labels[index / features] as usize;
        let noise: f32 = (0..4).map(|_| random.uniform()).sum::<f32>() - 2.0;
        noise + if own { signal } else { 0.0 }
    };
    ((0..rows * features).map(value).collect(), labels)
}

fn in_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}

#[test]
fn the_bits_are_the_same_for_any_number_of_threads() {
    for (rows, features, classes) in [(700, 1100, 2), (300, 1100, 5)] {
        let (values, labels) = data(rows, features, classes, 0.8);
        let run = || {
            let samples = InMemory::new(&values, &[features]).unwrap();
            let data = Labelled { samples: &samples, labels: &labels };
            let mut options = LogisticOptions::default();
            (options.strengths, options.folds, options.shares) = (vec![1e-4, 1e-2], 2, vec![0.5]);
            let choice = choose_strength(data, classes, None, &options, &mut silent).unwrap();
            let model = fit(data, classes, choice.strength, &options, None, &mut silent).unwrap();
            let judged = EvaluationOptions::default();
            let curve = learning_curve(data, classes, None, &choice, &options, &judged, &mut silent).unwrap();
            (choice, model, curve)
        };
        let one = in_threads(1, run);
        assert_eq!(one, in_threads(2, run));
        assert_eq!(one, in_threads(3, run));
    }
}

/// Where the test below wants the bits of a fit.
const BITS: &str = "HEADSTART_TEST_BITS";

/// A part of the test below, which runs it in processes of its own; it does nothing by itself.
#[test]
fn write_bits() {
    let Some(path) = std::env::var_os(BITS) else { return };
    let (values, labels) = data(300, 1100, 5, 0.8);
    let samples = InMemory::new(&values, &[1100]).unwrap();
    let data = Labelled { samples: &samples, labels: &labels };
    let model = fit(data, 5, 0.01, &LogisticOptions::default(), None, &mut silent).unwrap();
    let bits = model.kernel().iter().flat_map(|value| value.to_le_bytes());
    std::fs::write(path, bits.collect::<Vec<u8>>()).unwrap();
}

#[test]
fn the_bits_are_the_same_for_any_number_of_threads_of_a_process() {
    // candle asks for the number of threads once in a process, whatever the pool is that it is called in.
    let bits = ["1", "2", "3"].map(|threads| {
        let path = std::env::temp_dir().join(format!("headstart-bits-{}-{threads}", std::process::id()));
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "write_bits"]).env("RAYON_NUM_THREADS", threads).env(BITS, &path);
        assert!(child.output().unwrap().status.success());
        let bits = std::fs::read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        bits
    });
    assert!(bits[0].len() == 8 * 1100 * 5 && bits[0] == bits[1] && bits[0] == bits[2]);
}

#[test]
fn separable_rows_have_a_finite_solution() {
    for classes in [2, 4] {
        let (values, labels) = data(80, 30, classes, 50.0);
        let samples = InMemory::new(&values, &[30]).unwrap();
        let data = Labelled { samples: &samples, labels: &labels };
        for strength in [1e-6, 1.0, 1e6] {
            let model = fit(data, classes, strength, &LogisticOptions::default(), None, &mut silent).unwrap();
            assert!(model.convergence().converged, "{classes}, C {strength}: {:?}", model.convergence());
            assert!(model.kernel().iter().chain(model.bias()).all(|value| value.is_finite()));
        }
    }
}

#[test]
fn equal_rows_and_constant_features_give_no_nan() {
    let (mut values, labels) = data(60, 6, 3, 1.0);
    for row in values.chunks_exact_mut(6) {
        (row[3], row[4], row[5]) = (0.1, 0.0, row[0]);
    }
    let copied = [&values[..], &values[..]].concat();
    let (zeros, twice) = (vec![0.0; 60 * 6], [&labels[..], &labels[..]].concat());
    for (values, labels) in [(&values, &labels), (&copied, &twice), (&zeros, &labels)] {
        let samples = InMemory::new(values, &[6]).unwrap();
        let data = Labelled { samples: &samples, labels };
        let model = fit(data, 3, 1.0, &LogisticOptions::default(), None, &mut silent).unwrap();
        assert!(model.convergence().converged, "{:?}", model.convergence());
        assert!(model.kernel().iter().chain(model.bias()).all(|value| value.is_finite()));
        // Constant features say nothing, and two equal ones the same.
        let kernel = model.kernel();
        assert!(kernel[9..15].iter().all(|value| value.abs() < 1e-12), "{kernel:?}");
        assert!((0..3).all(|unit| (kernel[unit] - kernel[15 + unit]).abs() < 1e-7));
        let choice = choose_strength(data, 3, None, &LogisticOptions::default(), &mut silent).unwrap();
        assert!(choice.held_out.rows().flatten().all(|logit| logit.is_finite()));
    }
    // Without a signal the best guess is the share of each class.
    let samples = InMemory::new(&zeros, &[6]).unwrap();
    let data = Labelled { samples: &samples, labels: &labels };
    let model = fit(data, 3, 1.0, &LogisticOptions::default(), None, &mut silent).unwrap();
    let loss = model.logits(&samples).unwrap().log_loss(&labels).unwrap();
    assert!((loss - 3.0_f64.ln()).abs() < 1e-12);
}

#[test]
fn a_weight_is_worth_as_many_copies() {
    let (values, labels) = data(60, 5, 3, 1.0);
    let samples = InMemory::new(&values, &[5]).unwrap();
    let data = Labelled { samples: &samples, labels: &labels };
    let mut options = LogisticOptions::default();
    options.tolerance = 1e-12;
    // Copies of class 2 would also move the standardization, so only the objective is compared: its gradient is zero.
    options.class_weight = ClassWeight::Given(vec![1.0, 1.0, 3.0]);
    let model = fit(data, 3, 0.7, &options, None, &mut silent).unwrap();
    let probabilities = model.logits(&samples).unwrap().probabilities().unwrap();
    let weights = [1.0, 1.0, 3.0];
    for unit in 0..3 {
        let sum: f64 = probabilities
            .rows()
            .zip(&labels)
            .map(|(p, &label)| {
                weights[label as usize]
                    * (f64::from(p[unit]) - if label as usize == unit { 1.0 } else { 0.0 })
            })
            .sum();
        assert!(sum.abs() < 1e-4, "the bias of {unit}: {sum}");
    }
}

fn chosen(data: Labelled<'_>, classes: usize, groups: Option<&[usize]>) -> StrengthChoice {
    choose_strength(data, classes, groups, &LogisticOptions::default(), &mut silent).unwrap()
}

#[test]
fn held_out_rows_are_judged_by_models_that_never_saw_them() {
    let (values, labels) = data(90, 8, 3, 1.2);
    let samples = InMemory::new(&values, &[8]).unwrap();
    let data = Labelled { samples: &samples, labels: &labels };
    let groups: Vec<usize> = (0..90).map(|row| row / 2).collect();
    let choice = chosen(data, 3, Some(&groups));
    assert!(groups.iter().zip(&choice.fold_of).all(|(group, fold)| choice.fold_of[2 * group] == *fold));
    let options = LogisticOptions::default();
    for fold in 0..choice.folds {
        let (held_out, others): (Vec<usize>, Vec<usize>) =
            (0..90).partition(|&row| choice.fold_of[row] == fold);
        // A fit to the other rows alone, standardization and all.
        let labels_of = |rows: &[usize]| rows.iter().map(|&row| labels[row]).collect::<Vec<_>>();
        let seen = Subset { samples: &samples, indices: &others };
        let seen = Labelled { samples: &seen, labels: &labels_of(&others) };
        let model = fit(seen, 3, choice.strength, &options, None, &mut silent).unwrap();
        let unseen = model.logits(&Subset { samples: &samples, indices: &held_out }).unwrap();
        for (&row, expected) in held_out.iter().zip(unseen.rows()) {
            let found = choice.held_out.rows().nth(row).unwrap();
            assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5), "{found:?} {expected:?}");
        }
    }
    let best = choice.scores.iter().find(|score| score.strength == choice.strength).unwrap();
    assert!((best.loss - choice.held_out.log_loss(&labels).unwrap()).abs() < 1e-12);
    assert!(choice.scores.iter().all(|score| score.loss >= best.loss && score.fold_losses.len() == 5));
    assert!(choice.scores.len() < options.strengths.len(), "the path ends after the minimum");
    assert!(!choice.at_the_end);
}

#[test]
fn copies_that_are_held_out_apart_claim_too_much() {
    // Labels without a signal, each row twice.
    let (values, labels) = data(60, 400, 2, 0.0);
    let twice = |row: usize| values[row * 400..][..400].to_vec();
    let values: Vec<f32> = (0..120).flat_map(|row| twice(row / 2)).collect();
    let labels: Vec<u32> = (0..120).map(|row| labels[row / 2]).collect();
    let groups: Vec<usize> = (0..120).map(|row| row / 2).collect();
    let samples = InMemory::new(&values, &[400]).unwrap();
    let data = Labelled { samples: &samples, labels: &labels };
    let accuracy = |groups: Option<&[usize]>| {
        let held_out = chosen(data, 2, groups).held_out.probabilities().unwrap();
        let right =
            held_out.rows().zip(&labels).filter(|(p, label)| u32::from(p[1] > 0.5) == **label).count();
        right as f64 / 120.0
    };
    let (claimed, honest) = (accuracy(None), accuracy(Some(&groups)));
    // Four of five copies are in another fold than their row.
    assert!(claimed > 0.75 && honest < 0.65, "{claimed} {honest}");
}

#[test]
fn equal_losses_take_the_smallest_strength_and_few_groups_make_few_folds() {
    let zeros = vec![0.0; 14];
    let samples = InMemory::new(&zeros, &[2]).unwrap();
    let labels = [0, 0, 0, 0, 1, 1, 1];
    let data = Labelled { samples: &samples, labels: &labels };
    let mut options = LogisticOptions::default();
    options.strengths = vec![0.1, 1.0, 10.0];
    let choice = choose_strength(data, 2, None, &options, &mut silent).unwrap();
    assert_eq!((choice.strength, choice.folds, choice.at_the_end), (0.1, 3, true));
}

#[test]
fn what_can_not_be_fitted_is_refused() {
    let (mut values, labels) = data(12, 3, 2, 1.0);
    let refused = |values: &[f32], labels: &[u32], classes, groups: Option<&[usize]>| {
        let samples = InMemory::new(values, &[3]).unwrap();
        let data = Labelled { samples: &samples, labels };
        let options = LogisticOptions::default();
        choose_strength(data, classes, groups, &options, &mut silent).unwrap_err()
    };
    let error = refused(&values, &labels, 3, None);
    assert!(matches!(error, Error::SmallClass { class: 2, expected: 1, found: 0, .. }), "{error}");
    let error = refused(&values, &labels, 1, None);
    assert_eq!(error.to_string(), "classes: expected at least 2, found 1");
    let error = refused(&values, &labels[..11], 2, None);
    assert!(matches!(error, Error::LabelCount { .. }), "{error}");
    let by_class: Vec<usize> = labels.iter().map(|&label| label as usize).collect();
    let error = refused(&values, &labels, 2, Some(&by_class));
    assert_eq!(
        error.to_string(),
        "class 0: expected at least 2 groups, found 1: add images, or leave the class out"
    );
    let error = refused(&values, &labels, 2, Some(&[0; 11]));
    assert!(error.to_string().starts_with("groups: expected one for each of 12 rows"), "{error}");
    values[3 * 7 + 2] = f32::NAN;
    let error = refused(&values, &labels, 2, None);
    assert_eq!(error.kind(), ErrorKind::BadData);
    assert!(
        error.to_string().starts_with("training data: row 7, column 2: expected a finite number, found NaN")
    );
}

#[test]
fn a_class_that_the_groups_bring_into_one_fold_is_named() {
    // The first group has a half of six classes, and the other two have the rest of three each. So these two go together, and
    // class 6 is only in them.
    let labels = [0, 1, 2, 3, 4, 5, 0, 1, 2, 6, 3, 4, 5, 6];
    let groups = [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2];
    let values: Vec<f32> = (0..labels.len()).map(|row| row as f32).collect();
    let samples = InMemory::new(&values, &[1]).unwrap();
    let data = Labelled { samples: &samples, labels: &labels };
    let error =
        choose_strength(data, 7, Some(&groups), &LogisticOptions::default(), &mut silent).unwrap_err();
    assert_eq!(
        error.to_string(),
        "class 6: all of its rows are in fold 2 of 2, so no model could learn it: use fewer folds or smaller groups"
    );
}

#[test]
fn an_observer_can_end_everything() {
    let (values, labels) = data(40, 6, 2, 1.0);
    let samples = InMemory::new(&values, &[6]).unwrap();
    let data = Labelled { samples: &samples, labels: &labels };
    let options = LogisticOptions::default();
    let choice = chosen(data, 2, None);
    for last in [1, 2, 5] {
        let mut heard = 0;
        let mut end = |_: &LogisticEvent| {
            heard += 1;
            if heard % last == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let judged = EvaluationOptions::default();
        let errors = [
            choose_strength(data, 2, None, &options, &mut end).unwrap_err(),
            learning_curve(data, 2, None, &choice, &options, &judged, &mut end).unwrap_err(),
        ];
        assert!(errors.iter().all(|error| error.kind() == ErrorKind::Interrupted), "{errors:?}");
    }
}

#[test]
fn a_learning_curve_rises_and_ends_at_the_estimate() {
    let (values, labels) = data(240, 30, 3, 0.9);
    let samples = InMemory::new(&values, &[30]).unwrap();
    let data = Labelled { samples: &samples, labels: &labels };
    let groups: Vec<usize> = (0..240).map(|row| row / 2).collect();
    let (options, judged) = (LogisticOptions::default(), EvaluationOptions::default());
    let choice = chosen(data, 3, Some(&groups));
    let curve = learning_curve(data, 3, Some(&groups), &choice, &options, &judged, &mut silent).unwrap();
    let shares: Vec<f64> = curve.iter().map(|point| point.share).collect();
    assert_eq!(shares, [0.125, 0.25, 0.5, 1.0]);
    assert!(curve.windows(2).all(|pair| pair[0].training_rows < pair[1].training_rows));
    assert!(curve[0].accuracy < curve[3].accuracy && curve[0].loss > curve[3].loss, "{curve:?}");

    let probabilities: Vec<f32> =
        choice.held_out.probabilities().unwrap().rows().flatten().copied().collect();
    let names = ["a", "b", "c"].map(str::to_owned);
    let whole = Evaluation::of_groups(&probabilities, &labels, &groups, &names, &judged).unwrap();
    let intervals = whole.intervals.unwrap();
    let last = curve[3];
    assert_eq!((last.accuracy, last.loss, last.training_rows), (whole.accuracy, whole.loss, 192.0));
    assert_eq!(last.accuracy_interval, Some(intervals.accuracy));
    assert_eq!(last.loss_interval, Some(intervals.loss));
}

#[test]
fn a_head_at_a_temperature_gives_the_probabilities_at_it() {
    for classes in [2, 4] {
        let (values, labels) = data(80, 6, classes, 1.5);
        let samples = InMemory::new(&values, &[6]).unwrap();
        let data = Labelled { samples: &samples, labels: &labels };
        let model: LogisticModel =
            fit(data, classes, 100.0, &LogisticOptions::default(), None, &mut silent).unwrap();
        let choice = chosen(data, classes, None);
        let temperature = Temperature::fit(&choice.held_out, &labels).unwrap();
        let mut head = model.to_head(&Device::Cpu).unwrap();
        let before = logits(&head, &samples, 16).unwrap();
        temperature.apply(&mut head).unwrap();
        let expected = temperature.of_logits(before).probabilities().unwrap();
        let found = predict(&head, &samples, 16).unwrap();
        for (found, expected) in found.iter().zip(expected.rows().flatten()) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
    }
}

#[test]
fn maps_become_a_head_with_flatten() {
    let (values, labels) = data(40, 12, 2, 2.0);
    let samples = InMemory::new(&values, &[3, 2, 2]).unwrap();
    let data = Labelled { samples: &samples, labels: &labels };
    let model = fit(data, 2, 1.0, &LogisticOptions::default(), None, &mut silent).unwrap();
    let head = model.to_head(&Device::Cpu).unwrap();
    assert_eq!(head.layer_names(), ["flatten_1", "dense_1"]);
    assert_eq!(predict(&head, &samples, 8).unwrap().len(), 80);
}
