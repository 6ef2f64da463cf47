//! Batches: order, remainder, skipped images, threads, and stopping early.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use headstart_dataset::{
    Batch, Dataset, Error, LeftOut, Loader, LoaderOptions, Preprocessing, Preset, Sample, ScanOptions, scan,
};
use proptest::prelude::*;
use tempfile::TempDir;

use crate::golden::Golden;

/// Images of the first class; the others are of the second.
const FIRST_CLASS: usize = 5;

/// A folder of two classes in which image i is grey of level i, but for those that can't be read.
fn folder_of(readable: &[bool]) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    for (number, &readable) in readable.iter().enumerate() {
        let class = root.path().join(if number < FIRST_CLASS { "a" } else { "b" });
        fs::create_dir_all(&class).unwrap();
        let path = class.join(format!("{number:03}.ppm"));
        let level = number as u8;
        let content = [&b"P6 2 1 255\n"[..], &[level; 6]].concat();
        fs::write(path, if readable { &content } else { &content[..content.len() - 1] }).unwrap();
    }
    for class in ["a", "b"] {
        fs::create_dir_all(root.path().join(class)).unwrap();
    }
    root
}

fn tiny() -> Preprocessing {
    Preprocessing { scale: 1.0, ..Preprocessing::preset(Preset::Blog, 1, 2) }
}

fn batches(root: &Path, options: LoaderOptions) -> Vec<Batch> {
    let dataset = scan(root, &ScanOptions::default()).unwrap();
    Loader::new(dataset, tiny(), options).unwrap().collect()
}

fn of_size(batch_size: usize) -> LoaderOptions {
    LoaderOptions::default().with_batch_size(batch_size)
}

#[test]
fn the_last_batch_keeps_its_remainder() {
    let root = folder_of(&[true; 7]);
    let sizes: Vec<usize> = batches(root.path(), of_size(3)).iter().map(|batch| batch.rows.len()).collect();
    assert_eq!(sizes, [3, 3, 1]);
}

#[test]
fn corrupt_image_keeps_its_neighbours_rows() {
    let root = folder_of(&[true, false, true, true, false, false, true]);
    let batches = batches(root.path(), of_size(4));
    let rows: Vec<Vec<usize>> =
        batches.iter().map(|batch| batch.rows.iter().map(|row| row.sample).collect()).collect();
    assert_eq!(rows, [vec![0, 2, 3], vec![6]]);
    assert_eq!(batches[0].pixels, [[0.0; 6], [2.0; 6], [3.0; 6]].concat());
    assert_eq!(batches[1].pixels, [6.0; 6]);

    let skipped = &batches[1].skipped;
    assert_eq!(skipped.iter().map(|skipped| skipped.sample).collect::<Vec<_>>(), [4, 5]);
    assert_eq!(skipped[0].path, "a/004.ppm");
    assert!(skipped[0].reason.contains("truncated"), "{}", skipped[0].reason);
}

#[test]
fn a_batch_without_a_readable_image_still_comes() {
    let root = folder_of(&[false, false, true]);
    let batches = batches(root.path(), of_size(2));
    assert_eq!(batches.len(), 2);
    assert!(batches[0].pixels.is_empty() && batches[0].rows.is_empty());
    assert_eq!(batches[0].skipped.len(), 2);
    assert_eq!(batches[1].rows[0].sample, 2);
}

#[test]
fn a_file_removed_after_the_scan_is_skipped() {
    let root = folder_of(&[true; 3]);
    let dataset = scan(root.path(), &ScanOptions::default()).unwrap();
    fs::remove_file(root.path().join("a/001.ppm")).unwrap();
    let batch = Loader::new(dataset, tiny(), of_size(8)).unwrap().next().unwrap();
    assert_eq!(batch.rows.iter().map(|row| row.sample).collect::<Vec<_>>(), [0, 2]);
    assert_eq!(batch.skipped[0].path, "a/001.ppm");
    assert!(batch.skipped[0].reason.contains("can't read the file"));
}

#[test]
fn rows_carry_the_hash_of_their_file() {
    let root = folder_of(&[true; 2]);
    let batches = batches(root.path(), of_size(2));
    let content = fs::read(root.path().join("a/001.ppm")).unwrap();
    assert_eq!(batches[0].rows[1].content_hash, blake3::hash(&content).to_hex().as_str());
}

