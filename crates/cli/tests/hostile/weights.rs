//! Weight files: a hostile one is refused before an image is computed, and no output is begun.

use std::fs;

use headstart_weights::{Array, IfExists, legacy};

use crate::common::{Workplace, weights};
use crate::{cut, golden, replaced, snapshot};

const EXTRACT: [&str; 7] = ["extract", "images", "-o", "f.npy", "--size", "32x32", "--weights"];

fn refused(place: &Workplace, file: &str, more: &[&str], code: i32, texts: &[&str]) {
    let texts = [&[file], texts].concat();
    snapshot::refused(place, &[&EXTRACT[..], &[file], more].concat(), code, &texts);
}

fn legacy_golden() -> Vec<u8> {
    golden("weights/legacy_f32.h5")
}

/// A safetensors file of this header, and `data` bytes of zeros.
fn safetensors(header: &str, data: usize) -> Vec<u8> {
    let length = (header.len() as u64).to_le_bytes();
    [&length[..], header.as_bytes(), &vec![0; data]].concat()
}

/// With the dimensions of a dataset, as they stand in the file, replaced.
fn of_shape(bytes: Vec<u8>, from: [u64; 4], to: [u64; 4]) -> Vec<u8> {
    let encode = |shape: [u64; 4]| shape.map(u64::to_le_bytes).concat();
    replaced(bytes, &encode(from), &encode(to))
}

