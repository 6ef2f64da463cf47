//! A write that the system refuses half-way, in a process of its own with a small limit on file sizes.

use std::path::Path;
use std::process::Command;

use crate::common::{header, names, record};
use headstart_features::{Error, Existing, Features, Writer};
use headstart_files::Error as FileError;

/// Set for the process with the limit; holds the folder to write in.
const FOLDER: &str = "HEADSTART_FULL_DISK_FOLDER";

/// 64 rows of 8 KiB: half a MiB, beyond the limit.
fn write_rows(path: &Path, existing: Existing) -> Result<(), Error> {
    let mut writer = Writer::open(path, header([2048, 1, 1]), existing)?;
    for i in 0..64 {
        writer.append(&[1.0; 2048], &[record(i, 0)])?;
    }
    writer.finish().map(|_| ())
}

/// Does nothing unless started by the test below, then writes beyond the limit.
#[test]
fn limited_process() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let path = Path::new(&folder).join("train.npy");
    match write_rows(&path, Existing::Replace) {
        Err(Error::File(FileError::Io { action: "write it", path: named, .. })) => assert_eq!(named, path),
        other => panic!("expected a refused write, found {other:?}"),
    }
    assert_eq!(names(Path::new(&folder)), ["train.jsonl", "train.npy"]);
}

#[test]
fn a_refused_write_names_the_file_and_leaves_the_old_pair_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("train.npy");
    write_rows(&path, Existing::Reuse).unwrap();
    let before = std::fs::read(&path).unwrap();
    // The limit counts blocks of 512 or 1024 bytes; the signal it sends is ignored, so that write() fails.
    let status = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 128; exec \"$@\"", "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "full_disk::limited_process", "--nocapture"])
        .env(FOLDER, folder.path())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&status.stdout);
    assert!(status.status.success() && told.contains("1 passed"), "{told}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert_eq!(Features::open(&path).unwrap().rows(), 64);
}
