//! What training reports: each epoch's figures, and the run as a whole.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One epoch's figures, by Keras's names.
///
/// The training loss and accuracy are means over the epoch's samples. Each batch is measured before its update, with
/// dropout active. Validation is measured with the parameters at the end of the epoch. As in Keras, class weights are in
/// the training loss alone, and a penalty on kernels is in both losses.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EpochMetrics {
    /// From 1.
    pub epoch: usize,
    /// Mean training loss.
    pub loss: f32,
    /// Share of training samples classified right, in [0, 1].
    pub accuracy: f32,
    /// Share of training samples whose class is among the five most likely; None for five classes or fewer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_5_accuracy: Option<f32>,
    /// Mean validation loss; None without validation data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub val_loss: Option<f32>,
    /// Share of validation samples classified right; None without validation data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub val_accuracy: Option<f32>,
    /// Share of validation samples whose class is among the five most likely; None without validation data, and for five
    /// classes or fewer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub val_top_5_accuracy: Option<f32>,
}

/// A metric that decides which epoch is the best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Monitor {
    /// The lowest validation loss.
    ValLoss,
    /// The highest validation accuracy.
    ValAccuracy,
}

impl Monitor {
    /// The metric's value, with the sign that makes lower better.
    pub(crate) fn cost(self, epoch: &EpochMetrics) -> Option<f32> {
        match self {
            Self::ValLoss => epoch.val_loss,
            Self::ValAccuracy => epoch.val_accuracy.map(|accuracy| -accuracy),
        }
    }
}

impl fmt::Display for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ValLoss => "val_loss",
            Self::ValAccuracy => "val_accuracy",
        })
    }
}

/// The result of a training run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct History {
    /// One entry an epoch, in order.
    pub epochs: Vec<EpochMetrics>,
    /// The epoch (from 1) that the head's parameters come from: the last, or with keep-best the best. 0 if no epoch was
    /// completed.
    pub kept_epoch: usize,
    /// Whether early stopping ended it.
    pub stopped_early: bool,
    /// Whether the observer ended it. The epoch in which it did so, if it was not done, is not in `epochs`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub interrupted: bool,
}

impl History {
    /// The first epoch with the best value of a metric.
    #[must_use]
    pub fn best(&self, monitor: Monitor) -> Option<&EpochMetrics> {
        let mut best: Option<&EpochMetrics> = None;
        for epoch in &self.epochs {
            let better = match (monitor.cost(epoch), best.and_then(|best| monitor.cost(best))) {
                (Some(cost), Some(least)) => cost < least,
                (Some(_), None) => true,
                (None, _) => false,
            };
            if better {
                best = Some(epoch);
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn best_is_the_first_of_equals() {
        let epoch = |epoch, loss, accuracy| EpochMetrics {
            epoch,
            loss: 0.0,
            accuracy: 0.0,
            top_5_accuracy: None,
            val_loss: Some(loss),
            val_accuracy: Some(accuracy),
            val_top_5_accuracy: None,
        };
        let epochs = vec![epoch(1, 0.5, 0.8), epoch(2, 0.3, 0.9), epoch(3, 0.4, 0.9)];
        let history = History { epochs, kept_epoch: 3, stopped_early: false, interrupted: false };
        assert_eq!(history.best(Monitor::ValAccuracy).map(|epoch| epoch.epoch), Some(2));
        assert_eq!(history.best(Monitor::ValLoss).map(|epoch| epoch.epoch), Some(2));
    }

    #[test]
    fn a_history_that_ended_by_itself_has_the_json_of_old() {
        let text = r#"{"epochs":[],"kept_epoch":0,"stopped_early":false}"#;
        let read: History = serde_json::from_str(text).unwrap();
        assert!(!read.interrupted);
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
        let interrupted = serde_json::to_string(&History { interrupted: true, ..read }).unwrap();
        assert!(interrupted.ends_with(r#""interrupted":true}"#), "{interrupted}");
    }
}
