//! Rows and their records, kept in step, on any two outputs.

use std::io::{self, Seek, SeekFrom, Write};
use std::path::PathBuf;

use crate::error::Error;
use crate::header::encode_header;
use crate::manifest::{ManifestHeader, RowRecord, SkippedRecord};
use crate::manifest_lines::{
    MAX_HEADER, MAX_RECORD, MAX_SKIPPED, end_line, header_line, row_line, skipped_line,
};
use crate::values::encode_f32;

/// Writes a `.npy` and its manifest at once, so that neither has a row which the other lacks.
///
/// Generic over the outputs, so that a disk which fills up can be played through in tests.
pub(crate) struct RowStream<N, M> {
    npy: N,
    manifest: M,
    /// Final names, for messages.
    npy_path: PathBuf,
    manifest_path: PathBuf,
    row_shape: [usize; 3],
    row_len: usize,
    classes: usize,
    rows: usize,
    expected_rows: usize,
    skipped: usize,
    /// Kept back, for they come after the rows'; at most [`MAX_SKIPPED`] bytes.
    skipped_lines: String,
    data_hash: blake3::Hasher,
    /// A batch's bytes; kept to be filled again.
    bytes: Vec<u8>,
    broken: bool,
}

/// What a finished stream leaves behind.
pub(crate) struct Finished<N, M> {
    pub(crate) npy: N,
    pub(crate) manifest: M,
    pub(crate) rows: usize,
    pub(crate) skipped: usize,
}

impl<N: Write + Seek, M: Write> RowStream<N, M> {
    /// Checks the description and writes both headers, the `.npy`'s for `expected_rows`.
    pub(crate) fn begin(
        npy: N,
        manifest: M,
        [npy_path, manifest_path]: [PathBuf; 2],
        header: &ManifestHeader,
        expected_rows: usize,
    ) -> Result<Self, Error> {
        let invalid = |reason: String| Error::Description { path: npy_path.clone(), reason };
        let row_len = header.row_len().ok_or_else(|| {
            invalid(format!("expected three dimensions of at least 1, found {:?}", header.row_shape))
        })?;
        if header.classes.is_empty() {
            return Err(invalid("expected at least one class, found none".to_owned()));
        }
        let first = closed(header_line(header), MAX_HEADER, "header").map_err(invalid)?;
        let mut stream = Self {
            npy,
            manifest,
            npy_path,
            manifest_path,
            row_shape: header.row_shape,
            row_len,
            classes: header.classes.len(),
            rows: 0,
            expected_rows,
            skipped: 0,
            skipped_lines: String::new(),
            data_hash: blake3::Hasher::new(),
            bytes: Vec::new(),
            broken: false,
        };
        let header_bytes = stream.npy_header(expected_rows);
        stream.npy.write_all(&header_bytes).map_err(|cause| stream.write_error(cause))?;
        stream.write_lines(&first)?;
        Ok(stream)
    }

    /// Adds rows and what they are; `rows` holds `records.len()` rows of `row_len` values.
    pub(crate) fn append(&mut self, rows: &[f32], records: &[RowRecord]) -> Result<(), Error> {
        self.check_append(rows, records)?;
        let mut lines = String::new();
        for (row, record) in (self.rows..).zip(records) {
            lines += &closed(row_line(row, record), MAX_RECORD, "row").map_err(|why| self.invalid(why))?;
        }
        encode_f32(rows, &mut self.bytes);
        self.data_hash.update(&self.bytes);
        let written = self.npy.write_all(&self.bytes);
        self.keep(written.map_err(|cause| self.write_error(cause)))?;
        let written = self.write_lines(&lines);
        self.keep(written)?;
        self.rows += records.len();
        Ok(())
    }

