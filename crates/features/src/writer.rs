//! The writer: rows go to a journal as they are computed, and the result takes its place when it is whole.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::draft::{Draft, checked_header};
use crate::error::Error;
use crate::features::Features;
use crate::header::encode_header;
use crate::journal::{Journal, Lock, MAX_HASH};
use crate::manifest::{ManifestHeader, RowRecord, SkippedRecord, differences};
use crate::names::{Names, is_taken, remove, rename};
use crate::values::encode_f32;

/// What becomes of rows that stand at the output, finished or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// They are used again where their images are still wanted.
    Reuse,
    /// They are ignored, and replaced by the result.
    Replace,
}

/// Puts a `.npy` and its manifest together from rows that are computed now and rows that are known from before.
///
/// For each image of the result, in scan order, one of [`append`](Self::append), [`keep`](Self::keep) and
/// [`skip`](Self::skip) is called, then [`finish`](Self::finish). The result does not depend on which rows were known.
///
/// Computed rows go to a journal beside the output, hidden files whose names end in `.partial`. A writer that is
/// dropped, or whose process ends in any way, leaves there what was [flushed](Self::flush), and the next writer for the
/// same output goes on from it. Only one writer for an output can be open at a time, on the whole machine.
pub struct Writer {
    names: Names,
    draft: Draft,
    journal: Journal,
    /// The pair under the final names, of which rows are used again.
    finished: Option<Features>,
    existing: Existing,
    known: Known,
    /// Why rows that were found are not known.
    outdated: Option<Outdated>,
    /// Where each row of the result is.
    order: Vec<Place>,
    computed: usize,
}

/// A row that is on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Finished(usize),
    Journal(usize),
}

/// Where rows are, by their images' content.
#[derive(Default)]
struct Known(HashMap<String, Vec<Place>>);

impl Known {
    /// Adds rows of these content hashes, in their order at one place.
    fn add(&mut self, hashes: impl Iterator<Item = String>, place: fn(usize) -> Place) {
        for (row, hash) in hashes.enumerate() {
            self.0.entry(hash).or_default().push(place(row));
        }
    }

    /// A row of this content. Images that share it get one row after the other, so that those of an unchanged folder
    /// come in the order in which they are stored.
    fn take(&mut self, hash: &str) -> Option<Place> {
        let places = self.0.get_mut(hash)?;
        if places.len() > 1 { Some(places.remove(0)) } else { places.first().copied() }
    }
}

/// Rows that were found at the output and can't be used, for they would differ in their last bits from new ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outdated {
    /// [`ManifestHeader::computed_by`] of the rows found.
    pub found: String,
    /// That of the rows to come.
    pub expected: String,
}

/// What [`Writer::finish`] put in place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Rows of the result.
    pub rows: usize,
    /// Of these, rows that were computed by this writer.
    pub computed: usize,
    /// Rows that were known from before.
    pub kept: usize,
    /// Rows of the finished pair that stood there which the result no longer has.
    pub dropped: usize,
    /// Images noted as skipped.
    pub skipped: usize,
    /// The values.
    pub npy: PathBuf,
    /// The manifest beside them.
    pub manifest: PathBuf,
}

impl Writer {
    /// Prepares to write `path` (a name that ends in `.npy`) and its manifest, and reads what is known from before:
    /// the finished pair, if there is one, and the rows that an earlier writer flushed.
    ///
    /// All that can be refused early is: the caller learns of it before it computes a row.
    ///
    /// # Errors
    /// A name without `.npy`; a final name that is a folder's or a special file's; a missing folder or one that can't
    /// be written; an empty class list or row shape; another writer at work ([`Error::Locked`]). With
    /// [`Existing::Reuse`] also a file under a final name that is not a pair ([`Error::Exists`]), a damaged pair, and
    /// rows of another backbone, weights, preprocessing or size ([`Error::Differs`]).
    pub fn open(path: &Path, header: ManifestHeader, existing: Existing) -> Result<Self, Error> {
        let names = Names::of(path)?;
        checked_header(&names, &header)?;
        for taken in [&names.npy, &names.manifest] {
            check_kind(taken)?;
        }
        let mut lock = Lock::take(&names)?;
        let mut found = Found::default();
        if existing == Existing::Reuse {
            complete_publication(&names)?;
            found.read_finished(&names, &header)?;
            found.read_journal(&mut lock, &names, &header)?;
        }
        for stale in [&names.npy_ready, &names.manifest_ready, &names.npy_draft] {
            remove(stale)?;
        }
        let draft = Draft::begin(&names, &header)?;
        let journal = if found.resumes {
            let (journal, hashes) = Journal::resume(lock, &header)?;
            found.known.add(hashes.into_iter(), Place::Journal);
            journal
        } else {
            Journal::begin(lock, &header)?
        };
        let Found { finished, known, outdated, .. } = found;
        Ok(Self {
            names,
            draft,
            journal,
            finished,
            existing,
            known,
            outdated,
            order: Vec::new(),
            computed: 0,
        })
    }

