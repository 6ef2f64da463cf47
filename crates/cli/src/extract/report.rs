//! What `headstart extract` prints when it is done.

use headstart_dataset::Preprocessing;
use headstart_features::{SkippedRecord, Summary};
use headstart_weights::LoadReport;
use serde::Serialize;

use crate::output::say;
use crate::writer_thread::Image;

#[derive(Debug, Serialize)]
pub(crate) struct Report {
    #[serde(flatten)]
    pub(crate) written: Written,
    pub(crate) shape: [usize; 4],
    pub(crate) classes: Vec<String>,
    #[serde(flatten)]
    pub(crate) tally: Tally,
    /// None where no row had to be computed.
    pub(crate) weights: Option<LoadReport>,
    pub(crate) preprocessing: Preprocessing,
    pub(crate) fingerprint: String,
    pub(crate) computed_by: String,
    pub(crate) device: &'static str,
    pub(crate) threads: usize,
    pub(crate) load_seconds: f64,
    pub(crate) extract_seconds: f64,
    pub(crate) images_per_second: f64,
}

/// What stands at the output now.
#[derive(Debug, Serialize)]
pub(crate) struct Written {
    pub(crate) npy: String,
    pub(crate) manifest: String,
    pub(crate) rows: usize,
    pub(crate) computed: usize,
    pub(crate) kept: usize,
    pub(crate) dropped: usize,
    pub(crate) skipped: usize,
}

impl From<Summary> for Written {
    fn from(summary: Summary) -> Self {
        let Summary { rows, computed, kept, dropped, skipped, npy, manifest } = summary;
        // Names that are not UTF-8 are shown with replacements.
        let [npy, manifest] = [npy, manifest].map(|path| path.display().to_string());
        Self { npy, manifest, rows, computed, kept, dropped, skipped }
    }
}

/// What became of the images so far.
#[derive(Debug, Serialize)]
pub(crate) struct Tally {
    /// Rows of each class.
    class_counts: Vec<usize>,
    skipped_images: Vec<SkippedImage>,
    #[serde(skip)]
    pub(crate) images: usize,
}

#[derive(Debug, Serialize)]
struct SkippedImage {
    path: String,
    reason: String,
}

impl Tally {
    pub(crate) fn new(classes: usize) -> Self {
        Self { class_counts: vec![0; classes], skipped_images: Vec::new(), images: 0 }
    }

    pub(crate) fn add(&mut self, images: &[Image]) {
        self.images += images.len();
        for image in images {
            match image {
                Image::Computed(record) | Image::Kept(record) => {
                    self.class_counts[record.label as usize] += 1
                }
                Image::Skipped(SkippedRecord { path, reason, .. }) => {
                    self.skipped_images.push(SkippedImage { path: path.clone(), reason: reason.clone() });
                }
            }
        }
    }

    pub(crate) fn has_skipped(&self) -> bool {
        !self.skipped_images.is_empty()
    }
}

impl Report {
    pub(crate) fn print(&self, json: bool) -> anyhow::Result<()> {
        if json {
            say!("{}", serde_json::to_string_pretty(self)?);
            return Ok(());
        }
        let [rows, channels, height, width] = self.shape;
        let Written { npy, manifest, computed, kept, dropped, skipped, .. } = &self.written;
        say!("features  {npy} ({rows} x {channels} x {height} x {width})");
        say!("manifest  {manifest}");
        if kept + dropped > 0 {
            say!("rows      {computed} computed, {kept} kept, {dropped} dropped");
        }
        if *skipped > 0 {
            say!("skipped   {skipped} images, listed in the manifest with the reason");
        }
        match computed {
            0 => say!("time      {:.1} s, nothing to compute", self.extract_seconds),
            _ => say!("time      {:.1} s, {:.1} images/s", self.extract_seconds, self.images_per_second),
        }
        Ok(())
    }
}
