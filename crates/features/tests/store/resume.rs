//! Writers that end early, and those that come after them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;

use crate::common::{
    changed, header, message, names, pooled_header, provenance, record, says, skipped, write_three,
};
use headstart_features::{Error, Existing, Features, ManifestHeader, Shard, Summary, Writer};
use headstart_provenance::{Interpolation, Pooling, Preset, Provenance};

const ROW: [usize; 3] = [3, 1, 1];

/// What the network would give for the image of this content.
fn row(content: usize) -> [f32; 3] {
    [content as f32, 0.5, -(content as f32)]
}

/// What one run does: the contents of its images in scan order, where every fifth can't be read.
fn run(
    path: &Path,
    contents: &[usize],
    flush_every: usize,
    stop_after: usize,
) -> Result<Option<Summary>, Error> {
    let mut writer = Writer::open(path, header(ROW), Existing::Reuse)?;
    for (done, &content) in contents.iter().enumerate() {
        if done == stop_after {
            return Ok(None);
        }
        let record = record(content, (content % 2) as u32);
        if content % 5 == 4 {
            writer.skip(&skipped(content, record.label))?;
        } else if writer.knows(&record.hash) {
            writer.keep(&record)?;
        } else {
            writer.append(&row(content), &[record])?;
        }
        if done % flush_every == flush_every - 1 {
            writer.flush()?;
        }
    }
    if stop_after == contents.len() { Ok(None) } else { writer.finish().map(Some) }
}

fn pair(path: &Path) -> [Vec<u8>; 2] {
    ["npy", "jsonl"].map(|suffix| fs::read(path.with_extension(suffix)).unwrap())
}

/// A run of a property: which images there are, how often it flushes, where it ends, and what of its hidden files'
/// ends is lost then.
#[derive(Debug, Clone)]
struct Session {
    contents: BTreeSet<usize>,
    flush_every: usize,
    stop_after: usize,
    lost: [usize; 2],
}

fn session() -> impl Strategy<Value = Session> {
    let contents = prop::collection::btree_set(0_usize..40, 1..30)
        .prop_filter("at least one row", |all| all.iter().any(|content| content % 5 != 4));
    let lost = prop_oneof![2 => Just(0_usize), 1 => 0_usize..200];
    (contents, 1_usize..6, 0_usize..40, [lost.clone(), lost]).prop_map(
        |(contents, flush_every, stop_after, lost)| Session { contents, flush_every, stop_after, lost },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn whatever_came_before_the_result_is_a_fresh_run_s(sessions in prop::collection::vec(session(), 1..6)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("train.npy");
        for Session { contents, flush_every, stop_after, lost } in &sessions {
            let contents: Vec<usize> = contents.iter().copied().collect();
            run(&path, &contents, *flush_every, *stop_after).unwrap();
            for (name, lost) in [".train.npy.partial", ".train.jsonl.partial"].iter().zip(lost) {
                if let Ok(file) = fs::OpenOptions::new().write(true).open(folder.path().join(name)) {
                    file.set_len(file.metadata().unwrap().len().saturating_sub(*lost as u64)).unwrap();
                }
            }
        }
        let last: Vec<usize> = sessions.last().unwrap().contents.iter().copied().collect();
        let summary = run(&path, &last, 4, usize::MAX).unwrap().unwrap();
        prop_assert_eq!(summary.computed + summary.kept, summary.rows);
        prop_assert_eq!(names(folder.path()), ["train.jsonl", "train.npy"]);

        let fresh = tempfile::tempdir().unwrap();
        let fresh = fresh.path().join("train.npy");
        run(&fresh, &last, 7, usize::MAX).unwrap().unwrap();
        prop_assert!(pair(&path) == pair(&fresh));
        Features::open(&path).unwrap().verify_data().unwrap();
    }
}

#[test]
fn flushed_rows_are_known_to_the_next_writer_and_others_are_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("train.npy");
    run(&path, &[0, 1, 2, 3, 5], 2, 5).unwrap();
    let writer = Writer::open(&path, header(ROW), Existing::Reuse).unwrap();
    let known = |content| writer.knows(&record(content, 0).hash);
    assert_eq!([0, 1, 2, 3, 5].map(known), [true, true, true, true, false]);
    assert_eq!(writer.known_rows(), 4);
    drop(writer);
    let summary = run(&path, &[0, 1, 2, 3, 5], 2, usize::MAX).unwrap().unwrap();
    assert_eq!((summary.computed, summary.kept, summary.dropped), (1, 4, 0));
}