    /// Notes an image without a row.
    pub(crate) fn skip(&mut self, record: SkippedRecord) -> Result<(), Error> {
        self.check_label(&record.path, record.label)?;
        let line =
            closed(skipped_line(&record), MAX_RECORD, "skipped image").map_err(|why| self.invalid(why))?;
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

    /// Writes the skipped images and the end, and the actual number of rows over the expected one.
    pub(crate) fn finish(mut self) -> Result<Finished<N, M>, Error> {
        if self.broken {
            return Err(Error::Broken { path: self.npy_path });
        }
        if self.rows == 0 {
            let found = format!("{} images skipped", self.skipped);
            return Err(Error::NoRows { path: self.npy_path, found });
        }
        let skipped = std::mem::take(&mut self.skipped_lines);
        self.write_lines(&skipped)?;
        let data_hash = self.data_hash.finalize().to_hex();
        let end = end_line(self.rows, self.skipped, data_hash.as_str());
        let end = closed(end, MAX_RECORD, "end").map_err(|why| self.invalid(why))?;
        self.write_lines(&end)?;
        self.manifest.flush().map_err(|cause| self.manifest_error(cause))?;
        let header = self.npy_header(self.rows);
        self.npy
            .seek(SeekFrom::Start(0))
            .and_then(|_| self.npy.write_all(&header))
            .and_then(|()| self.npy.flush())
            .map_err(|cause| self.write_error(cause))?;
        let Self { npy, manifest, rows, skipped, .. } = self;
        Ok(Finished { npy, manifest, rows, skipped })
    }

    fn check_append(&self, rows: &[f32], records: &[RowRecord]) -> Result<(), Error> {
        if self.broken {
            return Err(Error::Broken { path: self.npy_path.clone() });
        }
        if records.len().checked_mul(self.row_len) != Some(rows.len()) {
            return Err(Error::RowLength {
                path: self.npy_path.clone(),
                records: records.len(),
                row_len: self.row_len,
                values: rows.len(),
            });
        }
        let found = self.rows + records.len();
        if found > self.expected_rows {
            let path = self.npy_path.clone();
            return Err(Error::TooManyRows { path, expected: self.expected_rows, found });
        }
        records.iter().try_for_each(|record| self.check_label(&record.path, record.label))
    }

    fn check_label(&self, image: &str, label: u32) -> Result<(), Error> {
        if (label as usize) < self.classes {
            return Ok(());
        }
        Err(Error::Label {
            path: self.npy_path.clone(),
            image: image.to_owned(),
            label,
            classes: self.classes,
        })
    }

    /// Remembers a failure: after it the two outputs may be out of step.
    fn keep(&mut self, result: Result<(), Error>) -> Result<(), Error> {
        self.broken |= result.is_err();
        result
    }

    fn npy_header(&self, rows: usize) -> Vec<u8> {
        let [channels, height, width] = self.row_shape;
        encode_header([rows, channels, height, width])
    }

    fn write_lines(&mut self, lines: &str) -> Result<(), Error> {
        self.manifest.write_all(lines.as_bytes()).map_err(|cause| self.manifest_error(cause))
    }

    fn invalid(&self, reason: String) -> Error {
        Error::Description { path: self.npy_path.clone(), reason }
    }

    fn write_error(&self, cause: io::Error) -> Error {
        Error::Io { action: "write", path: self.npy_path.clone(), cause }
    }

    fn manifest_error(&self, cause: io::Error) -> Error {
        Error::Io { action: "write", path: self.manifest_path.clone(), cause }
    }
}

/// A manifest's line with its end, if it is one that the reader takes: no longer than `limit`.
fn closed(line: serde_json::Result<String>, limit: usize, what: &str) -> Result<String, String> {
    let mut line = line.map_err(|cause| cause.to_string())?;
    line.push('\n');
    if line.len() > limit {
        let found = line.len();
        return Err(format!(
            "expected a manifest line of at most {limit} bytes for the {what}, found {found}"
        ));
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    /// An output that is full after some bytes.
    struct Disk {
        file: Cursor<Vec<u8>>,
        room: usize,
    }

    impl Disk {
        fn with_room(room: usize) -> Self {
            Self { file: Cursor::new(Vec::new()), room }
        }
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let n = bytes.len().min(self.room);
            if n == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.room -= n;
            self.file.write(&bytes[..n])
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Seek for Disk {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.file.seek(to)
        }
    }

    fn begin(npy: usize, manifest: usize) -> Result<RowStream<Disk, Disk>, Error> {
        let header = ManifestHeader {
            classes: vec!["cat".into(), "dog".into()],
            preset: "blog".into(),
            preprocessing: serde_json::Value::Null,
            backbone: "vgg16".into(),
            weights_name: "w.h5".into(),
            weights_hash: "00".into(),
            row_shape: [2, 2, 1],
            fingerprint: "11".into(),
        };
        let names = [PathBuf::from("train.npy"), PathBuf::from("train.jsonl")];
        RowStream::begin(Disk::with_room(npy), Disk::with_room(manifest), names, &header, 3)
    }

    fn record(label: u32) -> RowRecord {
        RowRecord { path: "cat/1.png".into(), label, hash: "aa".into() }
    }

    fn full_disk_of(path: &str, result: Result<impl Sized, Error>) {
        match result {
            Err(Error::Io { path: found, cause, .. }) => {
                assert_eq!(found.to_str(), Some(path));
                assert_eq!(cause.kind(), io::ErrorKind::StorageFull);
            }
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("expected a full disk"),
        }
    }

    #[test]
    fn disk_full_in_the_header_names_the_file() {
        full_disk_of("train.npy", begin(100, 1_000));
        full_disk_of("train.jsonl", begin(1_000, 20));
    }

    #[test]
    fn disk_full_in_a_row_breaks_the_stream() {
        let mut stream = begin(128 + 20, 1_000).unwrap();
        stream.append(&[1.0; 4], &[record(0)]).unwrap();
        full_disk_of("train.npy", stream.append(&[1.0; 4], &[record(1)]));
        let later = stream.append(&[1.0; 4], &[record(1)]);
        assert!(matches!(later, Err(Error::Broken { .. })), "{later:?}");
        assert!(matches!(stream.finish(), Err(Error::Broken { .. })));
    }

    #[test]
    fn disk_full_in_the_manifest_names_the_manifest() {
        let room = begin(1_000, 1_000).unwrap().manifest.file.get_ref().len();
        let mut stream = begin(1_000, room + 10).unwrap();
        full_disk_of("train.jsonl", stream.append(&[1.0; 4], &[record(0)]));
        let mut stream = begin(1_000, room + 60).unwrap();
        stream.append(&[1.0; 4], &[record(0)]).unwrap();
        full_disk_of("train.jsonl", stream.finish());
    }

    #[test]
    fn disk_full_when_the_header_is_patched_names_the_npy() {
        let mut stream = begin(128 + 16, 1_000).unwrap();
        stream.append(&[1.0; 4], &[record(0)]).unwrap();
        full_disk_of("train.npy", stream.finish());
    }

    #[test]
    fn a_record_that_could_not_be_read_back_is_not_written() {
        let mut stream = begin(1_000, 100_000).unwrap();
        let manifest = stream.manifest.file.get_ref().len();
        let long = |length: usize| RowRecord { path: "x".repeat(length), ..record(0) };
        let besides = row_line(0, &long(0)).unwrap().len() + 1;
        let limit = MAX_RECORD - besides;
        // The good record of the batch isn't written either.
        let refused = stream.append(&[1.0; 8], &[record(0), long(limit + 1)]);
        assert!(matches!(&refused, Err(Error::Description { .. })), "{refused:?}");
        assert_eq!(stream.manifest.file.get_ref().len(), manifest);
        assert_eq!(stream.npy.file.get_ref().len(), 128);
        stream.append(&[1.0; 4], &[long(limit)]).unwrap();
        assert_eq!(stream.manifest.file.get_ref().len(), manifest + MAX_RECORD);
    }

    #[test]
    fn skipped_images_are_noted_as_far_as_they_could_be_read_back() {
        let mut stream = begin(1_000, 2 * MAX_SKIPPED).unwrap();
        stream.append(&[1.0; 4], &[record(0)]).unwrap();
        let skipped =
            |length: usize| SkippedRecord { path: "x".repeat(length), label: 0, reason: "y".into() };
        let limit = MAX_RECORD - skipped_line(&skipped(0)).unwrap().len() - 1;
        let refused = stream.skip(skipped(limit + 1));
        assert!(matches!(&refused, Err(Error::Description { .. })), "{refused:?}");
        let lines = MAX_SKIPPED / MAX_RECORD;
        for _ in 0..lines {
            stream.skip(skipped(limit)).unwrap();
        }
        let refused = stream.skip(skipped(1));
        assert!(matches!(&refused, Err(Error::Description { .. })), "{refused:?}");
        assert_eq!(stream.finish().unwrap().skipped, lines);
    }

    #[test]
    fn a_refused_append_writes_nothing_and_breaks_nothing() {
        let mut stream = begin(1_000, 1_000).unwrap();
        assert!(matches!(stream.append(&[1.0; 5], &[record(0)]), Err(Error::RowLength { .. })));
        assert!(matches!(stream.append(&[1.0; 4], &[record(2)]), Err(Error::Label { label: 2, .. })));
        let four = [record(0), record(0), record(0), record(0)];
        assert!(matches!(stream.append(&[1.0; 16], &four), Err(Error::TooManyRows { found: 4, .. })));
        stream.append(&[1.0; 12], &four[..3]).unwrap();
        let finished = stream.finish().unwrap();
        assert_eq!((finished.rows, finished.npy.file.get_ref().len()), (3, 128 + 48));
    }
}
