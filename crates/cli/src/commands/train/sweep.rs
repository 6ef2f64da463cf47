//! `headstart train --sweep`: features in, which kind of head is best for them out.

use std::time::Instant;

use headstart::convert::check_model_path;
use headstart::sweep::Sweep;
use headstart::{CrossValidated, ErrorKind, LabelledFeatures, TrainOptions, device_name};
use serde::Serialize;

use super::fit::{self, Fitted, fit, if_exists, recipe};
use super::sweep_words::lines;
use crate::flags::{Flags, Train};
use crate::outcome::Outcome;
use crate::output::{give, say};
use crate::progress::Terminal;
use crate::signals::Signals;

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
    /// How good the head to write is.
    cross_validated: Option<CrossValidated>,
    /// What was trained on all rows, if there is an output.
    head: Option<Box<fit::Report>>,
}

pub(super) fn run(flags: &Flags, command: &Train, signals: &Signals) -> anyhow::Result<Outcome> {
    if let Some(output) = &command.output {
        check_model_path(output, if_exists(command)).map_err(headstart::Error::from)?;
    }
    let mut recipe = recipe(command)?;
    recipe.options.validate(false).map_err(headstart::Error::from)?;
    let features = LabelledFeatures::with_counts(&command.train, command.counts.as_deref())?;
    let device = flags.device.open()?;

    let started = Instant::now();
    let folds = command.sweep.folds;
    let mut terminal = Terminal::new(signals);
    let sweep = recipe.sweep(&features, folds, &device, &mut terminal);
    drop(terminal);
    let sweep = match sweep {
        Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(signals.ended(&error)),
        sweep => sweep?,
    };
    let sweep_seconds = started.elapsed().as_secs_f64();

    let options = recipe.options_for(&features)?;
    let chosen = sweep.chosen_head().map(|chosen| &sweep.scores[chosen]);
    let units = chosen.and_then(|chosen| chosen.candidate.units());
    let cross_validated = chosen.map(CrossValidated::of);
    let head = match (&command.output, units) {
        (Some(output), Some(units)) => {
            recipe.units = units;
            match fit(flags, command, &recipe, output, signals, cross_validated)? {
                Fitted::Written(report) => Some(report),
                Fitted::Interrupted(outcome) => return Ok(outcome),
            }
        }
        _ => None,
    };
    let report = Report {
        features: command.train.display().to_string(),
        classes: features.classes().map(<[String]>::to_vec),
        rows: features.labels().len(),
        folds,
        options,
        device: device_name(&device),
        threads: rayon::current_num_threads(),
        sweep_seconds,
        sweep,
        cross_validated,
        head,
    };
    report.print(flags)?;
    Ok(Outcome::Done)
}

impl Report {
    fn print(&self, flags: &Flags) -> anyhow::Result<()> {
        if flags.json {
            give!("{}", serde_json::to_string_pretty(self)?);
            return Ok(());
        }
        let Self { features, rows, folds, sweep_seconds, .. } = self;
        say!("features  {features} ({rows} rows, {folds} folds, {sweep_seconds:.1} s)");
        let mut arguments = flags.arguments.iter().map(|argument| argument.to_string_lossy().into_owned());
        for line in lines(&self.sweep, self.head.is_some(), &mut arguments) {
            say!("{line}");
        }
        if let Some(head) = &self.head {
            head.print_head();
            head.print_time();
        }
        // The one figure of the head, and not one of the rows that it was trained on.
        if let Some(figures) = &self.cross_validated {
            let CrossValidated { folds, accuracy, accuracy_error, loss, loss_error, .. } = figures;
            say!(
                "figure    accuracy {accuracy:.4} +- {accuracy_error:.4}, log loss {loss:.4} +- {loss_error:.4}: \
                 {folds}-fold cross-validation, no row judged by a head that saw it"
            );
        }
        Ok(())
    }
}
