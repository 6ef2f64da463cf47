//! A file that is whole under its name, or not there.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// Writes a hidden file in the same folder, and renames it when it is on the disk; what stands under the name is
/// replaced.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let name = path.file_name().ok_or_else(|| io::Error::other("expected a file's name"))?;
    let mut hidden = OsString::from(".");
    hidden.push(name);
    hidden.push(".partial");
    let partial = path.with_file_name(hidden);
    let written = || {
        let mut file = File::create(&partial)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&partial, path)
    };
    written().inspect_err(|_| {
        // What failed is told; that this may fail too tells nothing more.
        let _ = fs::remove_file(&partial);
    })
}