#[test]
fn a_changed_folder_costs_its_new_images_alone_and_tells_what_it_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("train.npy");
    run(&path, &[0, 1, 2, 3], 2, usize::MAX).unwrap();
    let summary = run(&path, &[3, 0, 7, 1], 2, usize::MAX).unwrap().unwrap();
    assert_eq!((summary.rows, summary.computed, summary.kept, summary.dropped), (4, 1, 3, 1));
    let before = fs::metadata(&path).unwrap().modified().unwrap();
    let summary = run(&path, &[3, 0, 7, 1], 2, usize::MAX).unwrap().unwrap();
    assert_eq!((summary.computed, summary.kept, summary.dropped), (0, 4, 0));
    // Values that are the same are not written again.
    assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), before);
}

#[test]
fn images_that_change_places_take_their_rows_along() {
    let fresh = tempfile::tempdir().unwrap();
    let fresh = fresh.path().join("train.npy");
    run(&fresh, &[0, 2, 1, 3], 1, usize::MAX).unwrap();
    // Finished, and unfinished with all rows there.
    for stop_after in [usize::MAX, 4] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("train.npy");
        run(&path, &[0, 1, 2, 3], 1, stop_after).unwrap();
        let summary = run(&path, &[0, 2, 1, 3], 1, usize::MAX).unwrap().unwrap();
        assert_eq!((summary.computed, summary.kept, summary.dropped), (0, 4, 0));
        assert!(pair(&path) == pair(&fresh));
    }
}

#[test]
fn rows_of_another_origin_are_never_mixed_in_and_the_difference_is_named() {
    let of = |other: Provenance| changed(ROW, |header| header.provenance = other);
    let with = |change: fn(&mut Provenance)| {
        let Provenance { backbone, weights, preprocessing, pooling, .. } = {
            let mut other = header(ROW).provenance;
            change(&mut other);
            other
        };
        of(Provenance::new(backbone, weights, preprocessing, pooling))
    };
    let shard = Shard { index: 1, count: 4, images: 9, listing: "00".into() };
    let cases: [(ManifestHeader, &str); 9] = [
        (pooled_header(Pooling::Average, 3), ": pooling none against avg; row shape [3, 1, 1] against [3];"),
        (with(|other| other.backbone = "vgg19".into()), ": backbone vgg16 against vgg19;"),
        (
            with(|other| other.weights.blake3 = "aa".into()),
            ": weights vgg16_weights.h5 (00ff) against vgg16_weights.h5 (aa);",
        ),
        (
            of(provenance("vgg16", "00ff", Preset::Caffe, 224)),
            ": preprocessing blog 64x64 against caffe 224x224;",
        ),
        (
            with(|other| other.preprocessing.interpolation = Interpolation::Lanczos),
            ": interpolation nearest against lanczos;",
        ),
        (
            of(provenance("vgg11", "00ff", Preset::Blog, 32)),
            ": backbone vgg16 against vgg11; preprocessing blog 64x64 against blog 32x32;",
        ),
        (changed(ROW, |header| header.row_shape = vec![1, 3, 1]), ": row shape [3, 1, 1] against [1, 3, 1];"),
        (
            changed(ROW, |header| header.provenance.fingerprint = "4".into()),
            ": version of headstart's features",
        ),
        (changed(ROW, |header| header.shard = Some(shard)), ": part the whole folder against shard 1 of 4;"),
    ];
    // Finished, and unfinished.
    for stop_after in [usize::MAX, 3] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("train.npy");
        run(&path, &[0, 1, 2, 3], 1, stop_after).unwrap();
        let before = names(folder.path());
        for (other, text) in &cases {
            let refused = Writer::open(&path, other.clone(), Existing::Reuse).map(|_| ());
            assert!(matches!(refused, Err(Error::Differs { .. })));
            let message = message(refused);
            says(&message, &[text, "made in another way", "choose another name"]);
            assert!(!message.contains('{'), "{message}");
            assert_eq!(names(folder.path()), before);
        }
        let known = Writer::open(&path, header(ROW), Existing::Reuse).unwrap().known_rows();
        assert_eq!(known, stop_after.min(4));
    }
}

