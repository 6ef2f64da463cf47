//! Files that released versions wrote are read, and written again to the byte.

use std::fs;
use std::path::{Path, PathBuf};

use headstart_features::{Existing, Features, Manifest, Writer, describe, merge};
use headstart_provenance::{Pooling, Preprocessing, Preset, Provenance, WeightsFile};

/// A file of headstart 0.1.0.
fn of_0_1_0(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/features/0.1.0").join(name)
}

fn same_pair(ours: &Path, theirs: &Path) {
    for suffix in ["npy", "jsonl"] {
        let [ours, theirs] = [ours, theirs].map(|npy| fs::read(npy.with_extension(suffix)).unwrap());
        assert!(ours == theirs, "{suffix} differs");
    }
}

#[test]
fn the_manifest_of_0_1_0_is_read() {
    let features = Features::open(&of_0_1_0("whole.npy")).unwrap();
    features.verify_data().unwrap();
    let Manifest { header, rows, skipped, .. } = features.manifest().unwrap();
    let blake3 = "e9524ca285ce60bb6df5ea5a939c3e980dacd297791717779a04a5f0a55a0e74".to_owned();
    let weights = WeightsFile { name: "vgg16_weights.h5".to_owned(), blake3 };
    let preprocessing = Preprocessing::preset(Preset::Torchvision, 32, 32);
    // Its fingerprint is that which this version computes, so these features are still up to date.
    assert_eq!(header.provenance, Provenance::new("vgg16", weights, preprocessing, Pooling::None));
    assert_eq!(header.row_shape, [512, 1, 1]);
    assert_eq!(header.computed_by, "fma, direct");
    assert_eq!((header.classes.join(" "), rows.len(), skipped.len()), ("animals food".to_owned(), 6, 1));
}

#[test]
fn pairs_of_0_1_0_are_written_again_to_the_byte() {
    for name in ["whole.npy", "shard_0.npy", "shard_1.npy"] {
        let theirs = Features::open(&of_0_1_0(name)).unwrap();
        let manifest = theirs.manifest().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let ours = folder.path().join(name);
        let mut writer = Writer::open(&ours, manifest.header.clone(), Existing::Reuse).unwrap();
        writer.append(&theirs.read_all().unwrap(), &manifest.rows).unwrap();
        for image in &manifest.skipped {
            writer.skip(image).unwrap();
        }
        writer.finish().unwrap();
        same_pair(&ours, &of_0_1_0(name));
    }
}

#[test]
fn shards_of_0_1_0_are_merged_to_what_it_wrote_for_the_whole_folder() {
    let folder = tempfile::tempdir().unwrap();
    let ours = folder.path().join("whole.npy");
    merge(&[of_0_1_0("shard_1.npy"), of_0_1_0("shard_0.npy")], &ours, Existing::Reuse).unwrap();
    same_pair(&ours, &of_0_1_0("whole.npy"));
}

#[test]
fn rows_of_0_1_0_are_known_to_a_writer() {
    let folder = tempfile::tempdir().unwrap();
    let npy = folder.path().join("whole.npy");
    for suffix in ["npy", "jsonl"] {
        fs::copy(of_0_1_0("whole.npy").with_extension(suffix), npy.with_extension(suffix)).unwrap();
    }
    let header = Features::open(&npy).unwrap().manifest().unwrap().header.clone();
    assert_eq!(Writer::open(&npy, header, Existing::Reuse).unwrap().known_rows(), 6);
}

#[test]
fn a_description_has_the_text_that_0_1_0_printed() {
    let mut description = describe(&of_0_1_0("whole.npy")).unwrap();
    description.manifest.as_mut().unwrap().path = "whole.jsonl".into();
    let ours = serde_json::to_string_pretty(&description).unwrap() + "\n";
    assert_eq!(ours, fs::read_to_string(of_0_1_0("inspect.json")).unwrap());
}
