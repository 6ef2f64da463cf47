//! Rows as they are computed, on the disk and known by their images' content, so that none is computed twice.
//!
//! There are two hidden files: the rows, laid out as a `.npy`, and lines that vouch for them. Each line covers the rows of
//! one flush: the content hashes of their images, and the hash of all rows up to there. The rows are on the disk before
//! their line is written. So every row that a whole line vouches for can be used, however the process ended. The next
//! writer cuts off what comes after.

use std::fs::{self, File, TryLockError};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

use headstart_files::{IfExists, create, is_taken, remove, rename};
use serde::{Deserialize, Serialize};

use crate::draft::checked_header;
use crate::error::Error;
use crate::file::open_work_file;
use crate::header::encode_header;
use crate::manifest::{ManifestHeader, RowRecord};
use crate::manifest_lines::{MAX_HEADER, parse_header};
use crate::names::Names;
use crate::values::{ItemType, encode_f32};

/// The most rows that one line vouches for.
const MOST_ROWS: usize = 1024;

/// Most bytes of a content hash; 64 hexadecimal digits are usual.
pub(crate) const MAX_HASH: usize = 128;

/// Most bytes of a line: the header's, and [`MOST_ROWS`] hashes of which each byte is escaped to six.
const MAX_LINE: u64 = 1 << 20;
const _: () =
    assert!(MAX_HEADER as u64 <= MAX_LINE && (MOST_ROWS * (6 * MAX_HASH + 3)) as u64 + 128 < MAX_LINE);

/// The rows that one flush brought to the disk.
#[derive(Serialize, Deserialize)]
struct Flushed {
    /// Content hashes of the images that the rows are of.
    rows: Vec<String>,
    /// blake3 of all rows up to here, hexadecimal.
    data_hash: String,
}

/// The right to write a store: the journal's file, locked.
pub(crate) struct Lock {
    names: Names,
    file: File,
    /// Whether the files are of use to a later writer.
    keep: bool,
}

impl Lock {
    /// Takes the lock without waiting.
    ///
    /// # Errors
    /// Another process or thread holds it; the folder can't be written.
    pub(crate) fn take(names: &Names) -> Result<Self, Error> {
        let path = &names.journal;
        loop {
            let file = open_work_file(path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(Error::Locked { path: names.npy.clone() }),
                // Some network file systems have no locks. Then nothing keeps two writers apart.
                Err(TryLockError::Error(cause)) if cause.kind() == io::ErrorKind::Unsupported => {}
                Err(TryLockError::Error(cause)) => return Err(Error::io(path, "lock it")(cause)),
            }
            // Its holder may have finished and removed it between the two calls.
            if is_still_at(&file, path) {
                return Ok(Self { names: names.clone(), file, keep: true });
            }
        }
    }

    /// Has the journal and its rows removed when the lock is released.
    pub(crate) fn discard(&mut self) {
        self.keep = false;
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let empty = self.file.metadata().is_ok_and(|metadata| metadata.len() == 0);
        if empty || !self.keep {
            // While it is still locked. Rows without a journal are overwritten by the next writer.
            let _ = remove(&self.names.rows);
            let _ = remove(&self.names.journal);
        }
        // Closing the file would not do: a process that another thread starts at this moment shares it until its program
        // is loaded, and the lock with it.
        let _ = self.file.unlock();
    }
}

/// Whether a file still has the name that it was opened by. A link is not followed.
#[cfg(unix)]
fn is_still_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let id = |metadata: &fs::Metadata| (metadata.dev(), metadata.ino());
    matches!((file.metadata(), fs::symlink_metadata(path)), (Ok(held), Ok(found)) if id(&held) == id(&found))
}

/// Other systems don't let an open file be removed.
#[cfg(not(unix))]
fn is_still_at(_: &File, path: &Path) -> bool {
    path.exists()
}

/// An open journal.
pub(crate) struct Journal {
    lock: Lock,
    rows_file: File,
    row_shape: Vec<usize>,
    row_len: usize,
    /// Rows written, and those that a line vouches for.
    rows: usize,
    flushed: usize,
    /// Content hashes of the rows since the last flush.
    pending: Vec<String>,
    data_hash: blake3::Hasher,
    /// A batch's bytes; kept to be filled again.
    bytes: Vec<u8>,
    broken: bool,
}

impl Journal {
    /// The header of the rows that an earlier writer left behind, if it left any.
    ///
    /// # Errors
    /// A first line that is not a header. No killed writer leaves one.
    pub(crate) fn found(lock: &mut Lock) -> Result<Option<ManifestHeader>, Error> {
        let Names { rows, npy_ready, .. } = &lock.names;
        // The rows of a complete journal are renamed when they are the result; the process ended before the next step.
        if !is_taken(rows)? && is_taken(npy_ready)? {
            rename(npy_ready, rows)?;
        }
        let path = lock.names.journal.clone();
        lock.file.seek(SeekFrom::Start(0)).map_err(Error::io(&path, "read it"))?;
        // Without a whole first line there was no row yet.
        let Some(first) = next_line(&mut BufReader::new(&lock.file), &path)? else { return Ok(None) };
        let header = parse_header(&first).map_err(|bad| bad.into_error(&path))?;
        Ok(is_taken(&lock.names.rows)?.then_some(header))
    }

