//! Writes the shards of a folder that does not exist, to try `headstart merge` at any size:
//!
//!     cargo run --release -p headstart-features --example shards -- FOLDER SHARDS IMAGES VALUES
//!
//! The images have names like ImageNet's, in 1000 classes. Each row has VALUES values that mean nothing. One image of a
//! thousand has no row.
#![allow(clippy::unwrap_used, reason = "an example ends where something is wrong")]

use std::path::{Path, PathBuf};

use headstart_features::{Existing, ManifestHeader, RowRecord, Shard, SkippedRecord, Writer};
use headstart_provenance::{Pooling, Preprocessing, Preset, Provenance, WeightsFile};

const CLASSES: usize = 1000;

fn class(label: usize) -> String {
    format!("n{:08}", 1_440_764 + label * 9_871)
}

/// The path and the label of image `i`, in scan order.
fn image(i: usize, images: usize) -> (String, u32) {
    let label = i * CLASSES / images;
    let class = class(label);
    (format!("{class}/{class}_{i:09}.JPEG"), label as u32)
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().expect("FOLDER SHARDS IMAGES VALUES"));
    let mut number =
        || arguments.next().and_then(|text| text.parse().ok()).expect("FOLDER SHARDS IMAGES VALUES");
    let (count, images, values): (usize, usize, usize) = (number(), number(), number());
    std::fs::create_dir_all(&folder).unwrap();

    let paths: Vec<String> = (0..images).map(|i| image(i, images).0).collect();
    let listing = Shard::listing(paths.iter().map(String::as_str));
    drop(paths);
    let mut own: Vec<Vec<u32>> = vec![Vec::new(); count];
    for i in 0..images {
        own[Shard::of(&image(i, images).0, count as u32) as usize].push(i as u32);
    }
    for (index, own) in own.iter().enumerate() {
        let shard = Shard { index: index as u32, count: count as u32, images, listing: listing.clone() };
        write(&folder.join(format!("part{index:04}.npy")), own, images, values, shard);
    }
}

fn write(path: &Path, own: &[u32], images: usize, values: usize, shard: Shard) {
    let weights = WeightsFile { name: "none.safetensors".to_owned(), blake3: "00".repeat(32) };
    let preprocessing = Preprocessing::preset(Preset::Torchvision, 224, 224);
    let provenance = Provenance::new("none", weights, preprocessing, Pooling::Average);
    let classes = (0..CLASSES).map(class).collect();
    let mut header = ManifestHeader::new(classes, provenance, [values], "none");
    header.shard = Some(shard);
    let mut writer = Writer::open(path, header, Existing::Replace).unwrap();
    for &i in own {
        let (path, label) = image(i as usize, images);
        if i % 1000 == 999 {
            writer.skip(&SkippedRecord { path, label, reason: "no image".to_owned() }).unwrap();
        } else {
            let hash = Shard::listing([path.as_str()]);
            let row: Vec<f32> = (0..values).map(|k| (i as usize * values + k) as f32).collect();
            writer.append(&row, &[RowRecord { path, label, hash }]).unwrap();
        }
    }
    writer.finish().unwrap();
}
