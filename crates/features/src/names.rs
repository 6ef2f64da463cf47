//! The files of a store: two under their final names, and hidden ones beside them while it is being written.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use headstart_files::{IfExists, check_name, check_writable, is_taken, remove, rename, sync_folder};

use crate::error::Error;
use crate::manifest::manifest_path;

/// Where the files of one store are: all in one folder, so that each can be renamed to any other.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    /// The values, under their final name.
    pub(crate) npy: PathBuf,
    /// The manifest, under its final name.
    pub(crate) manifest: PathBuf,
    /// Rows in the order in which they were computed.
    pub(crate) rows: PathBuf,
    /// What these rows are. It is locked while somebody writes.
    pub(crate) journal: PathBuf,
    /// The result's values while they are put together. Other processes can't use them.
    pub(crate) npy_draft: PathBuf,
    /// The result's manifest while it is put together.
    pub(crate) manifest_draft: PathBuf,
    /// The whole values, about to be renamed.
    pub(crate) npy_ready: PathBuf,
    /// The whole manifest. If it exists, the result is complete and only renames are left to do.
    pub(crate) manifest_ready: PathBuf,
}

impl Names {
    /// # Errors
    /// A name that does not end in `.npy`.
    pub(crate) fn of(npy: &Path) -> Result<Self, Error> {
        if npy.extension().is_none_or(|suffix| !suffix.eq_ignore_ascii_case("npy")) {
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

    /// Checks that each of the files could be written now: nothing that is not a regular file has its name.
    ///
    /// # Errors
    /// A link, a folder, a pipe or a device under one of the names; a folder that is missing or can't be written.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let Self { npy, manifest, rows, journal, npy_draft, manifest_draft, npy_ready, manifest_ready } =
            self;
        for name in [npy, manifest, rows, journal, npy_draft, manifest_draft, npy_ready, manifest_ready] {
            check_name(name, IfExists::Replace)?;
        }
        // All are in one folder.
        Ok(check_writable(npy, IfExists::Replace)?)
    }

    /// Gives a result that is complete its final names; does nothing where there is none.
    ///
    /// The old manifest goes first, so that it is never beside a new `.npy`. Each step can be the last before a power
    /// cut: the next call does the rest.
    pub(crate) fn publish(&self) -> Result<(), Error> {
        if !is_taken(&self.manifest_ready)? {
            return Ok(());
        }
        if is_taken(&self.npy_ready)? {
            remove(&self.manifest)?;
            sync_folder(&self.npy)?;
            rename(&self.npy_ready, &self.npy)?;
            sync_folder(&self.npy)?;
        }
        rename(&self.manifest_ready, &self.manifest)?;
        Ok(sync_folder(&self.npy)?)
    }
}
