//! Where flags' values come from, from outside.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use assert_cmd::assert::Assert;
use common::{Workplace, fails, json, weights};

/// Runs with variables set, and returns what `--show-settings` prints.
fn shown(place: &Workplace, arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let mut command = place.command(&[arguments, &["--show-settings"]].concat());
    let assert = command.envs(variables.iter().copied()).assert().code(0);
    String::from_utf8(assert.get_output().stdout.clone()).unwrap()
}

/// Runs with a settings file of this text.
fn with_file(text: &str, arguments: &[&str]) -> Assert {
    let place = Workplace::empty();
    place.write("settings.toml", text);
    place.run(&[arguments, &["--config", "settings.toml"]].concat())
}

/// Sets `flag` in one more place each time, and expects the values to take over in turn: default, file, environment,
/// command line.
fn takes_over(
    command: &[&str],
    file: &str,
    variable: (&str, &str),
    arguments: &[&str],
    flag: &str,
    values: [&str; 4],
) {
    let place = Workplace::empty();
    let expect = |shown: String, value: &str, source: &str| {
        let line = match (value, source) {
            ("", _) => format!("# {flag} is not set"),
            (_, "default") => format!("# {flag} = {value}  # default"),
            _ => format!("{flag} = {value}  # {source}"),
        };
        let name = |found: &&str| found.trim_start_matches("# ").starts_with(&format!("{flag} "));
        assert_eq!(shown.lines().find(name), Some(&*line));
    };
    expect(shown(&place, command, &[]), values[0], "default");
    place.write("headstart.toml", file);
    expect(shown(&place, command, &[]), values[1], "headstart.toml:2");
    expect(shown(&place, command, &[variable]), values[2], variable.0);
    expect(shown(&place, &[command, arguments].concat(), &[variable]), values[3], "command line");
    let empty = shown(&place, command, &[(variable.0, "")]);
    expect(empty, values[1], "headstart.toml:2");
}

const EXTRACT: [&str; 6] = ["extract", "images", "-o", "f.npy", "--weights", "w.h5"];
const TRAIN: [&str; 5] = ["train", "--train", "t.npy", "-o", "m.h5"];

