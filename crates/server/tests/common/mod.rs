//! What the tests share: a model, a server of it, and a client that sends bytes as they are.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::thread::JoinHandle;
use std::time::Duration;

use headstart::{
    Backbone, Classifier, Dataset, Description, Device, Extraction, Limits, Pooling, Prediction, Predictor,
    Preprocessing, Preset, Recipe, Silent,
};
use headstart_server::{ModelRecord, Options, Server, Stop};
use serde_json::Value;
use tempfile::TempDir;

/// A model of two classes, and its images.
pub(crate) struct Place {
    folder: TempDir,
    pub(crate) classifier: Classifier,
    pub(crate) backbone: Backbone,
}

/// One for all tests of a file.
pub(crate) fn place() -> &'static Place {
    static PLACE: OnceLock<Place> = OnceLock::new();
    PLACE.get_or_init(|| {
        let folder = TempDir::new().unwrap();
        for (class, level) in [("cats", 30), ("dogs", 220)] {
            let images = folder.path().join("images").join(class);
            std::fs::create_dir_all(&images).unwrap();
            for index in 0..6_u8 {
                let pixel =
                    |x: u32, y: u32| image::Rgb([level, index.wrapping_mul(16), (x * 9 + y * 5) as u8]);
                let path = images.join(format!("{index}.png"));
                image::RgbImage::from_fn(40, 30, pixel).save(path).unwrap();
            }
        }
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let backbone = Backbone::open(root.join("data/weights/efficientnet_lite0.safetensors")).unwrap();
        let backbone = backbone.on(Device::Cpu);
        let dataset = Dataset::folder(folder.path().join("images")).unwrap();
        let extraction = Extraction::new(&dataset, &backbone)
            .preprocessing(Preprocessing::preset(Preset::Inception, 64, 64))
            .pooling(Pooling::Average);
        let features =
            extraction.to(folder.path().join("f.npy")).run(&mut Silent).unwrap().features().unwrap();
        let mut recipe = Recipe::default();
        (recipe.units, recipe.options.epochs) = (4, 3);
        let classifier = Classifier::train(&features, None, &recipe, &mut Silent).unwrap();
        Place { folder, classifier, backbone }
    })
}

impl Place {
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The images as files have them, with what predict answers.
    pub(crate) fn answered(&self) -> Vec<(Vec<u8>, Prediction)> {
        let answers = self.classifier.predict(&self.backbone, [self.path("images")]).unwrap();
        let read =
            |answer: headstart::Answer| (std::fs::read(&answer.path).unwrap(), answer.prediction.unwrap());
        answers.into_iter().map(read).collect()
    }

    /// A server with these options, which answers until it is dropped.
    pub(crate) fn server(&self, options: Options) -> Running {
        let predictor = Predictor::new(&self.classifier, &self.backbone).unwrap();
        let predictor = predictor.limits(Limits::default().with_max_side(300)).ready().unwrap();
        let complete = self.classifier.complete(Description::default()).unwrap();
        let model = ModelRecord::new("test", &self.classifier, &complete);
        let server = Server::bind("127.0.0.1:0".parse().unwrap(), predictor, &model, options).unwrap();
        let (address, stop) = (server.address(), server.stop());
        let thread = std::thread::spawn(move || server.run().unwrap());
        Running { address, stop, thread: Some(thread) }
    }
}

/// A server that runs on a thread.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) stop: Stop,
    thread: Option<JoinHandle<bool>>,
}

impl Running {
    /// Asks it to stop, and waits for that. Returns whether it finished all requests.
    pub(crate) fn end(&mut self) -> bool {
        self.stop.stop();
        self.thread.take().unwrap().join().unwrap()
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream
    }

    /// Sends bytes, and reads all that comes until the server closes the connection.
    pub(crate) fn raw(&self, request: &[u8]) -> Response {
        let mut stream = self.connect();
        // The server may answer before it has read all.
        let _ = stream.write_all(request);
        Response::read(stream)
    }

    /// A request with some lines of its head, and its body.
    pub(crate) fn send(&self, line: &str, lines: &[&str], body: &[u8]) -> Response {
        let length = body.len();
        let mut request = format!("{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
        for line in lines {
            request += &format!("{line}\r\n");
        }
        let head = format!("{request}Content-Length: {length}\r\n\r\n");
        self.raw(&[head.as_bytes(), body].concat())
    }

    pub(crate) fn get(&self, path: &str) -> Response {
        self.send(&format!("GET {path}"), &[], b"")
    }

    /// Asks for the classes of an image.
    pub(crate) fn predict(&self, image: &[u8]) -> Response {
        self.send("POST /v1/predict", &["Content-Type: image/png"], image)
    }

    /// A figure of `/metrics`.
    pub(crate) fn figure(&self, name: &str) -> f64 {
        let text = String::from_utf8(self.get("/metrics").body).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0.0, |value| value.parse().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Response {
    /// 0 if it closed the connection without an answer.
    pub(crate) status: u16,
    /// With names in small letters.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn read(mut stream: TcpStream) -> Self {
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
            return Self { status: 0, headers: BTreeMap::new(), body: bytes };
        };
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let header = |line: &str| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_ascii_lowercase(), value.trim().to_owned())
        };
        let headers = lines.map(header).collect();
        Self { status, headers, body: bytes[end + 4..].to_vec() }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// Checks that it is a problem of a status, whose text has some words.
    #[track_caller]
    pub(crate) fn is_problem(&self, status: u16, words: &str) {
        assert_eq!(self.status, status, "{self:?} {}", String::from_utf8_lossy(&self.body));
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["status"], status);
        assert_eq!(problem["type"], "about:blank");
        assert!(!problem["title"].as_str().unwrap().is_empty());
        assert!(problem["detail"].as_str().unwrap().contains(words), "{problem}");
    }
}

/// Checks that an answer has the bits of a prediction.
#[track_caller]
pub(crate) fn is_same(answer: &Value, prediction: &Prediction) {
    assert_eq!(answer["label"], *prediction.label, "{answer}");
    assert_eq!(answer["error"], Value::Null);
    let number = |value: &Value| value.as_f64().unwrap() as f32;
    assert_eq!(number(&answer["probability"]).to_bits(), prediction.probability.to_bits());
    let top = answer["top"].as_array().unwrap();
    assert_eq!(top.len(), 2);
    for (ranked, class) in top.iter().zip(prediction.top(2)) {
        assert_eq!(ranked["label"], ["cats", "dogs"][class]);
        assert_eq!(number(&ranked["probability"]).to_bits(), prediction.probabilities[class].to_bits());
    }
}

/// Parts of a form, with the type of the body.
pub(crate) fn form(parts: &[(&str, &[u8])]) -> (String, Vec<u8>) {
    let mut body = Vec::new();
    for (name, content) in parts {
        let disposition = format!("form-data; name=\"images\"; filename=\"{name}\"");
        body.extend(format!("--xyz\r\nContent-Disposition: {disposition}\r\n\r\n").bytes());
        body.extend(*content);
        body.extend(b"\r\n");
    }
    body.extend(b"--xyz--\r\n");
    ("Content-Type: multipart/form-data; boundary=xyz".to_owned(), body)
}
