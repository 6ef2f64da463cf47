//! One training, as `headstart train` and its sweep do it.

use std::path::Path;

use headstart::optimizer::Schedule;
use headstart::{
    Backbone, ChosenOn, CrossValidated, EarlyStopping, EpochMetrics, ErrorKind, History, IfExists,
    LabelledFeatures, LayerConfig, Loss, Monitor, Recipe, TrainOptions, Trained, Training,
};
use serde::Serialize;

use crate::commands::fit::is_safetensors;
use crate::commands::network::search;
use crate::fault::Fault;
use crate::flags::{Flags, Train};
use crate::outcome::Outcome;
use crate::output::say;
use crate::progress::{Terminal, described};
use crate::signals::Signals;

/// What the command reports.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    output: String,
    classes: Option<Vec<String>>,
    rows: usize,
    validation_rows: Option<usize>,
    leaks: Vec<String>,
    layers: Vec<LayerConfig>,
    loss: Loss,
    parameters: usize,
    options: TrainOptions,
    device: &'static str,
    threads: usize,
    train_seconds: f64,
    last: EpochMetrics,
    kept: EpochMetrics,
    best: Option<EpochMetrics>,
    chosen_on: Option<ChosenOn>,
    #[serde(flatten)]
    history: History,
}

/// How a training ended.
pub(super) enum Fitted {
    Written(Box<Report>),
    Interrupted(Outcome),
}

/// Trains a head by a recipe and writes it; `sweep` is what a sweep found for it.
pub(super) fn fit(
    flags: &Flags,
    command: &Train,
    recipe: &Recipe,
    output: &Path,
    signals: &Signals,
    sweep: Option<CrossValidated>,
) -> anyhow::Result<Fitted> {
    let (features, validation) = data(command)?;
    let bundle = command.bundle.then(|| bundled(command, &features, output)).transpose()?;
    let mut training = Training::new(&features, recipe)
        .monitor(command.monitor.into())
        .strict(command.strict)
        .on(flags.device.open()?);
    if let Some(validation) = &validation {
        training = training.validate_on(validation);
    }
    if let Some(figures) = sweep {
        training = training.cross_validated(figures);
    }
    if let Some(folder) = &command.run {
        training = training.record_in(folder, if_exists(command));
    }
    let mut terminal = Terminal::new(signals);
    let trained = training.run(&mut terminal);
    drop(terminal);
    let trained = match trained {
        Err(error) if error.kind() == ErrorKind::Interrupted => {
            return Ok(Fitted::Interrupted(signals.ended(&error)));
        }
        Ok(trained) if trained.history.interrupted => {
            return Ok(Fitted::Interrupted(signals.ended(&kept(command, &trained))));
        }
        trained => trained?,
    };
    let mut trained = trained;
    if let Some(backbone) = &bundle {
        trained.classifier = trained.classifier.with_backbone(backbone)?.with_recorded_answers(backbone)?;
    }
    trained.classifier.save_as(output, if_exists(command))?;
    Ok(Fitted::Written(Box::new(Report::new(output, &features, validation.as_ref(), trained))))
}

/// The weights to put into the model. They are found before the training begins.
fn bundled(command: &Train, features: &LabelledFeatures, output: &Path) -> anyhow::Result<Backbone> {
    if !is_safetensors(output) {
        let text = format!("--bundle: expected an output .safetensors, found {}", output.display());
        return Err(Fault::Usage(text).into());
    }
    Ok(match &command.weights {
        Some(weights) => Backbone::open(weights)?,
        None => search().beside(&command.train).of_features(features)?,
    })
}

/// The features to train on, and those to validate on.
fn data(command: &Train) -> Result<(LabelledFeatures, Option<LabelledFeatures>), headstart::Error> {
    let open = |path: &Path, counts: Option<&[usize]>| {
        let features = LabelledFeatures::with_counts(path, counts)?;
        match command.features_order {
            Some(order) => features.in_order(order.into()),
            None => Ok(features),
        }
    };
    let features = open(&command.train, command.counts.as_deref())?;
    let counts = command.validation_counts.as_deref();
    let validation = command.validation.as_deref().map(|path| open(path, counts)).transpose()?;
    Ok((features, validation))
}

pub(super) fn if_exists(command: &Train) -> IfExists {
    if command.fresh { IfExists::Replace } else { IfExists::Refuse }
}

