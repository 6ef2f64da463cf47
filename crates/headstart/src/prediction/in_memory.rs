//! Answers for features in memory.

use headstart_head::evaluation::{Evaluation, EvaluationOptions};
use headstart_weights::FlattenOrder;

use super::Prediction;
use super::judge::Judge;
use crate::{Classifier, Error};

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
        let judge = self.judge_of(values, row_shape, classes)?;
        let bad_data = |message| Error::BadData { path: self.path(), message };
        judge.predictions(values)?.into_iter().map(|prediction| prediction.map_err(bad_data)).collect()
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
        let judge = self.judge_of(values, row_shape, None)?;
        let probabilities = judge.probabilities(values)?;
        let job = || format!("evaluating {}", self.name());
        Evaluation::new(&probabilities, labels, judge.classes(), options).map_err(Error::during(job()))
    }

    /// What judges features in memory, once they are known to be numbers.
    fn judge_of(
        &self,
        values: &[f32],
        row_shape: &[usize],
        classes: Option<Vec<String>>,
    ) -> Result<Judge, Error> {
        let order = Some(FlattenOrder::ChannelsFirst);
        let judge = Judge::new(self, order, self.classes_or(classes)?, row_shape.to_vec())?;
        if let Some(at) = values.iter().position(|value| !value.is_finite()) {
            let (value, row) = (values[at], at / judge.row_len().max(1));
            let message = format!("expected features that are numbers, found {value} in row {row}");
            return Err(Error::setting("features", message));
        }
        Ok(judge)
    }
}
