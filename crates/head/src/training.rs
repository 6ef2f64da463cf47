//! The training loop.

use candle_core::Tensor;
use serde::{Deserialize, Serialize};

use crate::activation::Activation;
use crate::dropout::Mode;
use crate::error::Error;
use crate::head::Head;
use crate::loss::binary_crossentropy_from_logits;
use crate::metrics::{EpochMetrics, History, Monitor, Running};
use crate::optimizer::{RmsProp, RmsPropState};
use crate::random::{Random, Stream};
use crate::samples::Labelled;

/// What errors call the two sets of rows.
const TRAINING: &str = "training data";
const VALIDATION: &str = "validation data";

/// Ends training when a metric has stopped getting better (Keras's EarlyStopping).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EarlyStopping {
    /// The metric.
    pub monitor: Monitor,
    /// How many epochs in a row may pass without a better value.
    pub patience: usize,
    /// By how much a value must be better to count, >= 0.
    pub min_delta: f32,
}

/// How to train; the default is what the bottleneck-features script did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainOptions {
    /// Passes over the rows, >= 1.
    pub epochs: usize,
    /// Rows an update, >= 1; the last batch of an epoch may be smaller.
    pub batch_size: usize,
    /// The optimizer's constants.
    pub optimizer: RmsProp,
    /// Whether each epoch takes the rows in a new random order.
    pub shuffle: bool,
    /// Seed of the shuffling and of dropout. The head has its own, which may be the same number.
    pub seed: u64,
    /// Off by default.
    pub early_stopping: Option<EarlyStopping>,
    /// Whether the head ends with the parameters of the epoch that was best by this metric; off by default:
    /// it ends with the last epoch's.
    pub keep_best: Option<Monitor>,
}

impl Default for TrainOptions {
    fn default() -> Self {
        Self {
            epochs: 50,
            batch_size: 32,
            optimizer: RmsProp::keras1(),
            shuffle: true,
            seed: 0,
            early_stopping: None,
            keep_best: None,
        }
    }
}

impl TrainOptions {
    /// Checks every option's range, and that what is monitored will be measured.
    ///
    /// # Errors
    ///
    /// [`Error::Option`], which names the option.
    pub fn validate(&self, with_validation: bool) -> Result<(), Error> {
        let check = |option, fits: bool, expected, found: String| {
            if fits { Ok(()) } else { Err(Error::Option { option, expected, found }) }
        };
        let RmsProp { learning_rate, rho, epsilon, .. } = self.optimizer;
        let positive = |value: f32| value > 0.0 && value.is_finite();
        check("epochs", self.epochs > 0, "at least 1", self.epochs.to_string())?;
        check("batch size", self.batch_size > 0, "at least 1", self.batch_size.to_string())?;
        check("learning rate", positive(learning_rate), "a number > 0", learning_rate.to_string())?;
        check("rho", (0.0..1.0).contains(&rho), "a number in [0, 1)", rho.to_string())?;
        check("epsilon", positive(epsilon), "a number > 0", epsilon.to_string())?;
        if let Some(EarlyStopping { min_delta, monitor, .. }) = self.early_stopping {
            check("min delta", min_delta >= 0.0, "a number >= 0", min_delta.to_string())?;
            check("early stopping", with_validation, "validation data to monitor", monitor.to_string())?;
        }
        if let Some(monitor) = self.keep_best {
            check("keep best", with_validation, "validation data to monitor", monitor.to_string())?;
        }
        Ok(())
    }
}

/// Trains the head in place; `on_epoch` hears of each epoch as it ends.
///
/// # Errors
///
/// Where the options, labels or shapes do not fit, the rows can't be read, or the loss leaves the range of
/// f32.
pub fn train(
    head: &mut Head,
    training: Labelled<'_>,
    validation: Option<Labelled<'_>>,
    options: &TrainOptions,
    on_epoch: &mut dyn FnMut(&EpochMetrics),
) -> Result<History, Error> {
    options.validate(validation.is_some())?;
    check_output(head)?;
    let training = Rows::new(TRAINING, head, training)?;
    let validation = validation.map(|data| Rows::new(VALIDATION, head, data)).transpose()?;

    let mut optimizer = RmsPropState::new(options.optimizer, head.parameters())?;
    let mut shuffle = Random::new(options.seed, Stream::Shuffle);
    let mut dropout = Random::new(options.seed, Stream::Dropout);
    let mut order: Vec<usize> = (0..training.labels.len()).collect();
    let mut history = History { epochs: Vec::new(), kept_epoch: 0, stopped_early: false };
    let mut best: Option<(f32, usize, Vec<Tensor>)> = None;
    let mut patience = options.early_stopping.map(Patience::new);

    for epoch in 1..=options.epochs {
        if options.shuffle {
            shuffle.shuffle(&mut order);
        }
        let mut running = Running::default();
        for batch in order.chunks(options.batch_size) {
            let (rows, labels) = training.read(head, batch)?;
            let logits = head.logits(&rows, &mut Mode::Training(&mut dropout))?;
            let loss = binary_crossentropy_from_logits(&logits, &labels)?;
            optimizer.update(&loss.backward()?)?;
            measure(&mut running, &logits, &labels, &loss)?;
        }
        let mut metrics = EpochMetrics {
            epoch,
            loss: running.loss(),
            accuracy: running.accuracy(),
            val_loss: None,
            val_accuracy: None,
        };
        if !metrics.loss.is_finite() {
            return Err(Error::Diverged { what: TRAINING, epoch, loss: metrics.loss });
        }
        if let Some(validation) = &validation {
            let running = validation.measure(head, options.batch_size)?;
            let loss = running.loss();
            if !loss.is_finite() {
                return Err(Error::Diverged { what: VALIDATION, epoch, loss });
            }
            metrics.val_loss = Some(loss);
            metrics.val_accuracy = Some(running.accuracy());
        }
        on_epoch(&metrics);
        history.epochs.push(metrics);
        history.kept_epoch = epoch;

        if let Some(cost) = options.keep_best.and_then(|monitor| monitor.cost(&metrics))
            && best.as_ref().is_none_or(|(least, ..)| cost < *least)
        {
            best = Some((cost, epoch, head.snapshot()?));
        }
        if patience.as_mut().is_some_and(|patience| patience.is_out(&metrics)) {
            history.stopped_early = epoch < options.epochs;
            break;
        }
    }
    if let Some((_, epoch, snapshot)) = best {
        head.restore(&snapshot)?;
        history.kept_epoch = epoch;
    }
    Ok(history)
}

