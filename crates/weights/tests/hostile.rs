//! Files that lie, break off or are something else: each gives its error, none a panic.

// A test that meets an error where it expects none should stop there.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;

use common::{Folder, golden, load, small_network};
use hdf5::{AttrValue, FileBuilder};
use headstart_files::Error as FileError;
use headstart_weights::{Error, IfExists, Parameter, describe, fingerprint, legacy, load_head};

fn bytes_of(name: &str) -> Vec<u8> {
    std::fs::read(golden("weights").join(name)).unwrap()
}

#[test]
fn what_cannot_be_opened_is_told() {
    let folder = Folder::new();
    for error in every_reader(&folder.0.path().join("absent.h5")) {
        assert!(matches!(error, Error::File(FileError::Io { .. })), "{error}");
    }
    for error in every_reader(folder.0.path()) {
        assert!(
            matches!(&error, Error::File(FileError::NotAFile { path }) if path == folder.0.path()),
            "{error}"
        );
    }
}

/// The errors of every function that reads a file, for one that none of them can read.
fn every_reader(path: &Path) -> [Error; 5] {
    [
        load(path).unwrap_err(),
        describe(path).unwrap_err(),
        load_head(path).unwrap_err(),
        legacy::read(path).unwrap_err(),
        fingerprint(path).unwrap_err(),
    ]
}

#[cfg(unix)]
#[test]
fn a_pipe_is_refused_and_not_waited_for() {
    let folder = Folder::new();
    let pipe = folder.0.path().join("pipe.h5");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let (tell, told) = std::sync::mpsc::channel();
    // In a thread of its own, for a reader that opened the pipe would wait for a writer without end.
    std::thread::spawn({
        let pipe = pipe.clone();
        move || tell.send(Vec::from(every_reader(&pipe)))
    });
    let errors = told.recv_timeout(std::time::Duration::from_secs(20)).expect("a reader waits for the pipe");
    for error in errors {
        assert!(matches!(&error, Error::File(FileError::NotAFile { path }) if *path == pipe), "{error}");
        assert!(error.to_string().contains("pipe.h5"), "{error}");
    }
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let folder = Folder::new();
    for name in [
        "legacy_f32.h5",
        "legacy_f32_deflate.h5",
        "legacy_f32_latest.h5",
        "legacy_f32_compact.h5",
        "keras2_named.h5",
        "keras3_named.weights.h5",
        "torchvision_f32.safetensors",
    ] {
        let bytes = bytes_of(name);
        let step = (bytes.len() / 300).max(1);
        for length in (0..bytes.len()).step_by(step) {
            let path = folder.write("cut", &bytes[..length]);
            let error = load(&path).expect_err(name);
            assert!(
                matches!(
                    error,
                    Error::Damaged { .. } | Error::UnknownFormat { .. } | Error::File(FileError::Io { .. })
                ),
                "{name} cut at {length}: {error}"
            );
        }
    }
}

/// A wrapped panic would be told in these words; the reader should not come to that.
fn assert_no_panic_was_caught<T>(result: Result<T, Error>, what: &str) {
    if let Err(error) = result {
        assert!(!error.to_string().contains("gave up"), "{what}: {error}");
    }
}

#[test]
fn no_damaged_byte_makes_the_reader_panic() {
    let folder = Folder::new();
    for name in [
        "legacy_f32.h5",
        "legacy_f16_big_endian_deflate.h5",
        "legacy_f32_latest.h5",
        "keras2_named.h5",
        "keras3_named.weights.h5",
        "keras2_nested.h5",
        "network.keras",
        "hdf5/user_block_soft_links.h5",
        "hdf5/sparse_chunks_latest.h5",
        "torchvision_f32.safetensors",
    ] {
        let bytes = bytes_of(name);
        for position in (0..bytes.len()).step_by(17) {
            let mut damaged = bytes.clone();
            damaged[position] ^= if position % 2 == 0 { 0xff } else { 1 << (position % 8) };
            let path = folder.write("damaged", &damaged);
            let what = format!("{name} damaged at {position}");
            assert_no_panic_was_caught(load(&path), &what);
            assert_no_panic_was_caught(describe(&path), &what);
        }
    }
}

/// Replaces the dimensions of a dataset, as they stand in the file, eight bytes each.
fn with_dimensions(name: &str, from: &[u64], to: &[u64]) -> Vec<u8> {
    let encode = |shape: &[u64]| shape.iter().flat_map(|axis| axis.to_le_bytes()).collect::<Vec<u8>>();
    let (from, to, mut bytes) = (encode(from), encode(to), bytes_of(name));
    let places: Vec<usize> =
        bytes.windows(from.len()).enumerate().filter(|(_, w)| *w == from).map(|(i, _)| i).collect();
    assert!(!places.is_empty(), "{name} has no such dataset");
    for place in places {
        bytes[place..place + to.len()].copy_from_slice(&to);
    }
    bytes
}