#[test]
fn hostile_weights_are_refused_and_no_output_is_begun() {
    let place = Workplace::new(1);
    let tensor = |shape: &str, offsets: &str| {
        format!(r#"{{"features.0.weight":{{"dtype":"F32","shape":{shape},"data_offsets":{offsets}}}}}"#)
    };
    let overlapping = r#"{"features.0.weight":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},
        "features.0.bias":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}"#;
    let mut long_header = safetensors(&tensor("[2]", "[0,8]"), 8);
    long_header[..8].copy_from_slice(&90_000_000_u64.to_le_bytes());
    let mut absurd_header = safetensors("{", 0);
    absurd_header[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    let cases: Vec<(&str, Vec<u8>, &[&str])> = vec![
        // Another kind of file.
        ("empty.h5", vec![], &["expected an HDF5", "found an empty file"]),
        ("words.h5", b"plain text".to_vec(), &["starts with the bytes 70 6c 61 69 6e"]),
        ("page.h5", b"<!DOCTYPE html><html>404".to_vec(), &["found a web page"]),
        ("pointer.h5", b"version https://git-lfs.github.com/spec/v1\n".to_vec(), &["a Git LFS pointer"]),
        ("archive.h5", b"PK\x03\x04 an archive".to_vec(), &["a zip archive", "breaks off", "damaged"]),
        ("cut.keras", cut(golden("weights/network.keras")), &["a zip archive", "damaged"]),
        (
            "model.onnx",
            b"\x08\x08\x12\x07pytorch".to_vec(),
            &["found an ONNX model", "onnx.load", "NEW.safetensors"],
        ),
        ("model.tflite", b"\x1c\0\0\0TFL3".to_vec(), &["found a TensorFlow Lite model"]),
        ("m.weights.json", b"{\"weight_map\": {}}".to_vec(), &["cut into several files", "save_weights"]),
        // Valid, but not read.
        (
            "link.h5",
            golden("weights/hdf5/weights_by_soft_link.h5"),
            &["layer_1", "a soft link", "is not supported", "expand_soft=True"],
        ),
        ("array.h5", golden("npy/f4.npy"), &["found a .npy array"]),
        ("pickle.h5", b"\x80\x02}q\x00.".to_vec(), &["found a Python pickle"]),
        ("image.h5", golden("decode/images/png-rgb.png"), &["found a PNG image"]),
        // Cut, or damaged where the reader begins.
        ("signature.h5", b"\x89HDF\r\n\x1a\n".to_vec(), &["the superblock"]),
        ("cut-legacy.h5", cut(legacy_golden()), &["damaged"]),
        ("cut-keras2.h5", cut(golden("weights/keras2_named.h5")), &["damaged"]),
        ("cut-keras3.h5", cut(golden("weights/keras3_named.weights.h5")), &["damaged"]),
        (
            "cut.safetensors",
            cut(golden("weights/torchvision_f32.safetensors")),
            &["promises", "the file has"],
        ),
        ("cycle.h5", golden("weights/cycle.h5"), &["nested without end"]),
        // Promises that are not kept.
        (
            "no-layers.h5",
            replaced(legacy_golden(), b"nb_layers", b"nb_layerz"),
            &["expected the attribute nb_layers", "the root group", "found none"],
        ),
        (
            "no-parameters.h5",
            replaced(legacy_golden(), b"nb_params", b"nb_paramz"),
            &["expected the attribute nb_params", "found none"],
        ),
        (
            "no-names.h5",
            replaced(golden("weights/keras2_named.h5"), b"layer_names", b"layer_namez"),
            &["expected layer_0, layer_1", "found block1_conv1, block1_conv2"],
        ),
        // Another network's, or absurd.
        (
            "other-shape.h5",
            legacy_golden(),
            &["block1_conv1", "expected a kernel of shape (64, 3, 3, 3)", "found (3, 2, 3, 3)"],
        ),
        (
            "absurd-shape.h5",
            of_shape(legacy_golden(), [3, 2, 3, 3], [1 << 40, 1 << 20, 3, 3]),
            &["expected a kernel of shape (64, 3, 3, 3)", "found (1099511627776, 1048576, 3, 3)"],
        ),
        ("head.h5", golden("head_files/keras1.h5"), &["block1_conv1", "the file holds no convolution"]),
        // safetensors that lie.
        (
            "long-header.safetensors",
            long_header,
            &["it says that it is 90000000 bytes long, but the file has"],
        ),
        ("absurd-header.safetensors", absurd_header, &["starts with the bytes ff ff ff ff"]),
        ("no-json.safetensors", safetensors("{\"features.0.weight\"", 8), &["the header"]),
        (
            "short.safetensors",
            safetensors(&tensor("[2]", "[0,8]"), 7),
            &["promises 8 bytes", "the file has 7"],
        ),
        (
            "long.safetensors",
            safetensors(&tensor("[2]", "[0,8]"), 9),
            &["promises 8 bytes", "the file has 9"],
        ),
        ("sizes.safetensors", safetensors(&tensor("[3]", "[0,8]"), 8), &["the header"]),
        ("overlap.safetensors", safetensors(overlapping, 12), &["the header"]),
        (
            "other-network.safetensors",
            safetensors(r#"{"bert.weight":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, 8),
            &["bert.weight"],
        ),
        (
            "vector.safetensors",
            safetensors(&tensor("[2]", "[0,8]"), 8),
            &["block1_conv1", "expected a kernel of shape (64, 3, 3, 3)", "found (2,)"],
        ),
    ];
    for (name, content, _) in &cases {
        place.write(name, content);
    }
    for (name, _, texts) in cases {
        refused(&place, name, &["--backbone", "vgg16"], 4, texts);
    }
}

#[test]
fn a_layer_that_is_missing_is_named_with_what_the_file_holds() {
    let place = Workplace::new(1);
    let array = |shape: &[usize]| Array::new(shape.to_vec(), vec![0.0; shape.iter().product()]).unwrap();
    let layer = legacy::LegacyLayer { index: 1, parameters: vec![array(&[64, 3, 3, 3]), array(&[64])] };
    legacy::write(&place.path("one.h5"), &[layer], IfExists::Refuse).unwrap();
    let texts = ["block1_conv2", "layer_3", "(64, 64, 3, 3)", "one convolution (layer_1/param_0)"];
    refused(&place, "one.h5", &["--backbone", "vgg16"], 4, &texts);
    let texts = [
        "expected the parameters of one of vgg11, ",
        "layer_1/param_0",
        "--backbone NAME tells what is missing",
    ];
    refused(&place, "one.h5", &[], 4, &texts);
}

#[test]
fn whole_weights_that_diverged_break_off_or_are_another_network_s_are_refused() {
    let place = Workplace::new(1);
    let shipped = fs::read(weights()).unwrap();
    let first = &legacy::read(&weights()).unwrap()[1].parameters[0].values;
    let stored: Vec<u8> = first[..4].iter().flat_map(|value| value.to_le_bytes()).collect();
    place.write("whole.h5", &shipped);
    refused(
        &place,
        "whole.h5",
        &["--backbone", "vgg19"],
        4,
        &["expected the weights of vgg19, found those of vgg16"],
    );
    refused(
        &place,
        "whole.h5",
        &["--backbone", "vgg11"],
        4,
        &["expected the weights of vgg11, found those of vgg16"],
    );
    place.write("whole.h5", replaced(shipped.clone(), &stored, &f32::NAN.to_le_bytes()));
    refused(&place, "whole.h5", &[], 4, &["block1_conv1", "kernel", "NaN"]);
    place.write("whole.h5", cut(shipped));
    refused(&place, "whole.h5", &[], 4, &["damaged"]);
}

#[test]
fn what_is_no_file_is_refused_and_not_waited_for() {
    let place = Workplace::new(1);
    refused(&place, "absent.h5", &[], 1, &["cannot open it for reading"]);
    fs::create_dir(place.path("folder.h5")).unwrap();
    refused(&place, "folder.h5", &[], 1, &["expected a file, found a folder"]);
    if cfg!(unix) {
        let made = std::process::Command::new("mkfifo").arg(place.path("pipe.h5")).status().unwrap();
        assert!(made.success());
        refused(&place, "pipe.h5", &[], 1, &["expected a file, found a folder or a special file"]);
        refused(&place, "/dev/zero", &[], 1, &["expected a file, found a folder or a special file"]);
    }
}

#[test]
fn what_the_file_does_not_say_about_its_kernels_is_asked_for() {
    let place = Workplace::new(1);
    let old = golden("weights/vgg11_never_written_channels_first.h5");
    fs::write(place.path("old.h5"), old).unwrap();
    refused(
        &place,
        "old.h5",
        &["--backbone", "vgg11"],
        2,
        &["does not name its backend", "--kernels convolution"],
    );
    let told = [&EXTRACT[..], &["old.h5", "--backbone", "vgg11", "--kernels", "convolution"]].concat();
    let told = place.run(&told).success();
    let told = String::from_utf8_lossy(&told.get_output().stderr);
    assert!(told.contains("kernels flipped, 8 layers of vgg11"), "{told}");
    assert!(told.contains("values of 16 tensors were never written, first block1_conv1/"), "{told}");
}

#[test]
fn a_name_that_speaks_of_other_kernels_is_told_with_the_flag() {
    let place = Workplace::new(1);
    let file = "vgg11_tf_dim_ordering_th_kernels.h5";
    fs::write(place.path(file), golden("weights/vgg11_never_written.h5")).unwrap();
    let found = place.run(&[&EXTRACT[..], &[file, "--backbone", "vgg11"]].concat()).success();
    let found = String::from_utf8_lossy(&found.get_output().stderr);
    assert!(found.contains("its name says that they were written for Theano"), "{found}");
    assert!(found.contains("--kernels convolution"), "{found}");
}
