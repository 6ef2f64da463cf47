//! Answers for features in memory.

use candle_core::Device;
use headstart_head::evaluation::{Evaluation, EvaluationOptions};
use headstart_head::{Head, InMemory, predict as probabilities};
use headstart_weights::FlattenOrder;

use super::Prediction;
use crate::novelty::Novelty;
use crate::{Classifier, Error};

/// Rows that are answered at a time.
const BATCH_SIZE: usize = 32;

impl Classifier {
    /// Answers each row of features in memory, in order. `classes` are the names, for a classifier that does not state them.
    ///
    /// # Shapes
    /// `values` has rows of `row_shape`: what [`Featurizer::of_classifier`](crate::Featurizer::of_classifier) gives, maps
    /// as channels, height, width.
    ///
    /// # Errors
    /// Rows of another shape than the classifier takes, or with NaN or infinity; [`Error::Unstated`] and [`Error::Stated`]
    /// for classes that nobody states, or that are given though they are stated; probabilities that are no numbers.
    pub fn predict_values(
        &self,
        values: &[f32],
        row_shape: &[usize],
        classes: Option<Vec<String>>,
    ) -> Result<Vec<Prediction>, Error> {
        let classes = self.classes_or(classes)?;
        let probabilities = self.probabilities_of(values, row_shape, &classes)?;
        let row_len = row_shape.iter().product::<usize>().max(1);
        let novelty = Novelty::of(self, row_len)?;
        let rows = values.chunks(row_len).zip(probabilities.chunks(classes.len().max(1)));
        let mut found = Vec::with_capacity(rows.len());
        for (row, probabilities) in rows {
            let mut prediction = Prediction::of(self.path(), &classes, probabilities)?;
            prediction.novelty = novelty.as_ref().map(|novelty| novelty.of_row(row));
            found.push(prediction);
        }
        Ok(found)
    }

    /// How good it is on features in memory, whose labels are positions of its classes: see
    /// [`evaluate`](Classifier::evaluate).
    ///
    /// # Shapes
    /// As [`predict_values`](Self::predict_values); a label a row.
    ///
    /// # Errors
    /// As [`predict_values`](Self::predict_values); an option out of its range; labels that are not those of the rows.
    pub fn evaluate_values(
        &self,
        values: &[f32],
        row_shape: &[usize],
        labels: &[u32],
        options: &EvaluationOptions,
    ) -> Result<Evaluation, Error> {
        options.validate()?;
        let classes = self.classes_or(None)?;
        let probabilities = self.probabilities_of(values, row_shape, &classes)?;
        let job = || format!("evaluating {}", self.name());
        Evaluation::new(&probabilities, labels, &classes, options).map_err(Error::during(job()))
    }

    fn probabilities_of(
        &self,
        values: &[f32],
        row_shape: &[usize],
        classes: &[String],
    ) -> Result<Vec<f32>, Error> {
        let head = self.named_head(row_shape, Some(FlattenOrder::ChannelsFirst), classes)?;
        let job = || format!("the head of {}", self.name());
        let rows = InMemory::new(values, row_shape).map_err(Error::during(job()))?;
        let row_len = row_shape.iter().product::<usize>().max(1);
        if let Some(at) = values.iter().position(|value| !value.is_finite()) {
            let message =
                format!("expected features that are numbers, found {} in row {}", values[at], at / row_len);
            return Err(Error::setting("features", message));
        }
        probabilities(&head, &rows, BATCH_SIZE).map_err(Error::during(job()))
    }

    /// The head on the CPU, whose classes have these names.
    ///
    /// # Errors
    /// As [`head`](Self::head), and if there are more or fewer names.
    pub(super) fn named_head(
        &self,
        row_shape: &[usize],
        order: Option<FlattenOrder>,
        classes: &[String],
    ) -> Result<Head, Error> {
        let head = self.head(row_shape, order, &Device::Cpu)?;
        if head.classes() == classes.len() {
            return Ok(head);
        }
        let (path, expected, found) = (self.name(), head.classes(), classes.len());
        let message = format!("expected names of the {expected} classes of {path}, found {found}");
        Err(Error::setting("classes", message))
    }
}
