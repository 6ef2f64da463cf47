//! A manifest of any bytes beside a `.npy` of three rows that numpy would have written.
#![no_main]

use std::sync::LazyLock;

use headstart_features::{Error, ErrorKind, Features, describe};
use headstart_fuzz::Folder;
use libfuzzer_sys::fuzz_target;

static FOLDER: LazyLock<Folder> = LazyLock::new(Folder::new);

fuzz_target!(|bytes: &[u8]| {
    let manifest = FOLDER.write("fuzzed.jsonl", bytes);
    let npy = manifest.with_extension("npy");
    if !npy.exists() {
        let _ = FOLDER.write("fuzzed.npy", include_bytes!("../../tests/golden/npy/written.npy"));
    }
    let described = describe(&npy);
    match Features::open(&npy) {
        Ok(features) => {
            // What the rest of headstart relies on: a label a row, each of a class.
            let manifest = features.manifest().expect("the manifest that lies beside it");
            let labels = features.labels().expect("labels");
            assert_eq!(labels.len(), features.rows());
            assert!(labels.iter().all(|&label| (label as usize) < manifest.header.classes.len()));
            assert_eq!(manifest.class_counts().iter().sum::<usize>(), features.rows());
            let summary = described.expect("a description of files that open").manifest.expect("a manifest");
            let data_matches = match features.verify_data() {
                Ok(()) => true,
                Err(Error::Disagree { .. }) => false,
                Err(other) => panic!("{other}"),
            };
            assert_eq!(summary.data_matches.unwrap_or(true), data_matches);
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::BadData, "{error}");
            assert!(error.to_string().contains("fuzzed.jsonl"), "{error}");
        }
    }
});
