//! `headstart evaluate`: a trained head and features in, how good it is out.

use headstart::evaluation::{Evaluation, EvaluationOptions};
use headstart::{ChosenOn, Classifier, LabelledFeatures, Refused, device_name};
use serde::Serialize;

use crate::flags::{Evaluate, Flags};
use crate::outcome::Outcome;
use crate::output::{give, say};
use crate::progress::Terminal;

/// What the command reports.
#[derive(Debug, Serialize)]
struct Report {
    model: String,
    features: String,
    /// Images of the features that the head was trained on.
    leaks: Vec<String>,
    /// Where its epoch was chosen on these features.
    chosen_on: Option<ChosenOn>,
    device: &'static str,
    #[serde(flatten)]
    evaluation: Evaluation,
    /// How many rows are refused as of no class; none if the model does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    unknown: Option<Refused>,
}

pub(crate) fn run(flags: &Flags, command: &Evaluate) -> anyhow::Result<Outcome> {
    let mut features = LabelledFeatures::with_counts(&command.features, command.counts.as_deref())?;
    if let Some(order) = command.features_order {
        features = features.in_order(order.into())?;
    }
    let device = flags.device.open()?;
    let classifier = Classifier::load_with(&command.model, &command.head.options())?;
    let mut terminal = Terminal::without_signals();
    let leaks = classifier.check_unseen(&features, command.strict, &mut terminal)?.images;
    drop(terminal);
    let mut options = EvaluationOptions::default();
    options.resamples = command.resamples;
    options.seed = command.seed;
    let evaluation = classifier.evaluate_with(&features, &options, command.batch_size, &device)?;
    let report = Report {
        model: command.model.display().to_string(),
        features: command.features.display().to_string(),
        leaks,
        chosen_on: classifier.chosen_on_these(&features)?,
        device: device_name(&device),
        evaluation,
        unknown: classifier.refused(&features)?,
    };
    if flags.json {
        give!("{}", serde_json::to_string_pretty(&report)?);
        return Ok(Outcome::Done);
    }
    say!("{:<22}{}", "model", report.model);
    say!("{:<22}{} ({} rows)", "features", report.features, report.evaluation.rows);
    if !report.leaks.is_empty() {
        let (count, rows) = (report.leaks.len(), report.evaluation.rows);
        say!("{:<22}{count} of the {rows} images, so the figures are too good", "trained on");
    }
    if let Some(chosen) = &report.chosen_on {
        say!("{:<22}by {} on these rows, so the figures are too good", "epoch chosen", chosen.metric);
    }
    report.evaluation.to_string().lines().for_each(|line| say!("{line}"));
    if let Some(unknown) = &report.unknown {
        let share = 100.0 * unknown.share;
        say!(
            "{:<22}{:.4} of the rows, {share} % of known images were asked for",
            "refused as unknown",
            unknown.refused
        );
    }
    Ok(Outcome::Done)
}
