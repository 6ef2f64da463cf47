//! `headstart extract`, from outside.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use std::fs;

use common::{Workplace, fails, json, weights};
use headstart_features::Features;

#[test]
fn features_and_manifest_have_a_row_an_image_in_scan_order() {
    let place = Workplace::new(3);
    let report = json(&place.extract("images", "f.npy", &["--json"]).code(0));
    assert_eq!(report["rows"], 6);
    assert_eq!(report["shape"], serde_json::json!([6, 512, 1, 1]));
    assert_eq!(report["class_counts"], serde_json::json!([3, 3]));
    assert_eq!(report["weights"]["layout"], "legacy-sequential");
    assert_eq!(report["weights"]["flipped"], true);
    assert_eq!(place.files(), ["f.jsonl", "f.npy"]);

    let features = Features::open(&place.path("f.npy")).unwrap();
    assert_eq!((features.rows(), features.row_shape()), (6, &[512, 1, 1][..]));
    let manifest = features.manifest().unwrap();
    let rows: Vec<_> = manifest.rows.iter().map(|row| (row.path.as_str(), row.label)).collect();
    let expected =
        [("a/0.png", 0), ("a/1.png", 0), ("a/2.png", 0), ("b/0.png", 1), ("b/1.png", 1), ("b/2.png", 1)];
    assert_eq!(rows, expected);
    assert_eq!(manifest.header.provenance.preprocessing.preset, "blog");
}

#[test]
fn bytes_do_not_depend_on_batches_or_threads() {
    let place = Workplace::new(4);
    place.write("images/a/1.png", "not an image");
    place.extract("images", "one.npy", &["--threads", "1"]).code(3);
    place.extract("images", "two.npy", &["--threads", "3", "--batch-size", "3"]).code(3);
    for suffix in ["npy", "jsonl"] {
        let read = |name| fs::read(place.path(&format!("{name}.{suffix}"))).unwrap();
        assert!(read("one") == read("two"), "{suffix} differs");
    }
}

#[test]
fn corrupt_image_is_skipped_told_and_shifts_no_label() {
    let place = Workplace::new(3);
    place.write("images/a/1.png", "not an image");
    let assert = place.extract("images", "f.npy", &["--json"]);
    let report = json(&assert);
    fails(assert, 3, &["skipped a/1.png: expected a PNG, JPEG"]);
    assert_eq!(report["rows"], 5);
    assert_eq!(report["skipped_images"][0]["path"], "a/1.png");
    let features = Features::open(&place.path("f.npy")).unwrap();
    assert_eq!(features.labels().unwrap(), [0, 0, 1, 1, 1]);
    let manifest = features.manifest().unwrap();
    assert_eq!(manifest.rows[1].path, "a/2.png");
    assert_eq!(manifest.skipped[0].path, "a/1.png");
}

#[test]
fn no_readable_image_is_bad_data_and_writes_nothing() {
    let place = Workplace::empty();
    place.write("images/a/1.png", "not an image");
    place.write("images/b/1.jpg", [0xff, 0xd8, 0xff]);
    fails(place.extract("images", "f.npy", &[]), 4, &["f.npy", "expected at least one row"]);
    assert!(place.files().is_empty(), "{:?}", place.files());
}

#[test]
fn bad_folders_are_named() {
    let place = Workplace::empty();
    fails(place.extract("images", "f.npy", &[]), 1, &["images: can't open the data folder"]);
    fs::create_dir(place.path("images")).unwrap();
    fails(
        place.extract("images", "f.npy", &[]),
        4,
        &["images: expected one sub-folder per class, found none"],
    );
    place.image("images/a/1.png", 10, 0);
    fails(
        place.extract("images", "f.npy", &[]),
        4,
        &["images: expected at least two class folders", "\"a\""],
    );
    fs::remove_file(place.path("images/a/1.png")).unwrap();
    place.write("images/b/notes.txt", "words");
    fails(place.extract("images", "f.npy", &[]), 4, &["images", "2 class folders and no image"]);
    assert!(place.files().is_empty());
}

#[test]
fn unknown_extension_is_left_out_and_told() {
    let place = Workplace::new(1);
    place.write("images/a/notes.txt", "words");
    place.write("images/b/.hidden.png", "words");
    let texts = ["unknown extension: a/notes.txt", "hidden: b/.hidden.png"];
    fails(place.extract("images", "f.npy", &[]), 0, &texts);
}

#[test]
fn nothing_is_overwritten_without_being_asked() {
    let place = Workplace::new(1);
    place.write("f.npy", "mine");
    fails(place.extract("images", "f.npy", &[]), 1, &["f.npy: already exists"]);
    assert_eq!(fs::read(place.path("f.npy")).unwrap(), b"mine");
    place.extract("images", "f.npy", &["--fresh"]).code(0);
    assert_eq!(Features::open(&place.path("f.npy")).unwrap().rows(), 2);
}

#[test]
fn an_output_that_cannot_be_written_is_refused_before_the_work() {
    let place = Workplace::new(1);
    fails(place.extract("images", "missing/f.npy", &[]), 1, &["missing"]);
    place.write("file", "");
    fails(place.extract("images", "file/f.npy", &[]), 1, &["file"]);
    fails(place.extract("images", "f.txt", &[]), 2, &["f.txt: expected a name that ends in .npy"]);
    if cfg!(target_os = "linux") {
        fails(place.extract("images", "/proc/f.npy", &[]), 1, &["/proc"]);
    }
}

