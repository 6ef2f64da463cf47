//! Images that are of none of a classifier's classes.

use headstart_head::ClassMeans;
use headstart_weights::KnownImages;
use serde::Serialize;

use crate::{Classifier, Error, LabelledFeatures};

/// How many rows of features a classifier refuses as of none of its classes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Refused {
    /// The rows that were judged.
    pub rows: usize,
    /// The share of them that is refused.
    pub refused: f64,
    /// The share of images of the known classes that was to be refused.
    pub share: f64,
}

/// What tells known images from others.
#[derive(Debug)]
pub(crate) struct Novelty {
    means: ClassMeans,
    /// The distance of an unknown image.
    distance: f64,
    share: f64,
}

impl Novelty {
    /// That of a classifier, if its file has one.
    ///
    /// # Errors
    /// Means of another length than the rows that the head takes.
    pub(crate) fn of(classifier: &Classifier, row: usize) -> Result<Option<Self>, Error> {
        let Some(KnownImages { class_means, rule }) = &classifier.model().known else { return Ok(None) };
        if class_means.shape.get(1) != Some(&row) {
            let found = format!("{:?}", class_means.shape);
            let message = format!("expected means of {row} values to tell unknown images by, found {found}");
            return Err(classifier.bad_data(message));
        }
        let means = ClassMeans::new(class_means.values.clone(), row)?;
        Ok(Some(Self { means, distance: rule.distance, share: rule.share }))
    }

    /// How far a row is from the known images, in multiples of the distance of an unknown one: above 1 it is unknown.
    pub(crate) fn of_row(&self, row: &[f32]) -> f32 {
        (self.means.distance(row) / self.distance.max(f64::MIN_POSITIVE)) as f32
    }
}

impl Classifier {
    /// How many rows of features it refuses as of none of its classes; none if its file does not say which images it knows.
    /// Their labels do not matter.
    ///
    /// # Errors
    /// Features that it was not trained for, or that can't be read.
    pub fn refused(&self, features: &LabelledFeatures) -> Result<Option<Refused>, Error> {
        let row = features.features().row_shape().iter().product();
        let Some(novelty) = Novelty::of(self, row)? else { return Ok(None) };
        let distances = novelty.means.distances(features)?;
        let beyond = distances.iter().filter(|&&distance| distance > novelty.distance).count();
        let rows = distances.len();
        let refused = if rows == 0 { 0.0 } else { beyond as f64 / rows as f64 };
        Ok(Some(Refused { rows, refused, share: novelty.share }))
    }
}
