//! A file is whole under its final name, or not there.

use std::io::{BufWriter, ErrorKind, Write};
use std::path::Path;

use tempfile::NamedTempFile;

use crate::Error;

/// Writes a file through a temporary one in the same folder: write, fsync, rename, fsync of the folder.
///
/// `fill` gets the temporary file. Whatever fails up to the rename, the final name keeps what it had, and the temporary
/// file is removed. After it only the folder's fsync can fail: then the whole new file is in place, but a power cut
/// could take it back. A link at the final name is replaced, not followed.
///
/// # Errors
/// [`Error::Exists`] if `path` exists and `overwrite` is false, [`Error::NotAFile`] if it is a folder or a special
/// file, [`Error::Io`] if the folder cannot be written or the disk is full, and what `fill` returns.
pub(crate) fn write_whole(
    path: &Path,
    overwrite: bool,
    fill: impl FnOnce(&mut dyn Write) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut temporary = begin(path, overwrite)?;
    let mut writer = BufWriter::new(temporary.as_file_mut());
    fill(&mut writer)?;
    writer.flush().map_err(|e| Error::io(path, "write it", e))?;
    drop(writer);
    temporary.as_file().sync_all().map_err(|e| Error::io(path, "write it to the disk", e))?;
    let renamed = if overwrite { temporary.persist(path) } else { temporary.persist_noclobber(path) };
    renamed.map_err(|e| match e.error.kind() {
        ErrorKind::AlreadyExists => Error::Exists { path: path.to_owned() },
        _ => Error::io(path, "give the temporary file its name", e.error),
    })?;
    // The rename itself survives a power cut only once the folder is on the disk.
    #[cfg(unix)]
    std::fs::File::open(folder(path))
        .and_then(|folder| folder.sync_all())
        .map_err(|e| Error::io(path, "write its folder to the disk", e))?;
    Ok(())
}

/// Checks that [`write_whole`] could start now, and leaves nothing behind.
///
/// # Errors
/// As [`write_whole`].
pub(crate) fn check_writable(path: &Path, overwrite: bool) -> Result<(), Error> {
    begin(path, overwrite).map(drop)
}

/// The temporary file, which removes itself unless it is renamed.
fn begin(path: &Path, overwrite: bool) -> Result<NamedTempFile, Error> {
    // Asked first, so that nobody waits for work whose result will be refused; the rename asks again.
    match path.symlink_metadata() {
        Ok(found) if !found.is_file() && !found.is_symlink() => {
            return Err(Error::NotAFile { path: path.to_owned() });
        }
        // A link counts as taken even if it leads nowhere.
        Ok(_) if !overwrite => return Err(Error::Exists { path: path.to_owned() }),
        Err(e) if e.kind() != ErrorKind::NotFound => return Err(Error::io(path, "look for it", e)),
        _ => {}
    }
    let mut builder = tempfile::Builder::new();
    builder.prefix(".headstart-").suffix(".partial");
    // As a file that `open` creates: the umask is taken off by the system.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder(path)).map_err(|e| Error::io(path, "create a temporary file in its folder", e))
}

/// The folder of a file, `.` for a bare name.
fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("head.h5");
        let failure = write_whole(&path, false, |writer| {
            writer.write_all(b"half").unwrap();
            Err(Error::UnknownSuffix { path: path.clone() })
        });
        assert!(failure.is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn nothing_is_overwritten_unasked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("head.h5");
        std::fs::write(&path, b"old").unwrap();
        let new = |writer: &mut dyn Write| {
            writer.write_all(b"new").unwrap();
            Ok(())
        };
        assert!(matches!(write_whole(&path, false, new), Err(Error::Exists { .. })));
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        write_whole(&path, true, new).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_that_does_not_exist_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("absent/head.h5");
        let error = write_whole(&path, false, |_| Ok(())).unwrap_err();
        assert!(error.to_string().contains("create a temporary file in its folder"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn permissions_are_those_of_an_ordinary_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let ordinary = folder.path().join("ordinary");
        std::fs::write(&ordinary, b"").unwrap();
        let path = folder.path().join("head.h5");
        write_whole(&path, false, |_| Ok(())).unwrap();
        let mode = |p: &Path| p.metadata().unwrap().permissions().mode();
        assert_eq!(mode(&path), mode(&ordinary));
    }
}
