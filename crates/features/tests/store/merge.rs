//! Shards of one folder put together, and shards that don't belong together.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::{header, message, names, provenance, record, says, write_three};
use headstart_features::{
    Error, ErrorKind, Existing, Features, ManifestHeader, RowRecord, Shard, Writer, manifest_path, merge,
    merge_watched,
};
use headstart_provenance::Preset;

/// The record of image `i`, as the scan of a folder names it.
fn image(i: usize) -> RowRecord {
    let record = record(i, 0);
    RowRecord { path: format!("animals/{}", record.path), ..record }
}

/// Writes shard `index` of 2 of a folder with ten images, each a row of one value.
fn shard(path: &Path, index: u32, change: impl FnOnce(&mut ManifestHeader)) -> PathBuf {
    shard_of(path, index, 2, |images, header| {
        change(header);
        images
    })
}

/// Writes shard `index` of `count` of a folder with five images a shard, after a change of its images and its header.
fn shard_of(
    path: &Path,
    index: u32,
    count: u32,
    change: impl FnOnce(Vec<usize>, &mut ManifestHeader) -> Vec<usize>,
) -> PathBuf {
    let folder = images(count);
    let listing =
        Shard::listing(folder.iter().map(|&i| image(i).path).collect::<Vec<_>>().iter().map(String::as_str));
    let mut header = header([1, 1, 1]);
    header.shard = Some(Shard { index, count, images: folder.len(), listing });
    let own = |&i: &usize| Shard::of(&image(i).path, count) == index;
    let images = change(folder.into_iter().filter(own).collect(), &mut header);
    let values = header.row_shape.iter().product();
    let mut writer = Writer::open(path, header, Existing::Replace).unwrap();
    for i in images {
        writer.append(&vec![i as f32; values], &[image(i)]).unwrap();
    }
    writer.finish().unwrap();
    path.to_path_buf()
}

/// The images of a folder in scan order: five a shard, by their names.
fn images(count: u32) -> Vec<usize> {
    let mut images: Vec<usize> = (0..5 * count as usize).collect();
    images.sort_by_key(|&i| image(i).path);
    images
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

/// A change of a shard's files, and what is said of it.
type Damage = (fn(&Path), &'static [&'static str]);

#[test]
fn a_damaged_shard_is_refused_and_leaves_nothing_behind() {
    let flip = |npy: &Path| {
        let mut bytes = fs::read(npy).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(npy, bytes).unwrap();
    };
    let cut = |npy: &Path| {
        let text = fs::read_to_string(manifest_path(npy)).unwrap();
        fs::write(manifest_path(npy), &text[..text.len() - 40]).unwrap();
    };
    let lost = |npy: &Path| fs::remove_file(manifest_path(npy)).unwrap();
    let of_another = |npy: &Path| {
        let text = fs::read_to_string(manifest_path(npy)).unwrap();
        fs::write(manifest_path(npy), text.replacen("animals/", "animals/x", 1)).unwrap();
    };
    let damages: [Damage; 4] = [
        (flip, &["1.npy", "disagree", "its data has blake3", "extract the features again"]),
        (cut, &["1.jsonl:", "with its end, found"]),
        (lost, &["1.npy: expected a shard of a folder, found no manifest"]),
        (of_another, &["1.npy: animals/ximage_", "does not belong to shard 1 of 2"]),
    ];
    for (damage, parts) in damages {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let shards = [shard(&at("0.npy"), 0, |_| ()), shard(&at("1.npy"), 1, |_| ())];
        damage(&shards[1]);
        let before = names(folder.path());
        let result = merge(&shards, &at("whole.npy"), Existing::Reuse);
        assert!(matches!(&result, Err(error) if error.kind() == ErrorKind::BadData));
        says(&message(result), parts);
        assert_eq!(names(folder.path()), before);
    }
}

#[test]
fn images_out_of_order_or_missing_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let first = shard(&at("0.npy"), 0, |_| ());
    let with = |change: fn(Vec<usize>) -> Vec<usize>| {
        let second = shard_of(&at("1.npy"), 1, 2, |images, _| change(images));
        message(merge(&[first.clone(), second], &at("whole.npy"), Existing::Reuse))
    };
    let order = "1.npy: expected images in the order of a folder's scan, found animals/image_";
    says(&with(|images| images.into_iter().rev().collect()), &[order, " after animals/image_"]);
    says(&with(|images| [&images[..1], &images].concat()), &[order, " after animals/image_"]);
    let fewer = with(|images| images[1..].to_vec());
    says(&fewer, &["whole.npy: expected the folder's 10 images in the shards, found 9 images"]);
    assert_eq!(names(folder.path()), ["0.jsonl", "0.npy", "1.jsonl", "1.npy"]);
}

