//! `headstart train` and `headstart inspect`, from outside.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use std::fs;

use common::{Workplace, fails, json};
use headstart_weights::load_head;

/// Features of two classes of three images each, for training and for validation.
fn extracted() -> Workplace {
    let place = Workplace::new(3);
    for name in ["train.npy", "validation.npy"] {
        place.extract("images", name, &[]).code(0);
    }
    place
}

const TRAIN: [&str; 9] =
    ["train", "--train", "train.npy", "--validation", "validation.npy", "-o", "head.h5", "--epochs", "4"];

fn train(place: &Workplace, more: &[&str]) -> assert_cmd::assert::Assert {
    place.run(&[&TRAIN[..], more].concat())
}

#[test]
fn a_head_is_written_in_both_layouts_with_the_same_parameters() {
    let place = extracted();
    let report = json(&train(&place, &["--json"]).code(0));
    assert_eq!(report["epochs"].as_array().unwrap().len(), 4);
    assert_eq!(report["last"]["epoch"], 4);
    assert_eq!(report["parameters"], 512 * 256 + 256 + 256 + 1);
    let mut arguments = TRAIN.to_vec();
    arguments[6] = "head.weights.h5";
    place.run(&arguments).code(0);
    let kernels = |name: &str| {
        let layers = load_head(&place.path(name)).unwrap();
        layers.into_iter().map(|layer| (layer.kernel, layer.bias)).collect::<Vec<_>>()
    };
    assert_eq!(kernels("head.h5"), kernels("head.weights.h5"));
}

#[test]
fn the_same_seed_gives_the_same_file_for_any_number_of_threads() {
    let place = extracted();
    train(&place, &["--seed", "7", "--threads", "1"]).code(0);
    let one = fs::read(place.path("head.h5")).unwrap();
    train(&place, &["--seed", "7", "--threads", "3", "--fresh"]).code(0);
    assert!(one == fs::read(place.path("head.h5")).unwrap());
    train(&place, &["--seed", "8", "--fresh"]).code(0);
    assert!(one != fs::read(place.path("head.h5")).unwrap());
}

#[test]
fn a_bare_npy_takes_its_labels_from_counts() {
    let place = extracted();
    train(&place, &[]).code(0);
    // The description in the file has classes only where there is a manifest; the parameters are the same.
    let head = || load_head(&place.path("head.h5")).unwrap();
    let with_manifest = head();
    fs::remove_file(place.path("train.jsonl")).unwrap();
    fs::remove_file(place.path("validation.jsonl")).unwrap();
    fails(train(&place, &["--fresh"]), 2, &["train.npy: expected a manifest", "--counts", "found neither"]);
    fails(
        train(&place, &["--fresh", "--counts", "3,4", "--validation-counts", "3,3"]),
        4,
        &["train.npy: the counts [3, 4] sum to 7, but the file has 6 rows"],
    );
    train(&place, &["--fresh", "--counts", "3,3", "--validation-counts", "3,3"]).code(0);
    assert!(with_manifest == head());
}

#[test]
fn counts_that_contradict_the_manifest_are_refused() {
    let place = extracted();
    fails(train(&place, &["--counts", "2,4"]), 4, &["train.npy", "[2, 4]", "leave the counts out"]);
    train(&place, &["--counts", "3,3"]).code(0);
}