#[test]
fn the_command_line_beats_the_environment_the_file_and_the_default() {
    let variable = ("HEADSTART_EXTRACT_BATCH_SIZE", "3");
    let values = ["", "2", "3", "4"];
    takes_over(
        &EXTRACT,
        "[extract]\nbatch-size = 0x2",
        variable,
        &["--batch-size", "4"],
        "batch-size",
        values,
    );
    let variable = ("HEADSTART_TRAIN_DROPOUT", "0.2");
    let values = ["0.5", "0.1", "0.2", "0.25"];
    takes_over(&TRAIN, "[train]\ndropout = 1e-1", variable, &["--dropout", ".25"], "dropout", values);
    let variable = ("HEADSTART_EXTRACT_SIZE", "64x32");
    let values = ["", r#""32x32""#, r#""64x32""#, r#""32x64""#];
    takes_over(&EXTRACT, "[extract]\nsize = '32x32'", variable, &["--size", "32x64"], "size", values);
}

#[test]
fn lists_switches_and_flags_with_an_optional_value_come_from_everywhere() {
    let variable = ("HEADSTART_TRAIN_COUNTS", "3,4");
    let values = ["", "[1, 2]", "[3, 4]", "[5, 6]"];
    takes_over(
        &TRAIN,
        "[train]\ncounts = [1, 2]",
        variable,
        &["--counts", "5", "--counts", "6"],
        "counts",
        values,
    );
    let variable = ("HEADSTART_EXTRACT_FRESH", "false");
    let values = ["false", "true", "false", "true"];
    takes_over(&EXTRACT, "[extract]\nfresh = true", variable, &["--fresh"], "fresh", values);
    let variable = ("HEADSTART_EXTRACT_SHARD", "1/2");
    let values = ["", r#""0/2""#, r#""1/2""#, r#""auto""#];
    takes_over(&EXTRACT, "[extract]\nshard = '0/2'", variable, &["--shard"], "shard", values);
}

#[test]
fn flags_of_all_commands_stand_before_the_tables() {
    let before = |more: &[&'static str]| [more, &EXTRACT].concat();
    let variable = ("HEADSTART_THREADS", "3");
    let values = ["0", "2", "3", "4"];
    takes_over(&EXTRACT, "\nthreads = 2", variable, &["--threads", "4"], "threads", values);
    let place = Workplace::empty();
    place.write("headstart.toml", "threads = 2\njson = true\ndevice = 'cuda:1'");
    let shown =
        shown(&place, &before(&["--threads", "5", "--device", "cpu"]), &[("HEADSTART_JSON", "false")]);
    let expected =
        "threads = 5  # command line\ndevice = \"cpu\"  # command line\njson = false  # HEADSTART_JSON\n";
    assert!(shown.starts_with(expected), "{shown}");
}

#[test]
fn a_file_is_named_by_flag_or_variable_or_lies_in_the_folder() {
    let place = Workplace::empty();
    for (name, seed) in [("headstart.toml", 1), ("variable.toml", 2), ("flag.toml", 3)] {
        place.write(name, format!("[train]\nseed = {seed}"));
    }
    let seed = |arguments: &[&str], variables: &[(&str, &str)]| {
        let shown = shown(&place, &[&TRAIN, arguments].concat(), variables);
        shown.lines().find(|line| line.starts_with("seed")).unwrap().to_owned()
    };
    let variable = [("HEADSTART_CONFIG", "variable.toml")];
    assert_eq!(seed(&[], &[]), "seed = 1  # headstart.toml:2");
    assert_eq!(seed(&[], &variable), "seed = 2  # variable.toml:2");
    assert_eq!(seed(&["--config", "flag.toml"], &variable), "seed = 3  # flag.toml:2");
    fails(place.run(&[&TRAIN[..], &["--show-settings"]].concat()), 0, &["settings from headstart.toml"]);
    fails(
        place.run(&["inspect", "f", "--config", "absent.toml"]),
        2,
        &["absent.toml: cannot read the settings"],
    );
}

#[test]
fn what_is_shown_is_a_settings_file_that_sets_the_same() {
    let place = Workplace::empty();
    let text = "[train]\ntrain = 'a \"b\" \\ ü.npy'\noutput = \"m.h5\"\ncounts = [1, 2]\nlearning-rate = 1e-9\n\
                seed = 18446744073709551615\nfresh = true";
    place.write("headstart.toml", text);
    let values = |shown: &str| {
        let value = |line: &str| line.split("  #").next().unwrap().to_owned();
        shown.lines().map(value).collect::<Vec<_>>()
    };
    let first = shown(&place, &["train"], &[]);
    assert!(first.contains("seed = 18446744073709551615  # headstart.toml:6\n"), "{first}");
    place.write("headstart.toml", &first);
    let second = shown(&place, &["train"], &[]);
    assert_eq!(values(&first), values(&second));
}

#[test]
fn a_run_takes_its_flags_from_a_file() {
    let place = Workplace::new(2);
    let weights = weights();
    let settings = format!(
        "json = true\n[extract]\noutput = 'f.npy'\nweights = '{}'\nsize = '32x32'\n\
         [train]\ntrain = 'f.npy'\noutput = 'm.h5'\nepochs = 3\nunits = 4\n",
        weights.display()
    );
    place.write("headstart.toml", settings);
    assert_eq!(json(&place.run(&["extract", "--", "images"]).code(0))["rows"], 4);
    let trained = json(&place.run(&["train", "--epochs", "2"]).code(0));
    assert_eq!(trained["last"]["epoch"], 2, "{trained}");
    assert_eq!(place.files(), ["f.jsonl", "f.npy", "headstart.toml", "m.h5"]);
}

#[test]
fn a_refused_value_is_told_with_its_source() {
    let place = Workplace::empty();
    let mut command = place.command(&EXTRACT);
    let assert = command.env("HEADSTART_EXTRACT_BATCH_SIZE", "0").assert();
    let texts =
        ["invalid value '0' for '--batch-size <N>'", "--batch-size <N> is from HEADSTART_EXTRACT_BATCH_SIZE"];
    fails(assert, 2, &texts);
    let assert = place.command(&EXTRACT).env("HEADSTART_EXTRACT_FRESH", "yes").assert();
    fails(assert, 2, &["HEADSTART_EXTRACT_FRESH=yes: expected true or false"]);
    let texts = ["expected HEIGHTxWIDTH", "note: --size <HxW> is from settings.toml:3"];
    let stderr = fails(with_file("[extract]\nstrict = true\nsize = '32'", &EXTRACT), 2, &texts);
    assert!(!stderr.contains("--strict"), "{stderr}");
    // What goes together is asked of the file's values, too.
    let texts = ["--validation <FILE.npy>", "note: --keep-best is from settings.toml:2"];
    fails(with_file("[train]\nkeep-best = true", &TRAIN), 2, &texts);
    // An error of the command line comes first.
    let stderr = fails(with_file("[train]\nseed = -1", &["train", "--epochs", "0"]), 2, &["--epochs <N>"]);
    assert!(!stderr.contains("seed"), "{stderr}");
}

#[test]
fn a_key_that_is_not_known_is_refused_with_its_line_and_the_nearest() {
    for (text, expected) in [
        (
            "\nthreds = 1",
            "settings.toml:2: threds: no flag of all commands, and no command; the nearest is threads",
        ),
        (
            "[extrct]",
            "settings.toml:1: extrct: no flag of all commands, and no command; the nearest is extract",
        ),
        (
            "[extract]\nbatch_size = 1",
            "settings.toml:2: extract.batch_size: no flag of the command; the nearest is batch-size",
        ),
        (
            "[merge]\nzzz = 1",
            "settings.toml:2: merge.zzz: no flag of the command; expected one of output, skipped-ok, fresh, max-",
        ),
        (
            "[train]\nzzz = 1\naaa = 1",
            "settings.toml:2: train.zzz: no flag of the command; expected one of train",
        ),
        ("[inspect]\na = 1", "settings.toml:2: inspect.a: no flag of the command, which has none of its own"),
        (
            "seed = 1",
            "settings.toml:1: seed: expected a flag of all commands; seed stands in a table such as [fit]",
        ),
        (
            "[train]\njson = true",
            "settings.toml:2: train.json: expected a flag of the command; json stands before the first table",
        ),
        (
            "[extract]\nimages = 'a'",
            "settings.toml:2: extract.images: expected a flag's name; images is given on the command line alone",
        ),
        ("config = 'a'", "settings.toml:1: config: no flag"),
        ("show-settings = true", "settings.toml:1: show-settings: no flag"),
        ("[extract]\nhelp = true", "settings.toml:2: extract.help: no flag"),
        ("[help]", "settings.toml:1: help: no flag"),
        ("[a\n", "settings.toml:1: unclosed table"),
        ("[train]\nseed = 1\nseed = 2", "settings.toml:3: duplicate key"),
    ] {
        fails(with_file(text, &["inspect", "f.npy"]), 2, &[expected]);
    }
}

#[test]
fn a_value_of_another_type_is_refused_with_its_line_and_what_was_expected() {
    for (text, expected) in [
        ("threads = '1'", "settings.toml:1: threads: expected a whole number, found a string"),
        ("train = 1", "settings.toml:1: train: expected a table [train], found a whole number"),
        ("[[train]]", "train: expected a table [train], found a list"),
        ("[train]\nfresh = 1", "settings.toml:2: train.fresh: expected a boolean, found a whole number"),
        ("[train]\nfresh = 'true'", "settings.toml:2: train.fresh: expected a boolean, found a string"),
        ("[train]\nepochs = 1.0", "train.epochs: expected a whole number, found a number with a fraction"),
        ("[train]\ndropout = '0.5'", "train.dropout: expected a number, found a string"),
        ("[train]\noutput = 2024-01-01", "train.output: expected a string, found a date"),
        ("[train]\ncounts = 1", "train.counts: expected a list of whole numbers, found a whole number"),
        (
            "[train]\ncounts = [\n1,\n'2']",
            "settings.toml:4: train.counts: expected a whole number, found a string",
        ),
        ("[train.epochs]\na = 1", "train.epochs: expected a whole number, found a table"),
    ] {
        fails(with_file(text, &["inspect", "f.npy"]), 2, &[expected]);
    }
}

#[test]
fn a_file_that_is_no_text_or_no_settings_is_refused() {
    let place = Workplace::empty();
    place.write("headstart.toml", b"[train]\nseed = \xff");
    fails(place.run(&TRAIN), 2, &["headstart.toml: cannot read the settings", "UTF-8"]);
    place.write("folder/file", "");
    fails(place.run(&["inspect", "f", "--config", "folder"]), 2, &["folder: cannot read the settings"]);
    let deep = format!("\nthreads = {}", "[".repeat(100_000));
    fails(with_file(&deep, &["inspect", "f"]), 2, &["settings.toml:2: "]);
    let long = format!("threads = {}", "9".repeat(100_000));
    fails(with_file(&long, &["inspect", "f"]), 2, &["--threads <N> is from settings.toml:1"]);
}

#[test]
fn a_misspelt_variable_is_told_and_another_is_left_alone() {
    let place = Workplace::empty();
    let mut command = place.command(&[&TRAIN[..], &["--show-settings"]].concat());
    command.env("HEADSTART_TRAIN_BATCHSIZE", "1").env("HEADSTART_TRAIN_PORT_80_TCP", "tcp://");
    let note = "HEADSTART_TRAIN_BATCHSIZE is no flag's variable; the nearest is HEADSTART_TRAIN_BATCH_SIZE";
    let stderr = fails(command.assert(), 0, &[note]);
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

#[test]
fn help_is_shown_whatever_the_file_says() {
    let assert = with_file("[nonsense]", &["train", "--help"]).code(0);
    let help = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
    assert!(help.contains("--batch-size <N>") && help.contains("Example"), "{help}");
    with_file("[nonsense]", &["--version"]).code(0);
}

#[test]
fn completions_and_man_pages_are_printed_and_written() {
    let place = Workplace::empty();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let assert = place.run(&["completions", shell]).code(0);
        assert!(String::from_utf8_lossy(&assert.get_output().stdout).contains("batch-size"), "{shell}");
    }
    fails(place.run(&["completions", "tcsh"]), 2, &["possible values: bash"]);
    let top = place.run(&["man"]).code(0).get_output().stdout.clone();
    let written = json(&place.run(&["man", "-o", "share/man1", "--json"]).code(0));
    let written: Vec<&str> = written.as_array().unwrap().iter().map(|path| path.as_str().unwrap()).collect();
    assert!(written.contains(&"share/man1/headstart-extract.1"), "{written:?}");
    assert_eq!(std::fs::read(place.path("share/man1/headstart.1")).unwrap().trim_ascii(), top.trim_ascii());
    assert_eq!(std::fs::read_dir(place.path("share/man1")).unwrap().count(), written.len());
    place.write("file", "");
    fails(place.run(&["man", "-o", "file"]), 1, &["file: cannot make the folder"]);
}
