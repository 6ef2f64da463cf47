//! Files that are damaged or made to do harm: each is refused, at once and by name.

use std::path::PathBuf;

use crate::common::{golden, message, says, write_three};
use headstart_features::{Error, ErrorKind, Existing, Features, describe};

struct Case {
    folder: tempfile::TempDir,
}

impl Case {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("hostile.npy")
    }

    /// Opens these bytes, which must fail.
    fn refused(&self, bytes: &[u8], parts: &[&str]) {
        std::fs::write(self.path(), bytes).unwrap();
        let result = Features::open(&self.path());
        assert!(result.as_ref().is_err_and(|error| error.kind() == ErrorKind::BadData));
        let text = message(result);
        says(&text, &["hostile.npy"]);
        says(&text, parts);
    }

    /// A version 1.0 file with this header text and so many bytes of data.
    fn text_refused(&self, text: &str, data: usize, parts: &[&str]) {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((text.len() as u16).to_le_bytes());
        bytes.extend(text.as_bytes());
        bytes.resize(bytes.len() + data, 0);
        self.refused(&bytes, parts);
    }

    fn shape_refused(&self, shape: &str, data: usize, parts: &[&str]) {
        self.text_refused(
            &format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}}}"),
            data,
            parts,
        );
    }
}

#[test]
fn every_truncation_and_any_trailing_byte_is_refused() {
    let case = Case::new();
    for name in ["f4.npy", "f4_fortran.npy", "f4_version_2.npy"] {
        let whole = std::fs::read(golden(name)).unwrap();
        for length in 0..whole.len() {
            case.refused(&whole[..length], &[]);
        }
        case.refused(&whole[..whole.len() - 1], &["needs 176 bytes", "found 175", "truncated"]);
        case.refused(&[whole, vec![0]].concat(), &["found 177", "trail"]);
    }
}

#[test]
fn another_kind_of_file_is_told_by_its_first_bytes() {
    let case = Case::new();
    case.refused(b"", &["an empty file"]);
    case.refused(b"PK\x03\x04 an .npz", &[".npy file", "PK\\x03\\x04"]);
    case.refused(b"{\"format\":\"headstart.features\"", &["found a manifest; give the .npy beside it"]);
    case.refused(b"\x93NUMPY\x09\x00rest", &["version 1.0, 2.0 or 3.0", "found 9.0"]);
}

#[test]
fn a_header_length_beyond_the_file_allocates_nothing() {
    let case = Case::new();
    case.refused(b"\x93NUMPY\x02\x00\xff\xff\xff\xff{", &["at most 10000", "4294967295"]);
    case.refused(b"\x93NUMPY\x01\x00\xff\xff{", &["at most 10000", "65535"]);
    case.refused(b"\x93NUMPY\x01\x00\x00\x10{", &["4096 bytes stated", "found 1"]);
}

#[test]
fn absurd_shapes_are_refused_before_anything_is_allocated() {
    let case = Case::new();
    case.shape_refused("(1000000, 1000000)", 64, &["[1000000, 1000000]", "4000000000", "truncated"]);
    case.shape_refused("(4294967296, 4294967296, 4294967296)", 0, &["4294967296"]);
    case.shape_refused("(4294967296, 2147483647)", 0, &["4294967296"]);
    case.shape_refused("(0, 18446744073709551615, 2)", 0, &["18446744073709551615"]);
    case.shape_refused("(99999999999999999999999999, 2)", 0, &["99999999999999999999999999"]);
    case.shape_refused("(-1, 2)", 0, &["found -1"]);
    case.shape_refused("(1.5, 2)", 0, &["found 1.5"]);
    case.shape_refused("7", 28, &["shape"]);
}

#[test]
fn headers_that_would_exhaust_a_parser_are_refused() {
    let case = Case::new();
    for open in ["(", "{", "[", "-", "9", "'", "{'a':", "{'shape':(", "(),"] {
        case.text_refused(&open.repeat(9_999 / open.len()), 0, &["expected"]);
    }
    // Balanced, so that nothing but the depth could be amiss.
    for (open, close) in [("(", ")"), ("[", "]"), ("{", "}")] {
        let deep = open.repeat(4_000) + &close.repeat(4_000);
        case.shape_refused(&deep, 0, &["expected"]);
        case.text_refused(&deep, 0, &["expected"]);
    }
}

#[test]
fn damaged_dicts_are_refused() {
    let case = Case::new();
    case.text_refused("", 0, &["header"]);
    case.text_refused("{'descr': '<f4', 'shape': (1, 1)}", 4, &["fortran_order"]);
    case.text_refused("{'descr': '<f4', 'fortran_order': False}", 4, &["shape"]);
    case.text_refused("{'descr': 'f4', 'fortran_order': False, 'shape': (1, 1)}", 4, &["header"]);
    case.text_refused("{'descr': '<f5', 'fortran_order': False, 'shape': (1, 1)}", 5, &["header"]);
    case.text_refused("{'descr': '<f4', 'fortran_order': 0, 'shape': (1, 1)}", 4, &["bool"]);
    case.text_refused("[1, 2]", 4, &["dict"]);
    case.refused(b"\x93NUMPY\x01\x00\x04\x00\xff\xfe\xfd\n", &["header"]);
}

#[test]
fn a_folder_and_a_missing_file_are_told_apart() {
    let case = Case::new();
    says(&message(Features::open(case.folder.path())), &["expected a file"]);
    let missing = Features::open(&case.path());
    assert!(missing.as_ref().is_err_and(|error| error.kind() == ErrorKind::Missing));
    assert!(matches!(missing, Err(Error::File(_))));
    says(&message(missing), &["hostile.npy"]);
}

#[cfg(unix)]
#[test]
fn a_pipe_is_refused_and_not_waited_for() {
    for pipe in ["hostile.npy", "hostile.jsonl"] {
        let case = Case::new();
        write_three(&case.path(), Existing::Reuse).unwrap();
        let path = case.folder.path().join(pipe);
        std::fs::remove_file(&path).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let (tell, told) = std::sync::mpsc::channel();
        // In a thread of its own, for a reader that opened the pipe would wait for a writer without end.
        let npy = case.path();
        std::thread::spawn(move || {
            let opened = Features::open(&npy).map(drop);
            tell.send([message(opened), message(describe(&npy))])
        });
        let wait = std::time::Duration::from_secs(20);
        for text in told.recv_timeout(wait).expect("a reader waits for the pipe") {
            says(&text, &[pipe, "expected a file"]);
        }
    }
}
