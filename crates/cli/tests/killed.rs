//! `headstart extract` that is killed, interrupted, out of space or not alone, and then run again; `headstart train` that is
//! interrupted.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use common::{Workplace, fails, json, weights};

/// Images a class: a run takes some tenths of a second after the weights are read.
const IMAGES: usize = 60;

/// Sizes of images. A run of large ones takes some seconds, so that it does not end while a busy machine keeps the test from
/// sending a signal or starting another run.
const SMALL: &str = "32x32";
const LARGE: &str = "96x96";

struct Place(Workplace);

impl Place {
    fn new() -> Self {
        let place = Workplace::new(IMAGES);
        // One that is skipped, and two of the same content.
        place.write("images/b/3.png", "not an image");
        fs::copy(place.path("images/a/7.png"), place.path("images/b/8.png")).unwrap();
        Self(place)
    }

    fn start(&self, output: &str, size: &str) -> Child {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("headstart"));
        command.current_dir(self.0.path("")).args(["extract", "images", "-o", output, "--weights"]);
        command.arg(weights()).args(["--size", size, "--batch-size", "4", "--threads", "2"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn pair(&self, name: &str) -> [Vec<u8>; 2] {
        ["npy", "jsonl"].map(|suffix| fs::read(self.0.path(&format!("{name}.{suffix}"))).unwrap())
    }

    /// Waits until a few rows are flushed.
    fn wait_for_rows(&self, name: &str) {
        let journal = self.0.path(&format!(".{name}.jsonl.partial"));
        let begun = Instant::now();
        while fs::metadata(&journal).map_or(0, |metadata| metadata.len()) < 1500 {
            assert!(begun.elapsed() < Duration::from_secs(60), "no row was flushed");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

fn signal(child: &Child, name: &str) {
    let kill = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn killed_at_any_moment_and_run_again_the_result_is_an_uninterrupted_run_s() {
    let place = Place::new();
    let begun = Instant::now();
    assert_eq!(place.start("whole.npy", SMALL).wait().unwrap().code(), Some(3));
    let whole = begun.elapsed();
    let expected = place.pair("whole");
    let (mut unfinished, mut resumed) = (0, 0);
    for moment in 0..25_u32 {
        let name = format!("f{moment}");
        let output = format!("{name}.npy");
        // Spread over the run; some outputs are killed again when they go on.
        for kill in 0..=moment % 2 {
            let mut child = place.start(&output, SMALL);
            std::thread::sleep(whole * (moment + 1) / 26 / (kill + 1));
            child.kill().unwrap();
            child.wait().unwrap();
        }
        unfinished += u32::from(!place.0.path(&output).exists());
        let last = place.start(&output, SMALL).wait_with_output().unwrap();
        assert_eq!(last.status.code(), Some(3), "{}", text(&last));
        resumed += u32::from(text(&last).contains("the other rows are there"));
        assert!(place.pair(&name) == expected, "moment {moment}");
    }
    assert!(unfinished > 5 && resumed > 5, "{unfinished} unfinished, {resumed} resumed");
    assert!(place.0.files().iter().all(|name| !name.starts_with('.')), "{:?}", place.0.files());
}

#[test]
fn a_signal_ends_it_after_the_batch_and_a_second_one_at_once() {
    let place = Place::new();
    place.start("whole.npy", LARGE).wait().unwrap();
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let output = format!("{name}.npy");
        let child = place.start(&output, LARGE);
        place.wait_for_rows(name);
        signal(&child, name);
        let ended = child.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(code), "{}", text(&ended));
        assert!(text(&ended).contains("interrupted after"), "{}", text(&ended));
        let hidden = [format!(".{name}.jsonl.partial"), format!(".{name}.npy.partial")];
        assert!(hidden.iter().all(|file| place.0.path(file).exists()));
        assert_eq!(place.start(&output, LARGE).wait().unwrap().code(), Some(3));
        assert!(place.pair(name) == place.pair("whole"));
        assert!(hidden.iter().all(|file| !place.0.path(file).exists()));
    }
    // A batch that takes long: the second signal does not wait for it. The batch is under way when its one image that can't
    // be read is told. A signal before that ends the job without any batch.
    let weights = weights();
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("headstart"));
    command.current_dir(place.0.path("")).args(["extract", "images", "-o", "slow.npy", "--weights"]);
    command.arg(&weights).args(["--size", "1024x1024", "--batch-size", "128"]).stderr(Stdio::piped());
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.starts_with("skipped b/3.png")), "the batch never began");
    signal(&child, "INT");
    // Longer than the echo of a signal lasts.
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(child.try_wait().unwrap(), None);
    signal(&child, "INT");
    let begun = Instant::now();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_full_disk_loses_nothing_that_was_flushed() {
    let place = Place::new();
    place.start("whole.npy", SMALL).wait().unwrap();
    // A limit on the size of files is met like a full disk once its signal is ignored; blocks of 512 bytes. The rows
    // take 240 kB.
    for blocks in [1, 3, 40, 200, 400] {
        let name = format!("f{blocks}");
        let script = format!(
            "trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" extract images -o {name}.npy --weights \"$1\" \
             --size 32x32 --batch-size 4"
        );
        let mut command = assert_cmd::Command::new("sh");
        command.args(["-c", &script]).arg(assert_cmd::cargo::cargo_bin!("headstart")).arg(weights());
        let told = fails(command.current_dir(place.0.path("")).assert(), 1, &["cannot write"]);
        assert!(told.contains(&name), "{told}");
        assert!(!place.0.path(&format!("{name}.npy")).exists());
        let output = place.start(&format!("{name}.npy"), SMALL).wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{}", text(&output));
        assert_eq!(text(&output).contains("the other rows are there"), blocks >= 40, "{}", text(&output));
        assert!(place.pair(&name) == place.pair("whole"));
    }
}

#[test]
fn of_two_that_race_one_writes_and_the_other_is_told() {
    let place = Place::new();
    place.start("whole.npy", LARGE).wait().unwrap();
    for round in 0..4 {
        let name = format!("f{round}");
        let output = format!("{name}.npy");
        let first = place.start(&output, LARGE);
        if round % 2 == 1 {
            place.wait_for_rows(&name);
        }
        let second = place.start(&output, LARGE);
        let ended = [first, second].map(|child| child.wait_with_output().unwrap());
        let lost: Vec<_> = ended.iter().filter(|output| output.status.code() == Some(1)).collect();
        let won = ended.iter().filter(|output| output.status.code() == Some(3)).count();
        assert_eq!((won, lost.len()), (1, 1), "{}{}", text(&ended[0]), text(&ended[1]));
        assert!(text(lost[0]).contains("another process is writing it"), "{}", text(lost[0]));
        assert!(place.pair(&name) == place.pair("whole"));
    }
}

/// A training of very many epochs that is under way, and its standard error when a signal has ended it.
fn ended_training(place: &Workplace, signal_name: &str) -> Output {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("headstart"));
    command.current_dir(place.path("")).args(["train", "--train", "f.npy", "--validation", "v.npy"]);
    command.args(["-o", "model.safetensors", "--run", "run", "--epochs", "10000000"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    while fs::metadata(place.path("run/metrics.jsonl")).map_or(0, |metadata| metadata.len()) < 1000 {
        assert!(begun.elapsed() < Duration::from_secs(60), "no epoch was recorded");
        std::thread::sleep(Duration::from_millis(1));
    }
    signal(&child, signal_name);
    child.wait_with_output().unwrap()
}

#[test]
fn a_signal_ends_a_training_that_keeps_its_heads_so_far() {
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let place = Workplace::new(4);
        place.extract("images", "f.npy", &[]).code(0);
        place.copy_features("f", "v");
        let output = ended_training(&place, name);
        assert_eq!(output.status.code(), Some(code));
        assert!(output.stdout.is_empty(), "an interrupted training has no result");
        assert!(!place.path("model.safetensors").exists());
        let epochs = fs::read_to_string(place.path("run/metrics.jsonl")).unwrap().lines().count();
        let last = json(&place.run(&["evaluate", "run/last.safetensors", "f.npy", "--json"]).code(0));
        assert_eq!(last["rows"], 8);
        place.run(&["evaluate", "run/best.safetensors", "f.npy"]).code(0);
        place.run(&["report", "run", "-o", "report.html"]).code(0);
        let page = fs::read_to_string(place.path("report.html")).unwrap();
        assert!(page.contains(&format!("{epochs} of 10000000")), "{epochs}");
    }
}

#[test]
fn an_ended_training_says_what_it_keeps() {
    let place = Workplace::new(4);
    place.extract("images", "f.npy", &[]).code(0);
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("headstart"));
    command.current_dir(place.path("")).args(["train", "--train", "f.npy", "-o", "model.safetensors"]);
    command.args(["--epochs", "10000000", "--units", "4", "--verbose"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().starts_with("epoch   1/10000000"));
    signal(&child, "INT");
    let last = lines.map(|line| line.unwrap()).last().unwrap();
    assert!(last.starts_with("interrupted after ") && last.contains("--run"), "{last}");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(place.files(), ["f.jsonl", "f.npy"]);
}
