//! Folders whose entries are no images: told, never followed, never waited for, never removed.
#![cfg(unix)]

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};

use crate::common::{Workplace, fails, weights};
use crate::snapshot;

fn extract(place: &Workplace, more: &[&str], code: i32, texts: &[&str]) {
    let weights = weights();
    let weights = weights.to_str().unwrap();
    let fixed = ["extract", "images", "-o", "f.npy", "--weights", weights, "--size", "32x32"];
    let arguments = [&fixed[..], more].concat();
    if code == 0 || code == 3 {
        snapshot::adds(place, &arguments, &["f.npy", "f.jsonl"], |assert| fails(assert, code, texts));
        fs::remove_file(place.path("f.npy")).unwrap();
        fs::remove_file(place.path("f.jsonl")).unwrap();
    } else {
        snapshot::refused(place, &arguments, code, texts);
    }
}

#[test]
fn entries_that_are_no_images_are_left_out_and_told() {
    let place = Workplace::new(1);
    assert!(
        std::process::Command::new("mkfifo").arg(place.path("images/a/pipe.png")).status().unwrap().success()
    );
    extract(&place, &[], 0, &["left out because it is a special file: a/pipe.png"]);
    symlink("/dev/zero", place.path("images/a/device.png")).unwrap();
    symlink("absent.png", place.path("images/a/dangling.png")).unwrap();
    extract(&place, &[], 0, &["left out because it is a link: a/dangling.png and 1 more"]);
    fs::create_dir(place.path("images/b/folder.png")).unwrap();
    extract(&place, &[], 0, &["images: 2 images (a 1, b 1)"]);
    let texts = ["it is a link: a/dangling.png", "it is a special file: a/device.png and 1 more"];
    extract(&place, &["--follow-links"], 0, &texts);
}

#[test]
fn a_link_to_a_folder_that_holds_it_is_refused_when_links_are_followed() {
    let place = Workplace::new(1);
    symlink("..", place.path("images/a/up")).unwrap();
    extract(&place, &[], 0, &["left out because it is a link: a/up"]);
    extract(&place, &["--follow-links"], 4, &["a/up: the link leads back to", "which contains it"]);
}

#[test]
fn what_may_not_be_read_is_told() {
    let place = Workplace::new(2);
    let file = place.path("images/a/1.png");
    fs::set_permissions(&file, Permissions::from_mode(0o000)).unwrap();
    // Root reads everything.
    if fs::File::open(&file).is_err() {
        extract(&place, &[], 3, &["skipped a/1.png: can't read the file: Permission denied"]);
        let folder = place.path("images/b");
        fs::set_permissions(&folder, Permissions::from_mode(0o000)).unwrap();
        extract(&place, &[], 3, &["skipped b: can't list the folder: Permission denied", "class b is empty"]);
        fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
    }
}

#[test]
fn images_that_are_a_file_are_refused() {
    let place = Workplace::empty();
    place.write("images", "words");
    extract(&place, &[], 4, &["images: expected a folder with one sub-folder per class, found a file"]);
}
