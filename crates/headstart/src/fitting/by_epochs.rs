//! Heads that are trained by epochs instead of solved.

use candle_core::Device;
use headstart_head::logistic::{Standardization, Standardized, divide};
use headstart_head::{Head, Labelled, Logits, Subset, TrainOptions, TrainingEvent, logits, train};
use headstart_weights::LayerConfig;

use super::solve::{Counter, Rows};
use crate::Error;
use crate::observer::{Observer, Stage};

/// Rows that are judged at a time.
const BATCH_SIZE: usize = 32;

/// How the heads of a fitting are trained.
pub(super) struct ByEpochs {
    pub(super) layers: Vec<LayerConfig>,
    pub(super) options: TrainOptions,
    pub(super) standardized: bool,
}

/// The answers of heads to rows that they have not seen.
pub(super) struct HeldOut {
    pub(super) logits: Logits,
    pub(super) fold_of: Vec<usize>,
    pub(super) folds: usize,
}

impl ByEpochs {
    /// Trains a head a fold.
    pub(super) fn held_out(
        &self,
        rows: &Rows<'_>,
        groups: Option<&[usize]>,
        observer: &mut dyn Observer,
    ) -> Result<HeldOut, Error> {
        let Rows { data: Labelled { samples, labels }, classes, options, .. } = rows;
        let (fold_of, folds) = divide(labels, classes.len(), groups, options)?;
        let mut counter = Counter::new(Stage::CrossValidation, folds, observer);
        let (mut all, mut units) = (Vec::new(), 1);
        for fold in 0..folds {
            let (judged, others): (Vec<usize>, Vec<usize>) =
                (0..labels.len()).partition(|&row| fold_of[row] == fold);
            let seen = Subset { samples: *samples, indices: &others };
            let labels: Vec<u32> = others.iter().map(|&row| labels[row]).collect();
            let head = self.train(Labelled { samples: &seen, labels: &labels }, &mut counter)?;
            let found = logits(&head, &Subset { samples: *samples, indices: &judged }, BATCH_SIZE)?;
            units = found.rows().next().map_or(1, <[f64]>::len);
            all.resize(fold_of.len() * units, 0.0);
            for (&row, logits) in judged.iter().zip(found.rows()) {
                all[row * units..][..units].copy_from_slice(logits);
            }
            counter.count();
        }
        Ok(HeldOut { logits: Logits::new(all, units)?, fold_of, folds })
    }

    /// Trains a head on all rows.
    pub(super) fn fit(&self, rows: &Rows<'_>, observer: &mut dyn Observer) -> Result<Head, Error> {
        self.train(rows.data, &mut Counter::new(Stage::Training, self.options.epochs, observer))
    }

    fn train(&self, data: Labelled<'_>, counter: &mut Counter<'_>) -> Result<Head, Error> {
        let Labelled { samples, labels } = data;
        let mut head = Head::new(&self.layers, samples.row_shape(), self.options.seed, &Device::Cpu)?;
        let mut on_event = |event: TrainingEvent<'_>| {
            if let TrainingEvent::Epoch(epoch) = event {
                counter.epoch(epoch.epoch);
            }
            counter.tell()
        };
        let history = if self.standardized {
            let standardization = Standardization::of(samples)?;
            let standardized = Standardized { samples, standardization: &standardization };
            let data = Labelled { samples: &standardized, labels };
            let history = train(&mut head, data, None, &self.options, &mut on_event)?;
            fold_in(&mut head, &standardization)?;
            history
        } else {
            train(&mut head, data, None, &self.options, &mut on_event)?
        };
        if history.interrupted {
            return Err(counter.ended(headstart_head::Error::Interrupted));
        }
        Ok(head)
    }
}

/// Puts the standardization into the first kernel, so that the head takes features as they are: kernel / scale, and
/// bias - mean . (kernel / scale).
fn fold_in(head: &mut Head, standardization: &Standardization) -> Result<(), Error> {
    let mut layers = head.to_saved().map_err(headstart_head::Error::from)?;
    if let Some(first) = layers.first_mut()
        && let (Some(bias), [_, units]) = (&mut first.bias, &first.kernel.shape[..])
    {
        let mut biases: Vec<f64> = bias.values.iter().map(|&value| f64::from(value)).collect();
        let Standardization { mean, scale } = standardization;
        for ((row, mean), scale) in first.kernel.values.chunks_exact_mut(*units).zip(mean).zip(scale) {
            for (value, bias) in row.iter_mut().zip(&mut biases) {
                let folded = f64::from(*value) / scale;
                *bias -= mean * folded;
                *value = folded as f32;
            }
        }
        bias.values = biases.into_iter().map(|value| value as f32).collect();
    }
    Ok(head.set_parameters(&layers)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use headstart_head::InMemory;

    #[test]
    fn a_folded_head_answers_features_as_they_are() {
        let values: Vec<f32> =
            (0..40).map(|i| (i * 37 % 23) as f32 * if i % 4 == 1 { 100.0 } else { 0.5 }).collect();
        let rows = InMemory::new(&values, &[4]).unwrap();
        let standardization = Standardization::of(&rows).unwrap();
        let standardized = Standardized { samples: &rows, standardization: &standardization };
        let layers = LayerConfig::head_for(3, 5, 0.5);
        let mut head = Head::new(&layers[1..], &[4], 3, &Device::Cpu).unwrap();
        let expected = logits(&head, &standardized, 8).unwrap();
        fold_in(&mut head, &standardization).unwrap();
        let found = logits(&head, &rows, 8).unwrap();
        for (a, b) in expected.rows().flatten().zip(found.rows().flatten()) {
            assert!((a - b).abs() < 1e-4, "{a} {b}");
        }
    }
}
