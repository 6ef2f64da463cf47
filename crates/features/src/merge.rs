//! Shards of one folder put together again.
//!
//! Each shard is in scan order already, so the next image of the folder is always the first one left of some shard. Only these
//! and a few after each are in memory, and each shard's files are open only while the next few are read.

mod order;
mod output;
mod part;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use headstart_provenance::Difference;

use self::order::{ScanOrder, rank};
use self::output::Output;
use self::part::{Chunks, Part};
use crate::error::Error;
use crate::manifest::{ManifestHeader, SkippedRecord};
use crate::manifest_lines::MAX_SKIPPED;
use crate::shard::{Listing, Shard};
use crate::writer::{Existing, Summary};

/// The most rows that are written at a time.
const ROWS: usize = 64;

/// Puts the shards of a folder together. The `.npy` and its manifest are those that one run over the whole folder
/// writes, to the byte.
///
/// `shards` are the `.npy` files of all shards, in any order. A folder stands for every `.npy` in it but `output`.
/// [`Summary::computed`] counts all rows. What is at the output
/// already is checked as [`Writer::open`](crate::Writer::open) does, but none of its rows is used again.
///
/// Memory and the number of open files do not grow with the rows. With 1000 shards it takes about 200 MB.
///
/// # Errors
/// A file that is not a shard, is damaged, or has values that differ from its manifest's hash; shards of different
/// folders, or extracted in different ways; a shard that is missing or there twice; an image that belongs to another
/// shard, is missing, out of order or given twice. Those of [`Writer::open`](crate::Writer::open) and
/// [`Writer::finish`](crate::Writer::finish) for the output. Then nothing is written.
pub fn merge(shards: &[PathBuf], output: &Path, existing: Existing) -> Result<Summary, Error> {
    merge_watched(shards, output, existing, &mut |_, _| ControlFlow::Continue(()))
}

/// What hears of a merge: called with the rows that are written and those of all shards. `Break` ends it.
type Watch<'a> = dyn FnMut(usize, usize) -> ControlFlow<()> + 'a;

/// [`merge`] that tells of its progress every few rows: how many are written, and how many there are.
///
/// # Errors
/// As [`merge`]; [`Error::Interrupted`] where `watch` answers with `Break`.
pub fn merge_watched(
    shards: &[PathBuf],
    output: &Path,
    existing: Existing,
    watch: &mut Watch<'_>,
) -> Result<Summary, Error> {
    let shards = files(shards, output)?;
    merge_by(&shards, output, existing, Chunks::of(shards.len()), watch)
}

/// The files that are meant, folders replaced by what is in them, in the order of their names.
fn files(shards: &[PathBuf], output: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    for path in shards {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let failed = |cause| Error::io(path, "list it")(cause);
        let mut found = Vec::new();
        for entry in path.read_dir().map_err(failed)? {
            let file = entry.map_err(failed)?.path();
            let hidden = file.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
            let is_npy = file.extension().is_some_and(|suffix| suffix.eq_ignore_ascii_case("npy"));
            if is_npy && !hidden && !same_place(&file, output) {
                found.push(file);
            }
        }
        if found.is_empty() {
            return Err(refused(path, "expected the .npy files of shards in it, found none".to_owned()));
        }
        found.sort();
        files.append(&mut found);
    }
    Ok(files)
}

/// Whether two paths lead to one name in one folder. The second file need not be there.
fn same_place(file: &Path, other: &Path) -> bool {
    let folder = |path: &Path| headstart_files::folder(path).canonicalize().ok();
    file.file_name() == other.file_name() && folder(file) == folder(other)
}

/// [`merge`] with chunks of a given size.
fn merge_by(
    shards: &[PathBuf],
    output: &Path,
    existing: Existing,
    chunks: Chunks,
    watch: &mut Watch<'_>,
) -> Result<Summary, Error> {
    let Some((path, others)) = shards.split_first() else {
        return Err(refused(output, "expected at least one shard, found none".to_owned()));
    };
    let (part, header, shard) = Part::open(path, chunks)?;
    let mut parts = vec![part];
    for other in others {
        let (part, found, of) = Part::open(other, chunks)?;
        check_same([path, other], [&header, &found], [&shard, &of])?;
        parts.push(part);
    }
    check_indices(&parts, shard.count)?;
    let skipped = skipped_images(&mut parts, shard.count, output)?;
    let rows = parts.iter().map(Part::rows).sum();
    check_images(output, &shard, rows + skipped.len(), None)?;

    let header = ManifestHeader { shard: None, ..header };
    let mut merged = Output::open(output, &header, existing, rows)?;
    let mut written = 0;
    let mut progress = |more: usize| {
        written += more;
        if watch(written, rows).is_continue() {
            return Ok(());
        }
        Err(Error::Interrupted { path: output.to_path_buf(), done: written, total: rows })
    };
    let listing = copy(&mut merged, &mut parts, &skipped, &mut progress)?;
    check_images(output, &shard, rows + skipped.len(), Some(&listing))?;
    merged.finish()
}