    /// How many images' rows are known from before, by content.
    #[must_use]
    pub fn known_rows(&self) -> usize {
        self.known.0.len()
    }

    /// Whether the row of an image with this content hash is known from before.
    #[must_use]
    pub fn knows(&self, hash: &str) -> bool {
        self.known.0.contains_key(hash)
    }

    /// Why rows that stand at the output are not known, if some are not.
    #[must_use]
    pub fn outdated(&self) -> Option<&Outdated> {
        self.outdated.as_ref()
    }

    /// Adds computed rows: `rows` holds a row of `row_shape`, flattened in C order, for each of `records`.
    ///
    /// # Errors
    /// A length that does not fit, a label beyond the classes, a content hash of more than 128 bytes, a record that
    /// takes more than 64 KiB in the manifest: nothing is written and the writer goes on. A failed write names the
    /// file and the cause, and ends the writer's use.
    pub fn append(&mut self, rows: &[f32], records: &[RowRecord]) -> Result<(), Error> {
        self.journal.check()?;
        let row_len = self.journal.row_len();
        if records.len().checked_mul(row_len) != Some(rows.len()) {
            let (path, values) = (self.names.npy.clone(), rows.len());
            return Err(Error::RowLength { path, records: records.len(), row_len, values });
        }
        if let Some(RowRecord { path, hash, .. }) = records.iter().find(|record| record.hash.len() > MAX_HASH)
        {
            let found = hash.len();
            let reason =
                format!("{path}: expected a content hash of at most {MAX_HASH} bytes, found {found}");
            return Err(Error::Description { path: self.names.npy.clone(), reason });
        }
        let lines = self.draft.lines(records)?;
        let first = self.journal.rows();
        self.journal.append(rows, records)?;
        self.draft.add(records.len(), &lines)?;
        self.order.extend((first..self.journal.rows()).map(Place::Journal));
        self.computed += records.len();
        Ok(())
    }

    /// Adds the row that is known for the record's content hash.
    ///
    /// # Errors
    /// A hash that is not [known](Self::knows); a record as [`append`](Self::append) refuses it.
    pub fn keep(&mut self, record: &RowRecord) -> Result<(), Error> {
        if !self.knows(&record.hash) {
            let reason = format!("{}: no row is known for the content hash {:?}", record.path, record.hash);
            return Err(Error::Description { path: self.names.npy.clone(), reason });
        }
        let lines = self.draft.lines(std::slice::from_ref(record))?;
        self.draft.add(1, &lines)?;
        self.order.extend(self.known.take(&record.hash));
        Ok(())
    }

    /// Notes an image that could not be read; it gets no row and shifts none.
    ///
    /// # Errors
    /// A label beyond the classes; a record that takes more than 64 KiB in the manifest, or all skipped images together
    /// more than 64 MiB: it is not noted.
    pub fn skip(&mut self, record: &SkippedRecord) -> Result<(), Error> {
        self.draft.skip(record)
    }

    /// Makes sure that all rows so far survive the end of the process and a power cut.
    ///
    /// # Errors
    /// A failed write, now or earlier.
    pub fn flush(&mut self) -> Result<(), Error> {
        self.journal.flush()
    }

