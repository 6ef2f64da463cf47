//! Shards of one folder put together, and shards that don't belong together.

use std::path::{Path, PathBuf};

use crate::common::{changed, message, names, provenance, record, says};
use headstart_features::{
    Error, ErrorKind, Existing, Features, ManifestHeader, RowRecord, Shard, Writer, merge,
};
use headstart_provenance::Preset;

/// The record of image `i`, as the scan of a folder names it.
fn image(i: usize) -> RowRecord {
    let record = record(i, 0);
    RowRecord { path: format!("animals/{}", record.path), ..record }
}

/// Writes shard `index` of 2 of a folder with ten images, each a row of one value.
fn shard(path: &Path, index: u32, change: impl FnOnce(&mut ManifestHeader)) -> PathBuf {
    let paths: Vec<String> = (0..10).map(|i| image(i).path).collect();
    let listing = Shard::listing(paths.iter().map(String::as_str));
    let header = changed([1, 1, 1], |header| {
        header.shard = Some(Shard { index, count: 2, images: 10, listing });
        change(header);
    });
    let values = header.row_shape.iter().product();
    let mut writer = Writer::open(path, header, Existing::Replace).unwrap();
    for i in (0..10).filter(|&i| Shard::of(&image(i).path, 2) == index) {
        writer.append(&vec![i as f32; values], &[image(i)]).unwrap();
    }
    writer.finish().unwrap();
    path.to_path_buf()
}

#[test]
fn what_differs_between_shards_is_said_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let first = shard(&at("0.npy"), 0, |_| ());
    let refused = |change: fn(&mut ManifestHeader), text: &str| {
        let other = shard(&at("1.npy"), 1, change);
        let result = merge(&[first.clone(), other], &at("whole.npy"), Existing::Reuse);
        assert!(matches!(&result, Err(error @ Error::Merge { .. }) if error.kind() == ErrorKind::BadData));
        says(
            &message(result),
            &["1.npy: it can't be merged with", "0.npy, because it was made in another way: ", text],
        );
        assert_eq!(names(folder.path()), ["0.jsonl", "0.npy", "1.jsonl", "1.npy"]);
    };
    refused(
        |header| header.provenance = provenance("vgg16", "00ff", Preset::Caffe, 224),
        ": preprocessing caffe 224x224 against blog 64x64",
    );
    refused(
        |header| {
            header.provenance = provenance("vgg19", "00ff", Preset::Blog, 64);
            header.classes.push("tools".to_owned());
        },
        ": classes animals, food, tools against animals, food; backbone vgg19 against vgg16",
    );
    refused(|header| header.row_shape = vec![2, 1, 1], ": row shape [2, 1, 1] against [1, 1, 1]");
    refused(
        |header| header.computed_by = "portable, tiled".to_owned(),
        ": kernels portable, tiled against fma, tiled",
    );
    refused(
        |header| header.shard.as_mut().unwrap().images = 11,
        ": number of images in the folder 11 against 10",
    );
    refused(
        |header| header.shard.as_mut().unwrap().listing = "00".to_owned(),
        ": hash of the images' names 00 against ",
    );
}

#[test]
fn a_copy_of_the_weights_under_another_name_is_no_difference() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let first = shard(&at("0.npy"), 0, |_| ());
    let second = shard(&at("1.npy"), 1, |header| header.provenance.weights.name = "copy.h5".to_owned());
    merge(&[second, first], &at("whole.npy"), Existing::Reuse).unwrap();
    let values = Features::open(&at("whole.npy")).unwrap().read_all().unwrap();
    assert_eq!(values, (0..10).map(|i| i as f32).collect::<Vec<_>>());
}

#[test]
fn missing_and_repeated_shards_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (first, copy) = (shard(&at("0.npy"), 0, |_| ()), shard(&at("copy.npy"), 0, |_| ()));
    let of = |shards: &[PathBuf]| message(merge(shards, &at("whole.npy"), Existing::Reuse));
    says(&of(&[]), &["whole.npy", "at least one shard"]);
    says(&of(std::slice::from_ref(&first)), &["0.npy", "all 2 shards, found 1", "shard 1 is missing"]);
    says(&of(&[first, copy]), &["copy.npy", "shard 0 of 2 is given twice", "0.npy"]);
}
