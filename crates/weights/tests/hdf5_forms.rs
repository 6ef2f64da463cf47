//! Every form of HDF5 is read, or refused by the true name of what is not supported.

// A test that meets an error where it expects none should stop there.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Folder, golden, json};
use headstart_weights::{Error, ErrorKind, describe, legacy};

/// What param_0 (6, 4) and param_1 (6,) hold, by the word of expected.json; `None` for what is not supported.
fn values(word: &str) -> Option<[Vec<f32>; 2]> {
    let counted = |from: u8, count: u8| (from..from + count).map(f32::from).collect::<Vec<_>>();
    let (kernel, bias) = (counted(0, 24), counted(100, 6));
    let first = |values: &[f32], written: usize| {
        let mut values = values.to_vec();
        values[written..].fill(0.0);
        values
    };
    match word {
        "values" => Some([kernel, bias]),
        "zeros" => Some([vec![0.0; 24], vec![0.0; 6]]),
        "sevens" => Some([vec![7.0; 24], vec![7.0; 6]]),
        "first rows" => Some([first(&kernel, 12), first(&bias, 3)]),
        _ => None,
    }
}

#[test]
fn every_form_is_read_or_refused_by_its_name() {
    for (name, word) in json("weights/hdf5/expected.json").as_object().unwrap() {
        let (path, word) = (golden("weights/hdf5").join(name), word.as_str().unwrap());
        let found = legacy::read(&path);
        match values(word) {
            Some(expected) => {
                let layers = found.unwrap_or_else(|error| panic!("{name}: {error}"));
                assert_eq!(layers[0].parameters, [], "{name}");
                let parameters = layers[1].parameters.iter();
                let (shapes, values): (Vec<_>, Vec<_>) = parameters.map(|a| (&a.shape, &a.values)).unzip();
                assert_eq!(shapes, [&vec![6, 4], &vec![6]], "{name}");
                assert_eq!(values, [&expected[0], &expected[1]], "{name}");
            }
            None => {
                let error = found.unwrap_err();
                assert!(matches!(error, Error::UnsupportedStorage { .. }), "{name}: {error}");
                assert_eq!(error.kind(), ErrorKind::BadData);
                let text = error.to_string();
                assert!(text.contains(word), "{name}: {text}");
                assert!(!text.contains("damaged") && !text.contains("download"), "{name}: {text}");
                // What to do next.
                assert!(text.contains("h5repack") || text.contains("python"), "{name}: {text}");
            }
        }
    }
}

#[test]
fn every_form_is_described() {
    for name in json("weights/hdf5/expected.json").as_object().unwrap().keys() {
        match describe(&golden("weights/hdf5").join(name)) {
            Ok(description) => assert!(!description.tensors.is_empty() || name.contains("link"), "{name}"),
            // Here the shape itself can't be read, or the file.
            Err(Error::UnsupportedStorage { .. }) if name == "layout_5.h5" || name.contains("family") => {}
            Err(error) => panic!("{name}: {error}"),
        }
    }
}

#[test]
fn a_link_is_refused_by_its_own_name() {
    for name in ["kernel_by_soft_link.h5", "kernel_by_soft_link_latest.h5"] {
        let error = legacy::read(&golden("weights/hdf5").join(name)).unwrap_err();
        assert!(error.to_string().contains("param_0, which is a soft link"), "{error}");
    }
}

#[test]
fn values_that_were_never_written_are_limited() {
    let folder = Folder::new();
    let shape = |axes: [u64; 2]| axes.map(u64::to_le_bytes).concat();
    for name in ["never_written.h5", "never_written_chunks.h5", "never_written_chunks_latest.h5"] {
        let mut bytes = std::fs::read(golden("weights/hdf5").join(name)).unwrap();
        let places: Vec<usize> =
            bytes.windows(16).enumerate().filter(|(_, w)| *w == shape([6, 4])).map(|(at, _)| at).collect();
        assert!(!places.is_empty(), "{name}");
        // Four gigabytes, of which the file holds none.
        for place in places {
            bytes[place..place + 16].copy_from_slice(&shape([1 << 15, 1 << 15]));
        }
        let error = legacy::read(&folder.write(name, &bytes)).unwrap_err();
        assert!(matches!(error, Error::AbsurdShape { .. } | Error::Damaged { .. }), "{name}: {error}");
    }
}
