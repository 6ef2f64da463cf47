//! A file with an end, opened, and read at given places by any number of threads.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use crate::error::Error;

/// Opens a regular file to be read.
///
/// # Errors
/// A folder, a pipe or a device; a file that the system refuses.
pub(crate) fn open_regular(path: &Path) -> Result<File, Error> {
    // Before opening, for opening a pipe would wait for its other end.
    if !fs::metadata(path).map_err(Error::io("read", path))?.is_file() {
        return Err(Error::NotAFile { path: path.to_path_buf() });
    }
    File::open(path).map_err(Error::io("read", path))
}

/// An open file without a position of its own.
#[derive(Debug)]
pub(crate) struct PositionedFile {
    #[cfg(unix)]
    file: File,
    /// Where the system has no positioned read, seek and read are done under a lock.
    #[cfg(not(unix))]
    file: std::sync::Mutex<File>,
}

impl PositionedFile {
    pub(crate) fn new(file: File) -> Self {
        #[cfg(not(unix))]
        let file = std::sync::Mutex::new(file);
        Self { file }
    }

    /// Fills `bytes` from `offset` on.
    ///
    /// # Errors
    /// The system's, or `UnexpectedEof` where the file ends early.
    #[cfg(unix)]
    pub(crate) fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(&self.file, bytes, offset)
    }

    /// Fills `bytes` from `offset` on.
    ///
    /// # Errors
    /// The system's, or `UnexpectedEof` where the file ends early.
    #[cfg(not(unix))]
    pub(crate) fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        use std::io::{Read, Seek, SeekFrom};
        // A panic while the lock was held leaves no state behind that matters: each read seeks first.
        let mut file = self.file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        file.seek(SeekFrom::Start(offset))?;
        file.read_exact(bytes)
    }
}
