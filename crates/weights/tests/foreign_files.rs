//! Files of other programs are named for what they are, by their content, with what to do about them.

// A test that meets an error where it expects none should stop there.
#![allow(clippy::unwrap_used)]

mod common;

use std::io::{Cursor, Write};
use std::path::Path;

use common::{Folder, load};
use headstart_weights::{Error, ErrorKind, describe, load_head, load_model};
use zip::CompressionMethod;
use zip::write::SimpleFileOptions;

/// Holds the errors of every function that reads a file of weights against what it should say.
#[track_caller]
fn assert_named(path: &Path, found: &str, advice: &str) {
    let errors = [
        load(path).unwrap_err(),
        describe(path).unwrap_err(),
        load_head(path).unwrap_err(),
        load_model(path).unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, Error::UnknownFormat { .. }), "{error}");
        assert_eq!(error.kind(), ErrorKind::BadData);
        let text = error.to_string();
        assert!(text.starts_with(path.to_str().unwrap()), "{text}");
        assert!(text.contains(&format!("found {found}")) && text.contains(advice), "{text}");
    }
}

#[test]
fn other_kinds_of_file_are_named() {
    let folder = Folder::new();
    let torch_pickle = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.";
    let mut table = vec![7; 100];
    table.extend([0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb]);
    let cases: [(&[u8], &str, &str); 30] = [
        (b"", "an empty file", "download is complete"),
        (&[0; 64], "a file that begins with zeros", "download is complete"),
        (b"<!DOCTYPE html><html><body>404", "a web page", "error page"),
        (b"\xef\xbb\xbf\r\n  <HTML><head>", "a web page", "error page"),
        (b"<?xml version=\"1.0\"?><Error><Code>AccessDenied", "an XML document", "error page"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "a Git LFS pointer", "git lfs pull"),
        (b"{\"error\": \"not found\"}", "a JSON text", "error page"),
        (
            b"{\"metadata\": {\"total_size\": 3}, \"weight_map\": {\"a\": \"model-00001-of-2.safetensors\"}}",
            "the index of safetensors",
            "safetensors.torch",
        ),
        (
            b"{\"metadata\": {\"total_size\": 3}, \"weight_map\": {\"/layers/dense/vars\": \"m_00000.weights.h5\"}}",
            "the index of Keras weights that are cut",
            "model.save_weights('NEW.weights.h5')",
        ),
        (b"{\"format\": \"layers-model\", \"modelTopology\": {}}", "a model of TensorFlow.js", "tensorflowjs"),
        (b"{\"class_name\": \"Sequential\", \"config\": {}}", "the configuration of a Keras", "of its weights"),
        (torch_pickle, "a PyTorch file of before version 1.6", "torch.load"),
        (b"\x80\x02}q\x00 and more", "a Python pickle", "torch.load"),
        (b"\x80\x04\x95\x10\x00\x00\x00", "a Python pickle", "torch.load"),
        (b"\x1c\x00\x00\x00TFL3\x14\x00", "a TensorFlow Lite model", "that it was made from"),
        (b"\x08\x08\x12\x07pytorch\x1a\x052.1.0", "an ONNX model", "onnx.load"),
        (b"\x08\x07\x3a\x10\x0a\x0egraph", "an ONNX model", "onnx.load"),
        (b"\x08\x01\x12\x9c\x0a\x0a\x07\x22\x05serve", "TensorFlow's SavedModel", "save_weights"),
        (&table, "the index of a TensorFlow checkpoint", "save_weights"),
        (b"GGUF\x03\x00\x00\x00", "a GGUF file", "that it was made from"),
        (b"MATLAB 5.0 MAT-file, Platform", "a MATLAB file", "that it was made from"),
        (b"\x1f\x8b\x08\x00", "a compressed file", "unpack it first"),
        (b"BZh91AY", "a compressed file", "unpack it first"),
        (b"\x28\xb5\x2f\xfd\x04", "a compressed file", "unpack it first"),
        (b"\xfd7zXZ\x00", "a compressed file", "unpack it first"),
        (b"7z\xbc\xaf\x27\x1c\x00", "an archive", "unpack it first"),
        (b"Rar!\x1a\x07", "an archive", "unpack it first"),
        (b"plain text, nothing else", "a file that starts with the bytes 70 6c 61 69", "error page"),
        (b"\x89HDF", "a file that starts with the bytes 89 48 44 46", "download is complete"),
        (b"\x08\xff\xff", "a file that starts with the bytes 08 ff ff", "download is complete"),
    ];
    for (content, found, advice) in cases {
        assert_named(&folder.write("weights.h5", content), found, advice);
    }
    let data = folder.write("variables.data-00000-of-00001", &[9; 40]);
    assert_named(&data, "the data of a TensorFlow checkpoint", "save_weights");
}

