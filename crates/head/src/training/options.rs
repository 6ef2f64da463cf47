//! How to train.

use serde::{Deserialize, Serialize};

use super::early_stopping::EarlyStopping;
use crate::class_weight::ClassWeight;
use crate::error::{Error, check};
use crate::history::Monitor;
use crate::optimizer::{OptimizerConfig, RmsProp};
use crate::schedule::Schedule;

/// How to train. The default is what the bottleneck-features script did.
///
/// More options may come, so other crates start from the default and assign fields:
///
/// ```
/// use headstart_head::TrainOptions;
///
/// let mut options = TrainOptions::default();
/// options.epochs = 20;
/// options.seed = 1;
/// assert_eq!(options.batch_size, 32);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TrainOptions {
    /// Passes over the rows, >= 1.
    pub epochs: usize,
    /// Rows of an update, >= 1; the last batch of an epoch may be smaller.
    pub batch_size: usize,
    /// The optimizer with its constants.
    pub optimizer: OptimizerConfig,
    /// How the optimizer's learning rate changes.
    pub schedule: Schedule,
    /// How much the rows of each class count.
    pub class_weight: ClassWeight,
    /// The kernels' regularizer, Keras's `L2`: l2 times the sum of squares of each Dense layer's kernel is added to
    /// the loss; >= 0.
    pub l2: f32,
    /// Whether each epoch takes the rows in a new random order.
    pub shuffle: bool,
    /// Seed of the shuffling and of dropout. The head's own seed may be the same number.
    pub seed: u64,
    /// Off by default.
    pub early_stopping: Option<EarlyStopping>,
    /// Whether the head ends with the parameters of the epoch that was best by this metric. Off by default: the head
    /// ends with the last epoch's.
    pub keep_best: Option<Monitor>,
}

impl Default for TrainOptions {
    fn default() -> Self {
        Self {
            epochs: 50,
            batch_size: 32,
            optimizer: RmsProp::keras1().into(),
            schedule: Schedule::Constant,
            class_weight: ClassWeight::None,
            l2: 0.0,
            shuffle: true,
            seed: 0,
            early_stopping: None,
            keep_best: None,
        }
    }
}

impl TrainOptions {
    /// Checks every option's range, and that there is validation data for what is monitored.
    ///
    /// # Errors
    ///
    /// [`Error::Option`], which names the option.
    pub fn validate(&self, with_validation: bool) -> Result<(), Error> {
        check("epochs", self.epochs > 0, "at least 1", &self.epochs)?;
        check("batch size", self.batch_size > 0, "at least 1", &self.batch_size)?;
        self.optimizer.validate()?;
        self.schedule.validate()?;
        check("l2", self.l2 >= 0.0 && self.l2.is_finite(), "a number >= 0", &self.l2)?;
        if let Some(EarlyStopping { min_delta, monitor, .. }) = self.early_stopping {
            check("min delta", min_delta >= 0.0 && min_delta.is_finite(), "a number >= 0", &min_delta)?;
            check("early stopping", with_validation, "validation data to monitor", &monitor)?;
        }
        if let Some(monitor) = self.keep_best {
            check("keep best", with_validation, "validation data to monitor", &monitor)?;
        }
        Ok(())
    }
}