#[test]
fn weights_under_another_name_and_equal_fingerprints_are_the_same_rows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("train.npy");
    run(&path, &[0, 1, 2, 3], 1, usize::MAX).unwrap();
    let renamed = changed(ROW, |header| header.provenance.weights.name = "copy.h5".into());
    let stored = changed(ROW, |header| header.provenance.backbone = "VGG 16".into());
    for header in [renamed, stored] {
        assert_eq!(Writer::open(&path, header, Existing::Reuse).unwrap().known_rows(), 4);
    }
}

#[test]
fn rows_that_another_path_computed_are_computed_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("train.npy");
    for stop_after in [usize::MAX, 2] {
        run(&path, &[0, 1, 2, 3], 1, stop_after).unwrap();
        let other = changed(ROW, |header| header.computed_by = "portable, tiled".into());
        let writer = Writer::open(&path, other, Existing::Reuse).unwrap();
        let outdated = writer.outdated().unwrap();
        assert_eq!((outdated.found.as_str(), outdated.expected.as_str()), ("fma, tiled", "portable, tiled"));
        assert_eq!(writer.known_rows(), 0);
        drop(writer);
        for name in names(folder.path()) {
            fs::remove_file(folder.path().join(name)).unwrap();
        }
    }
}

#[test]
fn replacing_starts_over_and_keeps_the_old_pair_until_the_new_one_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("train.npy");
    run(&path, &[0, 1, 2, 3], 2, usize::MAX).unwrap();
    let before = pair(&path);
    let mut writer = Writer::open(&path, header(ROW), Existing::Replace).unwrap();
    assert_eq!(writer.known_rows(), 0);
    writer.append(&row(9), &[record(9, 0)]).unwrap();
    writer.flush().unwrap();
    drop(writer);
    assert!(pair(&path) == before);
    // What was flushed is as good as any other row.
    let summary = run(&path, &[0, 16], 1, usize::MAX).unwrap().unwrap();
    assert_eq!((summary.computed, summary.kept, summary.dropped), (1, 1, 3));
}

#[test]
fn only_one_writer_is_open_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("train.npy");
    let mut first = Writer::open(&path, header(ROW), Existing::Reuse).unwrap();
    first.append(&row(0), &[record(0, 0)]).unwrap();
    for existing in [Existing::Reuse, Existing::Replace] {
        let second = Writer::open(&path, header(ROW), existing).map(|_| ());
        assert!(matches!(second, Err(Error::Locked { .. })));
        says(&message(second), &["train.npy", "another process is writing it"]);
    }
    first.finish().unwrap();
    Writer::open(&path, header(ROW), Existing::Reuse).unwrap();
    assert_eq!(names(folder.path()), ["train.jsonl", "train.npy"]);
}

#[test]
fn writers_that_start_at_the_same_time_never_share_an_output() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("train.npy");
    let open = AtomicUsize::new(0);
    let finished = AtomicUsize::new(0);
    let try_to_write = || {
        for _ in 0..20 {
            match Writer::open(&path, header(ROW), Existing::Reuse) {
                Ok(mut writer) => {
                    assert_eq!(open.fetch_add(1, Ordering::SeqCst), 0);
                    if writer.knows(&record(0, 0).hash) {
                        writer.keep(&record(0, 0)).unwrap();
                    } else {
                        writer.append(&row(0), &[record(0, 0)]).unwrap();
                    }
                    open.fetch_sub(1, Ordering::SeqCst);
                    writer.finish().unwrap();
                    finished.fetch_add(1, Ordering::SeqCst);
                }
                Err(Error::Locked { .. }) => {}
                Err(other) => panic!("{other}"),
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(try_to_write);
        }
    });
    assert!(finished.into_inner() > 0);
    assert_eq!(names(folder.path()), ["train.jsonl", "train.npy"]);
    assert_eq!(Features::open(&path).unwrap().rows(), 1);
}

