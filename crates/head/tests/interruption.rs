//! Training that its observer ends: what the heads and the history hold then.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use std::ops::ControlFlow;

use candle_core::Device;
use common::{options_with, silent, with};
use headstart_head::random::{Random, Stream};
use headstart_head::{
    Error, Head, History, InMemory, Labelled, LayerConfig, Monitor, RmsProp, Sgd, TrainOptions,
    TrainingEvent, evaluate, train, train_and_keep, train_best_and_last,
};

const WIDTH: usize = 24;

/// Two noisy classes.
fn data(rows: usize, seed: u64) -> (Vec<f32>, Vec<u32>) {
    let mut random = Random::new(seed, Stream::Initialization);
    let labels: Vec<u32> = (0..rows).map(|row| (row % 2) as u32).collect();
    let value = |(label, i): (u32, u32)| random.uniform() + if i % 2 == label { 0.5 } else { 0.0 };
    let places = labels.iter().flat_map(|&label| (0..WIDTH as u32).map(move |i| (label, i)));
    (places.map(value).collect(), labels)
}

fn bits(head: &Head) -> Vec<u32> {
    let flat = |var: &candle_core::Var| var.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    head.parameters().iter().flat_map(flat).map(f32::to_bits).collect()
}

fn new_head(seed: u64) -> Head {
    Head::new(&LayerConfig::default_head(), &[WIDTH], seed, &Device::Cpu).unwrap()
}

/// 37 rows in five batches an epoch. Steps are so large that the loss goes up and down.
fn options(epochs: usize) -> TrainOptions {
    let optimizer = RmsProp { learning_rate: 0.3, ..RmsProp::keras1() }.into();
    options_with(|options| {
        (options.epochs, options.batch_size, options.seed, options.optimizer) = (epochs, 8, 3, optimizer);
    })
}

/// The best and the last head of a run with validation, and its history.
fn run(
    options: &TrainOptions,
    on_event: &mut dyn FnMut(TrainingEvent<'_>) -> ControlFlow<()>,
) -> (Head, Head, History) {
    let ((values, labels), (val_values, val_labels)) = (data(37, 1), data(20, 2));
    let rows = InMemory::new(&values, &[WIDTH]).unwrap();
    let val_rows = InMemory::new(&val_values, &[WIDTH]).unwrap();
    let training = Labelled { samples: &rows, labels: &labels };
    let validation = Labelled { samples: &val_rows, labels: &val_labels };
    let (mut head, mut last) = (new_head(1), new_head(2));
    let history =
        train_best_and_last(&mut head, &mut last, training, Some(validation), options, on_event).unwrap();
    (head, last, history)
}

/// Ends training at a batch of an epoch.
fn at_batch(at: (usize, usize)) -> impl FnMut(TrainingEvent<'_>) -> ControlFlow<()> {
    move |event| match event {
        TrainingEvent::Batch { epoch, batch, .. } if (epoch, batch) == at => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    }
}

#[test]
fn every_batch_and_epoch_is_reported_in_order() {
    let mut heard = Vec::new();
    let mut observe = |event: TrainingEvent<'_>| {
        heard.push(match event {
            TrainingEvent::Batch { epoch, batch, batches } => (epoch, batch, batches),
            TrainingEvent::Epoch(metrics) => (metrics.epoch, 0, 0),
            other => panic!("{other:?}"),
        });
        ControlFlow::Continue(())
    };
    let (.., history) = run(&options(3), &mut observe);
    assert!(!history.interrupted);
    let epoch = |epoch| (1..=5).map(move |batch| (epoch, batch, 5)).chain([(epoch, 0, 0)]);
    assert_eq!(heard, (1..=3).flat_map(epoch).collect::<Vec<_>>());
}

#[test]
fn a_break_within_an_epoch_leaves_the_last_whole_epochs_parameters() {
    let (expected, _, whole) = run(&options(2), &mut silent);
    // The last batch's break comes before the epoch is measured, so that epoch does not count either.
    for batch in [1, 3, 5] {
        let (head, last, history) = run(&options(9), &mut at_batch((3, batch)));
        assert_eq!((bits(&head), bits(&last)), (bits(&expected), bits(&expected)));
        assert_eq!((&history.epochs, history.kept_epoch), (&whole.epochs, 2));
        assert!(history.interrupted && !history.stopped_early);
    }
}

