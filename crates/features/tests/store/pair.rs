//! The writer's promises and the manifest's checks.

use std::fs;
use std::path::PathBuf;

use crate::common::{changed, golden, header, message, names, record, says, skipped, write_three};
use headstart_features::{Error, ErrorKind, Existing, Features, ManifestHeader, RowRecord, Writer, describe};
use headstart_files::Error as FileError;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn npy(&self) -> PathBuf {
        self.0.path().join("train.npy")
    }

    fn manifest(&self) -> PathBuf {
        self.0.path().join("train.jsonl")
    }

    fn names(&self) -> Vec<String> {
        names(self.0.path())
    }

    /// Edits the manifest and gives the error that opening then brings.
    fn edited(&self, edit: impl FnOnce(String) -> String) -> String {
        let text = fs::read_to_string(self.manifest()).unwrap();
        let changed = edit(text.clone());
        assert_ne!(text, changed, "the edit changed nothing");
        fs::write(self.manifest(), changed).unwrap();
        let result = Features::open(&self.npy());
        assert!(result.as_ref().is_err_and(|error| error.kind() == ErrorKind::BadData));
        fs::write(self.manifest(), text).unwrap();
        message(result)
    }
}

#[test]
fn a_finished_pair_reads_back_with_labels_and_skipped_images() {
    let folder = Folder::new();
    let summary = write_three(&folder.npy(), Existing::Reuse).unwrap();
    assert_eq!((summary.rows, summary.skipped), (3, 1));
    assert_eq!(folder.names(), ["train.jsonl", "train.npy"]);
    let features = Features::open(&folder.npy()).unwrap();
    let manifest = features.manifest().unwrap();
    assert_eq!(manifest.header, header([2, 2, 1]));
    assert_eq!(manifest.rows, [record(0, 0), record(1, 1), record(3, 1)]);
    assert_eq!(manifest.skipped, [skipped(2, 1)]);
    assert_eq!(manifest.class_counts(), [1, 2]);
    assert_eq!(features.labels().unwrap(), [0, 1, 1]);
    features.verify_data().unwrap();
}

#[test]
fn nothing_is_under_the_final_names_before_finish_and_a_writer_without_flushed_rows_leaves_nothing() {
    let folder = Folder::new();
    let mut writer = Writer::open(&folder.npy(), header([2, 1, 1]), Existing::Reuse).unwrap();
    writer.append(&[1.0, 2.0], &[record(0, 0)]).unwrap();
    assert_eq!(folder.names(), [".train.jsonl.draft", ".train.jsonl.partial", ".train.npy.partial"]);
    drop(writer);
    assert_eq!(folder.names(), [""; 0]);
}

#[test]
fn an_existing_file_is_kept_unless_overwriting_is_allowed() {
    let folder = Folder::new();
    for taken in [folder.npy(), folder.manifest()] {
        fs::write(&taken, "mine").unwrap();
        let result = write_three(&folder.npy(), Existing::Reuse);
        assert!(matches!(&result, Err(Error::File(FileError::Exists { path })) if *path == taken));
        assert_eq!(fs::read_to_string(&taken).unwrap(), "mine");
        assert_eq!(folder.names().len(), 1);
        write_three(&folder.npy(), Existing::Replace).unwrap();
        assert_eq!(Features::open(&folder.npy()).unwrap().rows(), 3);
        fs::remove_file(folder.npy()).unwrap();
        fs::remove_file(folder.manifest()).unwrap();
    }
}

#[test]
fn a_failed_overwrite_keeps_the_old_pair() {
    let folder = Folder::new();
    write_three(&folder.npy(), Existing::Reuse).unwrap();
    let writer = Writer::open(&folder.npy(), header([1, 1, 1]), Existing::Replace).unwrap();
    assert!(matches!(writer.finish(), Err(Error::NoRows { .. })));
    assert_eq!(folder.names(), ["train.jsonl", "train.npy"]);
    assert_eq!(Features::open(&folder.npy()).unwrap().rows(), 3);
}

#[test]
fn a_folder_at_a_final_name_is_refused_before_the_first_row() {
    for existing in [Existing::Reuse, Existing::Replace] {
        let folder = Folder::new();
        for taken in [folder.npy(), folder.manifest()] {
            fs::create_dir(&taken).unwrap();
            let result = write_three(&folder.npy(), existing);
            assert!(
                matches!(&result, Err(Error::File(FileError::NotAFile { path })) if *path == taken),
                "{result:?}"
            );
            assert_eq!(folder.names().len(), 1);
            fs::remove_dir(&taken).unwrap();
        }
    }
}