/// Copies all rows and skipped images in scan order, and returns the [listing](Shard::listing) of them. `progress` is called
/// with the number of rows that have been written since its last call.
fn copy(
    merged: &mut Output,
    parts: &mut [Part<'_>],
    skipped: &[SkippedRecord],
    progress: &mut dyn FnMut(usize) -> Result<(), Error>,
) -> Result<String, Error> {
    let mut listing = Listing::default();
    let skip = |merged: &mut Output, listing: &mut Listing, record: &SkippedRecord| {
        listing.add(&record.path);
        merged.skip(record)
    };
    let mut skipped = skipped.iter().peekable();
    let mut order = ScanOrder::of(parts)?;
    let (mut values, mut records) = (Vec::new(), Vec::new());
    while let Some(record) = order.next(parts, &mut values)? {
        let before =
            |image: &&SkippedRecord| rank(image.label, &image.path) < rank(record.label, &record.path);
        while let Some(image) = skipped.next_if(before) {
            skip(merged, &mut listing, image)?;
        }
        listing.add(&record.path);
        records.push(record);
        if records.len() == ROWS {
            merged.append(&values, &records)?;
            progress(records.len())?;
            values.clear();
            records.clear();
        }
    }
    merged.append(&values, &records)?;
    progress(records.len())?;
    for image in skipped {
        skip(merged, &mut listing, image)?;
    }
    Ok(listing.finish())
}

/// Refuses a shard of another folder than the first one's, or one that was extracted in another way.
fn check_same(
    [first, other]: [&Path; 2],
    [header, found]: [&ManifestHeader; 2],
    [shard, of]: [&Shard; 2],
) -> Result<(), Error> {
    let differ = |what, found: &str, expected: &str| Difference::between(what, found, expected);
    let counts = |shard: &Shard| [shard.count.to_string(), shard.images.to_string()];
    let ([found_count, found_images], [count, images]) = (counts(of), counts(shard));
    let of_shards = [
        differ("number of shards", &found_count, &count),
        differ("number of images in the folder", &found_images, &images),
        differ("hash of the images' names", &of.listing, &shard.listing),
        differ("classes", &found.classes.join(", "), &header.classes.join(", ")),
        differ("kernels", &found.computed_by, &header.computed_by),
    ];
    let mut differences: Vec<_> = of_shards.into_iter().flatten().collect();
    differences.extend(found.differences(header));
    if differences.is_empty() {
        return Ok(());
    }
    let (found, first) = (Difference::list(&differences), first.display());
    Err(refused(
        other,
        format!("it can't be merged with {first}, because it was made in another way: {found}"),
    ))
}

/// Every shard once.
fn check_indices(parts: &[Part<'_>], count: u32) -> Result<(), Error> {
    let mut seen: Vec<Option<&Path>> = vec![None; parts.len().min(count as usize)];
    for part in parts {
        let (index, path) = (part.index(), part.path());
        match seen.get_mut(index as usize) {
            Some(Some(other)) => {
                let reason = format!("shard {index} of {count} is given twice: also in {}", other.display());
                return Err(refused(path, reason));
            }
            Some(free) => *free = Some(path),
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
                parts[0].path(),
                format!("expected all {count} shards, found {found}; shard {missing} is missing"),
            ))
        }
        None => Ok(()),
    }
}

/// Checks each shard's manifest, and returns the skipped images of all in scan order.
///
/// They are in memory together. A manifest may not have more of them than this allows.
fn skipped_images(parts: &mut [Part<'_>], count: u32, output: &Path) -> Result<Vec<SkippedRecord>, Error> {
    let (mut skipped, mut bytes) = (Vec::new(), 0);
    for part in parts {
        bytes += part.check_lines(count, &mut skipped)?;
        if bytes > MAX_SKIPPED {
            let found = "found more in the shards together";
            return Err(refused(
                output,
                format!("expected at most {MAX_SKIPPED} bytes of skipped images, {found}"),
            ));
        }
    }
    skipped.sort_by(|a, b| rank(a.label, &a.path).cmp(&rank(b.label, &b.path)));
    Ok(skipped)
}

/// Refuses shards that have fewer images than their folder, or others.
fn check_images(output: &Path, shard: &Shard, found: usize, listing: Option<&str>) -> Result<(), Error> {
    let expected = shard.images;
    if found == expected && listing.is_none_or(|listing| listing == shard.listing) {
        return Ok(());
    }
    let reason = format!(
        "expected the folder's {expected} images in the shards, found {found} images, or images of other names"
    );
    Err(refused(output, reason))
}

fn refused(path: &Path, reason: String) -> Error {
    Error::Merge { path: path.to_path_buf(), reason }
}

#[cfg(test)]
mod tests;
