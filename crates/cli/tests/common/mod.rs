//! What the command's tests share: folders of small images, and the binary.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use assert_cmd::assert::Assert;
use headstart_dataset::RgbImage;
use serde_json::Value;
use tempfile::TempDir;

/// The shipped weights.
pub(crate) fn weights() -> PathBuf {
    root().join("data/weights/vgg16_weights.h5")
}

/// The workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The header of a safetensors file, and the bytes of its tensors.
pub(crate) fn header_and_tensors(file: &[u8]) -> (Value, &[u8]) {
    let (length, rest) = file.split_at(8);
    let (header, tensors) = rest.split_at(u64::from_le_bytes(length.try_into().unwrap()) as usize);
    (serde_json::from_slice(header).unwrap(), tensors)
}

/// A folder that holds class folders `a` and `b`, and room for outputs.
pub(crate) struct Workplace {
    folder: TempDir,
}

impl Workplace {
    /// With so many images a class.
    pub(crate) fn new(images: usize) -> Self {
        let place = Self::empty();
        for (class, level) in [("a", 30), ("b", 220)] {
            for index in 0..images {
                place.image(&format!("images/{class}/{index}.png"), level, index as u8);
            }
        }
        place
    }

    pub(crate) fn empty() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// A small image of a colour of its own.
    pub(crate) fn image(&self, name: &str, level: u8, shade: u8) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let pixel = |x: u32, y: u32| [level, shade.wrapping_mul(16), (x * 9 + y * 5) as u8].into();
        RgbImage::from_fn(20, 16, pixel).save(path).unwrap();
    }

    /// The same features under another name, with their manifest.
    pub(crate) fn copy_features(&self, from: &str, to: &str) {
        for suffix in ["npy", "jsonl"] {
            fs::copy(self.path(&format!("{from}.{suffix}")), self.path(&format!("{to}.{suffix}"))).unwrap();
        }
    }

    /// Names in the workplace itself, without its images.
    pub(crate) fn files(&self) -> Vec<String> {
        let name = |entry: fs::DirEntry| entry.file_name().into_string().unwrap();
        let mut names: Vec<_> =
            fs::read_dir(self.folder.path()).unwrap().map(|entry| name(entry.unwrap())).collect();
        names.retain(|name| name != "images");
        names.sort();
        names
    }

    /// `headstart` with these arguments, in the workplace.
    pub(crate) fn run(&self, arguments: &[&str]) -> Assert {
        self.command(arguments).assert()
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("headstart"));
        command.current_dir(self.folder.path()).args(arguments);
        command
    }

    /// `headstart extract` at 32 x 32 into `output`, with more arguments.
    pub(crate) fn extract(&self, images: &str, output: &str, more: &[&str]) -> Assert {
        let weights = weights();
        let fixed =
            ["extract", images, "-o", output, "--weights", weights.to_str().unwrap(), "--size", "32x32"];
        self.run(&[&fixed[..], more].concat())
    }
}

/// Asserts an exit code, and that standard error holds each of the texts; returns standard error.
pub(crate) fn fails(assert: Assert, code: i32, texts: &[&str]) -> String {
    let assert = assert.code(code);
    let stderr = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
    for text in texts {
        assert!(stderr.contains(text), "expected {text:?} in: {stderr}");
    }
    assert!(!stderr.contains("panicked"), "{stderr}");
    stderr
}

/// Standard output as JSON.
pub(crate) fn json(assert: &Assert) -> Value {
    serde_json::from_slice(&assert.get_output().stdout).unwrap()
}
