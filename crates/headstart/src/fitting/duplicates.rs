//! Images that are nearly the same, by their features.

use headstart_head::analysis::{NearDuplicate, near_duplicates_within};
use headstart_head::logistic::{Standardization, Standardized};
use headstart_head::{Samples, SamplesError};

use super::groups::Forest;
use crate::observer::{Observer, Progress, Stage};
use crate::{Error, LabelledFeatures};

/// The cosine distance of standardized features up to which images are nearly the same.
///
/// Measured with EfficientNet-Lite2 on the 380 images of data/train and on 3068 photographs of clothes
/// (github.com/alexeygrigorev/clothing-dataset-small): JPEG of quality 40, a brightness of 115 %, a contrast of 80 %, a
/// rotation by 3 degrees and the mirror image are within 0.15 for nine of ten photographs, and images that are not copies
/// are beyond it but for 15 of 4.7 million pairs; those that were looked at are of similar clothes before the same background.
pub(super) const NEAR: f64 = 0.15;

/// The cosine distance of the features as they are, in addition. In a small folder all standardized features of a class can
/// be near each other. Nine of ten of the variants above are within it, and 0.01 % of the pairs of photographs.
const NEAR_AS_THEY_ARE: f64 = 0.10;

/// The distance of equal rows is 0 but for rounding.
const ROUNDING: f64 = 1e-12;

/// Pairs of unlike labels that are kept.
const KEPT: usize = 1000;

/// What an interruption leaves.
const KEPT_FEATURES: &str = "the features are kept; run the same command again to go on from there";

/// Pairs of images by their positions: those of the folder, then those of a test folder.
#[derive(Debug, Default)]
pub(super) struct Duplicates {
    /// As many as it takes to bring all near-duplicates together, and pairs of unlike labels.
    pub(super) pairs: Vec<NearDuplicate>,
}

impl Duplicates {
    /// Compares all images with each other, those of a test folder among them.
    pub(super) fn find(
        features: &LabelledFeatures,
        test: Option<&LabelledFeatures>,
        threshold: f64,
        observer: &mut dyn Observer,
    ) -> Result<Self, Error> {
        let all = Both { first: features, second: test };
        let standardization = Standardization::of(&all)?;
        let samples = Standardized { samples: &all, standardization: &standardization };
        let label = |row: usize| all.label(row);
        let (mut forest, mut unlike) = (Forest::new(all.rows()), 0);
        let (mut pairs, mut failed) = (Vec::new(), None);
        let mut on_pair = |pair: NearDuplicate| {
            let differs = label(pair.a) != label(pair.b) && unlike < KEPT;
            if failed.is_some() || (forest.together(pair.a, pair.b) && !differs) {
                return;
            }
            match all.distance(pair.a, pair.b) {
                Ok(distance) if distance <= NEAR_AS_THEY_ARE => {
                    unlike += usize::from(differs);
                    forest.join(pair.a, pair.b);
                    pairs.push(pair);
                }
                Ok(_) => {}
                Err(error) => failed = Some(error),
            }
        };
        let total = all.rows();
        let mut done = 0;
        let mut on_rows = |rows| {
            done = rows;
            observer.progress(&Progress::new(Stage::Compare, rows, total))
        };
        let found = near_duplicates_within(&samples, threshold.max(ROUNDING), &mut on_pair, &mut on_rows);
        found.map_err(|error| match error {
            headstart_head::Error::Interrupted => {
                Error::Interrupted { done, total, unit: Stage::Compare.unit(), kept: KEPT_FEATURES }
            }
            error => error.into(),
        })?;
        match failed {
            Some(error) => Err(headstart_head::Error::from(error).into()),
            None => Ok(Self { pairs }),
        }
    }

    /// How many images are nearly the same as another one, copies of the same content among them.
    pub(super) fn images(&self) -> usize {
        let of_pairs = self.pairs.iter().flat_map(|pair| [pair.a, pair.b]);
        of_pairs.collect::<std::collections::BTreeSet<_>>().len()
    }

    /// Positions that belong together.
    pub(super) fn positions(&self) -> Vec<(usize, usize)> {
        self.pairs.iter().map(|pair| (pair.a, pair.b)).collect()
    }
}

/// The rows of two sets as one.
struct Both<'a> {
    first: &'a LabelledFeatures,
    second: Option<&'a LabelledFeatures>,
}

impl Both<'_> {
    fn label(&self, row: usize) -> u32 {
        let first = self.first.labels();
        let second = || self.second.and_then(|second| second.labels().get(row - first.len()).copied());
        first.get(row).copied().or_else(second).unwrap_or_default()
    }

    /// The cosine distance of two rows as they are.
    fn distance(&self, a: usize, b: usize) -> Result<f64, SamplesError> {
        let row = self.row_shape().iter().product::<usize>();
        let mut values = vec![0.0; 2 * row];
        self.read(&[a, b], &mut values)?;
        let (a, b) = values.split_at(row);
        let product =
            |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
        let lengths = (product(a, a) * product(b, b)).sqrt();
        Ok(if lengths > 0.0 { 1.0 - product(a, b) / lengths } else { 1.0 })
    }
}

impl Samples for Both<'_> {
    fn rows(&self) -> usize {
        self.first.rows() + self.second.map_or(0, Samples::rows)
    }

    fn row_shape(&self) -> &[usize] {
        self.first.row_shape()
    }

    fn read(&self, indices: &[usize], out: &mut [f32]) -> Result<(), SamplesError> {
        let row = self.row_shape().iter().product::<usize>().max(1);
        let count = self.first.rows();
        // Runs of rows of one set are read together.
        let mut start = 0;
        for run in indices.chunk_by(|&a, &b| (a < count) == (b < count)) {
            let out = &mut out[start * row..][..run.len() * row];
            match self.second {
                Some(second) if run[0] >= count => {
                    let rows: Vec<usize> = run.iter().map(|&index| index - count).collect();
                    second.read(&rows, out)?;
                }
                _ => self.first.read(run, out)?,
            }
            start += run.len();
        }
        Ok(())
    }
}
