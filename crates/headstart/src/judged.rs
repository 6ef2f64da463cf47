//! What a model says about the data that it was chosen and judged by.

use headstart_head::Monitor;
use headstart_head::sweep::{FoldMeans, Score};
use serde::{Deserialize, Serialize};

use crate::run::DataSettings;
use crate::{Classifier, Error, LabelledFeatures};

/// The features that an epoch was chosen on. What they measure of it is too good, because it is the best of many on them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ChosenOn {
    /// The metric by which the epoch was the best, or that ended the training.
    pub metric: Monitor,
    /// The name of the `.npy`.
    pub features: String,
    /// How many rows it has.
    pub rows: usize,
    /// BLAKE3 of its values.
    pub data_hash: Option<String>,
}

/// How good a kind of head is by the cross-validation of a sweep: no row was judged by a head that was trained on it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CrossValidated {
    /// The number of folds.
    pub folds: usize,
    /// The mean accuracy on the folds.
    pub accuracy: f64,
    /// Its standard error.
    pub accuracy_error: f64,
    /// The mean log loss on the folds.
    pub loss: f64,
    /// Its standard error.
    pub loss_error: f64,
}

impl CrossValidated {
    /// What a sweep found for a candidate.
    #[must_use]
    pub fn of(score: &Score) -> Self {
        let FoldMeans { folds, mean: accuracy, standard_error: accuracy_error } = &score.accuracy;
        let FoldMeans { mean: loss, standard_error: loss_error, .. } = &score.loss;
        Self {
            folds: folds.len(),
            accuracy: *accuracy,
            accuracy_error: *accuracy_error,
            loss: *loss,
            loss_error: *loss_error,
        }
    }
}

impl ChosenOn {
    pub(crate) fn of(features: &LabelledFeatures, metric: Monitor) -> Result<Self, Error> {
        let name = features.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
        let (rows, data_hash) = (features.labels().len(), DataSettings::of(features)?.data_hash);
        Ok(Self { metric, features: name, rows, data_hash })
    }
}

impl Classifier {
    /// The features that its epoch was chosen on; none if it is the last of the epochs that were asked for, or if the file does
    /// not say it.
    #[must_use]
    pub fn chosen_on(&self) -> Option<ChosenOn> {
        #[derive(Deserialize)]
        struct Training {
            chosen_on: ChosenOn,
        }
        Some(self.metadata().training.as_ref()?.read::<Training>()?.chosen_on)
    }

    /// The same, if these features have the same values as those that it was chosen on.
    ///
    /// # Errors
    /// The features can't be read.
    pub fn chosen_on_these(&self, features: &LabelledFeatures) -> Result<Option<ChosenOn>, Error> {
        let Some(chosen) = self.chosen_on() else { return Ok(None) };
        let found = DataSettings::of(features)?.data_hash;
        Ok(Some(chosen).filter(|chosen| chosen.data_hash.is_some() && chosen.data_hash == found))
    }

    /// How good its kind of head is by cross-validation, if it was trained after a sweep.
    #[must_use]
    pub fn cross_validated(&self) -> Option<CrossValidated> {
        #[derive(Deserialize)]
        struct Training {
            sweep: CrossValidated,
        }
        Some(self.metadata().training.as_ref()?.read::<Training>()?.sweep)
    }
}