#[test]
fn absurd_shapes_are_refused_before_memory_is_set_aside() {
    let folder = Folder::new();
    let kernel = [3, 2, 3, 3];
    for absurd in [
        [1 << 40, 2, 3, 3],
        [1 << 20, 1 << 20, 1 << 20, 1 << 20],
        [u64::MAX, u64::MAX, 3, 3],
        [u64::MAX, 1, 1, 1],
        [1 << 33, 1, 1, 1],
    ] {
        for name in ["legacy_f32.h5", "legacy_f32_deflate.h5", "legacy_f32_chunked.h5"] {
            let path = folder.write("absurd.h5", &with_dimensions(name, &kernel, &absurd));
            let error = load(&path).unwrap_err();
            assert!(matches!(error, Error::WrongShape { .. }), "{name} {absurd:?}: {error}");
            let error = legacy::read(&path).unwrap_err();
            assert!(
                matches!(error, Error::AbsurdShape { .. } | Error::Damaged { .. }),
                "{name} {absurd:?}: {error}"
            );
            // Listing the file reads no value, and says what it claims.
            let description = describe(&path).unwrap();
            assert!(description.parameters > 1 << 32, "{name} {absurd:?}");
        }
    }
}

#[test]
fn a_shape_that_the_stored_bytes_do_not_fill_is_refused() {
    let folder = Folder::new();
    // As many bytes as the file has, but not as the dataset has.
    let path = folder.write("shape.h5", &with_dimensions("legacy_f32.h5", &[3, 2, 3, 3], &[30, 2, 3, 3]));
    let error = legacy::read(&path).unwrap_err();
    assert!(matches!(error, Error::Damaged { .. }), "{error}");
}

/// A key of a chunk index (version 1 B-tree): stored size, filter mask, and the chunk's place in a dataset of
/// four axes.
fn chunk_key(size: u32, place: [u64; 4]) -> Vec<u8> {
    let mut key = size.to_le_bytes().to_vec();
    key.extend([0; 4]);
    key.extend(place.iter().flat_map(|offset| offset.to_le_bytes()));
    key
}

/// A chunked file, and where the key of the last chunk of its first dataset lies: layer_1/param_0 is (3, 2, 3, 3) in
/// chunks of (2, 1, 2, 2), 32 bytes each.
fn with_last_chunk() -> (Vec<u8>, usize) {
    let bytes = bytes_of("legacy_f32_chunked.h5");
    let key = chunk_key(32, [2, 1, 2, 2]);
    let place =
        bytes.windows(40).position(|window| window == key).expect("the last chunk of layer_1/param_0");
    (bytes, place)
}

#[test]
fn a_dataset_without_one_of_its_chunks_is_refused() {
    let folder = Folder::new();
    let (mut bytes, place) = with_last_chunk();
    bytes[place..place + 40].copy_from_slice(&chunk_key(32, [4, 1, 2, 2]));
    let error = load(&folder.write("chunk.h5", &bytes)).unwrap_err();
    assert!(error.to_string().contains("its chunk at (4, 1, 2, 2) has no place in it"), "{error}");
}

#[test]
fn a_chunk_that_claims_gigabytes_is_refused_before_memory_is_set_aside() {
    let folder = Folder::new();
    let (mut bytes, place) = with_last_chunk();
    bytes[place..place + 4].copy_from_slice(&0xff00_0000u32.to_le_bytes());
    let error = load(&folder.write("chunk.h5", &bytes)).unwrap_err();
    assert!(error.to_string().contains("one of its chunks ends at byte"), "{error}");
}

#[test]
fn groups_that_hold_one_another_end() {
    for error in [
        load(&golden("weights/cycle.h5")).unwrap_err(),
        describe(&golden("weights/cycle.h5")).unwrap_err(),
        load_head(&golden("weights/cycle.h5")).unwrap_err(),
    ] {
        assert!(matches!(error, Error::Damaged { .. }), "{error}");
        assert!(error.to_string().contains("nested without end"), "{error}");
    }
}

fn legacy_file(file: &mut FileBuilder, layers: AttrValue, parameters: AttrValue) {
    file.set_attr("nb_layers", layers);
    let mut group = file.create_group("layer_0");
    group.set_attr("nb_params", parameters);
    group.create_dataset("param_0").with_f32_data(&[1.0; 9]).with_shape(&[1, 1, 3, 3]);
    file.add_group(group.finish());
}

