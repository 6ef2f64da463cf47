//! The parameters that a run ends with.

use crate::engine::{Engine, Parameters};
use crate::error::Error;
use crate::history::{EpochMetrics, Monitor};

/// The parameters of the last whole epoch, and of the best if a metric decides. Copied at the end of each epoch, so that
/// training can end within the next one; into the same memory each time.
#[derive(Debug)]
pub(super) struct Kept {
    monitor: Option<Monitor>,
    last: Parameters,
    best: Option<Best>,
    /// Where parameters are read into before they are known to be numbers.
    read: Parameters,
}

#[derive(Debug)]
struct Best {
    cost: f32,
    epoch: usize,
    parameters: Parameters,
}

impl Kept {
    /// Nothing yet. `monitor` decides which epoch is the best.
    pub(super) fn new(monitor: Option<Monitor>) -> Self {
        Self { monitor, last: Parameters::new(), best: None, read: Parameters::new() }
    }

    /// Copies the parameters at the end of an epoch. Returns the epoch to keep.
    ///
    /// # Errors
    ///
    /// [`Error::DivergedParameters`] if they are no numbers any more. Then those of the epoch before are kept.
    pub(super) fn take(&mut self, engine: &dyn Engine, metrics: &EpochMetrics) -> Result<usize, Error> {
        engine.read_parameters(&mut self.read)?;
        if !self.read.iter().flatten().all(|value| value.is_finite()) {
            return Err(Error::DivergedParameters { epoch: metrics.epoch });
        }
        std::mem::swap(&mut self.read, &mut self.last);
        if let Some(cost) = self.monitor.and_then(|monitor| monitor.cost(metrics)) {
            let best = self.best.get_or_insert_with(|| Best {
                cost: f32::INFINITY,
                epoch: 0,
                parameters: Parameters::new(),
            });
            if best.epoch == 0 || cost < best.cost {
                (best.cost, best.epoch) = (cost, metrics.epoch);
                best.parameters.clone_from(&self.last);
            }
        }
        Ok(self.best.as_ref().map_or(metrics.epoch, |best| best.epoch))
    }

    /// The parameters of the last whole epoch. Empty before its end.
    pub(super) fn last(&self) -> &Parameters {
        &self.last
    }

    /// The parameters of the best epoch, or of the last if no metric decides.
    pub(super) fn best(&self) -> &Parameters {
        self.best.as_ref().map_or(&self.last, |best| &best.parameters)
    }
}
