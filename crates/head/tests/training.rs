//! Behaviour of heads and of the training loop.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use candle_core::{Device, Tensor};
use candle_nn::{Linear, Module};
use common::{options_with, silent, with};
use headstart_head::random::{Random, Stream};
use headstart_head::{
    Activation, Adam, AdamW, ClassWeight, Dense, EarlyStopping, Error, Head, History, InMemory, Labelled,
    LayerConfig, Loss, Monitor, OptimizerConfig, RmsProp, Schedule, Sgd, TrainOptions, Warmup, evaluate,
    train,
};
use proptest::prelude::*;
use rayon::ThreadPoolBuilder;

const ROW: [usize; 3] = [4, 3, 2];

/// Two noisy classes.
fn data(rows: usize, seed: u64) -> (Vec<f32>, Vec<u32>) {
    let mut random = Random::new(seed, Stream::Initialization);
    let labels: Vec<u32> = (0..rows).map(|row| (row % 2) as u32).collect();
    let row = |label: u32| {
        (0..24).map(|i| random.uniform() + if i % 2 == label { 0.5 } else { 0.0 }).collect::<Vec<_>>()
    };
    (labels.iter().copied().flat_map(row).collect(), labels)
}

fn run(options: &TrainOptions, head_seed: u64, validation: bool) -> Result<(Head, History), Error> {
    let (values, labels) = data(37, 1);
    let rows = InMemory::new(&values, &ROW)?;
    let (val_values, val_labels) = data(20, 2);
    let val_rows = InMemory::new(&val_values, &ROW)?;
    let validation = validation.then_some(Labelled { samples: &val_rows, labels: &val_labels });
    let mut head = Head::new(&LayerConfig::default_head(), &ROW, head_seed, &Device::Cpu)?;
    let training = Labelled { samples: &rows, labels: &labels };
    let history = train(&mut head, training, validation, options, &mut silent)?;
    Ok((head, history))
}

fn bits(head: &Head) -> Vec<u32> {
    let flat = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    head.parameters().iter().flat_map(|var| flat(var.as_tensor())).map(f32::to_bits).collect()
}

fn options(epochs: usize) -> TrainOptions {
    options_with(|options| (options.epochs, options.batch_size, options.seed) = (epochs, 8, 3))
}

#[test]
fn the_same_seed_gives_the_same_bytes_for_any_number_of_threads() {
    let on = |threads: usize| {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| bits(&run(&options(3), 3, true).unwrap().0))
    };
    let one = on(1);
    assert_eq!(one, on(2));
    assert_eq!(one, on(5));
    let other = with(&options(3), |options| options.seed = 4);
    assert_ne!(one, bits(&run(&other, 3, true).unwrap().0));
}

#[test]
fn learns_what_can_be_learned() {
    let (_, history) = run(&options(15), 1, true).unwrap();
    assert_eq!(history.epochs.len(), 15);
    assert_eq!(history.kept_epoch, 15);
    assert!(history.epochs[14].val_accuracy.unwrap() >= 0.95, "{:?}", history.epochs[14]);
    assert!(history.epochs[14].loss < history.epochs[0].loss);
}

#[test]
fn validation_does_not_change_training() {
    let with = bits(&run(&options(4), 1, true).unwrap().0);
    let (head, history) = run(&options(4), 1, false).unwrap();
    assert_eq!(with, bits(&head));
    assert_eq!(history.epochs[3].val_loss, None);
}

#[test]
fn keep_best_ends_with_the_best_epochs_parameters() {
    // Steps so large that the loss goes up and down.
    let optimizer = RmsProp { learning_rate: 0.3, ..RmsProp::keras1() }.into();
    let options = with(&options(12), |options| {
        options.optimizer = optimizer;
        options.keep_best = Some(Monitor::ValLoss);
    });
    let (head, history) = run(&options, 1, true).unwrap();
    let best = history.best(Monitor::ValLoss).unwrap();
    assert_eq!(history.kept_epoch, best.epoch);
    assert_ne!(history.kept_epoch, 12, "the case must have a best epoch before the last");
    let (values, labels) = data(20, 2);
    let rows = InMemory::new(&values, &ROW).unwrap();
    let (loss, accuracy) = evaluate(&head, Labelled { samples: &rows, labels: &labels }, 8).unwrap();
    assert_eq!((Some(loss), Some(accuracy)), (best.val_loss, best.val_accuracy));
}

#[test]
fn early_stopping_waits_for_its_patience() {
    let early_stopping = EarlyStopping { monitor: Monitor::ValLoss, patience: 2, min_delta: 1e3 };
    let options = with(&options(30), |options| options.early_stopping = Some(early_stopping));
    let (_, history) = run(&options, 1, true).unwrap();
    // The first epoch is better than none; no later one is better by a thousand.
    assert_eq!(history.epochs.len(), 3);
    assert!(history.stopped_early);
}