#[test]
fn promises_that_are_not_kept_are_named() {
    let folder = Folder::new();
    let too_many = folder.build(|f| legacy_file(f, AttrValue::U64(u64::MAX), AttrValue::I32(1)));
    let error = legacy::read(&too_many).unwrap_err();
    assert!(matches!(&error, Error::MissingObject { object, .. } if object == "layer_1"), "{error}");
    assert!(error.to_string().contains("nb_layers = 18446744073709551615"), "{error}");

    let too_many = folder.build(|f| legacy_file(f, AttrValue::I64(1), AttrValue::I64(i64::MAX)));
    let error = legacy::read(&too_many).unwrap_err();
    assert!(matches!(&error, Error::MissingObject { object, .. } if object == "layer_0/param_1"), "{error}");

    let absent = folder.build(|f| {
        f.set_attr("layer_names", AttrValue::AsciiStringArray(vec!["dense_1".to_owned()]));
    });
    let error = load_head(&absent).unwrap_err();
    assert!(matches!(&error, Error::MissingObject { object, .. } if object == "dense_1"), "{error}");
}

#[test]
fn attributes_that_are_absent_or_of_another_kind_are_named() {
    let folder = Folder::new();
    for value in [AttrValue::I64(-1), AttrValue::F64(1.0), AttrValue::AsciiString("one".to_owned())] {
        let path = folder.build(|f| legacy_file(f, value.clone(), AttrValue::I64(1)));
        let error = legacy::read(&path).unwrap_err();
        assert!(
            matches!(&error, Error::WrongAttribute { attribute, .. } if attribute == "nb_layers"),
            "{error}"
        );
        let path = folder.build(|f| legacy_file(f, AttrValue::I64(1), value.clone()));
        let error = legacy::read(&path).unwrap_err();
        assert!(
            matches!(&error, Error::WrongAttribute { attribute, object, .. }
                if attribute == "nb_params" && object == "layer_0"),
            "{error}"
        );
    }

    let path = folder.build(|f| {
        let group = f.create_group("layer_0");
        f.add_group(group.finish());
    });
    let error = legacy::read(&path).unwrap_err();
    assert!(
        matches!(&error, Error::MissingAttribute { attribute, .. } if attribute == "nb_layers"),
        "{error}"
    );
    let path = folder.build(|f| {
        f.set_attr("nb_layers", AttrValue::I64(1));
        let group = f.create_group("layer_0");
        f.add_group(group.finish());
    });
    let error = legacy::read(&path).unwrap_err();
    assert!(
        matches!(&error, Error::MissingAttribute { attribute, .. } if attribute == "nb_params"),
        "{error}"
    );

    let path = folder.build(|f| f.set_attr("layer_names", AttrValue::I64(3)));
    let error = load_head(&path).unwrap_err();
    assert!(
        matches!(&error, Error::WrongAttribute { attribute, .. } if attribute == "layer_names"),
        "{error}"
    );
    let path = folder.build(|f| {
        f.set_attr("layer_names", AttrValue::AsciiStringArray(vec!["dense_1".to_owned()]));
        let group = f.create_group("dense_1");
        f.add_group(group.finish());
    });
    let error = load_head(&path).unwrap_err();
    assert!(
        matches!(&error, Error::MissingAttribute { attribute, .. } if attribute == "weight_names"),
        "{error}"
    );
}

/// A file of `layers` in the layout of Keras 1 and 2: each a name and its `weight_names`, tensors of one value.
fn keras_file(file: &mut FileBuilder, layer_names: &[&str], layers: &[(&str, &[&str], &[&str])]) {
    let list = |names: &[&str]| AttrValue::AsciiStringArray(names.iter().map(|n| (*n).to_owned()).collect());
    file.set_attr("layer_names", list(layer_names));
    for (name, weight_names, datasets) in layers {
        let mut group = file.create_group(name);
        group.set_attr("weight_names", list(weight_names));
        for dataset in *datasets {
            group.create_dataset(dataset).with_f32_data(&[1.0]).with_shape(&[1, 1]);
        }
        file.add_group(group.finish());
    }
}

#[test]
fn a_name_that_is_listed_twice_is_refused() {
    let folder = Folder::new();
    // A list costs the file a few bytes a name; without this each name would cost a tensor, or a layer of them.
    let path = folder.build(|f| keras_file(f, &["a", "b", "a"], &[("a", &["w"], &["w"]), ("b", &[], &[])]));
    for error in [load(&path).unwrap_err(), load_head(&path).unwrap_err()] {
        assert!(
            matches!(&error, Error::WrongAttribute { attribute, object, .. }
                if attribute == "layer_names" && object == "the root group"),
            "{error}"
        );
        assert!(error.to_string().contains("a more than once"), "{error}");
    }
    let path = folder.build(|f| keras_file(f, &["a"], &[("a", &["w", "v", "w"], &["v", "w"])]));
    for error in [load(&path).unwrap_err(), load_head(&path).unwrap_err()] {
        assert!(
            matches!(&error, Error::WrongAttribute { attribute, object, .. }
                if attribute == "weight_names" && object == "a"),
            "{error}"
        );
        assert!(error.to_string().contains("w more than once"), "{error}");
    }
}