    /// Completes both files, waits until they are on the disk and puts them in place.
    ///
    /// The old pair stays in place until the new one is complete on the disk. If the process ends between the renames,
    /// the next writer for the output carries them out; a reader never takes a new `.npy` for the old manifest's.
    ///
    /// # Errors
    /// There is no row; a file has come to stand under a final name meanwhile; a write, a sync or a rename fails. Then
    /// the final names are as they were, and the computed rows stay in the journal.
    pub fn finish(mut self) -> Result<Summary, Error> {
        self.flush()?;
        let skipped = self.draft.skipped();
        if self.order.is_empty() {
            let found = format!("{skipped} images skipped");
            return Err(Error::NoRows { path: self.names.npy.clone(), found });
        }
        if self.existing == Existing::Reuse && self.finished.is_none() {
            for name in [&self.names.npy, &self.names.manifest] {
                refuse_foreign(name)?;
            }
        }
        let rows = self.draft.rows();
        let dropped = self.dropped();
        self.complete_values()?;
        rename(&self.names.manifest_draft, &self.names.manifest_ready)?;
        self.names.sync_folder()?;
        complete_publication(&self.names)?;
        let Self { names, draft, journal, computed, .. } = self;
        // While the lock is still held.
        drop(draft);
        journal.discard();
        let Names { npy, manifest, .. } = names;
        Ok(Summary { rows, computed, kept: rows - computed, dropped, skipped, npy, manifest })
    }

    /// Rows of the finished pair that are not in the result.
    fn dropped(&self) -> usize {
        let Some(finished) = &self.finished else { return 0 };
        let mut used = vec![false; finished.rows()];
        for place in &self.order {
            if let Place::Finished(row) = place {
                used[*row] = true;
            }
        }
        used.iter().filter(|used| !**used).count()
    }

    /// Makes the values ready under their name for that, unless they are in place, and completes the draft.
    fn complete_values(&mut self) -> Result<(), Error> {
        let are_all = |place: fn(usize) -> Place, rows: usize| {
            rows == self.order.len() && self.order.iter().copied().eq((0..rows).map(place))
        };
        // The hash of the finished rows was verified when they were read.
        let finished = self.finished.as_ref().filter(|finished| are_all(Place::Finished, finished.rows()));
        let data_hash = finished.and_then(|finished| finished.manifest()?.data_hash.clone());
        if let Some(data_hash) = data_hash {
            return self.draft.complete(&data_hash);
        }
        if are_all(Place::Journal, self.journal.rows()) {
            self.draft.complete(&self.journal.data_hash())?;
            return self.journal.promote();
        }
        let data_hash = self.copy_rows().inspect_err(|_| {
            // It is in nobody's way, and the next writer removes it too.
            let _ = remove(&self.names.npy_draft);
        })?;
        self.draft.complete(&data_hash)?;
        rename(&self.names.npy_draft, &self.names.npy_ready)
    }

    /// Copies the rows, in the result's order, from wherever they are; gives their hash.
    fn copy_rows(&mut self) -> Result<String, Error> {
        let failed = || Error::io("write", &self.names.npy);
        let mut file = BufWriter::new(File::create(&self.names.npy_draft).map_err(failed())?);
        let [channels, height, width] = self.journal.row_shape();
        file.write_all(&encode_header([self.order.len(), channels, height, width])).map_err(failed())?;
        let mut data_hash = blake3::Hasher::new();
        let mut row = vec![0.0; self.journal.row_len()];
        let mut bytes = Vec::new();
        for &place in &self.order {
            match (place, &self.finished) {
                (Place::Finished(index), Some(finished)) => finished.read_rows(&[index], &mut row)?,
                (Place::Finished(index) | Place::Journal(index), _) => self.journal.read(index, &mut row)?,
            }
            encode_f32(&row, &mut bytes);
            data_hash.update(&bytes);
            file.write_all(&bytes).map_err(failed())?;
        }
        let file = file.into_inner().map_err(|cause| failed()(cause.into_error()))?;
        file.sync_all().map_err(failed())?;
        Ok(data_hash.finalize().to_hex().to_string())
    }
}

/// What stands at an output.
#[derive(Default)]
struct Found {
    finished: Option<Features>,
    known: Known,
    outdated: Option<Outdated>,
    /// Whether the journal's rows can be used.
    resumes: bool,
}

