//! A batch: consecutive samples as one block of network input.

use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;

use crate::load::load_hashed;
use crate::{Dataset, DecodeError, Limit, Limits, Preprocessing};

/// A sample that became a row of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Position of the sample in [`Dataset::samples`].
    pub sample: usize,
    /// BLAKE3 hash of the file's bytes, in hexadecimal.
    pub content_hash: String,
}

/// A sample that could not be read. It has no row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Position of the sample in [`Dataset::samples`].
    pub sample: usize,
    /// The sample's path, relative to the dataset's root.
    pub path: String,
    /// Why it could not be read.
    pub reason: String,
    /// The limit that it exceeds, if that is the reason. A higher limit would admit it.
    pub limit: Option<Limit>,
}

/// Consecutive samples, decoded and preprocessed.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// rows x 3 x height x width in C order. Skipped samples leave no gaps.
    pub pixels: Vec<f32>,
    /// The samples that the rows of `pixels` belong to, in sample order.
    pub rows: Vec<Row>,
    /// The samples that could not be read, in sample order.
    pub skipped: Vec<Skipped>,
}

impl Batch {
    /// Loads `samples`, a range of positions in the dataset, in parallel on the current thread pool. The memory of
    /// `pixels` is reused. Returns `None` if `stopped` was set meanwhile.
    ///
    /// The result does not depend on the threads, nor on the content of `pixels`.
    pub(crate) fn load(
        dataset: &Dataset,
        samples: std::ops::Range<usize>,
        preprocessing: &Preprocessing,
        limits: &Limits,
        mut pixels: Vec<f32>,
        stopped: &AtomicBool,
    ) -> Option<Self> {
        let row_len = preprocessing.len();
        pixels.resize(samples.len() * row_len, 0.0);
        let outcomes: Vec<Option<Result<String, DecodeError>>> = pixels
            .par_chunks_exact_mut(row_len)
            .zip(samples.clone().into_par_iter())
            .map(|(row, sample)| {
                let load = || {
                    let bytes = dataset.read(&dataset.samples[sample], limits)?;
                    load_hashed(&bytes, preprocessing, limits, row)
                };
                (!stopped.load(Ordering::Relaxed)).then(load)
            })
            .collect();

        let mut batch = Self { pixels: Vec::new(), rows: Vec::new(), skipped: Vec::new() };
        for (position, (outcome, sample)) in outcomes.into_iter().zip(samples).enumerate() {
            match outcome? {
                Ok(content_hash) => {
                    // Close the gap that skipped samples before this one left.
                    let (from, to) = (position * row_len, batch.rows.len() * row_len);
                    if from != to {
                        pixels.copy_within(from..from + row_len, to);
                    }
                    batch.rows.push(Row { sample, content_hash });
                }
                Err(error) => batch.skipped.push(Skipped {
                    sample,
                    path: dataset.samples[sample].path.clone(),
                    reason: error.to_string(),
                    limit: error.limit(),
                }),
            }
        }
        pixels.truncate(batch.rows.len() * row_len);
        batch.pixels = pixels;
        Some(batch)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use super::*;
    use crate::{LeftOut, Preset, Sample};

    #[test]
    fn a_batch_that_is_stopped_is_given_up() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("1.ppm"), b"P6 1 1 255\n123").unwrap();
        let dataset = Dataset {
            root: root.path().to_path_buf(),
            classes: vec!["all".to_owned()],
            samples: vec![Sample { path: "1.ppm".to_owned(), label: 0 }],
            unreadable: BTreeMap::new(),
            left_out: LeftOut::default(),
        };
        let load = |stopped| {
            let preprocessing = Preprocessing::preset(Preset::Blog, 1, 1);
            let (limits, stopped) = (Limits::default(), AtomicBool::new(stopped));
            Batch::load(&dataset, 0..1, &preprocessing, &limits, vec![f32::NAN; 9], &stopped)
        };
        let batch = load(false).unwrap();
        assert_eq!(batch.rows.len(), 1);
        assert!(batch.pixels.len() == 3 && batch.pixels.iter().all(|value| value.is_finite()));
        assert_eq!(load(true), None);
    }
}
