//! Rows of one value a channel: the same store, with rows of one dimension.

use std::fs;
use std::path::Path;

use crate::common::{changed, header, message, pooled_header, record, says, skipped};
use headstart_features::{Existing, Features, ManifestHeader, RowRecord, Shard, Writer, describe, merge};
use headstart_provenance::{Pooling, Provenance};

/// Writes rows 0 to 3 of three channels and skips one image. `known` rows come from an earlier writer that was dropped.
fn write(path: &Path, header: &ManifestHeader, known: usize) -> (usize, usize) {
    let row = |i: usize| [i as f32, 0.5, -1.0];
    if known > 0 {
        let mut writer = Writer::open(path, header.clone(), Existing::Reuse).unwrap();
        for i in 0..known {
            writer.append(&row(i), &[record(i, 0)]).unwrap();
        }
        writer.flush().unwrap();
    }
    let mut writer = Writer::open(path, header.clone(), Existing::Reuse).unwrap();
    for i in 0..4 {
        if writer.knows(&record(i, 0).hash) {
            writer.keep(&record(i, 0)).unwrap();
        } else {
            writer.append(&row(i), &[record(i, 0)]).unwrap();
        }
    }
    writer.skip(&skipped(9, 1)).unwrap();
    let summary = writer.finish().unwrap();
    (summary.computed, summary.kept)
}

#[test]
fn pooled_rows_are_a_matrix_in_numpy_and_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pooled.npy");
    write(&path, &pooled_header(Pooling::Average, 3), 0);
    let bytes = fs::read(&path).unwrap();
    let text = String::from_utf8_lossy(&bytes[10..70]).into_owned();
    assert!(text.starts_with("{'descr': '<f4', 'fortran_order': False, 'shape': (4, 3), }"), "{text}");

    let features = Features::open(&path).unwrap();
    assert_eq!((features.rows(), features.row_shape()), (4, &[3][..]));
    features.verify_data().unwrap();
    let mut row = [0.0; 3];
    features.read_rows(&[2], &mut row).unwrap();
    assert_eq!(row, [2.0, 0.5, -1.0]);
    let manifest = features.manifest().unwrap();
    assert_eq!(manifest.header, pooled_header(Pooling::Average, 3));
    let described = serde_json::to_value(describe(&path).unwrap()).unwrap();
    assert_eq!(described["manifest"]["pooling"], "avg");
}

#[test]
fn an_interrupted_writer_of_pooled_rows_is_continued_to_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let [fresh, resumed] = ["fresh.npy", "resumed.npy"].map(|name| folder.path().join(name));
    let header = pooled_header(Pooling::Max, 3);
    assert_eq!(write(&fresh, &header, 0), (4, 0));
    assert_eq!(write(&resumed, &header, 2), (2, 2));
    for suffix in ["npy", "jsonl"] {
        let [a, b] = [&fresh, &resumed].map(|npy| fs::read(npy.with_extension(suffix)).unwrap());
        assert!(a == b, "{suffix}");
    }
    // All rows are known then.
    assert_eq!(write(&fresh, &header, 0), (0, 4));
}

#[test]
fn rows_pooled_in_another_way_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pooled.npy");
    write(&path, &pooled_header(Pooling::Average, 3), 0);
    let other = |header: ManifestHeader| message(Writer::open(&path, header, Existing::Reuse));
    says(&other(pooled_header(Pooling::Max, 3)), &["made in another way: pooling avg against max;"]);
    says(&other(header([3, 1, 1])), &["pooling avg against none; row shape [3] against [3, 1, 1];"]);
}

#[test]
fn a_shape_that_the_pooling_does_not_give_is_neither_written_nor_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pooled.npy");
    let refused = |header: ManifestHeader| message(Writer::open(&path, header, Existing::Reuse));
    let flat = changed([3, 1, 1], |header| header.row_shape = vec![3]);
    says(&refused(flat), &["expected three dimensions of at least 1, found [3]"]);
    let mut maps = pooled_header(Pooling::Max, 3);
    maps.row_shape = vec![3, 1, 1];
    says(&refused(maps), &["expected one dimension of at least 1, found [3, 1, 1]"]);
    says(&refused(pooled_header(Pooling::Max, 0)), &["expected one dimension of at least 1, found [0]"]);

    write(&path, &pooled_header(Pooling::Average, 3), 0);
    let manifest = path.with_extension("jsonl");
    let text = fs::read_to_string(&manifest).unwrap();
    assert!(text.contains(r#"},"pooling":"avg","row_shape":[3],"#), "{text}");
    for (from, to, complaint) in [
        (r#""pooling":"avg","#, "", "expected a row shape of 3 dimensions for pooling none, found [3]"),
        ("[3]", "[3,1,1]", "expected a row shape of 1 dimensions for pooling avg, found [3, 1, 1]"),
        (r#""avg""#, r#""mean""#, "unknown variant `mean`"),
    ] {
        fs::write(&manifest, text.replacen(from, to, 1)).unwrap();
        says(&message(Features::open(&path)), &[":1: ", complaint]);
    }
}

#[test]
fn shards_of_pooled_rows_are_merged_to_the_bytes_of_one_run() {
    let folder = tempfile::tempdir().unwrap();
    let image = |i: usize| RowRecord { path: format!("animals/{i}.png"), ..record(i, 0) };
    let paths: Vec<String> = (0..10).map(|i| image(i).path).collect();
    let listing = Shard::listing(paths.iter().map(String::as_str));
    let write = |name: &str, shard: Option<u32>, pooling| {
        let path = folder.path().join(name);
        let mut header = pooled_header(pooling, 2);
        header.shard = shard.map(|index| Shard { index, count: 2, images: 10, listing: listing.clone() });
        let mut writer = Writer::open(&path, header, Existing::Replace).unwrap();
        for i in (0..10).filter(|&i| shard.is_none_or(|index| Shard::of(&paths[i], 2) == index)) {
            writer.append(&[i as f32, 1.0], &[image(i)]).unwrap();
        }
        writer.finish().unwrap();
        path
    };
    let whole = write("whole.npy", None, Pooling::Average);
    let parts = [0, 1].map(|index| write(&format!("{index}.npy"), Some(index), Pooling::Average));
    let merged = folder.path().join("merged.npy");
    merge(&parts, &merged, Existing::Reuse).unwrap();
    for suffix in ["npy", "jsonl"] {
        let [a, b] = [&whole, &merged].map(|npy| fs::read(npy.with_extension(suffix)).unwrap());
        assert!(a == b, "{suffix}");
    }
    let other = write("other.npy", Some(1), Pooling::Max);
    let refused = merge(&[parts[0].clone(), other], &folder.path().join("no.npy"), Existing::Reuse);
    says(&message(refused), &["pooling max against avg"]);
}

#[test]
fn the_fingerprint_of_pooled_rows_is_their_own() {
    let fingerprints = Pooling::ALL.map(|pooling| pooled_header(pooling, 3).provenance.fingerprint);
    assert_ne!(fingerprints[0], fingerprints[1]);
    assert_ne!(fingerprints[1], fingerprints[2]);
    let Provenance { fingerprint, .. } = header([3, 1, 1]).provenance;
    assert_eq!(fingerprints[0], fingerprint);
}