#[test]
fn a_file_that_appears_while_writing_is_not_replaced() {
    let folder = Folder::new();
    for appears in [folder.npy(), folder.manifest()] {
        let mut writer = Writer::open(&folder.npy(), header([1, 1, 1]), Existing::Reuse).unwrap();
        writer.append(&[1.0], &[record(0, 0)]).unwrap();
        fs::write(&appears, "theirs").unwrap();
        assert!(matches!(writer.finish(), Err(Error::File(FileError::Exists { path })) if path == appears));
        assert_eq!(fs::read_to_string(&appears).unwrap(), "theirs");
        fs::remove_file(appears).unwrap();
        // The row was not lost with it.
        assert_eq!(folder.names(), [".train.jsonl.partial", ".train.npy.partial"]);
        assert!(
            Writer::open(&folder.npy(), header([1, 1, 1]), Existing::Reuse)
                .unwrap()
                .knows(&record(0, 0).hash)
        );
    }
}

#[test]
fn only_skipped_images_is_an_error_that_says_so() {
    let folder = Folder::new();
    let mut writer = Writer::open(&folder.npy(), header([1, 1, 1]), Existing::Reuse).unwrap();
    writer.skip(&skipped(0, 0)).unwrap();
    writer.skip(&skipped(1, 0)).unwrap();
    says(&message(writer.finish()), &["train.npy", "at least one row", "2 images skipped"]);
    assert_eq!(folder.names(), [""; 0]);
}

#[test]
fn what_can_be_refused_is_refused_before_the_first_row() {
    let folder = Folder::new();
    let create = |path: PathBuf, header: ManifestHeader| {
        message(Writer::open(&path, header, Existing::Reuse).map(|_| ()))
    };
    let here = folder.0.path();
    says(&create(here.join("train.h5"), header([1, 1, 1])), &["train.h5", "ends in .npy"]);
    says(&create(here.join("no/such/train.npy"), header([1, 1, 1])), &["no/such"]);
    says(&create(folder.npy(), header([512, 0, 4])), &["train.npy", "[512, 0, 4]"]);
    says(&create(folder.npy(), header([usize::MAX, 2, 1])), &["dimensions"]);
    says(&create(folder.npy(), changed([1, 1, 1], |header| header.classes.clear())), &["class"]);
    fs::create_dir(here.join("folder.npy")).unwrap();
    says(&create(here.join("folder.npy"), header([1, 1, 1])), &["folder.npy", "found a folder"]);
    assert_eq!(folder.names(), ["folder.npy"]);
}

#[cfg(unix)]
#[test]
fn a_folder_that_can_t_be_written_is_refused_before_the_first_row() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    fs::set_permissions(folder.0.path(), fs::Permissions::from_mode(0o555)).unwrap();
    // An administrator may write anywhere; then this folder can't show it, but a file in a folder's place can.
    let locked = if fs::write(folder.0.path().join("probe"), "").is_ok() {
        fs::remove_file(folder.0.path().join("probe")).unwrap();
        fs::write(folder.0.path().join("file"), "").unwrap();
        folder.0.path().join("file").join("train.npy")
    } else {
        folder.npy()
    };
    let result = Writer::open(&locked, header([1, 1, 1]), Existing::Reuse);
    assert!(matches!(&result, Err(Error::File(FileError::Io { .. }))));
    says(&message(result.map(|_| ())), &[folder.0.path().to_str().unwrap()]);
    fs::set_permissions(folder.0.path(), fs::Permissions::from_mode(0o755)).unwrap();
}

#[cfg(unix)]
#[test]
fn the_files_are_as_readable_as_any_other_new_file() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    write_three(&folder.npy(), Existing::Reuse).unwrap();
    fs::write(folder.0.path().join("other"), "").unwrap();
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(folder.npy()), mode(folder.0.path().join("other")));
    assert_eq!(mode(folder.manifest()), mode(folder.0.path().join("other")));
}

