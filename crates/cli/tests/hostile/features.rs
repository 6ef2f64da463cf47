//! `.npy` files: a hostile one is refused before training, and no head is written.

use std::fs;

use crate::common::Workplace;
use crate::{golden, snapshot};

const TRAIN: [&str; 7] = ["train", "--train", "f.npy", "--counts", "1,1", "-o", "head.h5"];

/// Both commands that read features refuse `f.npy`.
fn refused(place: &Workplace, code: i32, texts: &[&str]) {
    let texts = [&["f.npy"], texts].concat();
    snapshot::refused(place, &TRAIN, code, &texts);
    snapshot::refused(place, &["inspect", "f.npy"], code, &texts);
}

/// A version 1.0 file with this header text, and so many bytes of data.
fn npy(text: &str, data: usize) -> Vec<u8> {
    let length = (text.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], text.as_bytes(), &vec![0; data]].concat()
}

fn of(descr: &str, shape: &str, data: usize) -> Vec<u8> {
    npy(&format!("{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n"), data)
}

#[test]
fn hostile_features_are_refused_and_no_head_is_written() {
    let place = Workplace::empty();
    let whole = golden("npy/f4.npy");
    let mut version = whole.clone();
    version[6] = 9;
    let cases: Vec<(&str, Vec<u8>, &[&str])> = vec![
        ("nothing", vec![], &["expected a .npy file", "found an empty file"]),
        ("an archive", b"PK\x03\x04 an .npz".to_vec(), &["expected a .npy file", "found PK\\x03\\x04"]),
        ("a spoilt magic", [b"\x93NUMPX", &whole[6..]].concat(), &["expected a .npy file", "NUMPX"]),
        ("an unknown version", version, &["expected version 1.0, 2.0 or 3.0, found 9.0"]),
        ("a cut length", b"\x93NUMPY\x01\x00\x10".to_vec(), &["2 bytes of length expected, found 1"]),
        ("a cut header", whole[..40].to_vec(), &["118 bytes stated, found 30", "truncated"]),
        (
            "an absurd header length",
            b"\x93NUMPY\x02\x00\xff\xff\xff\xff{".to_vec(),
            &["at most 10000 bytes", "4294967295"],
        ),
        ("cut data", whole[..148].to_vec(), &["needs 176 bytes", "found 148", "truncated"]),
        ("trailing data", [&whole[..], &[0]].concat(), &["needs 176 bytes", "found 177", "trail"]),
        (
            "Fortran order of another length",
            golden("npy/f4_fortran.npy")[..138].to_vec(),
            &["needs 176 bytes", "found 138"],
        ),
        ("pickled objects", golden("npy/object.npy"), &["expected values of type f2, f4 or f8, found", "O"]),
        ("a structure", golden("npy/structured.npy"), &["expected values of type f2, f4 or f8, found"]),
        ("whole numbers", golden("npy/int64.npy"), &["f4 or f8, found '<i8'"]),
        ("quadruples", of("'<f16'", "(1, 1)", 16), &["f4 or f8, found '<f16'"]),
        ("complex numbers", golden("npy/complex.npy"), &["f4 or f8, found '<c8'"]),
        ("truths", golden("npy/bool.npy"), &["f4 or f8, found '|b1'"]),
        ("a type that is none", of("'<f5'", "(1, 1)", 5), &[".npy header"]),
        ("a scalar", golden("npy/scalar.npy"), &["at least one more dimension, found shape []"]),
        ("a vector", golden("npy/vector.npy"), &["at least one more dimension, found shape ["]),
        ("a negative shape", of("'<f4'", "(-1, 2)", 8), &["expected dimensions from 0 to"]),
        ("a broken shape", of("'<f4'", "(1.5, 2)", 8), &["found 1.5"]),
        (
            "more values than a file holds",
            of("'<f4'", "(4294967296, 4294967296)", 0),
            &["states more bytes than a file can have", "4294967296"],
        ),
        (
            "more bytes than a file holds",
            of("'<f4'", "(4294967296, 2147483647)", 0),
            &["more bytes than a file can have"],
        ),
        (
            "values that are not there",
            of("'<f4'", "(1000000, 1000000)", 64),
            &["needs 4000000000", "truncated"],
        ),
        ("a missing key", npy("{'descr': '<f4', 'shape': (1, 1)}\n", 4), &["fortran_order"]),
        ("an expression", npy("__import__('os').system('true')\n", 4), &["expected a dict in braces"]),
        ("deep brackets", npy(&"(".repeat(9_999), 0), &["expected a dict in braces, found ((("]),
        ("a deep shape", of("'<f4'", &"(".repeat(9_000), 4), &[".npy header: expected"]),
    ];
    for (what, content, texts) in cases {
        place.write("f.npy", content);
        println!("{what}");
        refused(&place, 4, texts);
    }
}

#[test]
fn features_without_rows_are_no_training_data() {
    let place = Workplace::empty();
    for name in ["npy/no_rows.npy", "npy/empty_rows.npy"] {
        place.write("f.npy", golden(name));
        snapshot::refused(&place, &TRAIN, 4, &["f.npy: expected at least one row, found none (shape ["]);
    }
}

#[test]
fn what_is_no_file_is_refused_and_not_waited_for() {
    let place = Workplace::empty();
    refused(&place, 1, &[]);
    fs::create_dir(place.path("f.npy")).unwrap();
    refused(&place, 1, &["a folder"]);
    fs::remove_dir(place.path("f.npy")).unwrap();
    if cfg!(unix) {
        assert!(std::process::Command::new("mkfifo").arg(place.path("f.npy")).status().unwrap().success());
        refused(&place, 1, &["special file"]);
    }
}
