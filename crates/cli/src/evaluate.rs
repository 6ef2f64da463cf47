//! `headstart evaluate`: a trained head and features in, how good it is out.

mod table;

use anyhow::Context;
use headstart_head::evaluation::{Evaluation, EvaluationOptions};
use headstart_head::predict;
use headstart_weights::load_model;
use serde::Serialize;

use crate::device;
use crate::flags::{Evaluate, Flags};
use crate::labelled::LabelledFeatures;
use crate::model::{TrainedHead, check_features};
use crate::outcome::{Fault, Outcome};
use crate::output::say;

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
    let model = load_model(&command.model)?;
    if let Some(manifest) = data.features.manifest() {
        check_features(&command.model, &model.metadata, &command.features, &manifest.header)?;
    }
    let model = TrainedHead::new(&command.model, model, data.features.row_shape(), &device)?;
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
    let (ours, theirs) = (model.head.classes(), data.class_count);
    if ours != theirs {
        return bad_data(format!("{head} tells {ours} classes apart, but {features} has rows of {theirs}"));
    }
    let named = Some(model.metadata.classes.as_slice()).filter(|names| !names.is_empty());
    // Where both have names, they are the same.
    Ok(match named.or(data.classes()) {
        Some(names) => names.to_vec(),
        None => (0..ours).map(|label| label.to_string()).collect(),
    })
}
