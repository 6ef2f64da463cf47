//! The manifest of a result, line by line as its rows become known.

use std::fs::File;
use std::io::{BufWriter, Write};

use headstart_files::{IfExists, create, remove};

use crate::error::Error;
use crate::manifest::{ManifestHeader, RowRecord, SkippedRecord};
use crate::manifest_lines::{
    MAX_HEADER, MAX_RECORD, MAX_SKIPPED, closed, end_line, header_line, row_line, skipped_line,
};
use crate::names::Names;

/// A manifest under its draft's name, which is removed unless the draft is completed.
pub(crate) struct Draft {
    names: Names,
    file: BufWriter<File>,
    classes: usize,
    rows: usize,
    skipped: usize,
    /// Held back because they come after the rows' lines; at most [`MAX_SKIPPED`] bytes.
    skipped_lines: String,
}

impl Draft {
    /// Checks the header and writes it.
    pub(crate) fn begin(names: &Names, header: &ManifestHeader) -> Result<Self, Error> {
        let first = checked_header(names, header)?;
        let file = create(&names.manifest_draft, IfExists::Replace)?;
        let mut draft = Self {
            names: names.clone(),
            file: BufWriter::new(file),
            classes: header.classes.len(),
            rows: 0,
            skipped: 0,
            skipped_lines: String::new(),
        };
        draft.write(&first)?;
        Ok(draft)
    }

    /// How many rows there are so far.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// How many skipped images there are so far.
    pub(crate) fn skipped(&self) -> usize {
        self.skipped
    }

    /// The lines of more rows, if they can be added.
    pub(crate) fn lines(&self, records: &[RowRecord]) -> Result<String, Error> {
        let mut lines = String::new();
        for (row, record) in (self.rows..).zip(records) {
            self.check_label(&record.path, record.label)?;
            lines += &closed(row_line(row, record), MAX_RECORD, "row").map_err(|why| self.invalid(why))?;
        }
        Ok(lines)
    }

    /// Adds rows by their [`lines`](Self::lines).
    pub(crate) fn add(&mut self, rows: usize, lines: &str) -> Result<(), Error> {
        self.write(lines)?;
        self.rows += rows;
        Ok(())
    }

    /// Notes an image without a row.
    pub(crate) fn skip(&mut self, record: &SkippedRecord) -> Result<(), Error> {
        self.check_label(&record.path, record.label)?;
        let line =
            closed(skipped_line(record), MAX_RECORD, "skipped image").map_err(|why| self.invalid(why))?;
        if self.skipped_lines.len() + line.len() > MAX_SKIPPED {
            return Err(self.invalid(format!(
                "expected at most {MAX_SKIPPED} bytes of skipped images in the manifest, found more at {}",
                record.path
            )));
        }
        self.skipped_lines += &line;
        self.skipped += 1;
        Ok(())
    }

    /// Writes the skipped images and the end, and waits until all is on the disk.
    pub(crate) fn complete(&mut self, data_hash: &str) -> Result<(), Error> {
        let skipped = std::mem::take(&mut self.skipped_lines);
        self.write(&skipped)?;
        let end = end_line(self.rows, self.skipped, data_hash);
        let end = closed(end, MAX_RECORD, "end").map_err(|why| self.invalid(why))?;
        self.write(&end)?;
        self.file
            .flush()
            .and_then(|()| self.file.get_ref().sync_all())
            .map_err(Error::io(&self.names.manifest, "write it"))
    }

    fn check_label(&self, image: &str, label: u32) -> Result<(), Error> {
        if (label as usize) < self.classes {
            return Ok(());
        }
        let (path, image) = (self.names.npy.clone(), image.to_owned());
        Err(Error::Label { path, image, label, classes: self.classes })
    }

    fn write(&mut self, lines: &str) -> Result<(), Error> {
        self.file.write_all(lines.as_bytes()).map_err(Error::io(&self.names.manifest, "write it"))
    }

    fn invalid(&self, reason: String) -> Error {
        Error::Description { path: self.names.npy.clone(), reason }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // A completed draft has another name by now. What can't be removed is overwritten by the next writer.
        let _ = remove(&self.names.manifest_draft);
    }
}

/// The first line, if the header describes rows and the reader accepts it.
pub(crate) fn checked_header(names: &Names, header: &ManifestHeader) -> Result<String, Error> {
    let invalid = |reason: String| Error::Description { path: names.npy.clone(), reason };
    if header.row_len().is_none() {
        let expected = match header.row_rank() {
            1 => "one dimension",
            _ => "three dimensions",
        };
        let found = &header.row_shape;
        return Err(invalid(format!("expected {expected} of at least 1, found {found:?}")));
    }
    if header.classes.is_empty() {
        return Err(invalid("expected at least one class, found none".to_owned()));
    }
    closed(header_line(header), MAX_HEADER, "header").map_err(invalid)
}
