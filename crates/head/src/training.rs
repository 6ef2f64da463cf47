//! The training loop.

use candle_core::Tensor;
use serde::{Deserialize, Serialize};

use crate::class_weight::ClassWeight;
use crate::engine::{Batch, Engine, Objective};
use crate::error::{Error, check};
use crate::head::Head;
use crate::loss::Loss;
use crate::metrics::{EpochMetrics, History, Monitor, Running};
use crate::network::Network;
use crate::optimizer::{OptimizerConfig, RmsProp, Steps};
use crate::random::{Random, Stream};
use crate::samples::Labelled;
use crate::schedule::Schedule;
use crate::tensors::Tensors;

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
    /// Checks every option's range, and that what is monitored will be measured.
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
            check("min delta", min_delta >= 0.0, "a number >= 0", &min_delta)?;
            check("early stopping", with_validation, "validation data to monitor", &monitor)?;
        }
        if let Some(monitor) = self.keep_best {
            check("keep best", with_validation, "validation data to monitor", &monitor)?;
        }
        Ok(())
    }
}

/// Trains the head in place; `on_epoch` hears of each epoch as it ends.
///
/// On the CPU the features that are zero cost nothing, and the head takes its new parameters at the end.
///
/// # Errors
///
/// Where the options, labels or shapes do not fit, the rows can't be read, or the loss leaves the range of
/// f32. The head may then have been trained in part, or not at all.
pub fn train(
    head: &mut Head,
    training: Labelled<'_>,
    validation: Option<Labelled<'_>>,
    options: &TrainOptions,
    on_epoch: &mut dyn FnMut(&EpochMetrics),
) -> Result<History, Error> {
    let (history, kept, _) = fit_head(head, training, validation, options, on_epoch)?;
    head.restore(&kept)?;
    Ok(history)
}

/// As [`train`]; `last`, which has the same layers, takes the parameters of the last epoch.
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
    on_epoch: &mut dyn FnMut(&EpochMetrics),
) -> Result<History, Error> {
    let (history, kept, of_last) = fit_head(head, training, validation, options, on_epoch)?;
    head.restore(&kept)?;
    last.restore(&of_last)?;
    Ok(history)
}

/// The history, and the parameters of the epoch that is kept and of the last.
type Fitted = (History, Vec<Tensor>, Vec<Tensor>);

fn fit_head(
    head: &Head,
    training: Labelled<'_>,
    validation: Option<Labelled<'_>>,
    options: &TrainOptions,
    on_epoch: &mut dyn FnMut(&EpochMetrics),
) -> Result<Fitted, Error> {
    options.validate(validation.is_some())?;
    let loss = Loss::of(head)?;
    let training = Rows::new(TRAINING, head, training)?;
    let validation = validation.map(|data| Rows::new(VALIDATION, head, data)).transpose()?;
    let most = validation.iter().fold(training.count(), |most, rows| most.max(rows.count()));
    let objective = Objective {
        loss,
        class_weights: options.class_weight.weights(training.data.labels, head.classes())?,
        steps: Steps {
            optimizer: options.optimizer,
            schedule: options.schedule.clone(),
            l2: options.l2,
            taken: 0,
        },
    };
    let running = Running::new(loss, &objective.class_weights);
    if head.device().is_cpu() {
        let mut network = Network::new(head, objective, options.batch_size.min(most))?;
        fit(&mut network, &running, &training, validation.as_ref(), options, on_epoch)
    } else {
        let mut tensors = Tensors::new(head, objective)?;
        fit(&mut tensors, &running, &training, validation.as_ref(), options, on_epoch)
    }
}

