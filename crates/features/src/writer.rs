//! The writer: temporary files until all is there, then both under their final names.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::error::Error;
use crate::manifest::{ManifestHeader, RowRecord, SkippedRecord, manifest_path};
use crate::row_stream::RowStream;

/// Streams rows into a `.npy` and their records into its manifest.
///
/// Until [`finish`](Self::finish) both lie under temporary names in the same folder. A writer that is dropped
/// before removes them and leaves nothing under the final names.
pub struct Writer {
    stream: RowStream<NamedTempFile, BufWriter<NamedTempFile>>,
    npy: PathBuf,
    manifest: PathBuf,
    overwrite: bool,
}

/// What [`Writer::finish`] put in place.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Summary {
    /// Rows written.
    pub rows: usize,
    /// Images noted as skipped.
    pub skipped: usize,
    /// The values.
    pub npy: PathBuf,
    /// The manifest beside them.
    pub manifest: PathBuf,
}

impl Writer {
    /// Prepares to write `path` (a name that ends in `.npy`) and its manifest.
    ///
    /// `expected_rows` is the most rows that will come; fewer is fine. All that can be refused early is: the
    /// caller learns of a name that is taken or a folder that can't be written before it computes a row.
    ///
    /// # Errors
    /// A name without `.npy`, a final name that is taken (unless `overwrite`) or is a folder or a special file, a
    /// missing folder or one that can't be written, an empty class list or row shape.
    pub fn create(
        path: &Path,
        header: ManifestHeader,
        expected_rows: usize,
        overwrite: bool,
    ) -> Result<Self, Error> {
        if path.extension().is_none_or(|suffix| suffix != "npy") {
            return Err(Error::Name { path: path.to_path_buf() });
        }
        let manifest = manifest_path(path);
        for taken in [path, &manifest] {
            check_free(taken, overwrite)?;
        }
        let names = [path.to_path_buf(), manifest.clone()];
        let stream = RowStream::begin(
            temporary(path)?,
            BufWriter::new(temporary(&manifest)?),
            names,
            &header,
            expected_rows,
        )?;
        Ok(Self { stream, npy: path.to_path_buf(), manifest, overwrite })
    }

    /// Adds a batch: `rows` holds a row of `row_shape`, flattened in C order, for each of `records`.
    ///
    /// # Errors
    /// A length that does not fit, more rows than expected, a label beyond the classes, a record that takes more than
    /// 64 KiB in the manifest: nothing is written and the writer goes on. A failed write names the file and the cause,
    /// and ends the writer's use.
    pub fn append(&mut self, rows: &[f32], records: &[RowRecord]) -> Result<(), Error> {
        self.stream.append(rows, records)
    }

    /// Notes an image that could not be read; it gets no row and shifts none.
    ///
    /// # Errors
    /// A label beyond the classes; a record that takes more than 64 KiB in the manifest, or all skipped images together
    /// more than 64 MiB: it is not noted.
    pub fn skip(&mut self, record: SkippedRecord) -> Result<(), Error> {
        self.stream.skip(record)
    }

    /// Completes both files, waits until they are on the disk and puts them in place, the manifest last.
    ///
    /// With `overwrite` an old manifest is removed first, so that whatever happens in between, a new `.npy`
    /// never stands beside an old manifest.
    ///
    /// # Errors
    /// No row was appended; an earlier write failed; a write, a sync or a rename fails. Then nothing new stands
    /// under the final names. The last step alone is different: if the folder can't be synced after both renames, the
    /// new pair is there and whole, but a power cut could take it back.
    pub fn finish(self) -> Result<Summary, Error> {
        let Self { stream, npy, manifest, overwrite } = self;
        let finished = stream.finish()?;
        let values = finished.npy;
        let records =
            finished.manifest.into_inner().map_err(|e| Error::io("write", &manifest)(e.into_error()))?;
        values.as_file().sync_all().map_err(Error::io("write", &npy))?;
        records.as_file().sync_all().map_err(Error::io("write", &manifest))?;

        if overwrite {
            match fs::remove_file(&manifest) {
                Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
                    return Err(Error::io("replace", manifest)(cause));
                }
                _ => sync_folder(&npy)?,
            }
        }
        persist(values, &npy, overwrite)?;
        if let Err(error) = persist(records, &manifest, overwrite) {
            // The rename's own error is the one to tell; values without records are of no use.
            let _ = fs::remove_file(&npy);
            return Err(error);
        }
        sync_folder(&npy)?;
        Ok(Summary { rows: finished.rows, skipped: finished.skipped, npy, manifest })
    }
}

/// Refuses a final name that is taken, and one that is a folder's or a special file's whether it may be replaced or
/// not. A link counts as taken even if it leads nowhere; overwriting replaces the link, not what it leads to.
fn check_free(path: &Path, overwrite: bool) -> Result<(), Error> {
    match fs::symlink_metadata(path) {
        Ok(found) if !found.is_file() && !found.is_symlink() => {
            Err(Error::NotAFile { path: path.to_path_buf() })
        }
        Ok(_) if !overwrite => Err(Error::Exists { path: path.to_path_buf() }),
        Ok(_) => Ok(()),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(cause) => Err(Error::io("look for", path)(cause)),
    }
}

/// The folder of a file, `.` for a bare name.
fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A hidden file beside `path`, which removes itself unless it is renamed.
fn temporary(path: &Path) -> Result<NamedTempFile, Error> {
    let mut prefix = std::ffi::OsString::from(".");
    prefix.push(path.file_name().unwrap_or_default());
    prefix.push(".");
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(".partial");
    // Otherwise the file would end up readable by its owner alone; the process's umask still applies.
    #[cfg(unix)]
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o666);
    #[cfg(unix)]
    builder.permissions(permissions);
    builder.tempfile_in(folder(path)).map_err(Error::io("write in the folder", folder(path)))
}

/// Renames a temporary file to its final name.
fn persist(file: NamedTempFile, path: &Path, overwrite: bool) -> Result<(), Error> {
    let renamed = if overwrite { file.persist(path) } else { file.persist_noclobber(path) };
    match renamed {
        Ok(_) => Ok(()),
        Err(failed) if failed.error.kind() == io::ErrorKind::AlreadyExists => {
            Err(Error::Exists { path: path.to_path_buf() })
        }
        Err(failed) => Err(Error::io("rename to", path)(failed.error)),
    }
}

/// Makes renames in the folder of `path` survive a power cut; only unix lets a folder be opened for it.
fn sync_folder(path: &Path) -> Result<(), Error> {
    if cfg!(unix) {
        let folder = folder(path);
        File::open(folder)
            .and_then(|open| open.sync_all())
            .map_err(Error::io("write in the folder", folder))?;
    }
    Ok(())
}
