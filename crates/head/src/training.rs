//! The training loop.

mod early_stopping;
mod event;
mod kept;
mod options;

use std::mem;
use std::ops::ControlFlow;

pub use early_stopping::EarlyStopping;
pub use event::TrainingEvent;
pub use options::TrainOptions;

use early_stopping::Patience;
use kept::Kept;

use crate::engine::{self, Batch, Engine, Objective};
use crate::error::Error;
use crate::head::Head;
use crate::head_loss::Loss;
use crate::history::{EpochMetrics, History};
use crate::metrics::Running;
use crate::optimizer::Steps;
use crate::random::{Random, Stream};
use crate::rows::Rows;
use crate::samples::Labelled;

/// What errors call the two sets of rows.
const TRAINING: &str = "training data";
const VALIDATION: &str = "validation data";

/// An observer of training.
type OnEvent<'a> = dyn FnMut(TrainingEvent<'_>) -> ControlFlow<()> + 'a;

/// Trains the head in place. `on_event` is called after each batch and each epoch, and can end training.
///
/// A `Break` ends training at once, without an error: [`History::interrupted`] is true, and the head takes the parameters
/// of the last whole epoch (with `keep_best`, of the best one). If no epoch was completed, [`History::epochs`] is empty,
/// [`History::kept_epoch`] is 0, and the head is as it was.
///
/// On the CPU, features that are zero cost no time.
///
/// # Errors
///
/// When the options, labels or shapes do not fit, the rows can't be read, or the loss becomes NaN or infinite. Then the
/// head is as it was.
pub fn train(
    head: &mut Head,
    training: Labelled<'_>,
    validation: Option<Labelled<'_>>,
    options: &TrainOptions,
    on_event: &mut dyn FnMut(TrainingEvent<'_>) -> ControlFlow<()>,
) -> Result<History, Error> {
    let (history, kept, failure) = Run::new(head, training, validation, options)?.all_epochs(on_event);
    if let Some(failure) = failure {
        return Err(failure);
    }
    if !history.epochs.is_empty() {
        head.restore(kept.best())?;
    }
    Ok(history)
}

/// As [`train`]; and `last`, which has the same layers, takes the parameters of the last whole epoch.
///
/// # Errors
///
/// As [`train`].
pub fn train_best_and_last(
    head: &mut Head,
    last: &mut Head,
    training: Labelled<'_>,
    validation: Option<Labelled<'_>>,
    options: &TrainOptions,
    on_event: &mut dyn FnMut(TrainingEvent<'_>) -> ControlFlow<()>,
) -> Result<History, Error> {
    let (history, kept, failure) = Run::new(head, training, validation, options)?.all_epochs(on_event);
    if let Some(failure) = failure {
        return Err(failure);
    }
    if !history.epochs.is_empty() {
        head.restore(kept.best())?;
        last.restore(kept.last())?;
    }
    Ok(history)
}

/// As [`train_best_and_last`]; and a training that fails after a whole epoch, because it diverged or its rows can't be read
/// any more, gives what it had until then, with the failure.
///
/// # Errors
///
/// As [`train`], before the first epoch is complete.
pub fn train_and_keep(
    head: &mut Head,
    last: &mut Head,
    training: Labelled<'_>,
    validation: Option<Labelled<'_>>,
    options: &TrainOptions,
    on_event: &mut dyn FnMut(TrainingEvent<'_>) -> ControlFlow<()>,
) -> Result<(History, Option<Error>), Error> {
    let (history, kept, failure) = Run::new(head, training, validation, options)?.all_epochs(on_event);
    match failure {
        Some(failure) if history.epochs.is_empty() => return Err(failure),
        _ if history.epochs.is_empty() => {}
        _ => {
            head.restore(kept.best())?;
            last.restore(kept.last())?;
        }
    }
    Ok((history, failure))
}

/// A run of training.
struct Run<'a> {
    engine: Box<dyn Engine>,
    training: Rows<'a>,
    validation: Option<Rows<'a>>,
    options: &'a TrainOptions,
    loss: Loss,
    /// Figures of no batch, with which each epoch starts.
    nothing: Running,
    /// The rows in the order of the epoch.
    order: Vec<usize>,
    shuffle: Random,
    dropout: Random,
    /// The batch of the step, and of the step after it.
    batch: Batch,
    next: Batch,
}

impl<'a> Run<'a> {
    /// Checks everything, and prepares the first epoch.
    fn new(
        head: &Head,
        training: Labelled<'a>,
        validation: Option<Labelled<'a>>,
        options: &'a TrainOptions,
    ) -> Result<Self, Error> {
        options.validate(validation.is_some())?;
        let loss = Loss::of(head)?;
        let labels = training.labels;
        let training = Rows::labelled(TRAINING, head, training)?;
        let validation = validation.map(|data| Rows::labelled(VALIDATION, head, data)).transpose()?;
        let class_weights = options.class_weight.weights(labels, head.classes())?;
        let (optimizer, schedule) = (options.optimizer, options.schedule.clone());
        let steps = Steps { optimizer, schedule, l2: options.l2, taken: 0 };
        let nothing = Running::new(loss, &class_weights);
        let most = validation.iter().fold(training.count(), |most, rows| most.max(rows.count()));
        let objective = Objective { loss, class_weights, steps };
        Ok(Self {
            engine: engine::open(head, objective, options.batch_size.min(most))?,
            order: (0..training.count()).collect(),
            training,
            validation,
            options,
            loss,
            nothing,
            shuffle: Random::new(options.seed, Stream::Shuffle),
            dropout: Random::new(options.seed, Stream::Dropout),
            batch: Batch::default(),
            next: Batch::default(),
        })
    }

    /// Trains until the last epoch, until early stopping, until the observer ends it, or until it fails.
    fn all_epochs(mut self, on_event: &mut OnEvent<'_>) -> (History, Kept, Option<Error>) {
        let mut history = History::default();
        let mut kept = Kept::new(self.options.keep_best);
        let failure = self.add_epochs(&mut history, &mut kept, on_event).err();
        (history, kept, failure)
    }

    fn add_epochs(
        &mut self,
        history: &mut History,
        kept: &mut Kept,
        on_event: &mut OnEvent<'_>,
    ) -> Result<(), Error> {
        let mut patience = self.options.early_stopping.map(Patience::new);
        for epoch in 1..=self.options.epochs {
            let Some(trained) = self.train_epoch(epoch, on_event)? else {
                history.interrupted = true;
                break;
            };
            let metrics = self.measure_epoch(epoch, &trained)?;
            history.kept_epoch = kept.take(&*self.engine, &metrics)?;
            history.interrupted = on_event(TrainingEvent::Epoch(&metrics)).is_break();
            history.epochs.push(metrics);
            let out = patience.as_mut().is_some_and(|patience| patience.is_out(&metrics));
            history.stopped_early = out && epoch < self.options.epochs;
            if out || history.interrupted {
                break;
            }
        }
        Ok(())
    }

    /// One pass over the training rows; None if the observer ended it.
    fn train_epoch(&mut self, epoch: usize, on_event: &mut OnEvent<'_>) -> Result<Option<Running>, Error> {
        if self.options.shuffle {
            self.shuffle.shuffle(&mut self.order);
        }
        let mut running = self.nothing.clone();
        let mut upcoming = self.order.chunks(self.options.batch_size);
        let batches = upcoming.len();
        if let Some(indices) = upcoming.next() {
            self.training.read(indices, &mut self.batch)?;
        }
        for batch in 1..=batches {
            let next = match upcoming.next() {
                Some(indices) => {
                    self.training.read(indices, &mut self.next)?;
                    Some(&mut self.next)
                }
                None => None,
            };
            let penalty = self.engine.penalty()?;
            let logits = self.engine.step(&mut self.batch, next, &mut self.dropout)?;
            running.add(logits, &self.batch.labels, penalty);
            mem::swap(&mut self.batch, &mut self.next);
            if on_event(TrainingEvent::Batch { epoch, batch, batches }).is_break() {
                return Ok(None);
            }
        }
        Ok(Some(running))
    }

    /// The figures of an epoch whose training is done, validation included.
    fn measure_epoch(&mut self, epoch: usize, trained: &Running) -> Result<EpochMetrics, Error> {
        let mut metrics = EpochMetrics {
            epoch,
            loss: finite(TRAINING, epoch, trained.loss())?,
            accuracy: trained.accuracy(),
            top_5_accuracy: trained.top_5_accuracy(),
            val_loss: None,
            val_accuracy: None,
            val_top_5_accuracy: None,
        };
        if let Some(validation) = &self.validation {
            let measured = validation.measure(self.loss, &mut *self.engine, self.options.batch_size)?;
            metrics.val_loss = Some(finite(VALIDATION, epoch, measured.loss())?);
            metrics.val_accuracy = Some(measured.accuracy());
            metrics.val_top_5_accuracy = measured.top_5_accuracy();
        }
        Ok(metrics)
    }
}

/// The loss, unless training has diverged.
fn finite(what: &'static str, epoch: usize, loss: f32) -> Result<f32, Error> {
    if loss.is_finite() { Ok(loss) } else { Err(Error::Diverged { what, epoch, loss }) }
}