#[test]
fn any_number_of_threads_gives_the_same_batches() {
    let golden = Golden::of("decode");
    let mut samples: Vec<Sample> = golden
        .index()
        .as_array()
        .unwrap()
        .iter()
        .map(|case| Sample { path: case["file"].as_str().unwrap().to_owned(), label: 0 })
        .collect();
    samples.push(Sample { path: "cases.json".to_owned(), label: 0 });
    let dataset = Arc::new(Dataset {
        root: golden.path(""),
        classes: vec!["images".to_owned()],
        samples,
        unreadable: Default::default(),
        left_out: LeftOut::default(),
    });
    let load = |threads, prefetch| -> Vec<Batch> {
        let options = of_size(10).with_threads(threads).with_prefetch(prefetch);
        let preprocessing = Preprocessing::preset(Preset::Torchvision, 9, 8);
        Loader::new(Arc::clone(&dataset), preprocessing, options).unwrap().collect()
    };
    let expected = load(1, 0);
    assert_eq!(expected.iter().map(|batch| batch.skipped.len()).sum::<usize>(), 1);
    for (threads, prefetch) in [(0, 2), (2, 1), (3, 0), (8, 5)] {
        assert_eq!(load(threads, prefetch), expected, "{threads} threads");
    }
}

#[test]
fn the_loader_knows_how_many_batches_remain() {
    let root = folder_of(&[true; 7]);
    let dataset = scan(root.path(), &ScanOptions::default()).unwrap();
    let mut loader = Loader::new(dataset, tiny(), of_size(3)).unwrap();
    assert_eq!(loader.len(), 3);
    loader.next();
    assert_eq!(loader.len(), 2);
    assert_eq!(loader.by_ref().count(), 2);
    assert!(loader.next().is_none());
}

#[test]
fn dropping_the_loader_ends_its_threads() {
    let root = folder_of(&[true; 9]);
    let dataset = Arc::new(scan(root.path(), &ScanOptions::default()).unwrap());
    for batch_size in [1, 9] {
        let mut loader = Loader::new(Arc::clone(&dataset), tiny(), of_size(batch_size)).unwrap();
        assert!(loader.next().is_some());
        drop(loader);
        assert_eq!(Arc::strong_count(&dataset), 1, "a thread still holds the dataset");
    }
}

#[test]
fn a_thread_of_the_pool_may_consume() {
    let root = folder_of(&[true; 9]);
    let dataset = Arc::new(scan(root.path(), &ScanOptions::default()).unwrap());
    // Batches of four make the worker's jobs split; every thread of the global pool consumes at once.
    let count = || Loader::new(Arc::clone(&dataset), tiny(), of_size(4)).unwrap().count();
    let counts = rayon::broadcast(|_| count());
    assert!(counts.iter().all(|&count| count == 3), "{counts:?}");
}

#[test]
fn a_prefetch_beyond_the_batches_takes_no_memory() {
    let root = folder_of(&[true; 6]);
    let options = of_size(2).with_prefetch(usize::MAX);
    assert_eq!(batches(root.path(), options).len(), 3);
}

#[test]
fn settings_are_checked_before_the_first_image() {
    let root = folder_of(&[true; 6]);
    let dataset = Arc::new(scan(root.path(), &ScanOptions::default()).unwrap());
    let refused = Loader::new(Arc::clone(&dataset), tiny(), of_size(0));
    assert!(matches!(refused, Err(Error::BatchSize)));
    let refused = Loader::new(dataset, Preprocessing { width: 0, ..tiny() }, of_size(1));
    assert!(matches!(refused, Err(Error::Preprocessing(_))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn rows_never_shift_against_their_samples(
        readable in prop::collection::vec(prop::bool::weighted(0.7), 1..24), batch_size in 1usize..9,
    ) {
        let root = folder_of(&readable);
        let batches = batches(root.path(), of_size(batch_size));
        prop_assert_eq!(batches.len(), readable.len().div_ceil(batch_size));
        for (number, batch) in batches.iter().enumerate() {
            let samples = number * batch_size..readable.len().min((number + 1) * batch_size);
            let (good, bad): (Vec<usize>, Vec<usize>) = samples.partition(|&sample| readable[sample]);
            prop_assert_eq!(batch.rows.iter().map(|row| row.sample).collect::<Vec<_>>(), good.clone());
            prop_assert_eq!(batch.skipped.iter().map(|skipped| skipped.sample).collect::<Vec<_>>(), bad);
            // Image i is grey of level i, so pixels tell which sample they come from.
            let expected: Vec<f32> = good.iter().flat_map(|&sample| [sample as f32; 6]).collect();
            prop_assert_eq!(&batch.pixels, &expected);
        }
    }
}
