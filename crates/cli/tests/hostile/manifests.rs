//! Manifests: a hostile one makes its `.npy` unusable, whose rows would otherwise get labels of others.

use std::fs;

use crate::common::Workplace;
use crate::{golden, snapshot};

/// Three rows and a skipped image, as written by this crate's writer.
fn whole() -> String {
    String::from_utf8(golden("npy/written.jsonl")).unwrap()
}

/// With a text replaced, wherever it stands.
fn with(from: &str, to: &str) -> Vec<u8> {
    let text = whole();
    assert!(text.contains(from), "{from}");
    text.replace(from, to).into_bytes()
}

/// The lines chosen, in that order.
fn lines(chosen: &[usize]) -> Vec<u8> {
    let text = whole();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    chosen.iter().flat_map(|&line| lines[line].bytes()).collect()
}

fn cut_within_the_second_line() -> Vec<u8> {
    let text = lines(&[0, 1]);
    text[..text.len() - 5].to_vec()
}

#[test]
fn hostile_manifests_are_refused_with_their_line_and_no_head_is_written() {
    let place = Workplace::empty();
    place.write("f.npy", golden("npy/written.npy"));
    let long_line = [&lines(&[0])[..], &vec![b' '; 70_000], b"\n"].concat();
    let long_header = [&vec![b' '; 1 << 20][..], whole().as_bytes()].concat();
    let nested = [&lines(&[0])[..], "[".repeat(60_000).as_bytes(), b"\n"].concat();
    let cases: Vec<(&str, Vec<u8>, &[&str])> = vec![
        ("nothing", vec![], &["f.jsonl:0: expected a header line, found an empty file"]),
        ("no JSON", b"words\n".to_vec(), &["f.jsonl:1:", "expected value"]),
        ("JSON of another kind", b"{\"a\":1}\n".to_vec(), &["f.jsonl:1: expected format", "found null"]),
        (
            "another version",
            with("\"version\":1", "\"version\":2"),
            &["f.jsonl:1:", "version 1, found", "version 2"],
        ),
        ("no classes", with("\"classes\":", "\"klasses\":"), &["f.jsonl:1:", "missing field `classes`"]),
        ("a header alone", lines(&[0]), &["f.jsonl:2: expected an end line, found none after 0 rows"]),
        ("cut after a line", lines(&[0, 1, 2, 3]), &["f.jsonl:5: expected an end line", "after 3 rows"]),
        (
            "cut within a line",
            cut_within_the_second_line(),
            &["f.jsonl:2: expected a line of at most 65536 bytes with its end"],
        ),
        (
            "no last line end",
            whole().trim_end().as_bytes().to_vec(),
            &["f.jsonl:6: expected a line", "with its end"],
        ),
        ("rows out of order", lines(&[0, 2, 1, 3, 4, 5]), &["f.jsonl:2: expected row 0", "found row 1"]),
        ("a row twice", lines(&[0, 1, 1, 2, 3, 4, 5]), &["f.jsonl:3: expected row 1", "found row 0"]),
        ("a row left out", lines(&[0, 1, 3, 4, 5]), &["f.jsonl:3: expected row 1", "found row 2"]),
        (
            "a row after a skipped image",
            lines(&[0, 1, 2, 4, 3, 5]),
            &["f.jsonl:5: expected row 2 before any skipped image"],
        ),
        (
            "something after the end",
            lines(&[0, 1, 2, 3, 4, 5, 5]),
            &["f.jsonl:7: expected nothing after the end line"],
        ),
        (
            "a label out of range",
            with("\"label\":1,\"hash\"", "\"label\":2,\"hash\""),
            &["expected a label below 2", "found 2"],
        ),
        ("a negative label", with("\"label\":0", "\"label\":-1"), &["f.jsonl:2:", "-1"]),
        (
            "a row without its hash",
            with("\"hash\":", "\"bash\":"),
            &["f.jsonl:2: expected a row (row, path, label, hash)"],
        ),
        (
            "other counts at the end",
            with("\"rows\":3", "\"rows\":4"),
            &["f.jsonl:6: expected 4 rows", "found 3"],
        ),
        (
            "another row shape",
            with("[2,2,1]", "[4,1,1]"),
            &["f.npy", "f.jsonl disagree", "[2, 2, 1]", "[4, 1, 1]"],
        ),
        (
            "no UTF-8",
            [&lines(&[0])[..], b"{\"row\":0,\"path\":\"\xff\"}\n"].concat(),
            &["f.jsonl:2: expected UTF-8 text"],
        ),
        ("a long line", long_line, &["f.jsonl:2: expected a line of at most 65536 bytes"]),
        ("a long header", long_header, &["f.jsonl:1: expected a line of at most 1048576 bytes"]),
        ("deep brackets", nested, &["f.jsonl:2: invalid type: sequence"]),
        ("an image", golden("decode/images/png-rgb.png"), &["f.jsonl:1: expected UTF-8 text"]),
    ];
    for (what, content, texts) in cases {
        place.write("f.jsonl", content);
        println!("{what}");
        snapshot::refused(&place, &["train", "--train", "f.npy", "-o", "head.h5"], 4, texts);
        snapshot::refused(&place, &["inspect", "f.npy"], 4, texts);
    }
}

#[test]
fn a_pair_that_does_not_belong_together_is_not_trained_on() {
    let train = ["train", "--train", "f.npy", "-o", "head.h5"];
    let place = Workplace::empty();
    // Another file of three rows of this shape: only the hash of the values tells.
    let mut other = golden("npy/written.npy");
    let last = other.len() - 1;
    other[last] ^= 1;
    place.write("f.npy", other);
    place.write("f.jsonl", whole());
    let texts = ["f.npy and its manifest f.jsonl disagree", "its data has blake3", "it states 4d91e318"];
    snapshot::refused(&place, &train, 4, &texts);
    // Fewer rows, and more.
    place.write("f.npy", golden("npy/f4_rank_2.npy"));
    snapshot::refused(&place, &train, 4, &["f.npy", "f.jsonl", "rows"]);
    place.write("f.npy", golden("npy/written.npy"));
    let fewer = String::from_utf8(lines(&[0, 1, 2, 4, 5])).unwrap().replace("\"rows\":3", "\"rows\":2");
    place.write("f.jsonl", fewer);
    snapshot::refused(&place, &train, 4, &["f.npy", "it has 3 rows", "it lists 2"]);
}

#[test]
fn a_manifest_that_is_no_file_is_refused_and_not_waited_for() {
    let place = Workplace::empty();
    place.write("f.npy", golden("npy/written.npy"));
    let train = ["train", "--train", "f.npy", "--counts", "1,2", "-o", "head.h5"];
    fs::create_dir(place.path("f.jsonl")).unwrap();
    snapshot::refused(&place, &train, 1, &["f.jsonl: expected a file, found a folder"]);
    fs::remove_dir(place.path("f.jsonl")).unwrap();
    if cfg!(unix) {
        assert!(std::process::Command::new("mkfifo").arg(place.path("f.jsonl")).status().unwrap().success());
        snapshot::refused(&place, &train, 1, &["f.jsonl: expected a file, found a folder or a special file"]);
    }
}
