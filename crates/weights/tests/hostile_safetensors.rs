//! safetensors files that lie, or hold no parameters: each gives its error.

// A test that meets an error where it expects none should stop there.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Folder, load, small_network};
use headstart_weights::{Error, LoadOptions, legacy, load_head, load_layers};

/// A safetensors file of this header, and `data` bytes of zeros.
fn safetensors(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    bytes
}

#[test]
fn safetensors_headers_that_lie_are_refused() {
    let folder = Folder::new();
    let tensor = |shape: &str, offsets: &str| {
        format!(r#"{{"features.0.weight":{{"dtype":"F32","shape":{shape},"data_offsets":{offsets}}}}}"#)
    };
    let mut too_long = safetensors(&tensor("[2]", "[0,8]"), 8);
    too_long[..8].copy_from_slice(&90_000_000u64.to_le_bytes());
    let overlapping = r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}"#;
    // Eight tensors of 2^61 - 1 bytes end at 2^64 - 8, and the header stands before them.
    let size = (1u64 << 61) - 1;
    let eight: Vec<String> = (0..8)
        .map(|i| {
            let (start, end) = (i * size, (i + 1) * size);
            format!(r#""t{i}":{{"dtype":"U8","shape":[{size}],"data_offsets":[{start},{end}]}}"#)
        })
        .collect();
    let sum_past_64_bits = format!("{{{}}}", eight.join(","));
    for (what, bytes) in [
        ("a header longer than the file", too_long),
        ("fewer bytes than promised", safetensors(&tensor("[2]", "[0,8]"), 7)),
        ("more bytes than promised", safetensors(&tensor("[2]", "[0,8]"), 9)),
        ("a shape of other size", safetensors(&tensor("[3]", "[0,8]"), 8)),
        ("an absurd shape", safetensors(&tensor("[4294967296,4294967296]", "[0,8]"), 8)),
        ("offsets the wrong way round", safetensors(&tensor("[2]", "[8,0]"), 8)),
        ("a gap", safetensors(&tensor("[2]", "[4,12]"), 12)),
        ("an overlap", safetensors(overlapping, 12)),
        ("sizes whose sum passes 64 bits", safetensors(&sum_past_64_bits, 8)),
        ("no JSON", safetensors("{\"features.0.weight\"", 8)),
    ] {
        let path = folder.write("weights.safetensors", &bytes);
        let error = load(&path).expect_err(what);
        assert!(matches!(error, Error::Damaged { .. }), "{what}: {error}");
    }

    let path = folder.write("whole.safetensors", &safetensors(&tensor("[2]", "[0,8]"), 8));
    assert!(matches!(load(&path), Err(Error::WrongShape { .. })));
    let other = safetensors(r#"{"bert.weight":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, 8);
    let path = folder.write("other.safetensors", &other);
    assert!(matches!(load(&path), Err(Error::UnknownLayout { found, .. }) if found == "bert.weight"));
    assert!(matches!(load_head(&path), Err(Error::Unsupported { .. })));
    assert!(matches!(legacy::read(&path), Err(Error::Unsupported { .. })));
}

#[test]
fn safetensors_integers_are_no_parameters() {
    let folder = Folder::new();
    let (slots, _) = small_network();
    let header = r#"{"features.0.bias":{"dtype":"F32","shape":[3],"data_offsets":[0,12]},
        "features.0.weight":{"dtype":"I32","shape":[3,2,3,3],"data_offsets":[12,228]}}"#;
    let path = folder.write("integers.safetensors", &safetensors(header, 228));
    let error = load_layers(&path, &slots[..1], &LoadOptions::default()).unwrap_err();
    assert!(matches!(&error, Error::WrongType { found, .. } if found == "i32"), "{error}");
}
