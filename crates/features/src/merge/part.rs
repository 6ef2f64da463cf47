//! One shard, read from its first row to its last, some rows at a time.

use std::path::Path;

use super::order::rank;
use super::refused;
use crate::error::Error;
use crate::features::{check_hash, open_npy};
use crate::file::PositionedFile;
use crate::header::NpyHeader;
use crate::manifest::{ManifestHeader, RowRecord, SkippedRecord, manifest_path};
use crate::manifest_reader::{Entry, ManifestReader, RowsFrom};
use crate::shard::Shard;

/// How much of a shard is read at a time: at least one row, whatever its size.
#[derive(Clone, Copy)]
pub(super) struct Chunks {
    /// Bytes of the manifest.
    pub(super) lines: usize,
    /// Bytes of values.
    pub(super) values: usize,
}

impl Chunks {
    /// For so many shards. Each read opens a file, which takes a millisecond on some network file systems. So the chunks are
    /// large where there are few shards; 1000 of them together take 192 MiB.
    pub(super) fn of(shards: usize) -> Self {
        let share = |all: usize, least: usize, most: usize| (all / shards.max(1)).clamp(least, most);
        Self { lines: share(64 << 20, 16 << 10, 1 << 20), values: share(128 << 20, 32 << 10, 4 << 20) }
    }
}

/// One shard. Its files are open only while something is read.
pub(super) struct Part<'a> {
    path: &'a Path,
    index: u32,
    npy: NpyHeader,
    rows: usize,
    row_len: usize,
    chunks: Chunks,
    /// The hash that the manifest states.
    stated_hash: Option<String>,
    /// The hash of the values so far.
    data_hash: blake3::Hasher,
    /// What was not read yet.
    left: RowsFrom,
    /// Rows that were read and not yet given, the last one first.
    records: Vec<RowRecord>,
    /// The values of the row given last and of those to come, decoded.
    values: Vec<f32>,
    /// Where the values of the row given last begin.
    at: usize,
}

impl<'a> Part<'a> {
    /// Opens a shard and reads its headers, which are returned.
    ///
    /// # Errors
    /// A file that is not a `.npy` of a shard.
    pub(super) fn open(path: &'a Path, chunks: Chunks) -> Result<(Self, ManifestHeader, Shard), Error> {
        let (_, npy) = open_npy(path)?;
        let (rows, row_len) = npy.rows_and_len(path)?;
        let expected_shard = |found| refused(path, format!("expected a shard of a folder, found {found}"));
        let reader = ManifestReader::beside(path, rows, &npy.shape[1..])?
            .ok_or_else(|| expected_shard("no manifest"))?;
        let header = reader.header().clone();
        let shard = header.shard.clone().ok_or_else(|| expected_shard("features of a whole folder"))?;
        let Shard { index, count, .. } = shard;
        if index >= count {
            return Err(refused(path, format!("expected an index below {count}, found shard {index}")));
        }
        if npy.fortran_order {
            let found = "found Fortran order; extract the shard again";
            return Err(refused(
                path,
                format!("expected its values in C order, as extract writes them, {found}"),
            ));
        }
        let part = Self {
            path,
            index,
            npy,
            rows,
            row_len,
            chunks,
            stated_hash: None,
            data_hash: blake3::Hasher::new(),
            left: RowsFrom { row: 0, position: reader.position() },
            records: Vec::new(),
            values: Vec::new(),
            at: 0,
        };
        Ok((part, header, shard))
    }

    pub(super) fn path(&self) -> &'a Path {
        self.path
    }

    pub(super) fn index(&self) -> u32 {
        self.index
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Reads the whole manifest and checks its images. The skipped ones are added to `skipped`; the bytes of their lines are
    /// returned.
    ///
    /// # Errors
    /// A damaged manifest, an image of another shard, images that are not in scan order.
    pub(super) fn check_lines(
        &mut self,
        count: u32,
        skipped: &mut Vec<SkippedRecord>,
    ) -> Result<usize, Error> {
        let Some(mut reader) = ManifestReader::beside(self.path, self.rows, &self.npy.shape[1..])? else {
            return Err(refused(
                self.path,
                "expected its manifest, which was there before, found none".to_owned(),
            ));
        };
        let mut last: Option<RowRecord> = None;
        let own = skipped.len();
        loop {
            match reader.next()? {
                Entry::Row(record) => {
                    let before = last.as_ref().map(|last| (last.label, last.path.as_str()));
                    self.check_image(count, before, (record.label, &record.path))?;
                    last = Some(record);
                }
                Entry::Skipped(record) => {
                    let before = skipped[own..].last().map(|last| (last.label, last.path.as_str()));
                    self.check_image(count, before, (record.label, &record.path))?;
                    skipped.push(record);
                }
                Entry::End(data_hash) => {
                    self.stated_hash = data_hash;
                    return Ok(reader.skipped_bytes());
                }
            }
        }
    }

    fn check_image(&self, count: u32, before: Option<(u32, &str)>, image: (u32, &str)) -> Result<(), Error> {
        let (label, path) = image;
        if Shard::of(path, count) != self.index {
            let index = self.index;
            return Err(refused(self.path, format!("{path} does not belong to shard {index} of {count}")));
        }
        match before {
            Some((before, other)) if rank(before, other) >= rank(label, path) => {
                let reason =
                    format!("expected images in the order of a folder's scan, found {path} after {other}");
                Err(refused(self.path, reason))
            }
            _ => Ok(()),
        }
    }

    /// The next row's record. Its values are in [`values`](Self::values) until the next call.
    ///
    /// # Errors
    /// A file that can't be read or has changed; at the end, values of another hash than the manifest states.
    pub(super) fn next(&mut self) -> Result<Option<RowRecord>, Error> {
        self.at += self.row_len;
        if self.records.is_empty() {
            if self.left.row == self.rows {
                self.check_values()?;
                self.values = Vec::new();
                return Ok(None);
            }
            self.read()?;
        }
        Ok(self.records.pop())
    }

    /// The values of the row that [`next`](Self::next) gave last.
    pub(super) fn values(&self) -> &[f32] {
        &self.values[self.at..][..self.row_len]
    }

    /// How many rows are in memory.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.values.len() / self.row_len
    }

    /// Reads the next rows.
    fn read(&mut self) -> Result<(), Error> {
        let row_bytes = self.row_len * self.npy.item.size();
        let first = self.left.row;
        let most = (self.rows - first).min((self.chunks.values / row_bytes).max(1));
        self.records = self.left.read(&manifest_path(self.path), self.chunks.lines, most)?;
        let mut bytes = vec![0; self.records.len() * row_bytes];
        let file = PositionedFile::new(headstart_files::open(self.path)?);
        let offset = self.npy.data_offset + first as u64 * row_bytes as u64;
        file.read_at(offset, &mut bytes).map_err(Error::io(self.path, "read it"))?;
        if self.stated_hash.is_some() {
            self.data_hash.update(&bytes);
        }
        self.values.resize(self.records.len() * self.row_len, 0.0);
        self.npy.item.decode(&bytes, &mut self.values);
        self.records.reverse();
        self.at = 0;
        Ok(())
    }

    /// Compares the hash of the values with the one that the manifest states.
    fn check_values(&self) -> Result<(), Error> {
        let Some(stated) = &self.stated_hash else { return Ok(()) };
        check_hash(self.path, stated, &self.data_hash.finalize().to_hex())
    }
}
