//! Writing: a file is whole under its final name, or not there.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use tempfile::NamedTempFile;

use crate::Error;

/// What to do where a file already stands under the name. Only a regular file is ever replaced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum IfExists {
    /// [`Error::Exists`].
    #[default]
    Refuse,
    /// The new file takes its place.
    Replace,
}

/// Writes a file through a temporary one in the same folder: write, fsync, rename, fsync of the folder.
///
/// `fill` gets the temporary file, buffered. If anything fails up to the rename, the final name keeps what it had and the
/// temporary file is removed. After the rename only the folder's fsync can fail: then the whole new file is in place, but
/// a power cut could take it back.
///
/// # Errors
/// [`Error::Exists`] if the name is taken and [`IfExists::Refuse`] was given; [`Error::NotAFile`] if it is a folder, a
/// pipe or a device; [`Error::Link`] if it is a link; [`Error::Io`] if the folder can't be written or the disk is full;
/// what `fill` returns.
pub fn write<E: From<Error>>(
    path: &Path,
    if_exists: IfExists,
    fill: impl FnOnce(&mut dyn Write) -> Result<(), E>,
) -> Result<(), E> {
    let mut temporary = begin(path, if_exists)?;
    let mut writer = BufWriter::new(temporary.as_file_mut());
    fill(&mut writer)?;
    writer.flush().map_err(Error::io(path, "write it"))?;
    drop(writer);
    temporary.as_file().sync_all().map_err(Error::io(path, "write it to the disk"))?;
    let renamed = match if_exists {
        // Checked again, for something else may stand there by now.
        IfExists::Replace => check_name(path, if_exists).map(|()| temporary.persist(path))?,
        IfExists::Refuse => temporary.persist_noclobber(path),
    };
    renamed.map_err(|failed| match failed.error.kind() {
        io::ErrorKind::AlreadyExists => Error::Exists { path: path.to_path_buf() },
        _ => Error::io(path, "give the temporary file its name")(failed.error),
    })?;
    Ok(sync_folder(path)?)
}

/// [`write()`] for bytes that are at hand.
///
/// # Errors
/// As [`write()`].
pub fn write_bytes(path: &Path, if_exists: IfExists, bytes: &[u8]) -> Result<(), Error> {
    write(path, if_exists, |writer| writer.write_all(bytes).map_err(Error::io(path, "write it")))
}

/// Creates an empty file that grows under its final name, such as a log. With [`IfExists::Replace`] a regular file there is
/// emptied.
///
/// # Errors
/// As [`write()`].
pub fn create(path: &Path, if_exists: IfExists) -> Result<File, Error> {
    check_name(path, if_exists)?;
    let mut options = OpenOptions::new();
    options.write(true);
    match if_exists {
        IfExists::Refuse => options.create_new(true),
        IfExists::Replace => options.create(true).truncate(true),
    };
    options.open(path).map_err(|cause| match cause.kind() {
        io::ErrorKind::AlreadyExists => Error::Exists { path: path.to_path_buf() },
        _ => Error::io(path, "create it")(cause),
    })
}

/// Checks that [`write()`] could start now, and leaves nothing behind. Call it before long work.
///
/// # Errors
/// As [`write()`].
pub fn check_writable(path: &Path, if_exists: IfExists) -> Result<(), Error> {
    begin(path, if_exists).map(drop)
}

/// The folder that a file lies in; `.` for a bare name.
#[must_use]
pub fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Whether anything has this name, a link that leads nowhere included.
///
/// # Errors
/// [`Error::Io`] if the system does not say.
pub fn is_taken(path: &Path) -> Result<bool, Error> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(cause) => Err(Error::io(path, "look for it")(cause)),
    }
}

/// Removes a regular file if there is one.
///
/// # Errors
/// [`Error::NotAFile`] and [`Error::Link`] for anything else that has the name; [`Error::Io`] if the system refuses.
pub fn remove(path: &Path) -> Result<(), Error> {
    check_name(path, IfExists::Replace)?;
    match fs::remove_file(path) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(Error::io(path, "remove it")(cause)),
        _ => Ok(()),
    }
}

/// Renames a file. A regular file under the new name is replaced.
///
/// # Errors
/// [`Error::NotAFile`] and [`Error::Link`] for anything else that has the new name; [`Error::Io`] if the system refuses.
pub fn rename(from: &Path, to: &Path) -> Result<(), Error> {
    check_name(to, IfExists::Replace)?;
    fs::rename(from, to).map_err(Error::io(to, "rename a file to it"))
}

/// Makes a rename in the file's folder survive a power cut. Only Unix lets a folder be opened for that; elsewhere it does
/// nothing.
///
/// # Errors
/// [`Error::Io`] if the system refuses.
pub fn sync_folder(path: &Path) -> Result<(), Error> {
    if cfg!(unix) {
        let folder = folder(path);
        let synced = File::open(folder).and_then(|open| open.sync_all());
        synced.map_err(Error::io(folder, "write the folder to the disk"))?;
    }
    Ok(())
}

/// Checks that a file could take a name, without touching the folder.
///
/// # Errors
/// [`Error::NotAFile`], [`Error::Link`] and [`Error::Exists`] as [`write()`]; [`Error::Io`] if the system does not say what has
/// the name.
pub fn check_name(path: &Path, if_exists: IfExists) -> Result<(), Error> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_symlink() => {
            Err(Error::Link { path: path.to_path_buf(), target: fs::read_link(path).ok() })
        }
        Ok(found) if !found.is_file() => Err(Error::NotAFile { path: path.to_path_buf() }),
        Ok(_) if if_exists == IfExists::Refuse => Err(Error::Exists { path: path.to_path_buf() }),
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(Error::io(path, "look for it")(cause)),
        _ => Ok(()),
    }
}

/// The temporary file, which removes itself unless it is renamed.
fn begin(path: &Path, if_exists: IfExists) -> Result<NamedTempFile, Error> {
    check_name(path, if_exists)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".headstart-").suffix(".partial");
    // As for a file that `open` creates: the system takes the umask off.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let folder = folder(path);
    fs::metadata(folder).map_err(Error::io(folder, "write in the folder"))?;
    builder.tempfile_in(folder).map_err(|cause| Error::io(folder, "write in the folder")(plain(cause)))
}

/// The system's own error. tempfile adds the name of the temporary file, which tells a person nothing.
fn plain(cause: io::Error) -> io::Error {
    let inner = cause.get_ref().and_then(|error| error.source());
    let code = inner.and_then(|error| error.downcast_ref::<io::Error>()).and_then(io::Error::raw_os_error);
    code.map_or(cause, io::Error::from_raw_os_error)
}
