//! Reading: a file with an end.

use std::fs::File;
use std::path::Path;

use crate::Error;

/// Opens a regular file for reading. A link is followed.
///
/// # Errors
/// [`Error::NotAFile`] for a folder, a pipe or a device; [`Error::Io`] if the system refuses.
pub fn open(path: &Path) -> Result<File, Error> {
    // Checked before opening: opening a pipe would wait for its other end.
    let metadata = path.metadata().map_err(Error::io(path, "open it for reading"))?;
    if !metadata.is_file() {
        return Err(Error::NotAFile { path: path.to_path_buf() });
    }
    File::open(path).map_err(Error::io(path, "open it for reading"))
}