#[test]
fn a_manifest_of_other_rows_is_an_error_with_both_numbers() {
    let folder = Folder::new();
    write_three(&folder.npy(), Existing::Reuse).unwrap();
    let one_row = Folder::new();
    let mut writer = Writer::open(&one_row.npy(), header([2, 2, 1]), Existing::Reuse).unwrap();
    writer.append(&[0.0; 4], &[record(0, 0)]).unwrap();
    writer.finish().unwrap();
    fs::copy(one_row.manifest(), folder.manifest()).unwrap();
    let text = message(Features::open(&folder.npy()));
    says(&text, &["train.npy", "train.jsonl", "3 rows", "lists 1"]);
    says(&message(describe(&folder.npy())), &["disagree"]);
}

#[test]
fn a_manifest_of_another_row_shape_is_an_error_with_both_shapes() {
    let folder = Folder::new();
    write_three(&folder.npy(), Existing::Reuse).unwrap();
    let text = folder.edited(|text| text.replace("\"row_shape\":[2,2,1]", "\"row_shape\":[1,2,2]"));
    says(&text, &["train.npy", "train.jsonl", "[2, 2, 1]", "[1, 2, 2]"]);
}

#[test]
fn a_damaged_manifest_is_refused_with_the_line() {
    let folder = Folder::new();
    write_three(&folder.npy(), Existing::Reuse).unwrap();
    let edit = |from: &str, to: &str| folder.edited(|text| text.replace(from, to));
    says(&edit("\"label\":0", "\"label\":2"), &["train.jsonl:2", "label below 2", "found 2"]);
    says(&edit("\"row\":1", "\"row\":2"), &["train.jsonl:3", "expected row 1", "found row 2"]);
    says(&edit("\"version\":1", "\"version\":2"), &["train.jsonl:1", "version 1", "found"]);
    says(&edit("headstart.features", "other"), &["train.jsonl:1", "headstart.features", "other"]);
    says(
        &edit("\"preset\":\"blog\",\"prep", "\"preset\":\"caffe\",\"prep"),
        &["train.jsonl:1", "caffe", "blog"],
    );
    says(&edit("{\"apply_exif", "7,{\"apply_exif"), &["train.jsonl:1"]);
    says(&edit("\"skipped\":1", "\"skipped\":2"), &["train.jsonl:6", "2 skipped", "1"]);
    says(&edit("\"reason\"", "\"why\""), &["train.jsonl:5", "reason"]);
    says(&edit("{\"row\":0", "row 0"), &["train.jsonl:2"]);
    says(&folder.edited(|text| text + "{}\n"), &["train.jsonl:7", "after the end"]);
    says(&folder.edited(|_| String::new()), &["train.jsonl", "empty file"]);
}

#[test]
fn a_manifest_of_another_version_is_unsupported_and_not_damaged() {
    let folder = Folder::new();
    write_three(&folder.npy(), Existing::Reuse).unwrap();
    let text = fs::read_to_string(folder.manifest()).unwrap();
    for (from, to) in [
        ("\"version\":1", "\"version\":2"),
        ("\"interpolation\":\"nearest\"", "\"interpolation\":\"area\""),
        ("{\"apply_exif", "{\"crop\":true,\"apply_exif"),
        ("\"height\":64,", ""),
    ] {
        assert!(text.contains(from));
        fs::write(folder.manifest(), text.replacen(from, to, 1)).unwrap();
        let result = Features::open(&folder.npy());
        assert!(
            matches!(&result, Err(error @ Error::Unsupported { .. }) if error.kind() == ErrorKind::BadData)
        );
        says(
            &message(result),
            &["train.jsonl:1", "another version of headstart", "extract the features again"],
        );
    }
}

#[test]
fn a_manifest_is_read_no_further_than_the_first_row_too_many() {
    let folder = Folder::new();
    write_three(&folder.npy(), Existing::Reuse).unwrap();
    // What follows that row would be an error of another kind.
    let row = "{\"row\":3,\"path\":\"a\",\"label\":0,\"hash\":\"b\"}\nnot JSON\n";
    let text = folder.edited(|text| {
        let skipped = text.find("{\"skipped\"").unwrap();
        text[..skipped].to_owned() + row
    });
    says(&text, &["train.npy", "train.jsonl", "3 rows", "lists more"]);
}

