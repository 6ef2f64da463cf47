//! The writer: rows go to a journal as they are computed, and the result takes its place when it is whole.

use std::fmt;
use std::path::{Path, PathBuf};

use headstart_files::{remove, rename, sync_folder};

use crate::draft::{Draft, checked_header};
use crate::error::Error;
use crate::features::Features;
use crate::found::{Found, Outdated, refuse_foreign};
use crate::journal::{Journal, Lock, MAX_HASH};
use crate::known::{Known, Place};
use crate::manifest::{ManifestHeader, RowRecord, SkippedRecord};
use crate::names::Names;
use crate::values_draft::ValuesDraft;

/// What becomes of rows that are at the output already, finished or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// They are used again if their images are part of the result.
    Reuse,
    /// They are ignored and replaced by the result. Only regular files are ever replaced.
    Replace,
}

/// Puts a `.npy` and its manifest together from rows that are computed now and rows that are known from before.
///
/// For each image of the result, in scan order, one of [`append`](Self::append), [`keep`](Self::keep) and
/// [`skip`](Self::skip) is called, then [`finish`](Self::finish). The result does not depend on which rows were known.
///
/// Computed rows go to a journal beside the output: hidden files whose names end in `.partial`. If a writer is dropped,
/// or its process ends in any way, the rows that were [flushed](Self::flush) stay there, and the next writer for the
/// same output continues from them. Only one writer for an output can be open at a time, on the whole machine.
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

/// What [`Writer::finish`] put in place.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Rows of the result.
    pub rows: usize,
    /// Of these, rows that were computed by this writer.
    pub computed: usize,
    /// Rows that were known from before.
    pub kept: usize,
    /// Rows of the finished pair that was there which are not in the result.
    pub dropped: usize,
    /// Images noted as skipped.
    pub skipped: usize,
    /// The values.
    pub npy: PathBuf,
    /// The manifest beside them.
    pub manifest: PathBuf,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = self.known_rows();
        let (npy, rows) = (&self.names.npy, self.order.len());
        f.debug_struct("Writer")
            .field("npy", npy)
            .field("rows", &rows)
            .field("known", &known)
            .finish_non_exhaustive()
    }
}

impl Writer {
    /// Prepares to write `path` (a name that ends in `.npy`) and its manifest, and reads what is known from before:
    /// the finished pair, if there is one, and the rows that an earlier writer flushed.
    ///
    /// Everything that can be refused early is refused here, before the caller computes a row.
    ///
    /// # Errors
    /// A name without `.npy`; a link, a folder, a pipe or a device under a final name or that of a hidden file; a folder
    /// that is missing or can't be written; an empty class list or row shape; another writer at work
    /// ([`Error::Locked`]). With [`Existing::Reuse`] also a file under a final name that is not part of a pair, a damaged
    /// pair, and rows of another backbone, weights, preprocessing, size or pooling ([`Error::Differs`]).
    pub fn open(path: &Path, header: ManifestHeader, existing: Existing) -> Result<Self, Error> {
        let names = Names::of(path)?;
        checked_header(&names, &header)?;
        names.check()?;
        let mut lock = Lock::take(&names)?;
        let found = match existing {
            Existing::Reuse => {
                names.publish()?;
                Found::read(&mut lock, &names, &header)?
            }
            Existing::Replace => Found::default(),
        };
        for stale in [&names.npy_ready, &names.manifest_ready, &names.npy_draft] {
            remove(stale)?;
        }
        let draft = Draft::begin(&names, &header)?;
        let Found { finished, mut known, outdated, resumes } = found;
        let journal = if resumes {
            let (journal, hashes) = Journal::resume(lock, &header)?;
            known.add(hashes.into_iter(), Place::Journal);
            journal
        } else {
            Journal::begin(lock, &header)?
        };
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
        self.known.len()
    }

    /// Whether the row of an image with this content hash is known from before.
    #[must_use]
    pub fn knows(&self, hash: &str) -> bool {
        self.known.contains(hash)
    }

    /// Why rows that are at the output are not known, if some are not.
    #[must_use]
    pub fn outdated(&self) -> Option<&Outdated> {
        self.outdated.as_ref()
    }

    /// Adds computed rows: `rows` holds a row of `row_shape`, flattened in C order, for each of `records`.
    ///
    /// # Errors
    /// A length that does not fit, a label beyond the classes, a content hash of more than 128 bytes, a record of more
    /// than 64 KiB in the manifest: then nothing is written and the writer can still be used. A write that fails: then it
    /// can't be used any more.
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
    /// A hash that is not [known](Self::knows); a record that [`append`](Self::append) would refuse.
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

    /// Notes an image that could not be read. It gets no row, and no other row moves.
    ///
    /// # Errors
    /// A label beyond the classes; a record of more than 64 KiB in the manifest, or more than 64 MiB of skipped images
    /// together. Then the image is not noted.
    pub fn skip(&mut self, record: &SkippedRecord) -> Result<(), Error> {
        self.draft.skip(record)
    }

    /// Brings all rows so far to the disk, so that they survive the end of the process and a power cut.
    ///
    /// # Errors
    /// A failed write, now or earlier.
    pub fn flush(&mut self) -> Result<(), Error> {
        self.journal.flush()
    }

    /// Completes both files, waits until they are on the disk and puts them in place.
    ///
    /// The old pair stays in place until the new one is complete on the disk. If the process ends between the renames,
    /// the next writer for the output does the rest. A new `.npy` is never beside the old manifest.
    ///
    /// # Errors
    /// There is no row; a file has appeared under a final name meanwhile; a write, a sync or a rename fails. Then the
    /// final names are as they were, and the computed rows stay in the journal.
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
        sync_folder(&self.names.npy)?;
        self.names.publish()?;
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

    /// Completes the draft, and the values too unless they are in place already.
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
        let data_hash = self.copy_rows()?;
        self.draft.complete(&data_hash)?;
        Ok(rename(&self.names.npy_draft, &self.names.npy_ready)?)
    }

    /// Copies the rows in the result's order, from wherever they are, and returns their hash.
    fn copy_rows(&mut self) -> Result<String, Error> {
        let mut values = ValuesDraft::begin(&self.names, self.order.len(), self.journal.row_shape())?;
        let mut row = vec![0.0; self.journal.row_len()];
        for &place in &self.order {
            match (place, &self.finished) {
                (Place::Finished(index), Some(finished)) => finished.read_rows(&[index], &mut row)?,
                (Place::Finished(index) | Place::Journal(index), _) => self.journal.read(index, &mut row)?,
            }
            values.append(&row)?;
        }
        values.complete()
    }
}
