//! Heads: the bytes that are written, and the files of every Keras that are read.

// A test that meets an error where it expects none should stop there.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;

use common::{floats, golden, json, shape};
use headstart_files::Error as FileError;
use headstart_weights::{Array, Error, HeadLayer, IfExists, check_head_path, load_head, save_head};
use proptest::prelude::*;

/// The head of tests/golden/head_files/check.py: Flatten, Dense 12 -> 5, Dropout, Dense 5 -> 1.
fn head() -> (Vec<HeadLayer>, Vec<String>) {
    // The same formula stands in check.py.
    let fill =
        |count: usize, step: usize| (0..count).map(|i| ((i * step) % 64) as f32 / 64.0 - 0.5).collect();
    let dense = |name: &str, inputs: usize, outputs: usize, step: usize| HeadLayer {
        name: name.to_owned(),
        kernel: Array::new(vec![inputs, outputs], fill(inputs * outputs, step)).unwrap(),
        bias: Some(Array::new(vec![outputs], fill(outputs, step + 2)).unwrap()),
    };
    let names = ["flatten_1", "dense_1", "dropout_1", "dense_2"].map(str::to_owned).to_vec();
    (vec![dense("dense_1", 12, 5, 37), dense("dense_2", 5, 1, 23)], names)
}

fn saved(path: &Path, layers: &[HeadLayer], names: &[String]) -> Vec<u8> {
    save_head(path, layers, names, IfExists::Refuse).unwrap();
    std::fs::read(path).unwrap()
}

/// With HEADSTART_WRITE_GOLDENS set, writes the goldens in place of comparing; run check.py afterwards.
#[test]
fn heads_are_written_to_the_byte() {
    let (layers, names) = head();
    let folder = tempfile::tempdir().unwrap();
    for name in ["headstart.h5", "headstart.weights.h5"] {
        let bytes = saved(&folder.path().join(name), &layers, &names);
        let golden = golden("head_files").join(name);
        if std::env::var_os("HEADSTART_WRITE_GOLDENS").is_some() {
            std::fs::write(&golden, &bytes).unwrap();
        }
        assert!(bytes == std::fs::read(&golden).unwrap(), "{name} differs from its golden");
    }
}

#[test]
fn suffixes_choose_the_layout() {
    let (layers, names) = head();
    let folder = tempfile::tempdir().unwrap();
    let bytes = |name: &str| saved(&folder.path().join(name), &layers, &names);
    let (every_keras, keras3) = (bytes("a.h5"), bytes("a.weights.h5"));
    assert_ne!(every_keras, keras3);
    assert_eq!(bytes("b.hdf5"), every_keras);
    assert_eq!(bytes("b.keras.h5"), every_keras);
    for name in ["head.keras", "head.safetensors", "head", "h5"] {
        let error = save_head(&folder.path().join(name), &layers, &names, IfExists::Refuse).unwrap_err();
        assert!(matches!(error, Error::UnknownSuffix { .. }), "{error}");
    }
}

#[test]
fn heads_of_every_keras_are_read() {
    let expected: Vec<HeadLayer> = json("head_files/expected.json")
        .as_array()
        .unwrap()
        .iter()
        .map(|layer| HeadLayer {
            name: layer["name"].as_str().unwrap().to_owned(),
            kernel: Array::new(shape(&layer["kernel_shape"]), floats(&layer["kernel"])).unwrap(),
            bias: layer["bias"]
                .as_array()
                .map(|bias| Array::new(vec![bias.len()], floats(&layer["bias"])).unwrap()),
        })
        .collect();
    assert_eq!(expected.len(), 3);
    for name in ["keras1.h5", "keras3.h5", "keras3.weights.h5"] {
        assert_eq!(load_head(&golden("head_files").join(name)).unwrap(), expected, "{name}");
    }
}

#[test]
fn nothing_is_overwritten_unasked() {
    let (layers, names) = head();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("head.h5");
    std::fs::write(&path, b"mine").unwrap();
    let error = save_head(&path, &layers, &names, IfExists::Refuse).unwrap_err();
    assert!(matches!(error, Error::File(FileError::Exists { .. })), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), b"mine");
    save_head(&path, &layers, &names, IfExists::Replace).unwrap();
    assert_eq!(load_head(&path).unwrap(), layers);
}

#[test]
fn a_folder_that_is_a_file_is_told() {
    let (layers, names) = head();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, b"").unwrap();
    let error = save_head(&file.join("head.h5"), &layers, &names, IfExists::Refuse).unwrap_err();
    assert!(matches!(error, Error::File(FileError::Io { .. })), "{error}");
}

