//! `headstart serve`, from outside.
#![cfg(all(unix, feature = "serve"))]
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStderr, Command, Stdio};

use common::{Workplace, fails, weights};
use headstart_weights::{IfExists, Model, load_model, save_head};
use serde_json::Value;

/// A server that was started, and what it writes to standard error.
struct Serving {
    child: Child,
    notes: BufReader<ChildStderr>,
    address: String,
}

impl Serving {
    fn start(place: &Workplace, model: &str, more: &[&str]) -> Self {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("headstart"));
        command.current_dir(place.path("")).args(["serve", model, "--listen", "127.0.0.1:0", "--weights"]);
        command.arg(weights()).args(more).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut notes = BufReader::new(child.stderr.take().unwrap());
        let (mut line, mut before) = (String::new(), String::new());
        while !line.starts_with("serving ") {
            before += &line;
            line.clear();
            assert!(notes.read_line(&mut line).unwrap() > 0, "it ended: {before}");
        }
        let address = line.split("http://").nth(1).unwrap().split(' ').next().unwrap().to_owned();
        Self { child, notes, address }
    }

    /// The status of an answer, and its body.
    fn ask(&self, line: &str, host: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let length = body.len();
        let head = format!(
            "{line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
        );
        stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        let status = String::from_utf8_lossy(&answer[9..12]).parse().unwrap();
        (status, answer[end + 4..].to_vec())
    }

    /// Sends a signal, and returns the exit code and the rest of the notes.
    fn end(mut self, signal: &str) -> (Option<i32>, String) {
        let process = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &process]).status().unwrap().success());
        let mut rest = String::new();
        self.notes.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code(), rest)
    }
}

/// A model of six images of each of two classes.
fn trained() -> Workplace {
    let place = Workplace::new(6);
    place.extract("images", "f.npy", &[]).code(0);
    place.run(&["train", "--train", "f.npy", "-o", "model.safetensors", "--epochs", "4"]).code(0);
    place
}

#[test]
fn its_answers_are_those_of_predict_and_a_signal_ends_it_well() {
    let place = trained();
    let weights = weights();
    // More than eight images, because of the network's kernels.
    let arguments = ["predict", "model.safetensors", "images", "--json", "--top-k", "2", "--weights"];
    let expected = place.run(&[&arguments[..], &[weights.to_str().unwrap()]].concat()).code(0);
    let expected = String::from_utf8(expected.get_output().stdout.clone()).unwrap();
    for signal in ["-TERM", "-INT"] {
        let serving = Serving::start(&place, "model.safetensors", &["--allow-host", "a.example,b.example"]);
        for line in expected.lines() {
            let mut expected: Value = serde_json::from_str(line).unwrap();
            let path = expected.as_object_mut().unwrap().remove("path").unwrap();
            let image = fs::read(place.path(path.as_str().unwrap())).unwrap();
            let (status, body) = serving.ask("POST /v1/predict", "b.example", &image);
            assert_eq!((status, serde_json::from_slice::<Value>(&body).unwrap()), (200, expected));
        }
        let (status, body) = serving.ask("GET /v1/model", "localhost", b"");
        let model: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            (status, &model["name"], &model["network"]),
            (200, &"model.safetensors".into(), &"vgg16".into())
        );
        assert_eq!(serving.ask("GET /healthz", "c.example", b"").0, 421);
        let (code, notes) = serving.end(signal);
        assert_eq!((code, &*notes), (Some(0), ""));
    }
}

#[test]
fn limits_are_flags_and_what_is_wrong_names_its_flag() {
    let place = trained();
    let serving = Serving::start(&place, "model.safetensors", &["--max-side", "19", "--max-body", "2K"]);
    let image = fs::read(place.path("images/a/0.png")).unwrap();
    assert_eq!(serving.ask("POST /v1/predict", "localhost", &image).0, 413, "20 x 16 pixels");
    let (status, body) = serving.ask("POST /v1/predict", "localhost", &[0; 2049]);
    assert_eq!(status, 413);
    assert!(String::from_utf8(body).unwrap().contains("limit of 2048 bytes"));

    let weights = weights();
    let serve = |more: &[&str]| {
        let fixed = ["serve", "model.safetensors", "--weights", weights.to_str().unwrap()];
        place.run(&[&fixed[..], more].concat())
    };
    fails(serve(&["--listen", &serving.address]), 1, &["--listen: cannot listen on 127.0.0.1:"]);
    fails(serve(&["--listen", "8000"]), 2, &["expected an address and a port"]);
    fails(
        serve(&["--listen", "127.0.0.1:0", "--allow-origin", "example.com"]),
        2,
        &["--allow-origin: expected * or an origin such as https://example.com, found example.com"],
    );
    fails(serve(&["--max-batch", "0"]), 2, &["expected at least 1"]);
    fails(serve(&["--classes", "a,b"]), 2, &["says that itself; leave --classes out"]);
    fails(place.run(&["serve", "none.safetensors"]), 1, &["none.safetensors"]);
    serving.end("-KILL");
}

#[test]
fn a_head_that_states_nothing_is_served_with_what_the_flags_say() {
    let place = trained();
    let Model { layers, layer_names, .. } = load_model(&place.path("model.safetensors")).unwrap();
    save_head(&place.path("head.h5"), &layers, &layer_names, IfExists::Refuse).unwrap();
    let more = [
        "--classes",
        "x,y",
        "--preset",
        "blog",
        "--size",
        "32x32",
        "--backbone",
        "vgg16",
        "--activations",
        "relu,sigmoid",
    ];
    let serving = Serving::start(&place, "head.h5", &more);
    let (status, body) = serving.ask("GET /v1/model", "localhost", b"");
    let model: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((status, &model["classes"]), (200, &serde_json::json!(["x", "y"])));
    let image = fs::read(place.path("images/a/0.png")).unwrap();
    assert_eq!(serving.ask("POST /v1/predict", "localhost", &image).0, 200);
    assert_eq!(serving.end("-TERM").0, Some(0));
}
