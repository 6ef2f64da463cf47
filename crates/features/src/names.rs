//! The files of a store: two under their final names, and hidden ones beside them while it is being written.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::manifest::manifest_path;

/// Where everything of one store lies; all in one folder, so that each can be renamed to any other.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    /// The values, under their final name.
    pub(crate) npy: PathBuf,
    /// The manifest, under its final name.
    pub(crate) manifest: PathBuf,
    /// Rows in the order in which they were computed.
    pub(crate) rows: PathBuf,
    /// What these rows are; locked while somebody writes.
    pub(crate) journal: PathBuf,
    /// The result's values while they are put together; worth nothing to another process.
    pub(crate) npy_draft: PathBuf,
    /// The result's manifest while it is put together.
    pub(crate) manifest_draft: PathBuf,
    /// The whole values, about to be renamed.
    pub(crate) npy_ready: PathBuf,
    /// The whole manifest; where it stands, the result is complete and needs nothing but renames.
    pub(crate) manifest_ready: PathBuf,
}

impl Names {
    /// # Errors
    /// A name that does not end in `.npy`.
    pub(crate) fn of(npy: &Path) -> Result<Self, Error> {
        if npy.extension().is_none_or(|suffix| suffix != "npy") {
            return Err(Error::Name { path: npy.to_path_buf() });
        }
        let manifest = manifest_path(npy);
        let hidden = |path: &Path, suffix: &str| {
            let mut name = OsString::from(".");
            name.push(path.file_name().unwrap_or_default());
            name.push(suffix);
            path.with_file_name(name)
        };
        Ok(Self {
            rows: hidden(npy, ".partial"),
            journal: hidden(&manifest, ".partial"),
            npy_draft: hidden(npy, ".draft"),
            manifest_draft: hidden(&manifest, ".draft"),
            npy_ready: hidden(npy, ".ready"),
            manifest_ready: hidden(&manifest, ".ready"),
            npy: npy.to_path_buf(),
            manifest,
        })
    }

    /// Makes renames survive a power cut; only unix lets a folder be opened for it.
    pub(crate) fn sync_folder(&self) -> Result<(), Error> {
        if cfg!(unix) {
            let folder = folder(&self.npy);
            File::open(folder)
                .and_then(|open| open.sync_all())
                .map_err(Error::io("write in the folder", folder))?;
        }
        Ok(())
    }
}

/// The folder of a file, `.` for a bare name.
pub(crate) fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Whether there is anything under a name, a link that leads nowhere included.
pub(crate) fn is_taken(path: &Path) -> Result<bool, Error> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(cause) => Err(Error::io("look for", path)(cause)),
    }
}

/// Removes a file if it is there.
pub(crate) fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", path)(cause)),
        _ => Ok(()),
    }
}

/// Renames a file, replacing what stands under the new name.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), Error> {
    fs::rename(from, to).map_err(Error::io("rename to", to))
}