#[test]
fn skipped_images_without_end_are_refused() {
    let folder = Folder::new();
    write_three(&folder.npy(), Existing::Reuse).unwrap();
    let line = format!("{{\"skipped\":\"{}\",\"label\":0,\"reason\":\"\"}}\n", "a".repeat(65_000));
    let text = folder.edited(|text| {
        let end = text.find("{\"end\"").unwrap();
        let more = line.repeat((64 << 20) / line.len() + 1);
        let count = more.lines().count() + 1;
        text[..end].to_owned()
            + &more
            + &text[end..].replace("\"skipped\":1", &format!("\"skipped\":{count}"))
    });
    says(&text, &["train.jsonl:", "67108864 bytes of skipped images"]);
}

#[test]
fn a_record_as_long_as_a_line_may_be_is_read_back_and_a_longer_one_is_not_written() {
    let folder = Folder::new();
    let long = |length: usize| RowRecord { path: "\u{1}".repeat(length), ..record(0, 0) };
    let mut writer = Writer::open(&folder.npy(), header([1, 1, 1]), Existing::Reuse).unwrap();
    // A control character takes six bytes, so this is less than 64 KiB, and the next more.
    let text = message(writer.append(&[1.0], &[long(11_000)]));
    says(&text, &["train.npy", "at most 65536 bytes", "66"]);
    writer.append(&[1.0], &[long(10_900)]).unwrap();
    writer.finish().unwrap();
    assert_eq!(Features::open(&folder.npy()).unwrap().manifest().unwrap().rows, [long(10_900)]);
    says(
        &folder.edited(|text| text.replacen("\\u0001", &"a".repeat(1000), 1)),
        &["train.jsonl:2", "at most 65536"],
    );
}

#[test]
fn every_truncation_of_a_manifest_is_seen() {
    let folder = Folder::new();
    write_three(&folder.npy(), Existing::Reuse).unwrap();
    let length = fs::metadata(folder.manifest()).unwrap().len() as usize;
    for cut in 0..length {
        folder.edited(|text| text[..cut].to_owned());
    }
}

#[test]
fn values_of_another_run_are_seen_by_their_hash() {
    let folder = Folder::new();
    write_three(&folder.npy(), Existing::Reuse).unwrap();
    let mut bytes = fs::read(folder.npy()).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(folder.npy(), bytes).unwrap();
    let features = Features::open(&folder.npy()).unwrap();
    says(&message(features.verify_data()), &["train.npy", "train.jsonl", "blake3"]);
    let described = describe(&folder.npy()).unwrap();
    assert_eq!(described.manifest.unwrap().data_matches, Some(false));
}

#[test]
fn a_pair_is_described_with_its_classes() {
    let folder = Folder::new();
    write_three(&folder.npy(), Existing::Reuse).unwrap();
    let json = serde_json::to_value(describe(&folder.npy()).unwrap()).unwrap();
    assert_eq!(json["shape"], serde_json::json!([3, 2, 2, 1]));
    assert_eq!(json["statistics"]["min"], -1.0);
    assert_eq!(json["statistics"]["max"], 1.75);
    assert_eq!(json["statistics"]["mean"], 0.375);
    assert_eq!(json["statistics"]["zeros"], 1.0 / 12.0);
    let classes = &json["manifest"]["classes"];
    assert_eq!(*classes, serde_json::json!([{"name": "animals", "rows": 1}, {"name": "food", "rows": 2}]));
    assert_eq!(json["manifest"]["skipped"], 1);
    assert_eq!(json["manifest"]["data_matches"], true);
}

#[test]
fn counts_give_labels_only_if_they_sum_to_the_rows() {
    let features = Features::open(&golden("f4.npy")).unwrap();
    assert_eq!(features.labels_from_counts(&[1, 0, 2]).unwrap(), [0, 2, 2]);
    says(&message(features.labels_from_counts(&[1000, 1000])), &["f4.npy", "sum to 2000", "3 rows"]);
    let overflow = features.labels_from_counts(&[usize::MAX, 4]);
    assert!(matches!(overflow, Err(Error::Counts { rows: 3, .. })));
}

#[test]
fn rows_beyond_the_file_and_buffers_that_don_t_fit_are_refused() {
    let features = Features::open(&golden("f4.npy")).unwrap();
    let mut out = [0.0; 4];
    says(&message(features.read_rows(&[3], &mut out)), &["row 3", "3 rows"]);
    says(&message(features.read_rows(&[0, 1], &mut out)), &["8 values", "found 4"]);
    features.read_rows(&[], &mut []).unwrap();
}
