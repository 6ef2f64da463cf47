//! A manifest read line by line, so that memory does not grow with its rows.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use headstart_files::is_taken;
use serde::Deserialize;

use crate::error::Error;
use crate::manifest::{Manifest, ManifestHeader, RowRecord, SkippedRecord, manifest_path};
use crate::manifest_lines::{MAX_HEADER, MAX_RECORD, MAX_SKIPPED, parse_header};

/// Bytes of lines that are read at a time when all are read.
const CHUNK: usize = 1 << 16;

/// The manifest of a `.npy`, of which each line is read and checked when it is asked for.
pub(crate) struct ManifestReader<'a> {
    npy: &'a Path,
    npy_rows: usize,
    header: ManifestHeader,
    lines: Lines,
    rows: usize,
    skipped: usize,
    skipped_bytes: usize,
}

/// A line after the header.
pub(crate) enum Entry {
    /// The next row.
    Row(RowRecord),
    /// An image without a row.
    Skipped(SkippedRecord),
    /// The end, with the hash of the `.npy`'s data. Nothing follows.
    End(Option<String>),
}

impl<'a> ManifestReader<'a> {
    /// Opens the manifest beside `npy`, which has `rows` rows of `row_shape`, if there is one.
    ///
    /// # Errors
    /// A path that is not a file. With the file and the line: a header that is not JSON, of another format or version, or with
    /// a preprocessing that is not known. Another row shape.
    pub(crate) fn beside(npy: &'a Path, rows: usize, row_shape: &[usize]) -> Result<Option<Self>, Error> {
        let path = manifest_path(npy);
        if path == npy || !is_taken(&path)? {
            return Ok(None);
        }
        let mut lines = Lines::open(path, CHUNK)?;
        let header = match lines.next(MAX_HEADER)? {
            Some(first) => parse_header(first),
            None => return Err(lines.bad("expected a header line, found an empty file".to_owned())),
        };
        let header = header.map_err(|bad| bad.into_error(&lines.path))?;
        let stated = format!("it states {:?}", header.row_shape);
        let same_shape = header.row_shape == row_shape;
        let reader = Self { npy, npy_rows: rows, header, lines, rows: 0, skipped: 0, skipped_bytes: 0 };
        if same_shape {
            return Ok(Some(reader));
        }
        Err(reader.disagree(format!("its rows have shape {row_shape:?}"), stated))
    }

    /// What the rows have in common.
    pub(crate) fn header(&self) -> &ManifestHeader {
        &self.header
    }

    /// Bytes of the lines read so far.
    pub(crate) fn position(&self) -> u64 {
        self.lines.position
    }

    /// Bytes of the skipped images' lines so far; at most [`MAX_SKIPPED`].
    pub(crate) fn skipped_bytes(&self) -> usize {
        self.skipped_bytes
    }

    /// The next line. It must not be called after the end.
    ///
    /// # Errors
    /// With the file and the line: not JSON, a row number out of order, a label beyond the classes, a count at the end that
    /// differs, a missing end (a truncated file), lines after the end, a line or skipped images beyond the limits. Rows that
    /// are not as many as the `.npy`'s; if they are more, at the first of them.
    pub(crate) fn next(&mut self) -> Result<Entry, Error> {
        let Some(text) = self.lines.next(MAX_RECORD)? else {
            self.lines.number += 1;
            let rows = self.rows;
            let reason = format!("expected an end line, found none after {rows} rows; the file is truncated");
            return Err(self.lines.bad(reason));
        };
        let bytes = text.len();
        let line = AnyLine::parse(text);
        match line.and_then(|line| self.entry(line)).map_err(|reason| self.lines.bad(reason))? {
            Entry::Row(_) if self.rows > self.npy_rows => {
                Err(self.disagree(format!("it has {} rows", self.npy_rows), "it lists more".to_owned()))
            }
            Entry::Skipped(record) => {
                self.skipped_bytes += bytes;
                if self.skipped_bytes > MAX_SKIPPED {
                    let limit = format!("expected at most {MAX_SKIPPED} bytes of skipped images, found more");
                    return Err(self.lines.bad(limit));
                }
                Ok(Entry::Skipped(record))
            }
            Entry::End(_) if self.lines.next(MAX_RECORD)?.is_some() => {
                Err(self.lines.bad("expected nothing after the end line".to_owned()))
            }
            Entry::End(_) if self.rows != self.npy_rows => {
                let (has, lists) = (self.npy_rows, self.rows);
                Err(self.disagree(format!("it has {has} rows"), format!("it lists {lists}")))
            }
            entry => Ok(entry),
        }
    }

    /// Reads the rest.
    ///
    /// # Errors
    /// Those of [`next`](Self::next).
    pub(crate) fn read_all(mut self) -> Result<Manifest, Error> {
        let (mut rows, mut skipped) = (Vec::new(), Vec::new());
        let data_hash = loop {
            match self.next()? {
                Entry::Row(record) => rows.push(record),
                Entry::Skipped(record) => skipped.push(record),
                Entry::End(data_hash) => break data_hash,
            }
        };
        Ok(Manifest { header: self.header, rows, skipped, data_hash })
    }

