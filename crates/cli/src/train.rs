//! `headstart train`: features in, a trained head out.

use std::time::Instant;

use anyhow::Context;
use headstart_head::{
    EarlyStopping, EpochMetrics, Head, History, LayerConfig, Loss, Monitor, Schedule, TrainOptions,
};
use headstart_weights::{SaveOptions, check_model_path, save_model};
use serde::Serialize;
use serde_json::json;

use crate::device;
use crate::flags::{Flags, Train};
use crate::labelled::{LabelledFeatures, check_classes, check_pair};
use crate::outcome::{Fault, Outcome};
use crate::output::{note, say};
use crate::progress;
use crate::run_folder::{RunFolder, RunSettings};
use crate::sweep;

/// What the command reports.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    output: String,
    classes: Option<Vec<String>>,
    rows: usize,
    validation_rows: Option<usize>,
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
    #[serde(flatten)]
    history: History,
}

pub(crate) fn run(flags: &Flags, command: &Train) -> anyhow::Result<Outcome> {
    if command.sweep.sweep {
        return sweep::run(flags, command);
    }
    let report = fit(flags, command, command.units)?;
    if flags.json {
        say!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        report.print();
    }
    Ok(Outcome::Done)
}

/// Trains a head with so many hidden units, and writes it to the output, which is there.
pub(crate) fn fit(flags: &Flags, command: &Train, units: usize) -> anyhow::Result<Report> {
    let started = Instant::now();
    let output_path = command.output.as_deref().context("expected an output (-o), found none")?;
    // What costs nothing is checked first, and what reads all features last.
    let save = SaveOptions { overwrite: command.fresh };
    check_model_path(output_path, &save)?;
    let mut options = train_options(command)?;
    options.validate(command.validation.is_some())?;
    let training = LabelledFeatures::open(&command.train, command.counts.as_deref())?;
    let validation = command.validation.as_deref();
    let validation = validation
        .map(|path| LabelledFeatures::open(path, command.validation_counts.as_deref()))
        .transpose()?;
    check_classes(&training, training.class_count)?;
    if let Some(validation) = &validation {
        check_pair(&training, validation)?;
        check_classes(validation, 2)?;
    }
    let classes = training.class_count;
    options.class_weight = command.objective.class_weight.resolve(training.classes(), classes)?;
    let device = flags.device.open()?;
    let layers = LayerConfig::head_for(classes, units, command.dropout);
    let mut head = Head::new(&layers, training.features.row_shape(), command.seed, &device)?;
    for data in [Some(&training), validation.as_ref()].into_iter().flatten() {
        data.features.verify_data()?;
    }

    let loss = Loss::of(&head)?;
    let run = command.run.as_deref().map(|folder| {
        let settings = RunSettings {
            headstart_version: env!("CARGO_PKG_VERSION").to_owned(),
            training: training.settings(),
            validation: validation.as_ref().map(LabelledFeatures::settings),
            layers: layers.clone(),
            loss,
            options: options.clone(),
            seed: command.seed,
            device: device::name(&device).to_owned(),
        };
        RunFolder::create(folder, &settings, command.fresh)
    });
    let mut run = run.transpose()?;
    // A run keeps both the best and the last head, whichever of them is written to the output.
    let mut fitting = options.clone();
    if run.is_some() && validation.is_some() {
        fitting.keep_best = Some(command.monitor.into());
    }

    let prepare_seconds = started.elapsed().as_secs_f64();
    let started = Instant::now();
    let bar = progress::bar(command.epochs, "epochs").with_message("train");
    let mut recorded = Ok(());
    let mut on_epoch = |epoch: &EpochMetrics| {
        bar.suspend(|| note!("{}", describe(epoch, command.epochs)));
        bar.inc(1);
        if let (Some(run), Ok(())) = (&mut run, &recorded) {
            recorded = run.epoch(epoch);
        }
    };
    let validation_rows = validation.as_ref().map(LabelledFeatures::as_labelled);
    let mut last_head = Head::new(&layers, training.features.row_shape(), command.seed, &device)?;
    let mut history = headstart_head::train_best_and_last(
        &mut head,
        &mut last_head,
        training.as_labelled(),
        validation_rows,
        &fitting,
        &mut on_epoch,
    )
    .with_context(|| command.files())?;
    recorded?;
    bar.finish_and_clear();
    let train_seconds = started.elapsed().as_secs_f64();

    let last = *history.epochs.last().context("no epoch was trained")?;
    let best = history.epochs.iter().find(|epoch| epoch.epoch == history.kept_epoch).copied().unwrap_or(last);
    let best_model = training.model(&head, &layers, &best, &options)?;
    let last_model = training.model(&last_head, &layers, &last, &options)?;
    if options.keep_best.is_none() {
        history.kept_epoch = last.epoch;
        head = last_head;
    }
    let kept = if options.keep_best.is_some() { best } else { last };
    let output = if options.keep_best.is_some() { &best_model } else { &last_model };
    save_model(output_path, output, &save)?;
    if let Some(run) = run {
        let timings = json!({ "prepare_seconds": prepare_seconds, "train_seconds": train_seconds });
        run.finish(validation.as_ref().map(|_| &best_model), &last_model, &timings)?;
    }

    Ok(Report {
        output: output_path.display().to_string(),
        classes: training.classes().map(<[String]>::to_vec),
        rows: training.features.rows(),
        validation_rows: validation.as_ref().map(|data| data.features.rows()),
        layers,
        loss,
        parameters: head.parameter_count(),
        options,
        device: device::name(&device),
        threads: rayon::current_num_threads(),
        train_seconds,
        last,
        kept,
        best: history.best(Monitor::ValAccuracy).copied(),
        history,
    })
}

