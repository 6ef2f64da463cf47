//! A `.npy` of any bytes, read in every way that the store has.
#![no_main]

use std::sync::LazyLock;

use headstart_features::{Features, describe};
use headstart_fuzz::Folder;
use libfuzzer_sys::fuzz_target;

static FOLDER: LazyLock<Folder> = LazyLock::new(Folder::new);

fuzz_target!(|bytes: &[u8]| {
    let path = FOLDER.write("fuzzed.npy", bytes);
    let described = describe(&path);
    let Ok(features) = Features::open(&path) else { return };
    // A file that opens keeps every promise that it makes.
    let described = described.expect("a description of a file that opens");
    let values = features.read_all().expect("the values of a file that opens");
    assert_eq!(values.len(), features.rows() * features.row_len());
    assert_eq!(described.statistics.values, values.len());
    let last = features.rows() - 1;
    let mut row = vec![0.0; features.row_len()];
    features.read_rows(&[last], &mut row).expect("the last row");
    let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&row), bits(&values[last * features.row_len()..]));
});
