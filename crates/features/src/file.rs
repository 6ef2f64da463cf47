//! Files as the store opens them: to be read at given places, or to be read and written.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

use headstart_files::IfExists;

use crate::error::Error;

/// Opens a hidden file to be read and written. It is created if there is none; what it holds is kept.
///
/// # Errors
/// Anything but a regular file under the name; a system that refuses.
pub(crate) fn open_work_file(path: &Path) -> Result<File, Error> {
    loop {
        // It opens no pipe, and creates nothing where a link leads.
        match headstart_files::create(path, IfExists::Refuse) {
            Ok(_) | Err(headstart_files::Error::Exists { .. }) => {}
            Err(other) => return Err(other.into()),
        }
        match OpenOptions::new().read(true).write(true).open(path) {
            // Its owner may have finished and removed it between the two calls.
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
            opened => return opened.map_err(Error::io(path, "open it")),
        }
    }
}

/// An open file without a position of its own.
#[derive(Debug)]
pub(crate) struct PositionedFile {
    #[cfg(unix)]
    file: File,
    /// If the system has no positioned read, seek and read are done under a lock.
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
