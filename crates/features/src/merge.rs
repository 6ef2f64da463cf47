//! Shards of one folder put together again.

use std::path::{Path, PathBuf};

use headstart_provenance::Difference;

use crate::error::Error;
use crate::features::Features;
use crate::manifest::{Manifest, RowRecord, SkippedRecord};
use crate::shard::Shard;
use crate::writer::{Existing, Summary, Writer};

/// The most rows that are copied at a time.
const ROWS: usize = 64;

/// Puts the shards of a folder together. The `.npy` and its manifest are those that one run over the whole folder
/// writes, to the byte.
///
/// `shards` are the `.npy` files of all shards, in any order. [`Summary::computed`] counts all rows.
///
/// # Errors
/// A file that is not a shard, is damaged, or has values that differ from its manifest's hash; shards of different
/// folders, or extracted in different ways; a shard that is missing or there twice; an image that belongs to another
/// shard, is missing or is given twice. Those of [`Writer::open`] and [`Writer::finish`] for the output. Then nothing is
/// written.
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
        let reason = format!(
            "expected the folder's {expected} images in the shards, found {found} images, or images of other names"
        );
        return Err(refused(output, reason));
    }

    let mut header = first.manifest.header.clone();
    header.shard = None;
    let mut writer = Writer::open(output, header, existing)?;
    copy(&mut writer, images)?;
    writer.finish()
}

/// Copies the images' rows, some at a time.
fn copy(writer: &mut Writer, images: Vec<Image<'_>>) -> Result<(), Error> {
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
    writer.append(&values, &records)
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
        let differ = |what, text: fn(&Part<'_>) -> String| Difference::between(what, text(other), text(self));
        let of_shards = [
            differ("number of shards", |part| part.shard.count.to_string()),
            differ("number of images in the folder", |part| part.shard.images.to_string()),
            differ("hash of the images' names", |part| part.shard.listing.clone()),
            differ("classes", |part| part.manifest.header.classes.join(", ")),
            differ("kernels", |part| part.manifest.header.computed_by.clone()),
        ];
        let mut differences: Vec<_> = of_shards.into_iter().flatten().collect();
        differences.extend(other.manifest.header.differences(&self.manifest.header));
        if differences.is_empty() {
            return Ok(());
        }
        let (found, of) = (Difference::list(&differences), self.path.display());
        Err(refused(
            other.path,
            format!("it can't be merged with {of}, because it was made in another way: {found}"),
        ))
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
                let reason = format!("shard {index} of {count} is given twice: also in {}", other.display());
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