#[test]
fn class_sets_that_differ_are_refused_by_name() {
    let place = extracted();
    fs::rename(place.path("images/b"), place.path("images/c")).unwrap();
    place.extract("images", "validation.npy", &["--fresh"]).code(0);
    fails(
        train(&place, &[]),
        4,
        &[r#"train.npy: differs from validation.npy: classes "a", "b" against "a", "c""#],
    );
}

#[test]
fn features_made_in_two_ways_are_not_mixed() {
    let place = extracted();
    place.extract("images", "validation.npy", &["--fresh", "--preset", "caffe"]).code(0);
    fails(train(&place, &[]), 4, &["preprocessing blog 32x32 against caffe 32x32"]);
}

#[test]
fn npy_and_manifest_that_disagree_are_refused() {
    let place = extracted();
    let larger = Workplace::new(4);
    larger.extract("images", "f.npy", &[]).code(0);
    fs::copy(larger.path("f.npy"), place.path("train.npy")).unwrap();
    fails(train(&place, &[]), 4, &["train.npy", "train.jsonl", "8 rows", "6"]);

    let place = extracted();
    let mut bytes = fs::read(place.path("train.npy")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(place.path("train.npy"), bytes).unwrap();
    fails(train(&place, &[]), 4, &["train.npy", "blake3"]);
    assert!(!place.path("head.h5").exists());
}

/// Features of `a`, `b` and `c`, with two images of `c`.
fn of_three_classes() -> Workplace {
    let place = Workplace::new(4);
    for index in 0..2 {
        place.image(&format!("images/c/{index}.png"), 120, index);
    }
    for name in ["train.npy", "validation.npy"] {
        place.extract("images", name, &[]).code(0);
    }
    place
}

#[test]
fn three_classes_are_told_apart_by_a_head_with_a_logit_each() {
    let place = of_three_classes();
    let more = ["--optimizer", "adam", "--class-weight", "balanced", "--l2", "1e-4", "--json"];
    let longer = [&TRAIN[..7], &["--epochs", "60"], &more].concat();
    let report = json(&place.run(&longer).code(0));
    assert_eq!(report["loss"], "sparse_categorical_crossentropy");
    assert_eq!(report["layers"][3]["activation"], "linear");
    assert_eq!(report["options"]["optimizer"]["name"], "adam");
    assert_eq!(report["options"]["class_weight"], "balanced");
    assert_eq!(report["parameters"], 512 * 256 + 256 + 256 * 3 + 3);
    assert_eq!(report["last"]["val_accuracy"], 1.0);
    assert_eq!(report["last"]["val_top_5_accuracy"], serde_json::Value::Null);
    let layers = load_head(&place.path("head.h5")).unwrap();
    assert_eq!(layers[1].kernel.shape, [256, 3]);

    let optimizers: [&[&str]; 3] = [
        &["--optimizer", "sgd", "--momentum", "0.9", "--nesterov", "--class-weight", "c:2"],
        &["--optimizer", "adamw", "--weight-decay", "0.1", "--units", "0"],
        &[
            "--learning-rate",
            "1e-5",
            "--schedule",
            "cosine_decay:decay_steps=4,warmup_steps=2,warmup_target=1e-4",
        ],
    ];
    for more in optimizers {
        let report = json(&train(&place, &[more, &["--fresh", "--json"]].concat()).code(0));
        let (first, last) = (&report["epochs"][0]["val_loss"], &report["last"]["val_loss"]);
        assert!(last.as_f64().unwrap() < first.as_f64().unwrap(), "{more:?}: {first} {last}");
    }
    assert_eq!(load_head(&place.path("head.h5")).unwrap().len(), 2);
}

#[test]
fn a_class_without_training_rows_is_refused() {
    let place = of_three_classes();
    fs::remove_file(place.path("train.jsonl")).unwrap();
    fs::remove_file(place.path("validation.jsonl")).unwrap();
    let with = |training: &str, validation: &str| {
        train(&place, &["--counts", training, "--validation-counts", validation])
    };
    fails(
        with("4,6,0", "4,4,2"),
        4,
        &["train.npy: class 2 is empty: expected rows of each of 3 classes, found none of it"],
    );
    fails(
        with("4,4,2", "10,0,0"),
        4,
        &["validation.npy: class 1 is empty: expected rows of at least 2 classes"],
    );
    fails(with("10", "10"), 4, &["train.npy: expected at least two classes, found 1"]);
    with("4,4,2", "4,6,0").code(0);
}

#[test]
fn more_than_five_classes_have_a_top_5_accuracy() {
    let place = Workplace::empty();
    for class in 0..6_u8 {
        place.image(&format!("images/{class}/0.png"), class * 40, class);
    }
    place.extract("images", "train.npy", &[]).code(0);
    let arguments = ["train", "--train", "train.npy", "-o", "head.h5", "--epochs", "2", "--units", "0"];
    let assert = place.run(&arguments).code(0);
    assert!(String::from_utf8_lossy(&assert.get_output().stdout).contains("  top_5_accuracy "));
}

#[test]
fn constants_of_another_optimizer_are_refused() {
    let place = extracted();
    for (more, message) in [
        (vec!["--momentum", "0.9"], "--momentum: expected --optimizer sgd, found rmsprop"),
        (
            vec!["--optimizer", "adam", "--weight-decay", "0.1"],
            "--weight-decay: expected --optimizer adamw, found adam",
        ),
        (
            vec!["--optimizer", "sgd", "--rmsprop", "keras3"],
            "--rmsprop: expected --optimizer rmsprop, found sgd",
        ),
        (vec!["--optimizer", "sgd", "--momentum", "1"], "momentum: expected a number in [0, 1), found 1"),
        (vec!["--l2=-1"], "l2: expected a number >= 0, found -1"),
        (
            vec![
                "--learning-rate",
                "1",
                "--schedule",
                "piecewise_constant_decay:boundaries=2,values=0.1/0.2",
            ],
            "--learning-rate: expected none, because the schedule's values are the rates",
        ),
        (vec!["--class-weight", "x:1"], "--class-weight: expected a class of a, b, found x"),
        (vec!["--class-weight", "a:-1"], "class weights: expected a number >= 0"),
        (vec!["--schedule", "cosine_decay:decay_steps=0"], "decay steps: expected at least 1, found 0"),
    ] {
        fails(train(&place, &more), 2, &[message]);
    }
}

#[test]
fn outputs_are_checked_before_training() {
    let place = extracted();
    let output = |output: &str| {
        let mut arguments = TRAIN.to_vec();
        arguments[6] = output;
        let assert = place.run(&arguments);
        let stderr = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
        assert!(!stderr.contains("epoch"), "trained first: {stderr}");
        assert
    };
    fails(output("missing/head.h5"), 1, &["missing"]);
    fails(output("head.txt"), 2, &["head.txt: expected a name that ends in .weights.h5"]);
    place.write("head.h5", "mine");
    fails(output("head.h5"), 1, &["head.h5", "exists"]);
    assert_eq!(fs::read(place.path("head.h5")).unwrap(), b"mine");
}

#[cfg(unix)]
#[test]
fn a_full_disk_keeps_the_old_head() {
    let place = extracted();
    train(&place, &[]).code(0);
    let old = fs::read(place.path("head.h5")).unwrap();
    let (files, binary) = (place.files(), assert_cmd::cargo::cargo_bin!("headstart"));
    // A limit on the size of files is met like a full disk once its signal is ignored; 64 blocks of 512 bytes.
    let script = "trap '' XFSZ; ulimit -f 64; exec \"$0\" \"$@\" --fresh";
    let mut command = assert_cmd::Command::new("sh");
    command.args(["-c", script]).arg(binary).args(TRAIN).current_dir(place.path(""));
    fails(command.assert(), 1, &["head.h5"]);
    assert!(old == fs::read(place.path("head.h5")).unwrap());
    assert_eq!(files, place.files());
}

#[test]
fn early_stopping_and_keep_best_are_told() {
    let place = extracted();
    let more = ["--early-stopping", "1", "--min-delta", "1000", "--keep-best", "--json"];
    let report = json(&train(&place, &more).code(0));
    assert_eq!(report["stopped_early"], true);
    assert_eq!(report["epochs"].as_array().unwrap().len(), 2);
    fails(place.run(&["train", "--train", "train.npy", "-o", "x.h5", "--keep-best"]), 2, &["--validation"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_reader_that_stops_early_is_no_error_but_a_lost_result_is() {
    let place = extracted();
    let run = |script: &str| {
        let mut command = assert_cmd::Command::new("bash");
        command.args(["-c", script]).arg(assert_cmd::cargo::cargo_bin!("headstart"));
        command.current_dir(place.path("")).assert()
    };
    // The reader is gone before the first line.
    fails(run("\"$0\" inspect train.npy > >(exec true); sleep 0.2"), 0, &[]);
    let closed = "set -o pipefail; (sleep 0.5; exec \"$0\" inspect train.npy) | true";
    fails(run(closed), 0, &[]);
    fails(run("\"$0\" inspect train.npy > /dev/full"), 1, &["cannot write the result to standard output"]);
}

#[test]
fn validation_without_a_manifest_is_held_to_the_same() {
    let place = extracted();
    fs::remove_file(place.path("validation.jsonl")).unwrap();
    let with = |counts: &str| train(&place, &["--validation-counts", counts]);
    fails(with("3,2,1"), 4, &["number of classes 2 against 3"]);
    fails(
        with("6,0"),
        4,
        &["validation.npy: class 1 is empty: expected rows of both classes, found none of it"],
    );
    let weights = common::weights();
    let larger =
        ["extract", "images", "-o", "validation.npy", "--fresh", "--weights", weights.to_str().unwrap()];
    place.run(&[&larger[..], &["--size", "64x64"]].concat()).code(0);
    fs::remove_file(place.path("validation.jsonl")).unwrap();
    fails(with("3,3"), 4, &["row shape [512, 1, 1] against [512, 2, 2]"]);
    fails(
        place.run(&["train", "--train", "train.npy", "-o", "x.h5", "--units", "100000000000"]),
        2,
        &["units"],
    );
}

#[test]
fn inspect_tells_what_each_file_is() {
    let place = extracted();
    train(&place, &[]).code(0);
    let weights = common::weights();
    let inspect = |file: &str| json(&place.run(&["inspect", file, "--json"]).code(0));
    let features = inspect("train.npy");
    assert_eq!(features["shape"], serde_json::json!([6, 512, 1, 1]));
    assert_eq!(features["manifest"]["classes"][1]["name"], "b");
    assert_eq!(features["manifest"]["data_matches"], true);
    assert_eq!(inspect("head.h5")["layout"], "keras");
    let vgg = inspect(weights.to_str().unwrap());
    assert_eq!(vgg["layout"], "legacy-sequential");
    assert_eq!(vgg["parameters"], 14_714_688);

    for file in ["train.npy", "head.h5"] {
        let assert = place.run(&["inspect", file]).code(0);
        let text = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
        assert!(text.lines().count() > 5, "{text}");
    }
    fails(place.run(&["inspect", "missing.npy"]), 1, &["missing.npy"]);
    place.write("words.h5", "words");
    fails(place.run(&["inspect", "words.h5"]), 4, &["words.h5", "expected an HDF5"]);
}

/// Maps of another tool, of which nothing says where the channels are.
#[test]
fn the_order_of_bare_maps_is_asked_for_where_the_shape_does_not_tell() {
    let place = Workplace::empty();
    let values: Vec<u8> = (0..4 * 48).flat_map(|i| ((i * 37 % 64) as f32 / 16.0).to_le_bytes()).collect();
    let write = |name: &str, shape: &str| {
        let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}");
        let header = format!("{header:<117}\n");
        let start = [b"\x93NUMPY\x01\x00", &(header.len() as u16).to_le_bytes()[..], header.as_bytes()];
        place.write(name, [&start.concat()[..], &values].concat());
    };
    write("th.npy", "(4, 8, 2, 3)");
    write("tf.npy", "(4, 2, 3, 8)");
    write("unclear.npy", "(4, 4, 3, 4)");
    write("flat.npy", "(4, 48)");
    let train = |features: &str, output: &str, more: &[&str]| {
        let fixed = ["train", "--train", features, "--counts", "2,2", "--epochs", "3", "-o", output];
        place.run(&[&fixed[..], more].concat())
    };
    train("th.npy", "th.safetensors", &[]).code(0);
    train("flat.npy", "flat.safetensors", &[]).code(0);
    for features in ["tf.npy", "unclear.npy"] {
        fails(
            train(features, "x.safetensors", &[]),
            2,
            &[features, "--features-order th (channels first) or tf"],
        );
    }
    train("tf.npy", "tf.safetensors", &["--features-order", "tf"]).code(0);
    let model = headstart_weights::load_model(&place.path("tf.safetensors")).unwrap();
    assert_eq!(model.metadata.row_shape, [8, 2, 3]);
    // The kernel that was trained on rows as they lie is the same; in the file it is in our own order.
    let flat = headstart_weights::load_model(&place.path("flat.safetensors")).unwrap();
    let last = headstart_weights::FlattenOrder::ChannelsLast;
    let turned =
        last.permuted(&flat.layers[0].kernel, [8, 2, 3], headstart_weights::FlattenOrder::ChannelsFirst);
    assert!(turned.unwrap() == model.layers[0].kernel);
    let loss = |head: &str, features: &str, more: &[&str]| {
        let fixed = ["evaluate", head, features, "--counts", "2,2", "--json"];
        json(&place.run(&[&fixed[..], more].concat()).code(0))["loss"].clone()
    };
    assert_eq!(loss("tf.safetensors", "tf.npy", &[]), loss("flat.safetensors", "flat.npy", &[]));
    assert_eq!(
        loss("tf.safetensors", "flat.npy", &["--features-order", "tf"]),
        loss("flat.safetensors", "flat.npy", &[])
    );
    let flat = ["evaluate", "tf.safetensors", "flat.npy", "--counts", "2,2"];
    fails(place.run(&flat), 2, &["flat.npy", "--features-order"]);
}

#[test]
fn features_that_are_not_numbers_are_refused_by_image() {
    let place = extracted();
    let path = place.path("train.npy");
    let mut bytes = fs::read(&path).unwrap();
    let row = bytes.len() - 512 * 4;
    bytes[row..row + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    fs::write(&path, bytes).unwrap();
    // The manifest's hash would find it first.
    fs::remove_file(place.path("train.jsonl")).unwrap();
    let named = ["train.npy: row 5: expected finite values, found NaN at position 0"];
    fails(train(&place, &["--counts", "3,3"]), 4, &named);
    let alone = ["train", "--train", "train.npy", "--counts", "3,3", "--sweep", "--folds", "2"];
    fails(place.run(&alone), 4, &named);
    assert!(!place.path("head.h5").exists());
}

#[test]
fn numbers_out_of_range_are_refused_before_training() {
    let place = extracted();
    let not_numbers = ["nan", "inf", "-inf", "1e300"];
    let mut cases: Vec<(&str, &str)> = vec![
        ("--epochs", "0"),
        ("--epochs", "-1"),
        ("--epochs", "1e300"),
        ("--epochs", "nan"),
        ("--batch-size", "0"),
        ("--batch-size", "-1"),
        ("--seed", "-1"),
        ("--seed", "1e300"),
        ("--units", "-1"),
        ("--units", "18446744073709551615"),
        ("--early-stopping", "-1"),
        ("--early-stopping", "nan"),
        ("--dropout", "1"),
        ("--dropout", "-1"),
        ("--learning-rate", "0"),
        ("--learning-rate", "-1"),
        ("--l2", "-1"),
        ("--counts", "-3,9"),
        ("--counts", "nan"),
    ];
    for flag in ["--dropout", "--learning-rate", "--l2"] {
        cases.extend(not_numbers.map(|value| (flag, value)));
    }
    for (flag, value) in cases {
        let words = flag.trim_start_matches('-').replace('-', " ");
        let stderr = fails(train(&place, &[flag, value]), 2, &[]).to_lowercase();
        let named = stderr.contains(flag)
            || stderr.contains(&words)
            || (flag == "--dropout" && stderr.contains("rate"));
        assert!(named && !stderr.contains("unexpected argument"), "{flag} {value}: {stderr}");
    }
    for (more, word) in [
        (["--early-stopping", "2", "--min-delta", "-1"].as_slice(), "min delta"),
        (&["--early-stopping", "2", "--min-delta", "inf"], "--min-delta"),
        (&["--optimizer", "sgd", "--momentum", "-1"], "momentum"),
        (&["--optimizer", "adamw", "--weight-decay", "nan"], "--weight-decay"),
        (&["--class-weight", "a:nan"], "class weights"),
        (&["--schedule", "exponential_decay:decay_steps=1,decay_rate=inf"], "decay rate"),
        (&["--schedule", "cosine_decay:decay_steps=-1"], "decay_steps=-1"),
    ] {
        fails(train(&place, more), 2, &[word]);
    }
    for folds in ["0", "1", "7", "-1", "nan", "18446744073709551615"] {
        let sweep = ["train", "--train", "train.npy", "--sweep", "--folds", folds];
        fails(place.run(&sweep), 2, &["folds"]);
    }
    assert!(!place.path("head.h5").exists());
}

#[test]
fn a_class_weight_by_number_says_which_class_it_is_for() {
    let place = Workplace::empty();
    for (class, level) in [("1", 30), ("2", 120), ("3", 220)] {
        place.image(&format!("images/{class}/0.png"), level, 1);
    }
    place.extract("images", "train.npy", &[]).code(0);
    let train =
        ["train", "--train", "train.npy", "-o", "head.h5", "--epochs", "1", "--json", "--class-weight"];
    let assert = place.run(&[&train[..], &["2:5,0:3"]].concat());
    let told = json(&assert);
    assert_eq!(told["options"]["class_weight"]["given"], serde_json::json!([3.0, 5.0, 1.0]));
    let notes = [
        "class weight 2: is for the class named 2",
        "class weight 0: no class has this name",
        "position 0: 1",
    ];
    fails(assert, 0, &notes);
    fails(
        place.run(&[&train[..], &["2:5,2:3", "--fresh"]].concat()),
        2,
        &["--class-weight", "the class 2, found two"],
    );
}
