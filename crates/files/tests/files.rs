//! Files are opened and written as the crate promises.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

use std::fs;
use std::path::Path;

use headstart_files::{
    Error, ErrorKind, IfExists, check_writable, create, folder, open, remove, rename, write, write_bytes,
};

fn names(folder: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(name).collect();
    names.sort();
    names
}

#[test]
fn a_failed_write_leaves_nothing_behind() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("head.h5");
    let failure: Result<(), Error> = write(&path, IfExists::Refuse, |writer| {
        writer.write_all(b"half").unwrap();
        Err(Error::Exists { path: path.clone() })
    });
    assert!(failure.is_err());
    assert_eq!(names(place.path()), [""; 0]);
}

#[test]
fn nothing_is_replaced_unasked() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("head.h5");
    fs::write(&path, b"old").unwrap();
    assert!(matches!(write_bytes(&path, IfExists::Refuse, b"new"), Err(Error::Exists { .. })));
    assert!(matches!(check_writable(&path, IfExists::Refuse), Err(Error::Exists { .. })));
    assert!(matches!(create(&path, IfExists::Refuse), Err(Error::Exists { .. })));
    assert_eq!(fs::read(&path).unwrap(), b"old");
    write_bytes(&path, IfExists::Replace, b"new").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
    assert_eq!(names(place.path()), ["head.h5"]);
}

#[test]
fn a_missing_folder_or_file_is_told_as_missing() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("absent/head.h5");
    for error in [write_bytes(&path, IfExists::Refuse, b"").unwrap_err(), open(&path).unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::Missing);
        assert!(error.to_string().starts_with(&place.path().join("absent").display().to_string()), "{error}");
        assert!(!error.to_string().contains(".partial"), "{error}");
        assert!(std::error::Error::source(&error).is_none(), "the message has told the cause already");
    }
}

#[test]
fn a_bare_name_lies_in_the_current_folder() {
    assert_eq!(folder(Path::new("a.npy")), Path::new("."));
    assert_eq!(folder(Path::new("runs/a.npy")), Path::new("runs"));
    assert_eq!(folder(Path::new("/a.npy")), Path::new("/"));
}

/// Every way to write, tried on what is not a regular file.
#[cfg(unix)]
#[test]
fn what_is_not_a_regular_file_is_never_replaced() {
    use std::os::unix::fs::{FileTypeExt, symlink};
    let place = tempfile::tempdir().unwrap();
    let path = |name: &str| place.path().join(name);
    let pipe = path("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    fs::create_dir(path("folder")).unwrap();
    fs::write(path("file"), b"old").unwrap();
    symlink(path("file"), path("link")).unwrap();
    symlink(path("nowhere"), path("dangling")).unwrap();
    let before = names(place.path());
    for name in ["pipe", "folder", "link", "dangling"] {
        let path = path(name);
        let source = place.path().join("source");
        let tried = [
            write_bytes(&path, IfExists::Replace, b"new"),
            write_bytes(&path, IfExists::Refuse, b"new"),
            check_writable(&path, IfExists::Replace),
            create(&path, IfExists::Replace).map(drop),
            fs::write(&source, b"new")
                .map_err(Error::io(&source, "write it"))
                .and_then(|()| rename(&source, &path)),
            remove(&path),
        ];
        for result in tried {
            let error = result.unwrap_err();
            assert!(matches!(error, Error::NotAFile { .. } | Error::Link { .. }), "{name}: {error}");
        }
        fs::remove_file(source).unwrap();
    }
    assert_eq!(names(place.path()), before);
    assert!(fs::symlink_metadata(&pipe).unwrap().file_type().is_fifo());
    assert_eq!(fs::read(path("file")).unwrap(), b"old");
    assert_eq!(fs::read_link(path("dangling")).unwrap(), path("nowhere"));
    let error = write_bytes(&path("link"), IfExists::Replace, b"").unwrap_err().to_string();
    assert!(error.contains(&path("file").display().to_string()), "{error}");
    // A pipe is not opened either, which would wait for its other end.
    assert!(matches!(open(&pipe), Err(Error::NotAFile { .. })));
    assert_eq!(open(&path("link")).unwrap().metadata().unwrap().len(), 3);
}

#[cfg(unix)]
#[test]
fn permissions_are_those_of_an_ordinary_file() {
    use std::os::unix::fs::PermissionsExt;
    let place = tempfile::tempdir().unwrap();
    let ordinary = place.path().join("ordinary");
    fs::write(&ordinary, b"").unwrap();
    let path = place.path().join("head.h5");
    write_bytes(&path, IfExists::Refuse, b"").unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode();
    assert_eq!(mode(&path), mode(&ordinary));
}