/// The epochs. `nothing` is what each of them begins its measuring with.
fn fit(
    engine: &mut dyn Engine,
    nothing: &Running,
    training: &Rows<'_>,
    validation: Option<&Rows<'_>>,
    options: &TrainOptions,
    on_epoch: &mut dyn FnMut(&EpochMetrics),
) -> Result<Fitted, Error> {
    let mut shuffle = Random::new(options.seed, Stream::Shuffle);
    let mut dropout = Random::new(options.seed, Stream::Dropout);
    let mut order: Vec<usize> = (0..training.count()).collect();
    let (mut batch, mut next) = (Batch::default(), Batch::default());
    let mut history = History { epochs: Vec::new(), kept_epoch: 0, stopped_early: false };
    let mut best: Option<(f32, usize, Vec<Tensor>)> = None;
    let mut patience = options.early_stopping.map(Patience::new);

    for epoch in 1..=options.epochs {
        if options.shuffle {
            shuffle.shuffle(&mut order);
        }
        let mut running = nothing.clone();
        let mut batches = order.chunks(options.batch_size);
        if let Some(indices) = batches.next() {
            training.read(indices, &mut batch)?;
        }
        loop {
            let indices = batches.next();
            if let Some(indices) = indices {
                training.read(indices, &mut next)?;
            }
            let penalty = engine.penalty()?;
            let logits = engine.step(&mut batch, indices.map(|_| &mut next), &mut dropout)?;
            running.add(logits, &batch.labels, penalty);
            if indices.is_none() {
                break;
            }
            std::mem::swap(&mut batch, &mut next);
        }
        let mut metrics = EpochMetrics {
            epoch,
            loss: running.loss(),
            accuracy: running.accuracy(),
            top_5_accuracy: running.top_5_accuracy(),
            val_loss: None,
            val_accuracy: None,
            val_top_5_accuracy: None,
        };
        if !metrics.loss.is_finite() {
            return Err(Error::Diverged { what: TRAINING, epoch, loss: metrics.loss });
        }
        if let Some(validation) = validation {
            let running = validation.measure(engine, options.batch_size)?;
            let loss = running.loss();
            if !loss.is_finite() {
                return Err(Error::Diverged { what: VALIDATION, epoch, loss });
            }
            metrics.val_loss = Some(loss);
            metrics.val_accuracy = Some(running.accuracy());
            metrics.val_top_5_accuracy = running.top_5_accuracy();
        }
        on_epoch(&metrics);
        history.epochs.push(metrics);
        history.kept_epoch = epoch;

        if let Some(cost) = options.keep_best.and_then(|monitor| monitor.cost(&metrics))
            && best.as_ref().is_none_or(|(least, ..)| cost < *least)
        {
            best = Some((cost, epoch, engine.parameters()?));
        }
        if patience.as_mut().is_some_and(|patience| patience.is_out(&metrics)) {
            history.stopped_early = epoch < options.epochs;
            break;
        }
    }
    let last = engine.parameters()?;
    let kept = match best {
        Some((_, epoch, parameters)) => {
            history.kept_epoch = epoch;
            parameters
        }
        None => last.clone(),
    };
    Ok((history, kept, last))
}

/// Mean loss, and accuracy in [0, 1], of the head as it stands; without class weights and penalties.
///
/// # Errors
///
/// Where labels or shapes do not fit, or the rows can't be read.
pub fn evaluate(head: &Head, data: Labelled<'_>, batch_size: usize) -> Result<(f32, f32), Error> {
    let loss = Loss::of(head)?;
    let rows = Rows::new("evaluation data", head, data)?;
    let batch_size = batch_size.clamp(1, rows.count());
    let objective = Objective::without_steps(loss);
    let running = if head.device().is_cpu() {
        rows.measure(&mut Network::new(head, objective, batch_size)?, batch_size)?
    } else {
        rows.measure(&mut Tensors::new(head, objective)?, batch_size)?
    };
    Ok((running.loss(), running.accuracy()))
}

/// Rows that were checked against a head.
struct Rows<'a> {
    data: Labelled<'a>,
    loss: Loss,
    /// Values of a row.
    row: usize,
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
        let classes = head.classes();
        let unknown = |(_, label): &(usize, &u32)| **label as usize >= classes;
        if let Some((row, &found)) = data.labels.iter().enumerate().find(unknown) {
            return Err(Error::Label { what, row, classes, found });
        }
        Ok(Self { data, loss: Loss::of(head)?, row: head.row_shape().iter().product() })
    }

    fn count(&self) -> usize {
        self.data.labels.len()
    }

    /// Fills a batch with the rows at `indices`.
    fn read(&self, indices: &[usize], batch: &mut Batch) -> Result<(), Error> {
        batch.rows.resize(indices.len() * self.row, 0.0);
        self.data.samples.read(indices, &mut batch.rows).map_err(Error::Samples)?;
        batch.labels.clear();
        batch.labels.extend(indices.iter().map(|&index| self.data.labels[index]));
        Ok(())
    }

    /// Loss and accuracy over all rows, in order, without dropout and class weights.
    fn measure(&self, engine: &mut dyn Engine, batch_size: usize) -> Result<Running, Error> {
        let mut running = Running::new(self.loss, &[]);
        let mut batch = Batch::default();
        let penalty = engine.penalty()?;
        let order: Vec<usize> = (0..self.count()).collect();
        for indices in order.chunks(batch_size) {
            self.read(indices, &mut batch)?;
            running.add(engine.logits(&batch)?, &batch.labels, penalty);
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
