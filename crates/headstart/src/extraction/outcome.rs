//! What an extraction did.

use headstart_dataset::Limit;
use headstart_features::{SkippedRecord, Summary};
use headstart_provenance::Provenance;
use headstart_weights::LoadReport;

use super::writer_thread::Image;
use crate::{Error, LabelledFeatures};

/// What an [`Extraction`](crate::Extraction) did, and what is at its output now.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Extracted {
    /// The files, and how many rows were computed, kept and dropped.
    pub summary: Summary,
    /// Rows, channels, height, width; rows and channels if the maps were pooled.
    pub shape: Vec<usize>,
    /// Class names, in label order.
    pub classes: Vec<String>,
    /// Rows of each class.
    pub class_counts: Vec<usize>,
    /// The images that could not be read, in scan order.
    pub skipped: Vec<SkippedImage>,
    /// How the weights were read; none where no row had to be computed.
    pub weights: Option<LoadReport>,
    /// What the rows depend on.
    pub provenance: Provenance,
    /// What decides the rows' last bits: "fma, tiled".
    pub computed_by: String,
    /// "cpu" or "cuda".
    pub device: &'static str,
    /// Threads of the pool.
    pub threads: usize,
    /// Seconds until the network was loaded. The first images were decoded meanwhile.
    pub load_seconds: f64,
    /// Seconds from then on.
    pub extract_seconds: f64,
}

/// An image that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SkippedImage {
    /// The image, as the scan named it.
    pub path: String,
    /// Why.
    pub reason: String,
    /// The limit that refused it, if one did.
    pub limit: Option<Limit>,
}

impl Extracted {
    /// Opens the features that were written.
    ///
    /// # Errors
    /// The files have changed meanwhile, or can't be read.
    pub fn features(&self) -> Result<LabelledFeatures, Error> {
        LabelledFeatures::open(&self.summary.npy)
    }

    /// Computed images a second.
    #[must_use]
    pub fn images_per_second(&self) -> f64 {
        self.summary.computed as f64 / self.extract_seconds
    }
}

/// What became of the images so far.
pub(super) struct Tally {
    pub(super) class_counts: Vec<usize>,
    pub(super) skipped: Vec<SkippedImage>,
    pub(super) images: usize,
}

impl Tally {
    pub(super) fn new(classes: usize) -> Self {
        Self { class_counts: vec![0; classes], skipped: Vec::new(), images: 0 }
    }

    pub(super) fn add(&mut self, images: &[Image]) {
        self.images += images.len();
        for image in images {
            match image {
                Image::Computed(record) | Image::Kept(record) => {
                    // The writer refuses a label of no class.
                    if let Some(count) = self.class_counts.get_mut(record.label as usize) {
                        *count += 1;
                    }
                }
                Image::Skipped(SkippedRecord { path, reason, .. }, limit) => {
                    let (path, reason, limit) = (path.clone(), reason.clone(), *limit);
                    self.skipped.push(SkippedImage { path, reason, limit });
                }
            }
        }
    }
}