/// Features, their manifest and images stand beside weights and heads on every command line.
#[test]
fn files_of_other_steps_are_named_with_what_was_to_be_given() {
    let folder = Folder::new();
    for (content, found) in [
        (&b"\x93NUMPY\x01\x00 and more"[..], "a .npy array, which is features and not parameters"),
        (b"{\"format\":\"headstart.features\",\"version\":1", "a manifest of features"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "a JPEG image"),
        (b"\x89PNG\r\n\x1a\n\0\0", "a PNG image"),
        (b"GIF89a\x01\0", "a GIF image"),
        (b"RIFF\x24\0\0\0WEBPVP8 ", "a WebP image"),
        (b"II*\0\x08\0\0\0", "a TIFF image"),
        (b"MM\0*\0\0\0\x08", "a TIFF image"),
        (b"BM\x46\0\0\0\0\0\0\0\x36\0", "a BMP image"),
    ] {
        let path = folder.write("weights.h5", content);
        let [weights, head] = ["give the file of the network's weights", "give the file of a trained head"];
        for (error, advice) in [
            (load(&path).unwrap_err(), weights),
            (load_head(&path).unwrap_err(), head),
            (load_model(&path).unwrap_err(), head),
        ] {
            let text = error.to_string();
            assert!(text.contains(&format!("found {found}; {advice}")), "{text}");
        }
    }
}

/// A zip archive with these entries, not compressed.
fn zip(names: &[&str]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for name in names {
        writer.start_file(*name, options).unwrap();
        writer.write_all(b"content").unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn zip_archives_are_named_by_what_they_hold() {
    let folder = Folder::new();
    let cases: [(&[&str], &str, &str); 7] = [
        (&["archive/data.pkl", "archive/data/0", "archive/version"], "a PyTorch file", "torch.load"),
        (&["m/data.pkl", "m/constants.pkl", "m/code/__torch__.py"], "a TorchScript file", "torch.jit.load"),
        (&["features.0.weight.npy", "features.0.bias.npy"], "arrays of numpy (.npz)", "safetensors.numpy"),
        (
            &["config.json", "metadata.json", "model.weights.npz"],
            "a .keras archive whose weights",
            "save_weights",
        ),
        (
            &["saved_model.pb", "variables/variables.index"],
            "TensorFlow's SavedModel in a zip",
            "save_weights",
        ),
        (&["photos/cat.jpg"], "a zip archive that holds no model", "unpack it first"),
        (&[], "a zip archive that holds no model", "unpack it first"),
    ];
    for (names, found, advice) in cases {
        assert_named(&folder.write("weights.h5", &zip(names)), found, advice);
    }
    for error in [
        load(&folder.write("cut.pth", b"PK\x03\x04 and more of a zip")).unwrap_err(),
        describe(&folder.write("cut.pth", b"PK\x03\x04 and more of a zip")).unwrap_err(),
    ] {
        assert!(matches!(error, Error::Damaged { .. }), "{error}");
        assert!(error.to_string().contains("a zip archive"), "{error}");
    }
}

#[test]
fn folders_of_models_are_named() {
    let folder = Folder::new();
    let inside = |model: &str, names: &[&str]| {
        let path = folder.0.path().join(model);
        std::fs::create_dir(&path).unwrap();
        for name in names {
            std::fs::write(path.join(name), b"content").unwrap();
        }
        path
    };
    for (model, names, found, advice) in [
        ("saved", &["saved_model.pb"][..], "a folder of TensorFlow's SavedModel", "save_weights"),
        (
            "unpacked.keras",
            &["config.json", "model.weights.h5"],
            "an unpacked .keras",
            "model.weights.h5 that is in it",
        ),
    ] {
        let path = inside(model, names);
        for error in [load(&path).unwrap_err(), describe(&path).unwrap_err()] {
            let text = error.to_string();
            assert!(text.contains(found) && text.contains(advice), "{text}");
        }
    }
}