/// The states that a process which ends between the last steps leaves behind.
#[test]
fn a_publication_that_was_cut_off_is_carried_out_by_the_next_writer() {
    let contents = [0, 1, 2, 3];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("train.npy");
    let at = |name: &str| folder.path().join(name);
    let again = |known: usize| {
        let writer = Writer::open(&path, header(ROW), Existing::Reuse).unwrap();
        assert_eq!(writer.known_rows(), known);
        drop(writer);
        run(&path, &contents, 2, usize::MAX).unwrap();
        assert_eq!(names(folder.path()), ["train.jsonl", "train.npy"]);
    };
    run(&path, &contents, 2, usize::MAX).unwrap();
    let whole = pair(&path);

    // Both are complete, and neither is renamed; an older pair still stands.
    fs::write(at(".train.npy.ready"), &whole[0]).unwrap();
    fs::write(at(".train.jsonl.ready"), &whole[1]).unwrap();
    run(&at("old.npy"), &[5], 1, usize::MAX).unwrap();
    fs::rename(at("old.npy"), &path).unwrap();
    fs::rename(at("old.jsonl"), at("train.jsonl")).unwrap();
    again(4);
    assert!(pair(&path) == whole);

    // The values are in place, the manifest is not.
    fs::rename(at("train.jsonl"), at(".train.jsonl.ready")).unwrap();
    again(4);
    assert!(pair(&path) == whole);

    // The rows were renamed, and the manifest was not complete.
    fs::remove_file(&path).unwrap();
    fs::remove_file(at("train.jsonl")).unwrap();
    run(&path, &contents, 2, 4).unwrap();
    fs::rename(at(".train.npy.partial"), at(".train.npy.ready")).unwrap();
    fs::write(at(".train.jsonl.draft"), "{").unwrap();
    again(4);
    assert!(pair(&path) == whole);
}

#[test]
fn a_damaged_pair_is_refused_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("train.npy");
    write_three(&path, Existing::Reuse).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, &bytes).unwrap();
    let refused = Writer::open(&path, header([2, 2, 1]), Existing::Reuse).map(|_| ());
    says(&message(refused), &["train.npy", "disagree", "blake3"]);
    assert_eq!(fs::read(&path).unwrap(), bytes);
    assert_eq!(names(folder.path()), ["train.jsonl", "train.npy"]);
}

#[test]
fn rows_that_changed_on_the_disk_are_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("train.npy");
    run(&path, &[0, 1, 2, 3], 2, 4).unwrap();
    let rows = folder.path().join(".train.npy.partial");
    let mut bytes = fs::read(&rows).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&rows, bytes).unwrap();
    // The first flush of two still holds.
    assert_eq!(Writer::open(&path, header(ROW), Existing::Reuse).unwrap().known_rows(), 2);
}

#[test]
fn a_flush_of_many_rows_is_taken_back_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("train.npy");
    let mut writer = Writer::open(&path, header([1, 1, 1]), Existing::Reuse).unwrap();
    let records: Vec<_> = (0..2500).map(|i| record(i, 0)).collect();
    writer.append(&vec![1.0; 2500], &records).unwrap();
    writer.flush().unwrap();
    drop(writer);
    assert_eq!(Writer::open(&path, header([1, 1, 1]), Existing::Reuse).unwrap().known_rows(), 2500);
}

#[test]
fn what_can_t_be_kept_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("train.npy");
    let mut writer = Writer::open(&path, header([1, 1, 1]), Existing::Reuse).unwrap();
    says(&message(writer.keep(&record(3, 0))), &["image_3.png", "no row is known"]);
    let long = headstart_features::RowRecord { hash: "0".repeat(129), ..record(0, 0) };
    says(&message(writer.append(&[1.0], &[long])), &["image_0.png", "at most 128 bytes, found 129"]);
    writer.append(&[1.0], &[record(0, 0)]).unwrap();
    assert_eq!(writer.finish().unwrap().rows, 1);
}