impl Found {
    fn read_finished(&mut self, names: &Names, header: &ManifestHeader) -> Result<(), Error> {
        match (is_taken(&names.npy)?, is_taken(&names.manifest)?) {
            (true, true) => {}
            (true, false) => return refuse_foreign(&names.npy),
            (false, _) => return refuse_foreign(&names.manifest),
        }
        let finished = Features::open(&names.npy)?;
        if let Some(manifest) = finished.manifest() {
            check_same(&names.npy, "the features there", &manifest.header, header)?;
            finished.verify_data()?;
            if self.is_current(&manifest.header, header) {
                self.known.add(manifest.rows.iter().map(|record| record.hash.clone()), Place::Finished);
            }
        }
        self.finished = Some(finished);
        Ok(())
    }

    fn read_journal(&mut self, lock: &mut Lock, names: &Names, header: &ManifestHeader) -> Result<(), Error> {
        if let Some(found) = Journal::found(lock)? {
            check_same(&names.npy, "the unfinished extraction there", &found, header)?;
            self.resumes = self.is_current(&found, header);
        }
        Ok(())
    }

    /// Whether rows of the header found are those that would be computed now, to the bit.
    fn is_current(&mut self, found: &ManifestHeader, header: &ManifestHeader) -> bool {
        let (found, expected) = (&found.computed_by, &header.computed_by);
        if found != expected {
            self.outdated = Some(Outdated { found: found.clone(), expected: expected.clone() });
        }
        found == expected
    }
}

/// Refuses rows that were made in another way, or are of another part of a folder, and says in what they differ.
fn check_same(
    npy: &Path,
    what: &'static str,
    found: &ManifestHeader,
    new: &ManifestHeader,
) -> Result<(), Error> {
    let part = |header: &ManifestHeader| match &header.shard {
        Some(shard) => format!("shard {} of {}", shard.index, shard.count),
        None => "the whole folder".to_owned(),
    };
    let mut differing = differences(found, new);
    // Weights under another name are the same weights, and the fingerprint alone tells a person nothing.
    let is_same = found.fingerprint == new.fingerprint && found.row_shape == new.row_shape;
    differing.retain(|(name, ..)| !is_same && *name != "fingerprint");
    if !is_same && differing.is_empty() {
        differing.push(("version of the features", "an earlier one".to_owned(), "this program's".to_owned()));
    }
    if part(found) != part(new) {
        differing.push(("part", part(found), part(new)));
    }
    if differing.is_empty() {
        return Ok(());
    }
    let each = differing.iter().map(|(name, found, new)| format!("{name} {found}, expected {new}"));
    let differences = each.collect::<Vec<_>>().join("; ");
    Err(Error::Differs { path: npy.to_path_buf(), what, differences })
}

/// Renames a result that is complete under the names for that to its final names; nothing where there is none.
///
/// The old manifest goes first, so that a new `.npy` never stands beside it. Each step can be the last before a power
/// cut; carried out again, the rest follows.
fn complete_publication(names: &Names) -> Result<(), Error> {
    if !is_taken(&names.manifest_ready)? {
        return Ok(());
    }
    if is_taken(&names.npy_ready)? {
        remove(&names.manifest)?;
        names.sync_folder()?;
        rename(&names.npy_ready, &names.npy)?;
        names.sync_folder()?;
    }
    rename(&names.manifest_ready, &names.manifest)?;
    names.sync_folder()
}

/// Refuses a final name that is a folder's or a special file's. A link is not followed: the result replaces the link.
fn check_kind(path: &Path) -> Result<(), Error> {
    match fs::symlink_metadata(path) {
        Ok(found) if !found.is_file() && !found.is_symlink() => {
            Err(Error::NotAFile { path: path.to_path_buf() })
        }
        _ => is_taken(path).map(|_| ()),
    }
}

/// Refuses a file under a final name that is not part of a pair.
fn refuse_foreign(path: &Path) -> Result<(), Error> {
    if is_taken(path)? { Err(Error::Exists { path: path.to_path_buf() }) } else { Ok(()) }
}