/// Mean loss, and accuracy in [0, 1], of the head as it stands.
///
/// # Errors
///
/// Where labels or shapes do not fit, or the rows can't be read.
pub fn evaluate(head: &Head, data: Labelled<'_>, batch_size: usize) -> Result<(f32, f32), Error> {
    check_output(head)?;
    let running = Rows::new("evaluation data", head, data)?.measure(head, batch_size.max(1))?;
    Ok((running.loss(), running.accuracy()))
}

/// Binary cross-entropy needs one probability a row.
fn check_output(head: &Head) -> Result<(), Error> {
    match head.output() {
        Some(dense) if dense.units() == 1 && dense.activation() == Activation::Sigmoid => Ok(()),
        Some(dense) => {
            let (units, activation) = (dense.units(), dense.activation());
            Err(Error::Output { expected: "sigmoid", units, activation })
        }
        None => Err(Error::NoDense),
    }
}

/// Adds a batch to the running means.
fn measure(running: &mut Running, logits: &Tensor, labels: &Tensor, loss: &Tensor) -> Result<(), Error> {
    let flat = |tensor: &Tensor| tensor.flatten_all()?.to_vec1::<f32>();
    let probabilities = flat(&Activation::Sigmoid.apply(&logits.detach())?)?;
    running.add(loss.to_scalar()?, &probabilities, &flat(labels)?);
    Ok(())
}

/// Rows that were checked against a head, with labels as the loss takes them.
struct Rows<'a> {
    data: Labelled<'a>,
    labels: Vec<f32>,
}

impl<'a> Rows<'a> {
    fn new(what: &'static str, head: &Head, data: Labelled<'a>) -> Result<Self, Error> {
        let (rows, labels) = (data.samples.rows(), data.labels.len());
        if rows == 0 {
            return Err(Error::NoRows(what));
        }
        if rows != labels {
            return Err(Error::LabelCount { what, rows, labels });
        }
        if data.samples.row_shape() != head.row_shape() {
            let (expected, found) = (head.row_shape().to_vec(), data.samples.row_shape().to_vec());
            return Err(Error::RowShape { what, expected, found });
        }
        if let Some((row, &found)) = data.labels.iter().enumerate().find(|(_, label)| **label > 1) {
            return Err(Error::Label { what, row, found });
        }
        Ok(Self { data, labels: data.labels.iter().map(|&label| label as f32).collect() })
    }

    /// The rows at `indices` as `n x` row shape, and their labels as `n x 1`.
    fn read(&self, head: &Head, indices: &[usize]) -> Result<(Tensor, Tensor), Error> {
        let mut shape = vec![indices.len()];
        shape.extend_from_slice(head.row_shape());
        let mut values = vec![0.0; shape.iter().product()];
        self.data.samples.read(indices, &mut values).map_err(Error::Samples)?;
        let labels: Vec<f32> = indices.iter().map(|&index| self.labels[index]).collect();
        let rows = Tensor::from_vec(values, shape, head.device())?;
        Ok((rows, Tensor::from_vec(labels, (indices.len(), 1), head.device())?))
    }

    /// Loss and accuracy over all rows, in order, without dropout.
    fn measure(&self, head: &Head, batch_size: usize) -> Result<Running, Error> {
        let mut running = Running::default();
        let order: Vec<usize> = (0..self.labels.len()).collect();
        for batch in order.chunks(batch_size) {
            let (rows, labels) = self.read(head, batch)?;
            let logits = head.logits(&rows, &mut Mode::Inference)?.detach();
            let loss = binary_crossentropy_from_logits(&logits, &labels)?;
            measure(&mut running, &logits, &labels, &loss)?;
        }
        Ok(running)
    }
}

/// Counts epochs without a better value.
struct Patience {
    settings: EarlyStopping,
    least: f32,
    waited: usize,
}

impl Patience {
    fn new(settings: EarlyStopping) -> Self {
        Self { settings, least: f32::INFINITY, waited: 0 }
    }

    /// Whether training should end after this epoch.
    fn is_out(&mut self, epoch: &EpochMetrics) -> bool {
        let cost = self.settings.monitor.cost(epoch).unwrap_or(f32::INFINITY);
        if cost < self.least - self.settings.min_delta {
            self.least = cost;
            self.waited = 0;
            false
        } else {
            self.waited += 1;
            self.waited >= self.settings.patience
        }
    }
}