#[test]
fn a_break_before_the_first_epochs_end_leaves_the_heads_alone() {
    for keep_best in [None, Some(Monitor::ValLoss)] {
        let options = with(&options(9), |options| options.keep_best = keep_best);
        let (head, last, history) = run(&options, &mut at_batch((1, 4)));
        assert_eq!((bits(&head), bits(&last)), (bits(&new_head(1)), bits(&new_head(2))));
        assert!(history.epochs.is_empty() && history.interrupted);
        assert_eq!(history.kept_epoch, 0);
    }
}

#[test]
fn a_break_after_an_epoch_ends_training_with_that_epoch() {
    let (expected, _, whole) = run(&options(2), &mut silent);
    let mut observe = |event: TrainingEvent<'_>| match event {
        TrainingEvent::Epoch(metrics) if metrics.epoch == 2 => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    let (head, last, history) = run(&options(9), &mut observe);
    assert_eq!((bits(&head), bits(&last)), (bits(&expected), bits(&expected)));
    assert_eq!((history.epochs, history.kept_epoch), (whole.epochs, 2));
    assert!(history.interrupted && !history.stopped_early);
}

#[test]
fn the_best_and_the_last_head_agree_with_their_metrics_after_a_break() {
    let keeping = with(&options(12), |options| options.keep_best = Some(Monitor::ValLoss));
    let (.., whole) = run(&keeping, &mut silent);
    let best = whole.kept_epoch;
    assert!(best < 11, "the case must have its best epoch well before the last");
    let (head, last, history) = run(&keeping, &mut at_batch((best + 2, 2)));
    assert_eq!((history.kept_epoch, history.epochs.len()), (best, best + 1));
    assert_eq!(history.epochs, whole.epochs[..=best]);
    let (_, expected_last, _) = run(&options(best + 1), &mut silent);
    assert_eq!(bits(&last), bits(&expected_last));

    let (values, labels) = data(20, 2);
    let rows = InMemory::new(&values, &[WIDTH]).unwrap();
    for (head, epoch) in [(&head, history.epochs[best - 1]), (&last, history.epochs[best])] {
        let (loss, accuracy) = evaluate(head, Labelled { samples: &rows, labels: &labels }, 8).unwrap();
        assert_eq!((Some(loss), Some(accuracy)), (epoch.val_loss, epoch.val_accuracy));
    }
}

#[test]
fn a_failed_run_leaves_the_head_alone() {
    let (mut values, labels) = data(37, 1);
    values[30 * WIDTH] = f32::NAN;
    let rows = InMemory::new(&values, &[WIDTH]).unwrap();
    let mut head = new_head(1);
    let training = Labelled { samples: &rows, labels: &labels };
    assert!(train(&mut head, training, None, &options(2), &mut silent).is_err());
    assert_eq!(bits(&head), bits(&new_head(1)));
}

/// Each step multiplies the kernels by -5, until their squares leave the range of f32.
#[test]
fn a_training_that_diverges_after_some_epochs_keeps_the_last_of_them() {
    let (values, labels) = data(37, 1);
    let rows = InMemory::new(&values, &[WIDTH]).unwrap();
    let training = Labelled { samples: &rows, labels: &labels };
    let diverging = with(&options(40), |options| {
        (options.optimizer, options.l2) = (Sgd { learning_rate: 1.0, ..Sgd::default() }.into(), 3.0);
    });
    let (mut head, mut last) = (new_head(1), new_head(2));
    let (history, failure) =
        train_and_keep(&mut head, &mut last, training, None, &diverging, &mut silent).unwrap();
    let done = history.epochs.len();
    assert!((1..40).contains(&done), "{done}");
    let failed = done + 1;
    assert!(
        matches!(failure, Some(Error::Diverged { epoch, .. } | Error::DivergedParameters { epoch }) if epoch == failed),
        "{failure:?}"
    );
    // They are those of a training that ended there.
    let mut whole = new_head(1);
    let short = with(&diverging, |options| options.epochs = done);
    train(&mut whole, training, None, &short, &mut silent).unwrap();
    assert!(bits(&head) == bits(&whole) && bits(&last) == bits(&whole));
    assert!(last.parameters().iter().all(|var| {
        var.flatten_all().unwrap().to_vec1::<f32>().unwrap().iter().all(|value| value.is_finite())
    }));
    // The short forms give the error, and leave the head as it was.
    let mut untouched = new_head(1);
    let error = train(&mut untouched, training, None, &diverging, &mut silent).unwrap_err();
    assert!(error.to_string().contains("lower the learning rate"), "{error}");
    assert!(bits(&untouched) == bits(&new_head(1)));
}