#[test]
fn more_tensors_than_any_network_has_are_refused() {
    let folder = Folder::new();
    // Names that differ and mean one object: 150 of the layer times 150 of its tensor.
    let names = |name: &str| (0..150).map(|n| format!("{name}{}", "/".repeat(n))).collect::<Vec<_>>();
    let (layers, weights) = (names("a"), names("w"));
    let layers: Vec<&str> = layers.iter().map(String::as_str).collect();
    let weights: Vec<&str> = weights.iter().map(String::as_str).collect();
    let path = folder.build(|f| keras_file(f, &layers, &[("a", &weights, &["w"])]));
    for error in [load(&path).unwrap_err(), load_head(&path).unwrap_err()] {
        assert!(error.to_string().contains("at most 20000 tensors"), "{error}");
    }
}

#[test]
fn names_that_would_fill_the_memory_are_refused() {
    let folder = Folder::new();
    // The layer's name costs the file its length once, and each of its tensors would repeat it.
    let layer = "a".repeat(60_000);
    let weights: Vec<String> = (0..400).map(|n| n.to_string()).collect();
    let weights: Vec<&str> = weights.iter().map(String::as_str).collect();
    let path = folder.build(|f| keras_file(f, &[&layer], &[(&layer, &weights, &weights)]));
    for error in [load(&path).unwrap_err(), load_head(&path).unwrap_err(), describe(&path).unwrap_err()] {
        assert!(matches!(&error, Error::Damaged { .. }), "{error}");
        assert!(error.to_string().contains("at most 16777216 bytes of names"), "{error}");
    }
}

#[test]
fn whole_numbers_are_no_parameters() {
    let folder = Folder::new();
    let path = folder.build(|f| {
        f.set_attr("nb_layers", AttrValue::I64(1));
        let mut group = f.create_group("layer_0");
        group.set_attr("nb_params", AttrValue::I64(1));
        group.create_dataset("param_0").with_i32_data(&[1; 9]).with_shape(&[1, 1, 3, 3]);
        f.add_group(group.finish());
    });
    let error = legacy::read(&path).unwrap_err();
    assert!(matches!(&error, Error::WrongType { found, .. } if found.contains("i32")), "{error}");
}

#[test]
fn a_file_of_no_known_layout_shows_its_names() {
    let folder = Folder::new();
    let path = folder.build(|f| {
        f.create_dataset("temperature").with_f32_data(&[1.0]);
    });
    for error in [load(&path).unwrap_err(), load_head(&path).unwrap_err(), legacy::read(&path).unwrap_err()] {
        assert!(matches!(&error, Error::UnknownLayout { found, .. } if found == "temperature"), "{error}");
    }
    assert_eq!(describe(&path).unwrap().layout, None);
    let path = folder.build(|_| {});
    assert!(matches!(load(&path), Err(Error::UnknownLayout { .. })));
}

#[test]
fn numbers_that_are_not_finite_are_named_with_their_layer() {
    let folder = Folder::new();
    let (slots, expected) = small_network();
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut layers: Vec<legacy::LegacyLayer> = slots
            .iter()
            .zip(&expected)
            .map(|(slot, p)| legacy::LegacyLayer {
                index: slot.parameters[0].legacy.unwrap().0,
                parameters: p.arrays.iter().map(|(_, array)| array.clone()).collect(),
            })
            .collect();
        layers[1].parameters[1].values[2] = value;
        let path = folder.0.path().join("diverged.h5");
        legacy::write(&path, &layers, IfExists::Replace).unwrap();
        let error = load(&path).unwrap_err();
        assert!(
            matches!(&error, Error::NotFinite { layer, parameter: Parameter::Bias, index: 2, .. } if layer == "block1_conv2"),
            "{error}"
        );
    }
}

#[test]
fn a_double_that_no_f32_holds_is_not_finite() {
    let folder = Folder::new();
    let path = folder.build(|f| {
        f.set_attr("layer_names", AttrValue::AsciiStringArray(vec!["dense_1".to_owned()]));
        let mut group = f.create_group("dense_1");
        group.set_attr("weight_names", AttrValue::AsciiStringArray(vec!["kernel".to_owned()]));
        group.create_dataset("kernel").with_f64_data(&[0.0, 1e300]).with_shape(&[2, 1]);
        f.add_group(group.finish());
    });
    let error = load_head(&path).unwrap_err();
    assert!(matches!(&error, Error::NotFinite { index: 1, parameter: Parameter::Kernel, .. }), "{error}");
}
