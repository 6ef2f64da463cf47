//! `headstart evaluate`: a trained head and features in, how good it is out.

mod table;

use anyhow::Context;
use headstart_head::evaluation::{Evaluation, EvaluationOptions};
use headstart_head::predict;
use serde::Serialize;

use crate::device;
use crate::flags::{Evaluate, Flags};
use crate::model::TrainedHead;
use crate::outcome::{Fault, Outcome};
use crate::output::say;
use crate::train::LabelledFeatures;

/// What the command reports.
#[derive(Debug, Serialize)]
struct Report {
    model: String,
    features: String,
    device: &'static str,
    #[serde(flatten)]
    evaluation: Evaluation,
}

pub(crate) fn run(flags: &Flags, command: &Evaluate) -> anyhow::Result<Outcome> {
    let data = LabelledFeatures::open(&command.features, command.counts.as_deref())?;
    let device = flags.device.open()?;
    let model = TrainedHead::load(&command.model, data.features.row_shape(), &device)?;
    let classes = class_names(command, &model, &data)?;
    data.features.verify_data()?;

    let on = || format!("evaluating {} on {}", command.model.display(), command.features.display());
    let probabilities = predict(&model.head, &data, command.batch_size).with_context(on)?;
    let options = EvaluationOptions {
        resamples: command.resamples,
        seed: command.seed,
        ..EvaluationOptions::default()
    };
    let evaluation = Evaluation::new(&probabilities, &data.labels, &classes, &options).with_context(on)?;
    let report = Report {
        model: command.model.display().to_string(),
        features: command.features.display().to_string(),
        device: device::name(&device),
        evaluation,
    };
    if flags.json {
        say!("{}", serde_json::to_string_pretty(&report)?);
        return Ok(Outcome::Done);
    }
    say!("{:<22}{}", "model", report.model);
    say!("{:<22}{} ({} rows)", "features", report.features, report.evaluation.rows);
    for line in table::lines(&report.evaluation) {
        say!("{line}");
    }
    Ok(Outcome::Done)
}

/// The classes' names, from the model or else the features; numbers where neither has them.
fn class_names(
    command: &Evaluate,
    model: &TrainedHead,
    data: &LabelledFeatures,
) -> anyhow::Result<Vec<String>> {
    let (head, features) = (command.model.display(), command.features.display());
    let bad_data = |text: String| Err(Fault::BadData(text).into());
    let (ours, theirs) = (model.class_count(), data.class_count);
    if ours != theirs {
        return bad_data(format!("{head} tells {ours} classes apart, but {features} has rows of {theirs}"));
    }
    match (model.classes.as_deref(), data.classes()) {
        (Some(ours), Some(theirs)) if ours != theirs => {
            let (ours, theirs) = (ours.join(", "), theirs.join(", "));
            bad_data(format!("{head} and {features} differ in their classes: {ours} and {theirs}"))
        }
        (Some(names), _) | (None, Some(names)) => Ok(names.to_vec()),
        (None, None) => Ok((0..ours).map(|label| label.to_string()).collect()),
    }
}