    /// An empty journal, whatever was there.
    pub(crate) fn begin(lock: Lock, header: &ManifestHeader) -> Result<Self, Error> {
        let first = checked_header(&lock.names, header)?;
        let Names { npy, manifest, rows, .. } = lock.names.clone();
        let failed = |path: &Path| Error::io(path.to_path_buf(), "write it");
        lock.file.set_len(0).map_err(failed(&manifest))?;
        // Emptied first, then opened again to be read too.
        create(&rows, IfExists::Replace)?;
        let rows_file = open_work_file(&rows)?;
        let mut journal = Self::new(lock, rows_file, header.row_shape.clone());
        let start = journal.npy_header(0);
        journal.rows_file.write_all(&start).map_err(failed(&npy))?;
        journal.lock.file.seek(SeekFrom::Start(0)).map_err(failed(&manifest))?;
        journal.lock.file.write_all(first.as_bytes()).map_err(failed(&manifest))?;
        Ok(journal)
    }

    /// The journal that is there, cut back to the rows that its lines vouch for, with their content hashes.
    pub(crate) fn resume(lock: Lock, header: &ManifestHeader) -> Result<(Self, Vec<String>), Error> {
        let Names { journal: path, rows, .. } = lock.names.clone();
        let rows_file = open_work_file(&rows)?;
        let mut journal = Self::new(lock, rows_file, header.row_shape.clone());
        let mut hashes = Vec::new();
        let mut reader = BufReader::new(journal.lock.file.try_clone().map_err(Error::io(&path, "read it"))?);
        reader.seek(SeekFrom::Start(0)).map_err(Error::io(&path, "read it"))?;
        let mut good = next_line(&mut reader, &path)?.map_or(0, |line| line.len() as u64);
        while let Some(line) = next_line(&mut reader, &path)? {
            let Ok(flushed) = serde_json::from_str::<Flushed>(&line) else { break };
            if !journal.takes_back(&flushed)? {
                break;
            }
            good += line.len() as u64;
            hashes.extend(flushed.rows);
        }
        journal.cut(good)?;
        Ok((journal, hashes))
    }

    fn new(lock: Lock, rows_file: File, row_shape: Vec<usize>) -> Self {
        Self {
            lock,
            rows_file,
            row_len: row_shape.iter().product(),
            row_shape,
            rows: 0,
            flushed: 0,
            pending: Vec::new(),
            data_hash: blake3::Hasher::new(),
            bytes: Vec::new(),
            broken: false,
        }
    }

    /// Reads the rows of a line and compares them with its hash.
    fn takes_back(&mut self, flushed: &Flushed) -> Result<bool, Error> {
        let before = (self.rows, self.data_hash.clone());
        for _ in 0..flushed.rows.len() {
            self.bytes.resize(self.row_len * 4, 0);
            self.rows_file.seek(SeekFrom::Start(self.offset(self.rows))).map_err(self.failed("read it"))?;
            match self.rows_file.read_exact(&mut self.bytes) {
                Err(cause) if cause.kind() == io::ErrorKind::UnexpectedEof => break,
                read => read.map_err(self.failed("read it"))?,
            }
            self.data_hash.update(&self.bytes);
            self.rows += 1;
        }
        let whole = self.rows == before.0 + flushed.rows.len();
        if whole && self.data_hash.finalize().to_hex().as_str() == flushed.data_hash {
            self.flushed = self.rows;
            return Ok(true);
        }
        (self.rows, self.data_hash) = before;
        Ok(false)
    }

    /// Cuts off what no line vouches for. The first `lines` bytes of the lines are good.
    fn cut(&mut self, lines: u64) -> Result<(), Error> {
        let end = self.offset(self.rows);
        let header = self.npy_header(0);
        let file = &mut self.lock.file;
        file.set_len(lines)
            .and_then(|()| file.seek(SeekFrom::End(0)))
            .map_err(Error::io(&self.lock.names.manifest, "write it"))?;
        self.rows_file
            .set_len(end)
            .and_then(|()| self.rows_file.seek(SeekFrom::Start(0)))
            .and_then(|_| self.rows_file.write_all(&header))
            .and_then(|()| self.rows_file.seek(SeekFrom::End(0)))
            .map_err(self.failed("write it"))?;
        Ok(())
    }

    /// How many rows there are.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Values in a row.
    pub(crate) fn row_len(&self) -> usize {
        self.row_len
    }

    /// Dimensions of a row.
    pub(crate) fn row_shape(&self) -> &[usize] {
        &self.row_shape
    }

