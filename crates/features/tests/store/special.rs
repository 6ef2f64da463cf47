//! Links, pipes and folders under the names of the store: refused before any work, and left as they are.

use std::fs;
use std::os::unix::fs::{FileTypeExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use crate::common::{header, message, names, record, says, write_three};
use headstart_features::{Error, ErrorKind, Existing, Features, Writer};
use headstart_files::Error as FileError;

/// Every file of the store `train.npy`.
const FILES: [&str; 8] = [
    "train.npy",
    "train.jsonl",
    ".train.npy.partial",
    ".train.jsonl.partial",
    ".train.npy.draft",
    ".train.jsonl.draft",
    ".train.npy.ready",
    ".train.jsonl.ready",
];

/// Tries to write, in a thread of its own because a writer that opened a pipe would wait for a reader without end.
fn refused(npy: PathBuf, existing: Existing) -> Error {
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || send.send(write_three(&npy, existing)));
    receive.recv_timeout(Duration::from_secs(20)).expect("a writer waits for the pipe").unwrap_err()
}

/// Runs a test for each file and each way to treat what is there. A finished pair is there too, unless the file is of it.
fn for_each_file(test: impl Fn(&Path, &Path, Existing)) {
    for name in FILES {
        for existing in [Existing::Reuse, Existing::Replace] {
            let folder = tempfile::tempdir().unwrap();
            let npy = folder.path().join("train.npy");
            write_three(&npy, Existing::Reuse).unwrap();
            let taken = folder.path().join(name);
            if taken.exists() {
                fs::remove_file(&taken).unwrap();
            }
            test(&npy, &taken, existing);
        }
    }
}

#[test]
fn a_link_is_neither_followed_nor_replaced() {
    for exists in [false, true] {
        for_each_file(|npy, taken, existing| {
            let target = npy.with_file_name("target");
            if exists {
                fs::write(&target, "theirs").unwrap();
            }
            symlink(&target, taken).unwrap();
            let before = names(npy.parent().unwrap());
            let error = refused(npy.to_path_buf(), existing);
            assert!(matches!(&error, Error::File(FileError::Link { path, .. }) if path == taken), "{error}");
            assert_eq!(error.kind(), ErrorKind::Resources);
            assert_eq!(fs::read_link(taken).unwrap(), target);
            assert_eq!(fs::read_to_string(&target).ok(), exists.then(|| "theirs".to_owned()));
            assert_eq!(names(npy.parent().unwrap()), before);
        });
    }
}

#[test]
fn a_pipe_is_refused_and_not_waited_for() {
    for_each_file(|npy, taken, existing| {
        assert!(Command::new("mkfifo").arg(taken).status().unwrap().success());
        let before = names(npy.parent().unwrap());
        let error = refused(npy.to_path_buf(), existing);
        assert!(matches!(&error, Error::File(FileError::NotAFile { path }) if path == taken), "{error}");
        assert!(fs::symlink_metadata(taken).unwrap().file_type().is_fifo());
        assert_eq!(names(npy.parent().unwrap()), before);
    });
}

#[test]
fn a_folder_is_refused() {
    for_each_file(|npy, taken, existing| {
        fs::create_dir(taken).unwrap();
        let before = names(npy.parent().unwrap());
        let error = refused(npy.to_path_buf(), existing);
        assert!(matches!(&error, Error::File(FileError::NotAFile { path }) if path == taken), "{error}");
        assert_eq!(names(npy.parent().unwrap()), before);
    });
}

#[test]
fn a_link_that_appears_while_writing_is_not_replaced() {
    for existing in [Existing::Reuse, Existing::Replace] {
        for name in ["train.npy", "train.jsonl"] {
            let folder = tempfile::tempdir().unwrap();
            let (npy, link) = (folder.path().join("train.npy"), folder.path().join(name));
            let mut writer = Writer::open(&npy, header([1, 1, 1]), existing).unwrap();
            writer.append(&[1.0], &[record(0, 0)]).unwrap();
            symlink("elsewhere", &link).unwrap();
            says(&message(writer.finish()), &[name]);
            assert_eq!(fs::read_link(&link).unwrap(), Path::new("elsewhere"));
            assert!(!folder.path().join("elsewhere").exists());
        }
    }
}

#[test]
fn a_pair_is_read_through_links_and_a_link_that_leads_nowhere_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    write_three(&at("train.npy"), Existing::Reuse).unwrap();
    symlink(at("train.npy"), at("link.npy")).unwrap();
    symlink(at("train.jsonl"), at("link.jsonl")).unwrap();
    assert_eq!(Features::open(&at("link.npy")).unwrap().labels().unwrap(), [0, 1, 1]);
    fs::remove_file(at("train.jsonl")).unwrap();
    says(&message(Features::open(&at("link.npy"))), &["link.jsonl"]);
}
