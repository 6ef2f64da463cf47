//! Outputs whose names something else has: nothing that is not a regular file is replaced.

use std::fs;
use std::os::unix::fs::{FileTypeExt, symlink};

use crate::common::{Workplace, weights};
use crate::snapshot;

/// A place with features, a model and a run, and the commands that write a file, each with what it writes.
fn place() -> Workplace {
    let place = Workplace::new(2);
    place.extract("images", "f.npy", &[]).code(0);
    place.copy_features("f", "v");
    let train = ["train", "--train", "f.npy", "--validation", "v.npy", "--epochs", "1", "--units", "2"];
    place.run(&[&train[..], &["-o", "m.safetensors", "--run", "run"]].concat()).code(0);
    place.extract("images", "0.npy", &["--shard", "0/1"]).code(0);
    place
}

#[test]
fn pipes_links_and_folders_are_never_replaced() {
    let place = place();
    let weights = weights();
    let weights = weights.to_str().unwrap();
    fs::write(place.path("target"), "mine").unwrap();
    let commands: [(&str, Vec<&str>); 9] = [
        ("o.npy", vec!["extract", "images", "--weights", weights, "--size", "32x32", "-o"]),
        ("o.jsonl", vec!["extract", "images", "--weights", weights, "--size", "32x32", "-o"]),
        ("o.npy", vec!["merge", "0.npy", "-o"]),
        ("o.h5", vec!["train", "--train", "f.npy", "-o"]),
        ("o.safetensors", vec!["train", "--train", "f.npy", "-o"]),
        ("o.h5", vec!["convert", "m.safetensors", "-o"]),
        ("o.html", vec!["report", "run", "-o"]),
        ("o.csv", vec!["predict", "m.safetensors", "f.npy", "--format", "csv", "-o"]),
        ("o.html", vec!["fit", "images", "-o", "fitted.safetensors", "--report"]),
    ];
    for (name, command) in commands {
        let output = if name.ends_with("jsonl") { "o.npy" } else { name };
        let arguments = [&command[..], &[output, "--fresh"]].concat();
        let path = place.path(name);
        for kind in ["pipe", "link", "dangling", "folder"] {
            match kind {
                "pipe" => {
                    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
                }
                "link" => symlink(place.path("target"), &path).unwrap(),
                "dangling" => symlink(place.path("nowhere"), &path).unwrap(),
                _ => fs::create_dir(&path).unwrap(),
            }
            snapshot::refused(&place, &arguments, 1, &[name, "expected a file"]);
            let found = fs::symlink_metadata(&path).unwrap().file_type();
            let kept = found.is_fifo() || found.is_symlink() || found.is_dir();
            assert!(kept, "{command:?} replaced a {kind}");
            if kind == "folder" { fs::remove_dir(&path) } else { fs::remove_file(&path) }.unwrap();
        }
    }
    assert_eq!(fs::read(place.path("target")).unwrap(), b"mine");
}

/// The files of a run and the man pages have names that a person does not choose.
#[test]
fn the_files_of_a_folder_are_held_to_the_same() {
    let place = place();
    for (file, arguments) in [
        ("run/metrics.jsonl", vec!["train", "--train", "f.npy", "-o", "n.h5", "--run", "run", "--fresh"]),
        ("run/last.safetensors", vec!["train", "--train", "f.npy", "-o", "n.h5", "--run", "run", "--fresh"]),
        ("pages/headstart-train.1", vec!["man", "-o", "pages"]),
    ] {
        fs::create_dir_all(place.path("pages")).unwrap();
        let path = place.path(file);
        let _ = fs::remove_file(&path);
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let assert = place.run(&arguments).code(1);
        let stderr = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
        assert!(stderr.contains(file) && stderr.contains("expected a file"), "{stderr}");
        assert!(fs::symlink_metadata(&path).unwrap().file_type().is_fifo(), "{file}");
        fs::remove_file(&path).unwrap();
    }
}

#[test]
fn a_run_is_kept_whole_if_one_of_its_names_can_t_be_written() {
    let place = place();
    let last = place.path("run/last.safetensors");
    fs::rename(&last, place.path("kept.safetensors")).unwrap();
    symlink(place.path("kept.safetensors"), &last).unwrap();
    let train = ["train", "--train", "f.npy", "-o", "n.h5", "--run", "run", "--fresh"];
    snapshot::refused(&place, &train, 1, &["run/last.safetensors", "found a link"]);
}