#[test]
fn a_folder_at_the_final_name_is_refused_before_and_after_training() {
    let (layers, names) = head();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("head.h5");
    std::fs::create_dir(&path).unwrap();
    for if_exists in [IfExists::Refuse, IfExists::Replace] {
        for error in [
            check_head_path(&path, if_exists).unwrap_err(),
            save_head(&path, &layers, &names, if_exists).unwrap_err(),
        ] {
            assert!(
                matches!(&error, Error::File(FileError::NotAFile { path: named }) if *named == path),
                "{error}"
            );
        }
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[cfg(unix)]
#[test]
fn a_link_at_the_final_name_is_refused_and_neither_replaced_nor_followed() {
    let (layers, names) = head();
    let folder = tempfile::tempdir().unwrap();
    let (path, target) = (folder.path().join("head.h5"), folder.path().join("target.h5"));
    std::os::unix::fs::symlink(&target, &path).unwrap();
    // It leads nowhere, and then to a file.
    for content in [None, Some("theirs")] {
        if let Some(content) = content {
            std::fs::write(&target, content).unwrap();
        }
        for if_exists in [IfExists::Refuse, IfExists::Replace] {
            for error in [
                check_head_path(&path, if_exists).unwrap_err(),
                save_head(&path, &layers, &names, if_exists).unwrap_err(),
            ] {
                assert!(
                    matches!(&error, Error::File(FileError::Link { path: named, .. }) if *named == path),
                    "{error}"
                );
            }
        }
    }
    assert!(path.symlink_metadata().unwrap().is_symlink());
    assert_eq!(std::fs::read(&target).unwrap(), b"theirs");
}

#[test]
fn layers_that_cannot_be_written_are_named() {
    let (layers, names) = head();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("head.h5");
    let refused = |layers: &[HeadLayer], names: &[String]| {
        let error = save_head(&path, layers, names, IfExists::Refuse).unwrap_err();
        assert!(!path.exists());
        error
    };
    let names_of = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();

    for bad in [
        names_of(&["dense_1"]),
        names_of(&["dense_2", "dense_1"]),
        names_of(&["dense_1", "dense_1", "dense_2"]),
        names_of(&["a/b", "dense_1", "dense_2"]),
        names_of(&["", "dense_1", "dense_2"]),
        names_of(&["..", "dense_1", "dense_2"]),
        names_of(&["d\u{e9}", "dense_1", "dense_2"]),
    ] {
        let error = refused(&layers, &bad);
        assert!(matches!(error, Error::InvalidLayer { .. }), "{bad:?}: {error}");
    }

    let mut wrong_bias = layers.clone();
    wrong_bias[0].bias = Some(Array::new(vec![4], vec![0.0; 4]).unwrap());
    assert!(refused(&wrong_bias, &names).to_string().contains("expected a bias (5,), found (4,)"));
    let mut wrong_kernel = layers.clone();
    wrong_kernel[0].kernel = Array::new(vec![60], vec![0.0; 60]).unwrap();
    assert!(refused(&wrong_kernel, &names).to_string().contains("expected a kernel (in, out), found (60,)"));
    let mut wrong_length = layers.clone();
    wrong_length[0].kernel.values.pop();
    assert!(matches!(refused(&wrong_length, &names), Error::InvalidLayer { .. }));
    let mut endless = layers.clone();
    endless[0].kernel = Array { shape: vec![usize::MAX, 2], values: vec![0.0; 2] };
    endless[0].bias = None;
    assert!(matches!(refused(&endless, &names), Error::InvalidLayer { .. }));
    let mut diverged = layers.clone();
    diverged[1].kernel.values[3] = f32::NAN;
    assert!(matches!(refused(&diverged, &names), Error::NotFinite { index: 3, .. }));
}

#[test]
fn convolutions_are_no_head() {
    for name in ["keras2_named.h5", "keras3_named.weights.h5", "legacy_f32.h5", "torchvision_f32.safetensors"]
    {
        let error = load_head(&golden("weights").join(name)).unwrap_err();
        assert!(matches!(error, Error::Unsupported { .. }), "{name}: {error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_head_is_read_as_it_was_written(
        widths in proptest::collection::vec(1usize..40, 2..6),
        biases in proptest::collection::vec(any::<bool>(), 5),
        suffix in prop_oneof![Just("h5"), Just("weights.h5")],
        seed in any::<u32>(),
    ) {
        let mut state = seed;
        let mut draw = |count: usize| -> Vec<f32> {
            (0..count).map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as f32 / 65536.0 - 128.0
            }).collect()
        };
        let layers: Vec<HeadLayer> = widths.windows(2).enumerate().map(|(i, pair)| HeadLayer {
            name: format!("dense_{}", i + 1),
            kernel: Array::new(vec![pair[0], pair[1]], draw(pair[0] * pair[1])).unwrap(),
            bias: biases[i].then(|| Array::new(vec![pair[1]], draw(pair[1])).unwrap()),
        }).collect();
        let mut names = vec!["flatten_1".to_owned()];
        for (i, layer) in layers.iter().enumerate() {
            names.push(layer.name.clone());
            names.push(format!("dropout_{}", i + 1));
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(format!("head.{suffix}"));
        save_head(&path, &layers, &names, IfExists::Refuse).unwrap();
        prop_assert_eq!(load_head(&path).unwrap(), layers);
    }
}
