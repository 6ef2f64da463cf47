//! What an earlier writer left at an output, and which of its rows can be used again.

use std::path::Path;

use headstart_files::is_taken;
use headstart_provenance::Difference;

use crate::error::Error;
use crate::features::{Features, check_hash, data_hash, open_npy};
use crate::journal::{Journal, Lock};
use crate::known::{Known, Place};
use crate::manifest::ManifestHeader;
use crate::manifest_reader::{Entry, ManifestReader};
use crate::names::Names;

/// Rows that were found at the output and can't be used, because they would differ in their last bits from new ones.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outdated {
    /// [`ManifestHeader::computed_by`] of the rows found.
    pub found: String,
    /// That of the rows to come.
    pub expected: String,
}

/// What is at an output.
#[derive(Default)]
pub(crate) struct Found {
    /// The pair under the final names.
    pub(crate) finished: Option<Features>,
    /// Its rows, if they can be used.
    pub(crate) known: Known,
    /// Why rows can't be used.
    pub(crate) outdated: Option<Outdated>,
    /// Whether the journal's rows can be used.
    pub(crate) resumes: bool,
}

impl Found {
    /// Reads what is there.
    ///
    /// # Errors
    /// A file under a final name that is not part of a pair; a damaged pair; rows of another origin than `header`.
    pub(crate) fn read(lock: &mut Lock, names: &Names, header: &ManifestHeader) -> Result<Self, Error> {
        let mut found = Self::default();
        found.read_finished(names, header)?;
        found.read_journal(lock, names, header)?;
        Ok(found)
    }

    /// How many rows the finished pair has, if there is one. For a writer that uses none of them again, so that only the pair
    /// is checked, line by line.
    ///
    /// # Errors
    /// Those of [`read`](Self::read).
    pub(crate) fn replaced(
        lock: &mut Lock,
        names: &Names,
        header: &ManifestHeader,
    ) -> Result<Option<usize>, Error> {
        Self::default().read_journal(lock, names, header)?;
        if !is_pair(names)? {
            return Ok(None);
        }
        let (_, npy) = open_npy(&names.npy)?;
        let (rows, _) = npy.rows_and_len(&names.npy)?;
        if let Some(mut manifest) = ManifestReader::beside(&names.npy, rows, &npy.shape[1..])? {
            check_same(&names.npy, "the features there", manifest.header(), header)?;
            loop {
                if let Entry::End(stated) = manifest.next()? {
                    if let Some(stated) = stated {
                        check_hash(&names.npy, &stated, &data_hash(&names.npy)?)?;
                    }
                    break;
                }
            }
        }
        Ok(Some(rows))
    }

    fn read_finished(&mut self, names: &Names, header: &ManifestHeader) -> Result<(), Error> {
        if !is_pair(names)? {
            return Ok(());
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
            check_same(&names.npy, "the rows of the unfinished extraction there", &found, header)?;
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

/// Whether there is a pair under the final names.
///
/// # Errors
/// One of its two files alone.
fn is_pair(names: &Names) -> Result<bool, Error> {
    match (is_taken(&names.npy)?, is_taken(&names.manifest)?) {
        (true, true) => return Ok(true),
        (true, false) => refuse_foreign(&names.npy)?,
        (false, _) => refuse_foreign(&names.manifest)?,
    }
    Ok(false)
}

/// Refuses rows that were made in another way, or are of another part of a folder, and says in what they differ.
fn check_same(
    npy: &Path,
    what: &'static str,
    found: &ManifestHeader,
    expected: &ManifestHeader,
) -> Result<(), Error> {
    let part = |header: &ManifestHeader| match &header.shard {
        Some(shard) => format!("shard {} of {}", shard.index, shard.count),
        None => "the whole folder".to_owned(),
    };
    let mut differences = found.differences(expected);
    differences.extend(Difference::between("part", part(found), part(expected)));
    if differences.is_empty() {
        return Ok(());
    }
    Err(Error::Differs { path: npy.to_path_buf(), what, differences })
}

/// Refuses a file under a final name that is not part of a pair.
pub(crate) fn refuse_foreign(path: &Path) -> Result<(), Error> {
    if is_taken(path)? {
        return Err(headstart_files::Error::Exists { path: path.to_path_buf() }.into());
    }
    Ok(())
}