    /// The bytes before the data of a `.npy` with so many rows.
    fn npy_header(&self, rows: usize) -> Vec<u8> {
        encode_header(rows, &self.row_shape)
    }

    /// blake3 of all rows.
    pub(crate) fn data_hash(&self) -> String {
        self.data_hash.finalize().to_hex().to_string()
    }

    /// Adds rows, and the content hash of the image that each is of.
    pub(crate) fn append(&mut self, rows: &[f32], records: &[RowRecord]) -> Result<(), Error> {
        for (rows, records) in rows.chunks(MOST_ROWS * self.row_len).zip(records.chunks(MOST_ROWS)) {
            if self.pending.len() + records.len() > MOST_ROWS {
                self.flush()?;
            }
            encode_f32(rows, &mut self.bytes);
            let written = self.rows_file.write_all(&self.bytes).map_err(self.failed("write it"));
            self.keep(written)?;
            self.data_hash.update(&self.bytes);
            self.rows += records.len();
            self.pending.extend(records.iter().map(|record| record.hash.clone()));
        }
        Ok(())
    }

    /// Brings all rows so far to the disk.
    pub(crate) fn flush(&mut self) -> Result<(), Error> {
        self.check()?;
        if self.pending.is_empty() {
            return Ok(());
        }
        let flushed = self.write_line();
        self.keep(flushed)
    }

    /// # Errors
    /// An earlier write failed.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.broken { Err(Error::Broken { path: self.lock.names.npy.clone() }) } else { Ok(()) }
    }

    fn write_line(&mut self) -> Result<(), Error> {
        let manifest = self.lock.names.manifest.clone();
        // The rows go first: a line must never vouch for rows that a power cut destroyed.
        self.rows_file.sync_data().map_err(self.failed("write it"))?;
        let flushed = Flushed { rows: std::mem::take(&mut self.pending), data_hash: self.data_hash() };
        let mut line = serde_json::to_string(&flushed)
            .map_err(|cause| Error::io(&manifest, "write it")(cause.into()))?;
        line.push('\n');
        self.lock
            .file
            .write_all(line.as_bytes())
            .and_then(|()| self.lock.file.sync_data())
            .map_err(Error::io(manifest, "write it"))?;
        self.flushed = self.rows;
        Ok(())
    }

    /// Remembers a failure: after it the files may differ from what is held here.
    fn keep(&mut self, result: Result<(), Error>) -> Result<(), Error> {
        self.broken |= result.is_err();
        result
    }

    /// Reads one row into `row`.
    pub(crate) fn read(&mut self, index: usize, row: &mut [f32]) -> Result<(), Error> {
        self.bytes.resize(row.len() * 4, 0);
        self.rows_file
            .seek(SeekFrom::Start(self.offset(index)))
            .and_then(|_| self.rows_file.read_exact(&mut self.bytes))
            .map_err(self.failed("read it"))?;
        ItemType::F32 { big_endian: false }.decode(&self.bytes, row);
        Ok(())
    }

    /// Makes the rows a whole `.npy` and gives it the name of values that are ready.
    pub(crate) fn promote(&mut self) -> Result<(), Error> {
        self.flush()?;
        let header = self.npy_header(self.rows);
        self.rows_file
            .seek(SeekFrom::Start(0))
            .and_then(|_| self.rows_file.write_all(&header))
            .and_then(|()| self.rows_file.sync_all())
            .map_err(self.failed("write it"))?;
        Ok(rename(&self.lock.names.rows, &self.lock.names.npy_ready)?)
    }

    /// Removes the files: all rows are in the result.
    pub(crate) fn discard(mut self) {
        self.lock.discard();
    }

    /// Where a row begins in the file.
    fn offset(&self, row: usize) -> u64 {
        self.npy_header(0).len() as u64 + row as u64 * self.row_len as u64 * 4
    }

    fn failed(&self, action: &'static str) -> impl FnOnce(io::Error) -> Error + use<> {
        Error::io(self.lock.names.npy.clone(), action)
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        if self.flushed == 0 {
            self.lock.discard();
        }
    }
}

/// The next line with its end; none if what follows is not a whole line of text.
fn next_line(reader: &mut impl BufRead, path: &Path) -> Result<Option<String>, Error> {
    let mut line = Vec::new();
    reader.take(MAX_LINE).read_until(b'\n', &mut line).map_err(Error::io(path, "read it"))?;
    Ok(String::from_utf8(line).ok().filter(|line| line.ends_with('\n')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_released_though_a_process_that_is_being_started_shares_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let names = Names::of(&folder.path().join("train.npy")).unwrap();
        let mut lock = Lock::take(&names).unwrap();
        // The file stays, and with it what is locked.
        lock.file.write_all(b"rows").unwrap();
        // What a fork has until it executes another program.
        let shared = lock.file.try_clone().unwrap();
        assert!(matches!(Lock::take(&names), Err(Error::Locked { .. })));
        drop(lock);
        Lock::take(&names).unwrap();
        drop(shared);
    }
}
