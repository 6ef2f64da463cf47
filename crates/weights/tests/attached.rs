//! What a model has with it besides a head: the network's weights and marks of the training images.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

use std::fs;
use std::path::{Path, PathBuf};

use headstart_weights::{
    Array, Attached, HeadLayer, IfExists, ImageMarks, Model, Source, StoredFile, describe, fingerprint,
    load_model, save_model,
};

const HASHES: [&str; 2] = [
    "f98d59bcfcffe332deb4068f8b67827e88fa1ddbf08f1cdefabad2c088c986a1",
    "00000000000000010000000000000000000000000000000000000000000000ff",
];

/// A model with the weights of a file and two images.
fn model(weights: &Path) -> Model {
    let kernel = Array::new(vec![2, 1], vec![0.5, -0.5]).unwrap();
    let bias = Some(Array::new(vec![1], vec![0.25]).unwrap());
    Model {
        layers: vec![HeadLayer { name: "dense_1".to_owned(), kernel, bias }],
        layer_names: vec!["dense_1".to_owned()],
        attached: Attached {
            backbone: Some(StoredFile::whole(weights).unwrap()),
            trained_on: ImageMarks::of_hashes(HASHES),
        },
        ..Model::default()
    }
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden").join(name)
}

#[test]
fn weights_of_both_formats_are_read_within_a_model_as_in_their_own_file() {
    let folder = tempfile::tempdir().unwrap();
    // Any HDF5 and any safetensors file will do.
    for weights in [golden("models/ours.h5"), golden("models/ours.safetensors")] {
        let path = folder.path().join("model.safetensors");
        save_model(&path, &model(&weights), IfExists::Replace).unwrap();
        let found = load_model(&path).unwrap();
        assert_eq!(found.attached.trained_on, ImageMarks::of_hashes(HASHES));
        let stored = found.attached.backbone.clone().unwrap();
        assert_eq!(stored.length(), fs::metadata(&weights).unwrap().len());
        assert_eq!(fingerprint(stored.source()).unwrap(), fingerprint(&weights).unwrap());
        let (within, own) = (describe(stored.source()).unwrap(), describe(&weights).unwrap());
        assert_eq!((within.tensors, within.bytes, within.format), (own.tensors, own.bytes, own.format));
        // A copy of the copy is the same, also in the place of the file that it is read from.
        let before = fs::read(&path).unwrap();
        save_model(&path, &found, IfExists::Replace).unwrap();
        assert!(fs::read(&path).unwrap() == before);
        assert_eq!(describe(&path).unwrap().parameters, 3, "bytes are no parameters");
    }
}

/// The model's file with another text in its header.
fn changed(path: &Path, from: &str, to: &str) -> String {
    let bytes = fs::read(path).unwrap();
    let end = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header = std::str::from_utf8(&bytes[8..end]).unwrap().trim_end();
    assert!(header.contains(from), "{header}");
    let header = header.replace(from, to);
    let changed = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &bytes[end..]].concat();
    let other = path.with_file_name("changed.safetensors");
    fs::write(&other, changed).unwrap();
    load_model(&other).map(|_| "read".to_owned()).unwrap_or_else(|error| error.to_string())
}

#[test]
fn what_is_attached_must_be_bytes_and_whole_marks() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let weights = folder.path().join("weights");
    fs::write(&weights, "sixteen bytes of").unwrap();
    save_model(&path, &model(&weights), IfExists::Refuse).unwrap();
    let marks = r#""attached/trained_on":{"data_offsets":[12,28],"dtype":"U8","shape":[2,8]}"#;
    let floats = r#""attached/trained_on":{"data_offsets":[12,28],"dtype":"F32","shape":[4]}"#;
    let error = changed(&path, marks, floats);
    assert!(error.contains("attached/trained_on") && error.contains("f32"), "{error}");
    let other = changed(&path, "attached/backbone", "attached/other");
    assert!(other.contains("the tensor attached/other, which is of no layer"), "{other}");
    let part = r#""attached/trained_on":{"data_offsets":[12,25],"dtype":"U8","shape":[13]}"#;
    let rest = r#""attached/backbone":{"data_offsets":[25,44],"dtype":"U8","shape":[19]}"#;
    let all = r#""attached/backbone":{"data_offsets":[28,44],"dtype":"U8","shape":[16]}"#;
    let error = changed(&path, &format!("{all},{marks}"), &format!("{rest},{part}"));
    assert!(error.contains("a part of a mark"), "{error}");
    // The bytes are read when they are needed, and only then must be weights.
    let stored = load_model(&path).unwrap().attached.backbone.unwrap();
    let error = describe(stored.source()).unwrap_err().to_string();
    assert!(error.contains("an HDF5 or a safetensors file within it"), "{error}");
    let Source::Part { start, length, .. } = stored.source() else { panic!("a part of the model") };
    assert_eq!((length, start % 4), (16, 0));
}
