//! Shards of one folder put together again.

use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::features::Features;
use crate::manifest::{Manifest, ManifestHeader, RowRecord, SkippedRecord, differences};
use crate::shard::Shard;
use crate::writer::{Existing, Summary, Writer};

/// Rows that are copied at a time.
const ROWS: usize = 64;

/// Puts the shards of a folder together: the `.npy` and its manifest become those that one run over the whole folder
/// writes, to the byte.
///
/// `shards` are the `.npy` files of all shards, in any order. [`Summary::computed`] counts all rows.
///
/// # Errors
/// A file that is no shard, is damaged, or whose values differ from its manifest's hash; shards of different folders,
/// or extracted in different ways; one that is missing or comes twice; an image that belongs to another shard, is there
/// twice or is missing. Those of [`Writer::open`] and [`Writer::finish`] for the output. Nothing is written then.
pub fn merge(shards: &[PathBuf], output: &Path, existing: Existing) -> Result<Summary, Error> {
    let parts = shards.iter().map(|path| Part::open(path)).collect::<Result<Vec<_>, _>>()?;
    let Some(first) = parts.first() else {
        return Err(refused(output, "expected at least one shard, found none".to_owned()));
    };
    for part in &parts[1..] {
        first.check_same(part)?;
    }
    check_indices(&parts)?;
    let images = scan_order(&parts);
    let listing = Shard::listing(images.iter().map(|image| image.path));
    if listing != first.shard.listing {
        let (expected, found) = (first.shard.images, images.len());
        return Err(refused(
            output,
            format!(
                "the shards' images are not those of the folder: expected {expected}, found {found} or others"
            ),
        ));
    }

    let header = ManifestHeader { shard: None, ..first.manifest.header.clone() };
    let mut writer = Writer::open(output, header, existing)?;
    let (mut values, mut records) = (Vec::new(), Vec::new());
    for Image { part, place, .. } in images {
        match place {
            Place::Row(index, record) => {
                let start = values.len();
                values.resize(start + part.features.row_len(), 0.0);
                part.features.read_rows(&[index], &mut values[start..])?;
                records.push(record.clone());
                if records.len() == ROWS {
                    writer.append(&values, &records)?;
                    values.clear();
                    records.clear();
                }
            }
            Place::Skipped(record) => writer.skip(record)?,
        }
    }
    writer.append(&values, &records)?;
    writer.finish()
}

/// One shard, opened and verified.
struct Part<'a> {
    path: &'a Path,
    features: Features,
    manifest: Manifest,
    shard: Shard,
}

impl<'a> Part<'a> {
    fn open(path: &'a Path) -> Result<Self, Error> {
        let features = Features::open(path)?;
        let expected_shard =
            |found: &str| refused(path, format!("expected a shard of a folder, found {found}"));
        let manifest = features.manifest().ok_or_else(|| expected_shard("no manifest"))?.clone();
        let shard =
            manifest.header.shard.clone().ok_or_else(|| expected_shard("features of a whole folder"))?;
        features.verify_data()?;
        let part = Self { path, features, manifest, shard };
        let Shard { index, count, .. } = part.shard;
        let rows = part.manifest.rows.iter().map(|row| &row.path);
        let mut paths = rows.chain(part.manifest.skipped.iter().map(|image| &image.path));
        if index >= count {
            return Err(refused(path, format!("expected an index below {count}, found shard {index}")));
        }
        match paths.find(|path| Shard::of(path, count) != index) {
            Some(stray) => Err(refused(path, format!("{stray} does not belong to shard {index} of {count}"))),
            None => Ok(part),
        }
    }

    /// Refuses a shard of another folder, or one that was extracted in another way.
    fn check_same(&self, other: &Part<'_>) -> Result<(), Error> {
        let folder = |part: &Part<'_>| format!("{} images, {}", part.shard.images, part.shard.listing);
        let parts = |part: &Part<'_>| {
            [
                ("number of shards", part.shard.count.to_string()),
                ("folder", folder(part)),
                ("classes", part.manifest.header.classes.join(", ")),
                ("kernels", part.manifest.header.computed_by.clone()),
            ]
        };
        let pairs = parts(self).into_iter().zip(parts(other));
        let of_shards = pairs.filter(|(ours, theirs)| ours != theirs).map(|((name, a), (_, b))| (name, a, b));
        let of_rows = differences(&self.manifest.header, &other.manifest.header);
        match of_shards.chain(of_rows).next() {
            Some((what, ours, theirs)) => Err(refused(
                other.path,
                format!(
                    "its {what} differs from that of {}: expected {ours}, found {theirs}",
                    self.path.display()
                ),
            )),
            None => Ok(()),
        }
    }
}

/// Every shard once.
fn check_indices(parts: &[Part<'_>]) -> Result<(), Error> {
    let count = parts[0].shard.count;
    let mut seen: Vec<Option<&Path>> = vec![None; parts.len().min(count as usize)];
    for part in parts {
        let index = part.shard.index;
        match seen.get_mut(index as usize) {
            Some(Some(other)) => {
                let reason = format!("shard {index} of {count} is there twice, in {} too", other.display());
                return Err(refused(part.path, reason));
            }
            Some(free) => *free = Some(part.path),
            // Fewer were given than there are, so one of the lower ones is missing.
            None => {}
        }
    }
    let missing =
        seen.iter().position(Option::is_none).or((seen.len() < count as usize).then_some(seen.len()));
    match missing {
        Some(missing) => {
            let found = parts.len();
            Err(refused(
                parts[0].path,
                format!("expected all {count} shards, found {found}; shard {missing} is missing"),
            ))
        }
        None => Ok(()),
    }
}

/// One image of a shard.
struct Image<'a> {
    part: &'a Part<'a>,
    path: &'a str,
    label: u32,
    place: Place<'a>,
}

enum Place<'a> {
    Row(usize, &'a RowRecord),
    Skipped(&'a SkippedRecord),
}

/// All images as a scan of the whole folder orders them: by class, then by folder, then by name.
fn scan_order<'a>(parts: &'a [Part<'a>]) -> Vec<Image<'a>> {
    let mut images: Vec<Image<'a>> = Vec::new();
    for part in parts {
        let rows = part.manifest.rows.iter().enumerate();
        images.extend(rows.map(|(index, row)| Image {
            part,
            path: &row.path,
            label: row.label,
            place: Place::Row(index, row),
        }));
        images.extend(part.manifest.skipped.iter().map(|image| Image {
            part,
            path: &image.path,
            label: image.label,
            place: Place::Skipped(image),
        }));
    }
    images.sort_by_key(|image| (image.label, image.path.rsplit_once('/')));
    images
}

fn refused(path: &Path, reason: String) -> Error {
    Error::Merge { path: path.to_path_buf(), reason }
}