#[test]
fn what_is_at_the_output_is_replaced_unless_it_is_of_something_else() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let whole = at("whole.npy");
    let shards = [shard(&at("0.npy"), 0, |_| ()), shard(&at("1.npy"), 1, |_| ())];
    let merged = |existing| merge(&shards, &whole, existing);
    assert_eq!(merged(Existing::Reuse).unwrap().dropped, 0);
    let bytes = fs::read(&whole).unwrap();
    let again = merged(Existing::Reuse).unwrap();
    assert_eq!((again.rows, again.computed, again.kept, again.dropped), (10, 10, 0, 10));
    // An extraction that did not finish: its rows go.
    let mut writer = Writer::open(&whole, header([1, 1, 1]), Existing::Replace).unwrap();
    writer.append(&[7.0], &[image(7)]).unwrap();
    writer.flush().unwrap();
    drop(writer);
    assert_eq!(names(folder.path()).len(), 8);
    merged(Existing::Reuse).unwrap();
    assert_eq!(names(folder.path()), ["0.jsonl", "0.npy", "1.jsonl", "1.npy", "whole.jsonl", "whole.npy"]);
    assert_eq!(fs::read(&whole).unwrap(), bytes);
    // Another shape, a damaged pair, a manifest alone.
    write_three(&whole, Existing::Replace).unwrap();
    says(
        &message(merged(Existing::Reuse)),
        &["whole.npy: the features there can't be used again", "row shape"],
    );
    merged(Existing::Replace).unwrap();
    let mut damaged = bytes.clone();
    *damaged.last_mut().unwrap() ^= 1;
    fs::write(&whole, &damaged).unwrap();
    says(&message(merged(Existing::Reuse)), &["whole.npy", "disagree", "its data has blake3"]);
    fs::remove_file(&whole).unwrap();
    says(&message(merged(Existing::Reuse)), &["whole.jsonl"]);
    merged(Existing::Replace).unwrap();
    assert_eq!(fs::read(&whole).unwrap(), bytes);
}

#[test]
fn a_folder_stands_for_the_shards_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let of_folder = || merge(&[folder.path().to_path_buf()], &at("whole.npy"), Existing::Reuse);
    says(&message(of_folder()), &["expected the .npy files of shards in it, found none"]);
    shard(&at("0.npy"), 0, |_| ());
    shard(&at("1.npy"), 1, |_| ());
    for _ in 0..2 {
        assert_eq!(of_folder().unwrap().rows, 10);
    }
    fs::rename(at("whole.npy"), at("other.npy")).unwrap();
    fs::rename(at("whole.jsonl"), at("other.jsonl")).unwrap();
    says(
        &message(of_folder()),
        &["other.npy: expected a shard of a folder, found features of a whole folder"],
    );
}

#[test]
fn a_merge_that_is_ended_leaves_nothing_and_tells_how_far_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let shards: Vec<PathBuf> = (0..SHARDS)
        .map(|index| shard_of(&at(&format!("{index}.npy")), index, SHARDS, |images, _| images))
        .collect();
    let files = || fs::read_dir(folder.path()).unwrap().count();
    let before = files();
    let ended = merge_watched(&shards, &at("whole.npy"), Existing::Reuse, &mut |done, total| {
        assert!(done > 0 && done < total, "{done} of {total}");
        ControlFlow::Break(())
    });
    let error = ended.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
    says(&error.to_string(), &["whole.npy: interrupted after ", " of 300 rows; nothing is written"]);
    assert_eq!(files(), before);
    let mut told = Vec::new();
    let mut watch = |done, total| {
        told.push((done, total));
        ControlFlow::Continue(())
    };
    merge_watched(&shards, &at("whole.npy"), Existing::Reuse, &mut watch).unwrap();
    assert!(told.is_sorted() && told.last() == Some(&(300, 300)), "{told:?}");
}

/// Set for the process that may open few files; holds the folder of the shards.
const FOLDER: &str = "HEADSTART_FEW_FILES_FOLDER";

/// How many shards it merges: far more than the files that it may open.
const SHARDS: u32 = 60;

/// Does nothing unless started by the test below.
#[test]
fn process_of_few_files() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let at = |name: &str| Path::new(&folder).join(name);
    let shards: Vec<PathBuf> = (0..SHARDS).map(|index| at(&format!("{index}.npy"))).collect();
    assert_eq!(merge(&shards, &at("whole.npy"), Existing::Reuse).unwrap().rows, 5 * SHARDS as usize);
}

#[test]
#[cfg(unix)]
fn a_system_that_allows_few_open_files_merges_any_number_of_shards() {
    let folder = tempfile::tempdir().unwrap();
    for index in 0..SHARDS {
        shard_of(&folder.path().join(format!("{index}.npy")), index, SHARDS, |images, _| images);
    }
    let status = Command::new("sh")
        .args(["-c", "ulimit -n 16; exec \"$@\"", "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "merge::process_of_few_files", "--nocapture", "--test-threads", "1"])
        .env(FOLDER, folder.path())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&status.stdout);
    let errors = String::from_utf8_lossy(&status.stderr);
    assert!(status.status.success() && told.contains("1 passed"), "{told}{errors}");
    let values = Features::open(&folder.path().join("whole.npy")).unwrap().read_all().unwrap();
    let expected: Vec<f32> = images(SHARDS).into_iter().map(|i| i as f32).collect();
    assert_eq!(values, expected);
}