#[test]
fn a_row_of_the_epoch_is_seen_once_in_a_partial_batch_too() {
    // With a step of (almost) nothing, the epoch's loss is the mean over all rows, however they are batched.
    let optimizer = RmsProp { learning_rate: 1e-30, ..RmsProp::keras1() }.into();
    let layers = [LayerConfig::Flatten, LayerConfig::default_head()[3].clone()];
    let (values, labels) = data(37, 1);
    let rows = InMemory::new(&values, &ROW).unwrap();
    let training = Labelled { samples: &rows, labels: &labels };
    for batch_size in [1, 8, 36, 37, 100] {
        let mut head = Head::new(&layers, &ROW, 1, &Device::Cpu).unwrap();
        let expected = evaluate(&head, training, 37).unwrap();
        let options = with(&options(1), |options| {
            options.optimizer = optimizer;
            options.batch_size = batch_size;
        });
        let history = train(&mut head, training, None, &options, &mut silent).unwrap();
        assert!((history.epochs[0].loss - expected.0).abs() < 1e-6);
        assert_eq!(history.epochs[0].accuracy, expected.1);
    }
}

#[test]
fn errors_name_what_was_expected_and_found() {
    let built = |layers: &[LayerConfig]| Head::new(layers, &ROW, 0, &Device::Cpu).err().unwrap().to_string();
    let dense = |units| LayerConfig::Dense { units, activation: Activation::Relu, use_bias: true };
    assert_eq!(built(&[]), "layers: expected at least one Dense layer, found none");
    assert_eq!(built(&[LayerConfig::Flatten]), "layers: expected a Dense layer at the end, found flatten");
    assert_eq!(
        built(&[dense(1)]),
        "layer 0: Dense expects rows of one dimension, found [4, 3, 2]: put Flatten before it"
    );
    assert_eq!(
        built(&[LayerConfig::Flatten, dense(0)]),
        "layer 1: units: expected at least 1, and a kernel (inputs x units) of at most 2^28 values, found 0"
    );
    assert_eq!(
        built(&[LayerConfig::Dropout { rate: 1.0 }, LayerConfig::Flatten, dense(1)]),
        "layer 0: rate: expected a number in [0, 1), found 1"
    );

    let (values, mut labels) = data(4, 1);
    let rows = InMemory::new(&values, &ROW).unwrap();
    let mut head = Head::new(&LayerConfig::default_head(), &ROW, 0, &Device::Cpu).unwrap();
    let mut fails = |labels: &[u32], options: &TrainOptions| {
        let training = Labelled { samples: &rows, labels };
        train(&mut head, training, None, options, &mut silent).err().unwrap().to_string()
    };
    let ok = options(1);
    assert_eq!(
        fails(&labels[1..], &ok),
        "training data: expected a label for each of 4 rows, found 3 labels"
    );
    assert_eq!(
        fails(&labels, &with(&ok, |options| options.batch_size = 0)),
        "batch size: expected at least 1, found 0"
    );
    assert_eq!(
        fails(&labels, &with(&ok, |options| options.keep_best = Some(Monitor::ValLoss))),
        "keep best: expected validation data to monitor, found val_loss"
    );
    labels[2] = 7;
    assert_eq!(fails(&labels, &ok), "training data: label of row 2: expected 0 or 1, found 7");
    assert!(matches!(InMemory::new(&values[1..], &ROW), Err(Error::RowLength { found: 95, .. })));

    let other = InMemory::new(&values, &[24]).unwrap();
    let training = Labelled { samples: &other, labels: &[0, 1, 0, 1] };
    let error = train(&mut head, training, None, &ok, &mut silent).err().unwrap();
    assert_eq!(error.to_string(), "training data: expected rows of shape [4, 3, 2], found [24]");
}