/// What an interrupted training keeps.
fn kept(command: &Train, trained: &Trained) -> String {
    let (done, epochs) = (trained.history.epochs.len(), command.epochs);
    let kept = match (&command.run, &command.validation) {
        (Some(run), Some(_)) => {
            format!("{} has the best and the last head so far; the output is not written", run.display())
        }
        (Some(run), None) => format!("{} has the last head so far; the output is not written", run.display()),
        (None, _) => {
            "nothing is kept; give --run FOLDER to keep the heads of an interrupted training".to_owned()
        }
    };
    format!("interrupted after {done} of {epochs} epochs; {kept}")
}

pub(super) fn recipe(command: &Train) -> Result<Recipe, Fault> {
    let mut recipe = Recipe::default();
    recipe.units = command.units;
    recipe.dropout = command.dropout;
    recipe.class_weights = command.objective.class_weight.0.clone();
    recipe.options = options(command)?;
    Ok(recipe)
}

fn options(command: &Train) -> Result<TrainOptions, Fault> {
    let monitor: Monitor = command.monitor.into();
    let objective = &command.objective;
    let mut optimizer = objective.optimizer(command.rmsprop)?;
    if let Some(learning_rate) = command.learning_rate {
        if matches!(objective.schedule.0, Schedule::PiecewiseConstantDecay { .. }) {
            let message =
                "--learning-rate: expected none, because the schedule's values are the rates, found one";
            return Err(Fault::Usage(message.to_owned()));
        }
        optimizer = optimizer.with_learning_rate(learning_rate);
    }
    let stopping = |patience| EarlyStopping { monitor, patience, min_delta: command.min_delta };
    let mut options = TrainOptions::default();
    options.schedule = objective.schedule.0.clone();
    options.l2 = objective.l2;
    options.epochs = command.epochs;
    options.batch_size = command.batch_size;
    options.optimizer = optimizer;
    options.seed = command.seed;
    options.early_stopping = command.early_stopping.map(stopping);
    options.keep_best = command.keep_best.then_some(monitor);
    Ok(options)
}

impl Report {
    fn new(
        output: &Path,
        features: &LabelledFeatures,
        validation: Option<&LabelledFeatures>,
        trained: Trained,
    ) -> Self {
        Self {
            output: output.display().to_string(),
            classes: features.classes().map(<[String]>::to_vec),
            rows: features.labels().len(),
            validation_rows: validation.map(|data| data.labels().len()),
            leaks: trained.leaks,
            layers: trained.layers,
            loss: trained.loss,
            parameters: trained.parameters,
            options: trained.options,
            device: trained.device,
            threads: trained.threads,
            train_seconds: trained.train_seconds,
            last: trained.last,
            kept: trained.kept,
            best: trained.history.best(Monitor::ValAccuracy).copied(),
            chosen_on: trained.chosen_on,
            history: trained.history,
        }
    }

    /// Prints what was written, and how good it was on what it was trained and validated on.
    pub(super) fn print(&self, monitor: Monitor) {
        self.print_head();
        let epochs = self.history.epochs.len();
        let line = |epoch: &EpochMetrics| described(epoch, epochs);
        let (kept, last) = (&self.kept, &self.last);
        let best = self.history.best(monitor).filter(|_| self.validation_rows.is_some());
        let is = match (kept.epoch == last.epoch, best.is_some_and(|best| best.epoch == kept.epoch)) {
            (true, true) => format!("the last, and the best by {monitor}"),
            (true, false) => "the last".to_owned(),
            (false, _) => format!("the best by {monitor}"),
        };
        say!("written   {} ({is})", line(kept));
        if kept.epoch != last.epoch {
            say!("last      {} (not written)", line(last));
        }
        if let Some(best) = best.filter(|best| best.epoch != kept.epoch) {
            say!("best      {} (by {monitor}; not written, --keep-best writes it)", line(best));
        }
        if let Some(chosen) = &self.chosen_on {
            say!(
                "chosen    by {} on {}, so the figures of the written epoch there are too good; a third folder judges it",
                chosen.metric,
                chosen.features
            );
        }
        self.print_time();
    }

    /// Prints what was written.
    pub(super) fn print_head(&self) {
        say!("head      {} (epoch {}, {} parameters)", self.output, self.history.kept_epoch, self.parameters);
        if self.history.stopped_early {
            say!("stopped   after {} epochs", self.history.epochs.len());
        }
    }

    pub(super) fn print_time(&self) {
        let epochs = self.history.epochs.len();
        say!("time      {:.1} s, {:.3} s an epoch", self.train_seconds, self.train_seconds / epochs as f64);
    }
}
