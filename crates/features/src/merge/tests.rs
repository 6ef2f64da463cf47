use std::fs;

use headstart_provenance::{Pooling, Preprocessing, Preset, Provenance, WeightsFile};
use proptest::prelude::*;

use super::*;
use crate::{RowRecord, Writer};

/// Reads of a row at a time, of a few rows, and of all.
const CHUNKS: [Chunks; 3] = [
    Chunks { lines: 1, values: 1 },
    Chunks { lines: 400, values: 60 },
    Chunks { lines: 1 << 20, values: 1 << 20 },
];

fn header() -> ManifestHeader {
    let weights = WeightsFile { name: "net.safetensors".into(), blake3: "00ff".into() };
    let preprocessing = Preprocessing::preset(Preset::Torchvision, 32, 32);
    let provenance = Provenance::new("net", weights, preprocessing, Pooling::Average);
    ManifestHeader::new(vec!["a".into(), "b".into(), "c".into()], provenance, [3], "fma")
}

/// An image of a folder: its label and its place below the class's folder; whether it can be read.
type Image = (u32, String, bool);

/// Writes a pair of images.
fn write(path: &Path, images: &[&Image], shard: Option<Shard>) {
    let mut header = header();
    header.shard = shard;
    let mut writer = Writer::open(path, header, Existing::Replace).unwrap();
    for (label, path, whole) in images {
        let (path, label, hash) = (path.clone(), *label, Shard::listing([path.as_str()]));
        if *whole {
            let value = f32::from(hash.as_bytes()[0]) / 7.0;
            let record = RowRecord { path, label, hash };
            writer.append(&[value, -value, label as f32], &[record]).unwrap();
        } else {
            writer.skip(&SkippedRecord { path, label, reason: "no image".into() }).unwrap();
        }
    }
    writer.finish().unwrap();
}

fn pair(npy: &Path) -> [Vec<u8>; 2] {
    ["npy", "jsonl"].map(|suffix| fs::read(npy.with_extension(suffix)).unwrap())
}

/// Images in scan order. Names have characters on both sides of the slash.
fn folder() -> impl Strategy<Value = Vec<Image>> {
    let image = (0_u32..3, "[a-c.-]{1,2}(/[a-c.-]{1,2}){0,2}", prop::bool::weighted(0.8));
    prop::collection::vec(image, 40..120).prop_map(|images| {
        let named = |(label, name, whole): Image| {
            (label, format!("{}/{name}", ["a", "b", "c"][label as usize]), whole)
        };
        let mut images: Vec<Image> = images.into_iter().map(named).collect();
        images.sort_by(|a, b| rank(a.0, &a.1).cmp(&rank(b.0, &b.1)));
        images.dedup_by(|a, b| a.1 == b.1);
        images
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn shards_become_the_bytes_of_one_run_however_much_is_read_at_a_time(images in folder(), count in 1_u32..5) {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        let listing = Shard::listing(images.iter().map(|(_, path, _)| path.as_str()));
        let part = |index: u32| -> Vec<&Image> {
            images.iter().filter(|(_, path, _)| Shard::of(path, count) == index).collect()
        };
        // A pair without rows is not written.
        prop_assume!((0..count).all(|index| part(index).iter().any(|(_, _, whole)| *whole)));
        write(&at("whole.npy"), &images.iter().collect::<Vec<_>>(), None);
        let shards: Vec<PathBuf> = (0..count).rev().map(|index| at(&format!("{index}.npy"))).collect();
        for (index, path) in (0..count).rev().zip(&shards) {
            let shard = Shard { index, count, images: images.len(), listing: listing.clone() };
            write(path, &part(index), Some(shard));
        }
        for chunks in CHUNKS {
            let merged = at("merged.npy");
            let summary = merge_by(&shards, &merged, Existing::Replace, chunks, &mut |_, _| ControlFlow::Continue(()));
            let summary = summary.unwrap();
            prop_assert_eq!(summary.rows + summary.skipped, images.len());
            prop_assert!(pair(&at("merged.npy")) == pair(&at("whole.npy")));
        }
    }
}

#[test]
fn a_shard_is_read_in_chunks_and_no_more() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("0.npy");
    let images: Vec<Image> = (0..1000).map(|i| (0, format!("a/{i:04}"), true)).collect();
    let listing = Shard::listing(images.iter().map(|(_, path, _)| path.as_str()));
    let shard = Shard { index: 0, count: 1, images: 1000, listing };
    write(&path, &images.iter().collect::<Vec<_>>(), Some(shard));
    for (chunks, most) in CHUNKS.into_iter().zip([1, 3, 1000]) {
        let (mut part, ..) = Part::open(&path, chunks).unwrap();
        part.check_lines(1, &mut Vec::new()).unwrap();
        let (mut rows, mut held) = (0, 0);
        while let Some(record) = part.next().unwrap() {
            assert_eq!(record.path, images[rows].1);
            rows += 1;
            held = held.max(part.held());
        }
        assert_eq!((rows, held), (1000, most));
    }
    // However many shards there are, together they stay within the budget, or each at the least that is worth a read.
    for shards in [1, 10, 1000, 100_000] {
        let Chunks { lines, values } = Chunks::of(shards);
        assert!(
            (lines + values) * shards <= 192 << 20 || (lines, values) == (16 << 10, 32 << 10),
            "{shards}"
        );
    }
}
