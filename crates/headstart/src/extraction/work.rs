//! Which images of a folder must be computed, and all of them in scan order again when they are.

use std::sync::Arc;

use headstart_dataset::{Dataset, Limits, Row, Sample, Skipped, content_hashes};
use headstart_features::{RowRecord, SkippedRecord, Writer};

use super::writer_thread::Image;

/// The images of a folder, known and to be computed.
pub(super) struct Work {
    dataset: Arc<Dataset>,
    /// By sample, the content hash where its row is known; empty where no row is.
    known: Vec<Option<String>>,
    /// Samples whose rows are not known, which is what the loader is given.
    missing: Vec<usize>,
    /// The next sample to be handed on.
    next: usize,
}

impl Work {
    /// Reads all images, without decoding them, where the writer knows any.
    pub(super) fn new(dataset: &Arc<Dataset>, writer: &Writer, limits: &Limits) -> Self {
        let mut known = Vec::new();
        if writer.known_rows() > 0 {
            known = content_hashes(dataset, limits);
            for hash in &mut known {
                *hash = hash.take().filter(|hash| writer.knows(hash));
            }
        }
        let is_missing = |sample: &usize| known.get(*sample).is_none_or(Option::is_none);
        let missing = (0..dataset.samples.len()).filter(is_missing).collect();
        Self { dataset: Arc::clone(dataset), known, missing, next: 0 }
    }

    /// How many images must be computed.
    pub(super) fn missing(&self) -> usize {
        self.missing.len()
    }

    /// The images that must be computed.
    pub(super) fn to_load(&self) -> Arc<Dataset> {
        match self.known.is_empty() {
            true => Arc::clone(&self.dataset),
            false => Arc::new(self.dataset.subset(&self.missing)),
        }
    }

    /// What became of the images up to the last of the loader's next batch, which has these rows and skipped images.
    pub(super) fn up_to_batch(&mut self, rows: Vec<Row>, skipped: Vec<Skipped>) -> Vec<Image> {
        let outcomes = rows.into_iter().map(|row| (row.sample, Ok(row.content_hash)));
        let skipped = skipped.into_iter().map(|image| (image.sample, Err((image.reason, image.limit))));
        let mut outcomes: Vec<_> = outcomes.chain(skipped).collect();
        outcomes.sort_unstable_by_key(|(position, _)| *position);
        let mut images = Vec::new();
        for (position, outcome) in outcomes {
            // The loader counts in what it was given.
            let sample = self.missing[position];
            self.keep_up_to(sample, &mut images);
            self.next = sample + 1;
            let Sample { path, label } = self.dataset.samples[sample].clone();
            images.push(match outcome {
                Ok(hash) => Image::Computed(RowRecord { path, label, hash }),
                Err((reason, limit)) => Image::Skipped(SkippedRecord { path, label, reason }, limit),
            });
        }
        images
    }

    /// What became of the images after the last that had to be computed.
    pub(super) fn rest(&mut self) -> Vec<Image> {
        let mut images = Vec::new();
        self.keep_up_to(self.dataset.samples.len(), &mut images);
        images
    }

    fn keep_up_to(&mut self, end: usize, images: &mut Vec<Image>) {
        for sample in self.next..end {
            if let Some(hash) = self.known.get_mut(sample).and_then(Option::take) {
                let Sample { path, label } = self.dataset.samples[sample].clone();
                images.push(Image::Kept(RowRecord { path, label, hash }));
            }
        }
        self.next = self.next.max(end);
    }
}