#[test]
fn bad_weights_are_named() {
    let place = Workplace::new(1);
    let weights = fs::read(weights()).unwrap();
    place.write("truncated.h5", &weights[..weights.len() / 2]);
    place.write("page.h5", "<!doctype html>");
    let run = |file: &str, more: &[&str]| {
        let fixed = ["extract", "images", "-o", "f.npy", "--size", "32x32", "--weights", file];
        place.run(&[&fixed[..], more].concat())
    };
    fails(run("truncated.h5", &[]), 4, &["truncated.h5"]);
    fails(run("page.h5", &[]), 4, &["page.h5", "a web page"]);
    fails(run("missing.h5", &[]), 1, &["missing.h5"]);
    // The file is VGG16's.
    let texts =
        ["vgg16_weights.h5: expected the weights of vgg19, found those of vgg16; ", "--backbone vgg16"];
    fails(place.extract("images", "f.npy", &["--backbone", "vgg19"]), 4, &texts);
    assert_eq!(place.files(), ["page.h5", "truncated.h5"]);
}

#[test]
fn a_forced_path_gives_nearly_the_same_features_and_an_unknown_one_is_named() {
    let place = Workplace::new(1);
    let weights = weights();
    let run = |output: &str, path: &str| {
        let arguments =
            ["extract", "images", "-o", output, "--size", "32x32", "--weights", weights.to_str().unwrap()];
        place.command(&arguments).env("HEADSTART_KERNELS", path).assert()
    };
    fails(run("f.npy", "sse9"), 2, &["HEADSTART_KERNELS=sse9: expected one of auto, portable, avx2, avx512"]);
    run("auto.npy", "auto").code(0);
    run("portable.npy", "portable").code(0);
    let read = |name| Features::open(&place.path(name)).unwrap().read_all().unwrap();
    let (auto, portable) = (read("auto.npy"), read("portable.npy"));
    let largest = auto.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
    assert!(largest > 0.01);
    assert!(auto.iter().zip(&portable).all(|(a, b)| (a - b).abs() < 1e-5 * largest));
}

#[cfg(target_os = "linux")]
#[test]
fn a_name_that_is_not_utf8_and_a_closed_standard_error_are_no_hindrance() {
    use std::os::unix::ffi::OsStrExt;
    let place = Workplace::new(1);
    place.write("images/a/torn.png", "not an image");
    let output = std::ffi::OsStr::from_bytes(b"f\xff.npy");
    let weights = weights();
    let mut command = place.command(&["extract", "images", "--json", "--size", "32x32", "-o"]);
    command.arg(output).arg("--weights").arg(&weights).assert().code(3);

    let script = "exec \"$0\" extract images -o g.npy --size 32x32 --weights \"$1\" 2>&-";
    let mut command = assert_cmd::Command::new("sh");
    command.args(["-c", script]).arg(assert_cmd::cargo::cargo_bin!("headstart")).arg(&weights);
    command.current_dir(place.path("")).assert().code(3);
    assert!(place.path("g.npy").exists());
}

#[cfg(not(feature = "cuda"))]
#[test]
fn a_binary_without_cuda_says_what_a_gpu_needs() {
    let place = Workplace::new(1);
    let text = "cannot open the device cuda:1";
    fails(place.extract("images", "f.npy", &["--device", "cuda:1"]), 1, &[text]);
    assert_eq!(place.files(), [""; 0]);
    assert_eq!(json(&place.extract("images", "f.npy", &["--json"]).code(0))["device"], "cpu");
}

#[test]
fn usage_errors_exit_with_2_and_say_what_is_expected() {
    let place = Workplace::new(1);
    let extract = |more: &[&str]| place.extract("images", "f.npy", more);
    fails(extract(&["--preset", "vogue"]), 2, &["vogue", "blog"]);
    let known: Vec<&str> = headstart::Architecture::all().map(headstart::Architecture::name).collect();
    let known = format!("expected one of {}", known.join(", "));
    fails(extract(&["--backbone", "resnet"]), 2, &[&known]);
    fails(extract(&["--device", "gpu"]), 2, &["expected auto, cpu or cuda:N, found gpu"]);
    fails(place.run(&["extract", "images", "--size", "150"]), 2, &["expected HEIGHTxWIDTH"]);
    fails(extract(&["--batch-size", "0"]), 2, &["expected at least 1"]);
    fails(extract(&["--threads", "1025"]), 2, &["1025"]);
    let weights = weights();
    let of_size = |size: &str| {
        let weights = weights.to_str().unwrap();
        place.run(&["extract", "images", "-o", "f.npy", "--weights", weights, "--size", size])
    };
    fails(of_size("31x64"), 2, &["--size: images of 31 x 64: expected at least 32 x 32"]);
    fails(
        of_size("100000x32"),
        2,
        &["--size: preprocessing height: expected 1 to 4096 pixels, found 100000"],
    );
    fails(of_size("32x0"), 2, &["--size: preprocessing width: expected 1 to 4096 pixels, found 0"]);
    let crop = ["--size", "4000x4000", "--resize", "crop"];
    let texts = ["preprocessing crop fraction", "change it with --crop-pct, or take a smaller --size"];
    let weights = ["extract", "images", "-o", "f.npy", "--weights", weights.to_str().unwrap()];
    fails(place.run(&[&weights[..], &crop].concat()), 2, &texts);
}