#[test]
fn heads_of_many_classes_learn_and_refuse_labels_beyond_them() {
    let (values, binary) = data(36, 1);
    // A third class: rows of neither of the two.
    let labels: Vec<u32> = (0..36).map(|row| if row % 3 == 2 { 2 } else { binary[row as usize] }).collect();
    let mut values = values;
    for (row, label) in values.chunks_exact_mut(24).zip(&labels) {
        row[..8].iter_mut().for_each(|value| *value += if *label == 2 { 2.0 } else { 0.0 });
    }
    let rows = InMemory::new(&values, &ROW).unwrap();
    for layers in [LayerConfig::head_for(3, 32, 0.2), LayerConfig::head_for(3, 0, 0.0)] {
        let mut head = Head::new(&layers, &ROW, 1, &Device::Cpu).unwrap();
        assert_eq!((head.classes(), Loss::of(&head).unwrap()), (3, Loss::SparseCategoricalCrossentropy));
        let training = Labelled { samples: &rows, labels: &labels };
        let optimizer = Adam { learning_rate: 0.01, ..Adam::default() }.into();
        let options = with(&options(60), |options| {
            options.optimizer = optimizer;
            options.class_weight = ClassWeight::Balanced;
        });
        let history = train(&mut head, training, None, &options, &mut silent).unwrap();
        assert!(history.epochs[59].accuracy >= 0.95, "{:?}", history.epochs[59]);
    }
    let mut head = Head::new(&LayerConfig::head_for(3, 4, 0.0), &ROW, 1, &Device::Cpu).unwrap();
    let error = |labels: &[u32], options: &TrainOptions, head: &mut Head| {
        let training = Labelled { samples: &rows, labels };
        train(head, training, None, options, &mut silent).err().unwrap().to_string()
    };
    let mut beyond = labels.clone();
    beyond[1] = 3;
    let message = "training data: label of row 1: expected 0 to 2, found 3";
    assert_eq!(error(&beyond, &options(1), &mut head), message);
    let balanced = with(&options(1), |options| options.class_weight = ClassWeight::Balanced);
    let message =
        "balanced class weights: expected training rows of each of 3 classes, found none of class 2";
    assert_eq!(error(&binary, &balanced, &mut head), message);
    let given = with(&options(1), |options| options.class_weight = ClassWeight::Given(vec![1.0; 2]));
    let message = "class weights: expected a number >= 0 for each class of the head, found [1.0, 1.0]";
    assert_eq!(error(&labels, &given, &mut head), message);
    let other =
        [LayerConfig::Flatten, LayerConfig::Dense { units: 3, activation: Activation::Relu, use_bias: true }];
    let mut head = Head::new(&other, &ROW, 1, &Device::Cpu).unwrap();
    let message = "output layer: expected Dense 1 with sigmoid, or Dense of at least 2 units with linear or softmax, \
                   found Dense 3 with relu";
    assert_eq!(error(&labels, &options(1), &mut head), message);
}

#[test]
fn options_are_read_back_as_they_were_written() {
    let warmup = Some(Warmup { target: 0.01, steps: 3 });
    let optimizers: [OptimizerConfig; 4] =
        [RmsProp::keras3().into(), Sgd::default().into(), Adam::default().into(), AdamW::default().into()];
    let schedules = [
        Schedule::Constant,
        Schedule::ExponentialDecay { decay_steps: 5, decay_rate: 0.9, staircase: true },
        Schedule::CosineDecay { decay_steps: 5, alpha: 0.1, warmup },
        Schedule::PiecewiseConstantDecay { boundaries: vec![2], values: vec![0.1, 0.2] },
    ];
    for (optimizer, schedule) in optimizers.into_iter().zip(schedules) {
        let class_weight = ClassWeight::Given(vec![1.0, 2.5]);
        let written = with(&options(2), |options| {
            options.optimizer = optimizer;
            options.schedule = schedule;
            options.class_weight = class_weight;
            options.l2 = 0.25;
        });
        let text = serde_json::to_string(&written).unwrap();
        assert_eq!(serde_json::from_str::<TrainOptions>(&text).unwrap(), written, "{text}");
    }
    let text = serde_json::to_string(&OptimizerConfig::from(AdamW::default())).unwrap();
    let expected = r#"{"name":"adamw","learning_rate":0.001,"beta_1":0.9,"beta_2":0.999,"epsilon":1e-7,"weight_decay":0.004}"#;
    assert_eq!(text, expected);
}

#[test]
fn constants_out_of_range_are_refused_by_name() {
    let refused = |optimizer: OptimizerConfig| {
        with(&options(1), |options| options.optimizer = optimizer).validate(false).err().unwrap().to_string()
    };
    let momentum = Sgd { momentum: 1.0, ..Sgd::default() };
    assert_eq!(refused(momentum.into()), "momentum: expected a number in [0, 1), found 1");
    let beta = Adam { beta_2: -0.5, ..Adam::default() };
    assert_eq!(refused(beta.into()), "beta 2: expected a number in [0, 1), found -0.5");
    let decay = AdamW { weight_decay: f32::NAN, ..AdamW::default() };
    assert_eq!(refused(decay.into()), "weight decay: expected a number >= 0, found NaN");
    let rate = OptimizerConfig::from(Sgd::default()).with_learning_rate(0.0);
    assert_eq!(refused(rate), "learning rate: expected a number > 0, found 0");
    let options = with(&options(1), |options| options.l2 = -1.0);
    assert_eq!(options.validate(false).err().unwrap().to_string(), "l2: expected a number >= 0, found -1");
}

