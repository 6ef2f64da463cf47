//! A file with an end, open for reading.

use std::fs::File;
use std::path::Path;

use crate::Error;

/// Opens a regular file.
///
/// # Errors
/// [`Error::NotAFile`] for a folder, a pipe or a device, [`Error::Io`] if the system refuses.
pub(crate) fn open(path: &Path) -> Result<File, Error> {
    let refused = |e| Error::io(path, "open it for reading", e);
    // Before opening, for opening a pipe would wait for its other end.
    if !path.metadata().map_err(refused)?.is_file() {
        return Err(Error::NotAFile { path: path.to_owned() });
    }
    File::open(path).map_err(refused)
}
