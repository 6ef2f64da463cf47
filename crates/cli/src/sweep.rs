//! `headstart train --sweep`: features in, which kind of head is best for them out.

mod words;

use std::time::Instant;

use anyhow::Context;
use clap::Args;
use headstart_head::TrainOptions;
use headstart_head::analysis::CrossValidation;
use headstart_head::sweep::{Candidate, Sweep, sweep};
use headstart_weights::{SaveOptions, check_model_path};
use serde::Serialize;

use crate::device;
use crate::flags::{Flags, Train};
use crate::labelled::{LabelledFeatures, check_classes};
use crate::outcome::Outcome;
use crate::output::say;
use crate::progress;
use crate::train::{self, fit, train_options};

#[derive(Debug, Args)]
pub(crate) struct SweepFlags {
    /// Try logistic regression, nearest neighbours and heads of 64, 256 and 1024 units by cross-validation on --train, and
    /// say which to take and whether the best is better by more than chance; with -o that head is trained on all rows
    /// and written
    #[arg(long, conflicts_with_all = ["validation", "run", "units"])]
    pub(crate) sweep: bool,

    /// Folds of --sweep, from 2 to the number of rows
    #[arg(long, value_name = "N", default_value_t = 5, requires = "sweep")]
    folds: usize,
}

/// What the command reports.
#[derive(Debug, Serialize)]
struct Report {
    features: String,
    classes: Option<Vec<String>>,
    rows: usize,
    folds: usize,
    options: TrainOptions,
    device: &'static str,
    threads: usize,
    sweep_seconds: f64,
    #[serde(flatten)]
    sweep: Sweep,
    /// What was trained on all rows, where there is an output.
    head: Option<train::Report>,
}

pub(crate) fn run(flags: &Flags, command: &Train) -> anyhow::Result<Outcome> {
    if let Some(output) = &command.output {
        check_model_path(output, &SaveOptions { overwrite: command.fresh })?;
    }
    let mut options = train_options(command)?;
    options.validate(false)?;
    let data = LabelledFeatures::open(&command.train, command.counts.as_deref())?;
    check_classes(&data, data.class_count)?;
    options.class_weight = command.objective.class_weight.resolve(data.classes(), data.class_count)?;
    let device = flags.device.open()?;
    data.features.verify_data()?;

    let started = Instant::now();
    let candidates = Candidate::standard(command.dropout);
    let folds = command.sweep.folds;
    let validation = CrossValidation { folds, seed: command.seed, training: options.clone() };
    let bar = progress::bar(candidates.len() * folds, "models").with_message("sweep");
    let sweep = sweep(data.as_labelled(), &candidates, &validation, &device, &mut |_| bar.inc(1))
        .with_context(|| format!("trying heads on {}", command.train.display()))?;
    bar.finish_and_clear();
    let sweep_seconds = started.elapsed().as_secs_f64();

    let units = sweep.chosen_head().and_then(|chosen| sweep.scores[chosen].candidate.units());
    let head = match (&command.output, units) {
        (Some(_), Some(units)) => Some(fit(flags, command, units)?),
        _ => None,
    };
    let report = Report {
        features: command.train.display().to_string(),
        classes: data.classes().map(<[String]>::to_vec),
        rows: data.labels.len(),
        folds,
        options,
        device: device::name(&device),
        threads: rayon::current_num_threads(),
        sweep_seconds,
        sweep,
        head,
    };
    if flags.json {
        say!("{}", serde_json::to_string_pretty(&report)?);
        return Ok(Outcome::Done);
    }
    say!("features  {} ({} rows, {folds} folds, {:.1} s)", report.features, report.rows, sweep_seconds);
    for line in words::lines(&report.sweep, report.head.is_some()) {
        say!("{line}");
    }
    if let Some(head) = &report.head {
        head.print();
    }
    Ok(Outcome::Done)
}