#[test]
fn a_nan_feature_ends_training_with_an_error() {
    let (mut values, labels) = data(8, 1);
    values[5] = f32::NAN;
    let rows = InMemory::new(&values, &ROW).unwrap();
    let mut head = Head::new(&LayerConfig::default_head(), &ROW, 0, &Device::Cpu).unwrap();
    let training = Labelled { samples: &rows, labels: &labels };
    let error = train(&mut head, training, None, &options(2), &mut silent).err().unwrap();
    assert!(matches!(error, Error::Diverged { epoch: 1, .. }), "{error}");
}

#[test]
fn a_nan_in_the_validation_data_is_an_error_that_says_so() {
    let (values, labels) = data(8, 1);
    let mut spoilt = values.clone();
    spoilt[5] = f32::NAN;
    let (rows, val_rows) = (InMemory::new(&values, &ROW).unwrap(), InMemory::new(&spoilt, &ROW).unwrap());
    let labelled = |samples| Labelled { samples, labels: &labels };
    let mut head = Head::new(&LayerConfig::default_head(), &ROW, 0, &Device::Cpu).unwrap();
    let options = with(&options(3), |options| options.keep_best = Some(Monitor::ValLoss));
    let error =
        train(&mut head, labelled(&rows), Some(labelled(&val_rows)), &options, &mut silent).err().unwrap();
    assert!(error.to_string().starts_with("validation data, epoch 1: the loss is NaN"), "{error}");
}

#[test]
fn training_a_clone_leaves_the_original_alone() {
    let head = Head::new(&LayerConfig::default_head(), &ROW, 1, &Device::Cpu).unwrap();
    let before = bits(&head);
    let (values, labels) = data(8, 1);
    let rows = InMemory::new(&values, &ROW).unwrap();
    let mut copy = head.try_clone().unwrap();
    assert_eq!(before, bits(&copy));
    train(&mut copy, Labelled { samples: &rows, labels: &labels }, None, &options(1), &mut silent).unwrap();
    assert_ne!(before, bits(&copy));
    assert_eq!(before, bits(&head));
}

#[test]
fn nothing_may_follow_the_output_layer() {
    let layers = [LayerConfig::default_head(), vec![LayerConfig::Dropout { rate: 0.5 }]].concat();
    let error = Head::new(&layers, &ROW, 0, &Device::Cpu).err().unwrap();
    assert_eq!(error.to_string(), "layers: expected a Dense layer at the end, found dropout");
}

#[test]
fn units_beyond_memory_are_an_error() {
    for units in [usize::MAX, usize::MAX / 64, 1 << 50] {
        let dense = LayerConfig::Dense { units, activation: Activation::Relu, use_bias: true };
        let error = Head::new(&[LayerConfig::Flatten, dense], &ROW, 0, &Device::Cpu).err().unwrap();
        assert!(matches!(error, Error::LayerSetting { layer: 1, setting: "units", .. }), "{error}");
    }
}

#[test]
fn parameters_round_trip_through_their_saved_form() {
    let (head, _) = run(&options(2), 1, false).unwrap();
    let saved = head.to_saved().unwrap();
    assert_eq!(saved.iter().map(|layer| layer.name.as_str()).collect::<Vec<_>>(), ["dense_1", "dense_2"]);
    let mut other = Head::new(&LayerConfig::default_head(), &ROW, 99, &Device::Cpu).unwrap();
    assert_ne!(bits(&head), bits(&other));
    other.set_parameters(&saved).unwrap();
    assert_eq!(bits(&head), bits(&other));

    let before = bits(&other);
    let mut wrong = saved.clone();
    wrong[1].bias = None;
    let error = other.set_parameters(&wrong).err().unwrap();
    assert_eq!(error.to_string(), "dense_2: bias: expected [1], found [0]");
    assert_eq!(before, bits(&other), "a refused change changes nothing");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn dense_is_candles_linear(rows in 1_usize..5, inputs in 1_usize..9, units in 1_usize..7, seed: u64, bias: bool) {
        let mut random = Random::new(seed, Stream::Initialization);
        let dense = Dense::new(inputs, units, Activation::Tanh, bias, &mut random, &Device::Cpu).unwrap();
        prop_assert_eq!(dense.bias().is_some(), bias);
        let x: Vec<f32> = (0..rows * inputs).map(|_| random.uniform()).collect();
        let x = Tensor::from_vec(x, (rows, inputs), &Device::Cpu).unwrap();
        let kernel = dense.kernel().t().unwrap().contiguous().unwrap();
        let linear = Linear::new(kernel, dense.bias().map(|bias| bias.as_tensor().clone()));
        let expected = linear.forward(&x).unwrap().tanh().unwrap().to_vec2::<f32>().unwrap();
        let found = dense.forward(&x).unwrap().to_vec2::<f32>().unwrap();
        for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
            prop_assert!((found - expected).abs() < 1e-6);
        }
    }
}