impl Train {
    /// What an error of training is about.
    fn files(&self) -> String {
        let validation = self.validation.as_ref().map(|path| format!(", validating on {}", path.display()));
        format!("training on {}{}", self.train.display(), validation.unwrap_or_default())
    }
}

pub(crate) fn train_options(command: &Train) -> Result<TrainOptions, Fault> {
    let monitor = command.monitor.into();
    let objective = &command.objective;
    let mut optimizer = objective.optimizer(command.rmsprop)?;
    if let Some(learning_rate) = command.learning_rate {
        if matches!(objective.schedule.0, Schedule::PiecewiseConstantDecay { .. }) {
            let message =
                "--learning-rate: expected none, for the schedule's values are the rates, found one";
            return Err(Fault::Usage(message.to_owned()));
        }
        optimizer = optimizer.with_learning_rate(learning_rate);
    }
    let stopping = |patience| EarlyStopping { monitor, patience, min_delta: command.min_delta };
    Ok(TrainOptions {
        schedule: objective.schedule.0.clone(),
        l2: objective.l2,
        epochs: command.epochs,
        batch_size: command.batch_size,
        optimizer,
        shuffle: true,
        seed: command.seed,
        early_stopping: command.early_stopping.map(stopping),
        keep_best: command.keep_best.then_some(monitor),
        ..TrainOptions::default()
    })
}

fn describe(epoch: &EpochMetrics, epochs: usize) -> String {
    let mut line =
        format!("epoch {:>3}/{epochs}  loss {:.4}  accuracy {:.4}", epoch.epoch, epoch.loss, epoch.accuracy);
    for (name, value) in [
        ("top_5_accuracy", epoch.top_5_accuracy),
        ("val_loss", epoch.val_loss),
        ("val_accuracy", epoch.val_accuracy),
        ("val_top_5_accuracy", epoch.val_top_5_accuracy),
    ] {
        if let Some(value) = value {
            line += &format!("  {name} {value:.4}");
        }
    }
    line
}

impl Report {
    pub(crate) fn print(&self) {
        say!("head      {} (epoch {}, {} parameters)", self.output, self.history.kept_epoch, self.parameters);
        let epochs = self.history.epochs.len();
        if self.history.stopped_early {
            say!("stopped   after {epochs} epochs");
        }
        say!("last      {}", describe(&self.last, epochs));
        if self.kept.epoch != self.last.epoch {
            say!("kept      {}", describe(&self.kept, epochs));
        }
        if let Some(best) = &self.best {
            say!("best      {}", describe(best, epochs));
        }
        say!("time      {:.1} s, {:.3} s an epoch", self.train_seconds, self.train_seconds / epochs as f64);
    }
}
