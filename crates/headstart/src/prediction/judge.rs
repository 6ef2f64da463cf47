//! Features to predictions: the head, and what tells unknown images from known ones.

use candle_core::Device;
use headstart_head::{Head, InMemory, predict as probabilities};
use headstart_weights::FlattenOrder;

use super::Prediction;
use crate::novelty::Novelty;
use crate::{Classifier, Error};

/// The most rows that go through the head at a time.
const BATCH_SIZE: usize = 32;

/// What a classifier does with rows of features.
#[derive(Debug)]
pub(crate) struct Judge {
    head: Head,
    novelty: Option<Novelty>,
    classes: Vec<String>,
    row_shape: Vec<usize>,
    /// What it is called in errors.
    job: String,
}

impl Judge {
    /// That of a classifier for rows of a shape, whose maps are in an order, and whose classes have these names. The head is
    /// on the CPU.
    ///
    /// # Errors
    /// Rows that the head does not take; another number of names than it has classes; unknown images can't be told by rows of
    /// this length.
    pub(crate) fn new(
        classifier: &Classifier,
        order: Option<FlattenOrder>,
        classes: Vec<String>,
        row_shape: Vec<usize>,
    ) -> Result<Self, Error> {
        let head = classifier.head(&row_shape, order, &Device::Cpu)?;
        if classes.len() != head.classes() {
            let (path, expected, found) = (classifier.name(), head.classes(), classes.len());
            let message = format!("expected names of the {expected} classes of {path}, found {found}");
            return Err(Error::setting("classes", message));
        }
        let novelty = Novelty::of(classifier, row_shape.iter().product())?;
        let job = format!("the head of {}", classifier.name());
        Ok(Self { head, novelty, classes, row_shape, job })
    }

    /// The head.
    pub(crate) fn head(&self) -> &Head {
        &self.head
    }

    /// The names of the classes, in label order.
    pub(crate) fn classes(&self) -> &[String] {
        &self.classes
    }

    /// Values of a row.
    pub(crate) fn row_len(&self) -> usize {
        self.row_shape.iter().product()
    }

    /// The probabilities of each row's classes.
    ///
    /// # Errors
    /// The head can't be computed.
    pub(crate) fn probabilities(&self, rows: &[f32]) -> Result<Vec<f32>, Error> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let samples = InMemory::new(rows, &self.row_shape).map_err(Error::during(&*self.job))?;
        let count = rows.len() / self.row_len().max(1);
        probabilities(&self.head, &samples, count.min(BATCH_SIZE)).map_err(Error::during(&*self.job))
    }

    /// The prediction of each row, or why it has none: probabilities that are no numbers.
    ///
    /// # Errors
    /// The head can't be computed.
    pub(crate) fn predictions(&self, rows: &[f32]) -> Result<Vec<Result<Prediction, String>>, Error> {
        let found = self.probabilities(rows)?;
        let predictions = found.chunks(self.classes.len()).zip(rows.chunks(self.row_len().max(1)));
        let prediction = |(probabilities, row): (&[f32], &[f32])| {
            let mut prediction = Prediction::new(&self.classes, probabilities)?;
            prediction.novelty = self.novelty.as_ref().map(|novelty| novelty.of_row(row));
            Ok(prediction)
        };
        Ok(predictions.map(prediction).collect())
    }
}
