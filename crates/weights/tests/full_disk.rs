//! Heads that the system refuses to write to their end, in a process of its own with a small limit on file sizes.
#![cfg(unix)]
// A test that meets an error where it expects none should stop there.
#![allow(clippy::unwrap_used)]

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::Command;

use headstart_files::Error as FileError;
use headstart_weights::{Array, Error, ErrorKind, HeadLayer, IfExists, load_head, save_head};

/// Set for the process with the limit; holds the folder to write in.
const FOLDER: &str = "HEADSTART_FULL_DISK_FOLDER";

const HEAD: &str = "head.h5";

fn save(folder: &Path, inputs: usize) -> Result<(), Error> {
    let kernel = Array::new(vec![inputs, 1], vec![1.0; inputs]).unwrap();
    let layers = [HeadLayer { name: "dense_1".to_owned(), kernel, bias: None }];
    save_head(&folder.join(HEAD), &layers, &["dense_1".to_owned()], IfExists::Replace)
}

fn length(folder: &Path) -> u64 {
    fs::metadata(folder.join(HEAD)).unwrap().len()
}

/// Bytes that a file can have here.
fn limit(folder: &Path) -> u64 {
    let probe = folder.join("probe");
    let mut file = File::create(&probe).unwrap();
    while file.write(&[0; 1 << 16]).is_ok() {}
    let limit = file.metadata().unwrap().len();
    fs::remove_file(probe).unwrap();
    limit
}

/// Does nothing unless started by the tests below, then writes beyond the limit.
#[test]
fn limited_process() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let folder = Path::new(&folder);
    let before = fs::read(folder.join(HEAD)).ok();
    let limit = limit(folder);
    // What the file holds besides the values, from a head small enough to be written.
    let small = tempfile::tempdir_in(folder).unwrap();
    save(small.path(), 1000).unwrap();
    let besides = length(small.path()) - 4000;
    drop(small);
    // Far beyond the limit the writes fail; a few bytes beyond it, only the last one, when the buffer is flushed.
    for beyond in [1 << 20, 4 << 10, 16] {
        let inputs = (limit + beyond - besides) as usize / 4;
        let error = save(folder, inputs).unwrap_err();
        assert!(
            matches!(&error, Error::File(FileError::Io { path, .. }) if *path == folder.join(HEAD)),
            "{error}"
        );
        assert_eq!(error.kind(), ErrorKind::Resources, "{error}");
        let names = fs::read_dir(folder).unwrap().count();
        assert_eq!(names, usize::from(before.is_some()), "{beyond} bytes beyond the limit");
        assert_eq!(fs::read(folder.join(HEAD)).ok(), before);
    }
    // The limit is what stops them.
    save(folder, (limit - besides) as usize / 4).unwrap();
    assert!(length(folder) > limit - 4);
}

fn run_limited(folder: &Path) {
    // The limit counts blocks of 512 or 1024 bytes; the signal it sends is ignored, so that write() fails.
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 128; exec \"$@\"", "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "limited_process", "--nocapture"])
        .env(FOLDER, folder)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    let also = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.contains("1 passed"), "{told}{also}");
}

#[test]
fn a_refused_write_names_the_file_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    run_limited(folder.path());
}

#[test]
fn a_refused_overwrite_keeps_the_old_head() {
    let folder = tempfile::tempdir().unwrap();
    save(folder.path(), 3).unwrap();
    assert_eq!(load_head(&folder.path().join(HEAD)).unwrap()[0].kernel.values, [1.0; 3]);
    run_limited(folder.path());
}