    /// What a line says, if it may come now.
    fn entry(&mut self, line: AnyLine) -> Result<Entry, String> {
        let classes = self.header.classes.len();
        let check_label = |label: u32| match label {
            label if (label as usize) < classes => Ok(label),
            label => Err(format!("expected a label below {classes}, the number of classes, found {label}")),
        };
        match line {
            AnyLine { row: Some(row), path: Some(path), label: Some(label), hash: Some(hash), .. } => {
                let expected = self.rows;
                if row != expected || self.skipped > 0 {
                    return Err(format!("expected row {expected} before any skipped image, found row {row}"));
                }
                self.rows += 1;
                Ok(Entry::Row(RowRecord { path, label: check_label(label)?, hash }))
            }
            AnyLine { skipped: Some(path), label: Some(label), reason: Some(reason), .. } => {
                self.skipped += 1;
                Ok(Entry::Skipped(SkippedRecord { path, label: check_label(label)?, reason }))
            }
            AnyLine { end: Some(end), .. } => {
                let found = (self.rows, self.skipped);
                if found != (end.rows, end.skipped) {
                    return Err(format!(
                        "expected {} rows and {} skipped as the end line states, found {} and {}",
                        end.rows, end.skipped, found.0, found.1
                    ));
                }
                Ok(Entry::End(end.data_hash))
            }
            _ => Err(
                "expected a row (row, path, label, hash), a skipped image (skipped, label, reason) or the end"
                    .to_owned(),
            ),
        }
    }

    fn disagree(&self, npy_has: String, manifest_has: String) -> Error {
        let (npy, manifest) = (self.npy.to_path_buf(), self.lines.path.clone());
        Error::Disagree { npy, manifest, npy_has, manifest_has }
    }
}

/// Rows of a manifest that was read before, from one of them on.
pub(crate) struct RowsFrom {
    /// How many rows come before.
    pub(crate) row: usize,
    /// Where its line begins, in bytes.
    pub(crate) position: u64,
}

impl RowsFrom {
    /// Reads about `bytes` of lines, but at least one row and at most `most`, which is at least 1. The file is open only
    /// meanwhile.
    ///
    /// # Errors
    /// A file that has changed since it was read, or can't be read.
    pub(crate) fn read(
        &mut self,
        manifest: &Path,
        bytes: usize,
        most: usize,
    ) -> Result<Vec<RowRecord>, Error> {
        let mut lines = Lines::open(manifest.to_path_buf(), bytes)?;
        lines.reader.seek(SeekFrom::Start(self.position)).map_err(Error::io(manifest, "read it"))?;
        lines.number = self.row + 1;
        let mut rows = Vec::new();
        while rows.len() < most {
            let line = lines.next(MAX_RECORD)?.map(AnyLine::parse);
            match line {
                Some(Ok(AnyLine {
                    row: Some(row),
                    path: Some(path),
                    label: Some(label),
                    hash: Some(hash),
                    ..
                })) if row == self.row + rows.len() => {
                    rows.push(RowRecord { path, label, hash });
                }
                _ => {
                    return Err(
                        lines.bad("expected the rows that were there before, found others".to_owned())
                    );
                }
            }
            if !lines.reader.buffer().contains(&b'\n') {
                break;
            }
        }
        self.row += rows.len();
        self.position += lines.position;
        Ok(rows)
    }
}

/// Any line after the first. Its keys show which kind it is.
#[derive(Deserialize)]
struct AnyLine {
    row: Option<usize>,
    path: Option<String>,
    label: Option<u32>,
    hash: Option<String>,
    skipped: Option<String>,
    reason: Option<String>,
    end: Option<End>,
}

#[derive(Deserialize)]
struct End {
    rows: usize,
    skipped: usize,
    data_hash: Option<String>,
}

impl AnyLine {
    fn parse(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|cause| cause.to_string())
    }
}

/// A text file's lines, counted, none longer than is asked for.
struct Lines {
    path: PathBuf,
    reader: BufReader<File>,
    /// The last line.
    line: String,
    number: usize,
    /// Bytes of the lines so far.
    position: u64,
}

impl Lines {
    fn open(path: PathBuf, chunk: usize) -> Result<Self, Error> {
        let reader = BufReader::with_capacity(chunk, headstart_files::open(&path)?);
        Ok(Self { path, reader, line: String::new(), number: 0, position: 0 })
    }

    /// The next line with its end, of at most `limit` bytes.
    fn next(&mut self, limit: usize) -> Result<Option<&str>, Error> {
        self.line.clear();
        let read = self.reader.by_ref().take(limit as u64).read_line(&mut self.line);
        self.number += 1;
        match read {
            Ok(0) => {
                self.number -= 1;
                Ok(None)
            }
            // The last line has its end too, so a cut within it can't go unseen.
            Ok(_) if !self.line.ends_with('\n') => Err(self.bad(format!(
                "expected a line of at most {limit} bytes with its end, found {} bytes",
                self.line.len()
            ))),
            Ok(bytes) => {
                self.position += bytes as u64;
                Ok(Some(&self.line))
            }
            Err(cause) if cause.kind() == std::io::ErrorKind::InvalidData => {
                Err(self.bad("expected UTF-8 text".to_owned()))
            }
            Err(cause) => Err(Error::io(&self.path, "read it")(cause)),
        }
    }

    fn bad(&self, reason: String) -> Error {
        Error::Manifest { path: self.path.clone(), line: self.number, reason }
    }
}
