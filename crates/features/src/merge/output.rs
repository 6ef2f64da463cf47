//! The pair that shards are merged into. No row of it is known from before, so it needs no journal.

use std::path::Path;

use headstart_files::{remove, rename, sync_folder};

use crate::draft::{Draft, checked_header};
use crate::error::Error;
use crate::found::{Found, refuse_foreign};
use crate::journal::Lock;
use crate::manifest::{ManifestHeader, RowRecord, SkippedRecord};
use crate::names::Names;
use crate::values_draft::ValuesDraft;
use crate::writer::{Existing, Summary};

/// A pair that is being written in its own order.
pub(super) struct Output {
    names: Names,
    existing: Existing,
    /// Rows of the finished pair that is there.
    replaced: Option<usize>,
    draft: Draft,
    values: ValuesDraft,
    /// Dropped last.
    lock: Lock,
}

impl Output {
    /// Prepares to write so many rows.
    ///
    /// # Errors
    /// Those of [`Writer::open`](crate::Writer::open).
    pub(super) fn open(
        path: &Path,
        header: &ManifestHeader,
        existing: Existing,
        rows: usize,
    ) -> Result<Self, Error> {
        let names = Names::of(path)?;
        checked_header(&names, header)?;
        names.check()?;
        let mut lock = Lock::take(&names)?;
        let replaced = match existing {
            Existing::Reuse => {
                names.publish()?;
                Found::replaced(&mut lock, &names, header)?
            }
            Existing::Replace => None,
        };
        for stale in [&names.npy_ready, &names.manifest_ready] {
            remove(stale)?;
        }
        let draft = Draft::begin(&names, header)?;
        let values = ValuesDraft::begin(&names, rows, &header.row_shape)?;
        Ok(Self { names, existing, replaced, draft, values, lock })
    }

    /// Adds rows, flattened in C order, and what they are of.
    ///
    /// # Errors
    /// A write that fails.
    pub(super) fn append(&mut self, values: &[f32], records: &[RowRecord]) -> Result<(), Error> {
        let lines = self.draft.lines(records)?;
        self.values.append(values)?;
        self.draft.add(records.len(), &lines)
    }

    /// Notes an image that has no row.
    ///
    /// # Errors
    /// Those of [`Writer::skip`](crate::Writer::skip).
    pub(super) fn skip(&mut self, record: &SkippedRecord) -> Result<(), Error> {
        self.draft.skip(record)
    }

    /// Completes both files and puts them in place. An unfinished extraction that was there is removed.
    ///
    /// # Errors
    /// Those of [`Writer::finish`](crate::Writer::finish).
    pub(super) fn finish(self) -> Result<Summary, Error> {
        let Self { names, existing, replaced, mut draft, values, mut lock } = self;
        if existing == Existing::Reuse && replaced.is_none() {
            for name in [&names.npy, &names.manifest] {
                refuse_foreign(name)?;
            }
        }
        let (rows, skipped) = (draft.rows(), draft.skipped());
        let data_hash = values.complete()?;
        draft.complete(&data_hash)?;
        rename(&names.npy_draft, &names.npy_ready)?;
        rename(&names.manifest_draft, &names.manifest_ready)?;
        sync_folder(&names.npy)?;
        names.publish()?;
        // While the lock is still held.
        drop(draft);
        lock.discard();
        let dropped = replaced.unwrap_or(0);
        let Names { npy, manifest, .. } = names;
        Ok(Summary { rows, computed: rows, kept: 0, dropped, skipped, npy, manifest })
    }
}
