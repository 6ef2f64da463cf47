//! Files that numpy wrote, and ours held against numpy's to the byte.

use crate::common::{golden, header, message, record, says, write_three};
use headstart_features::{Existing, Features, Writer, describe};
use serde_json::Value;

fn json(name: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(golden(name)).unwrap()).unwrap()
}

fn numbers(value: &Value) -> Vec<usize> {
    value.as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect()
}

#[test]
fn every_layout_that_numpy_writes_is_read_to_the_bit() {
    let cases = json("cases.json");
    let good = cases["good"].as_array().unwrap();
    assert_eq!(good.len(), 15);
    for case in good {
        let name = case["file"].as_str().unwrap();
        let features = Features::open(&golden(name)).unwrap();
        let shape = numbers(&case["shape"]);
        assert_eq!((features.rows(), features.row_shape()), (shape[0], &shape[1..]), "{name}");
        assert!(features.manifest().is_none() && features.labels().is_none());
        let expected: Vec<u32> = numbers(&case["bits"]).into_iter().map(|bits| bits as u32).collect();
        let all: Vec<u32> = features.read_all().unwrap().into_iter().map(f32::to_bits).collect();
        assert_eq!(all, expected, "{name}");

        let (rows, row_len) = (features.rows(), features.row_len());
        let indices: Vec<usize> = (0..rows).rev().chain([0]).collect();
        let mut out = vec![0.0; indices.len() * row_len];
        features.read_rows(&indices, &mut out).unwrap();
        for (row, &index) in out.chunks(row_len).zip(&indices) {
            let bits: Vec<u32> = row.iter().map(|v| v.to_bits()).collect();
            assert_eq!(bits, expected[index * row_len..][..row_len], "{name} row {index}");
        }
    }
}

#[test]
fn other_types_and_shapes_are_refused_with_what_was_found() {
    let cases = json("cases.json");
    let bad = cases["bad"].as_array().unwrap();
    assert_eq!(bad.len(), 9);
    for case in bad {
        let name = case["file"].as_str().unwrap();
        says(&message(Features::open(&golden(name))), &[name, case["error"].as_str().unwrap()]);
    }
}

#[test]
fn the_writer_s_bytes_are_numpy_s() {
    let numpy = std::fs::read(golden("f4.npy")).unwrap();
    let values = Features::open(&golden("f4.npy")).unwrap().read_all().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ours.npy");
    // More rows are announced than come, so the header is patched too.
    let mut writer = Writer::open(&path, header([2, 2, 1]), Existing::Reuse).unwrap();
    for (i, row) in values.chunks(4).enumerate() {
        writer.append(row, &[record(i, 0)]).unwrap();
    }
    writer.finish().unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), numpy);
}

/// `check.py` beside the golden loads these two files with numpy.
#[test]
fn the_writer_still_writes_the_file_that_numpy_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("written.npy");
    write_three(&path, Existing::Reuse).unwrap();
    for name in ["written.npy", "written.jsonl"] {
        let (ours, kept) = (std::fs::read(folder.path().join(name)), std::fs::read(golden(name)));
        assert_eq!(ours.unwrap(), kept.unwrap(), "{name}");
    }
}

#[test]
fn a_golden_is_described() {
    let description = describe(&golden("f8_big_endian_fortran.npy")).unwrap();
    assert_eq!((description.version.as_str(), description.dtype.as_str()), ("1.0", ">f8"));
    assert_eq!((description.order.as_str(), description.shape), ("Fortran", vec![2, 3]));
    assert_eq!((description.bytes, description.data_offset), (176, 128));
    let statistics = description.statistics;
    // 1e300 is an infinity as a single, and -1e-60 a zero.
    assert_eq!((statistics.infinite, statistics.nan, statistics.zeros), (1, 0, Some(1.0 / 6.0)));
    assert_eq!((statistics.min, statistics.max), (Some(-0.0), Some(16_777_216.0)));
}

#[test]
fn a_file_without_rows_is_described_though_it_can_t_be_trained_on() {
    let description = describe(&golden("no_rows.npy")).unwrap();
    assert_eq!((description.shape, description.statistics.mean), (vec![0, 2, 2, 1], None));
}
