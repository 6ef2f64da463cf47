//! What the library's tests share: folders of small images, and features of them.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::path::{Path, PathBuf};

use headstart::{
    Backbone, Dataset, Device, Error, Extracted, Extraction, LabelledFeatures, Observer, Preprocessing,
    Preset, Silent,
};
use tempfile::TempDir;

/// The workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The shipped weights.
pub(crate) fn weights() -> PathBuf {
    root().join("data/weights/vgg16_weights.h5")
}

/// The shipped network on the CPU.
pub(crate) fn backbone() -> Backbone {
    Backbone::open(weights()).unwrap().on(Device::Cpu)
}

/// The smallest images that the network takes.
pub(crate) fn small() -> Preprocessing {
    Preprocessing::preset(Preset::Caffe, 32, 32)
}

/// A folder with the images of two classes, and room for results.
pub(crate) struct Place {
    pub(crate) folder: TempDir,
}

impl Place {
    /// With a number of images a class.
    pub(crate) fn new(images: u8) -> Self {
        let place = Self { folder: TempDir::new().unwrap() };
        for (class, level) in [("cats", 30), ("dogs", 220)] {
            for index in 0..images {
                place.image(&format!("images/{class}/{index}.png"), level, index);
            }
        }
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn image(&self, name: &str, level: u8, shade: u8) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let pixel = |x: u32, y: u32| image::Rgb([level, shade.wrapping_mul(16), (x * 9 + y * 5) as u8]);
        image::RgbImage::from_fn(20, 16, pixel).save(path).unwrap();
    }

    pub(crate) fn dataset(&self) -> Dataset {
        Dataset::folder(self.path("images")).unwrap()
    }

    /// Extracts the images into a file, four at a time.
    pub(crate) fn extract_with(&self, name: &str, observer: &mut dyn Observer) -> Result<Extracted, Error> {
        let (dataset, backbone) = (self.dataset(), backbone());
        let extraction = Extraction::new(&dataset, &backbone).preprocessing(small()).batch_size(4);
        extraction.to(self.path(name)).run(observer)
    }

    /// The same features in a file of another name, to validate on: no file may be both.
    pub(crate) fn copy_of(&self, features: &LabelledFeatures) -> LabelledFeatures {
        let (from, to) = (features.path(), self.path("copy.npy"));
        for suffix in ["npy", "jsonl"] {
            if from.with_extension(suffix).exists() {
                std::fs::copy(from.with_extension(suffix), to.with_extension(suffix)).unwrap();
            }
        }
        let counts = features.manifest().is_none().then(|| features.class_rows());
        LabelledFeatures::with_counts(to, counts.as_deref()).unwrap()
    }

    pub(crate) fn extract(&self, name: &str) -> Extracted {
        self.extract_with(name, &mut Silent).unwrap()
    }
}
