//! From a run's files to what its report shows.

use std::path::{Path, PathBuf};
use std::time::Instant;

use candle_core::Device;
use headstart_head::analysis::{
    CrossValidation, LabelIssue, NearDuplicate, Probabilities, find_label_issues, near_duplicates,
    out_of_fold_probabilities,
};
use headstart_head::evaluation::{Evaluation, EvaluationOptions};
use headstart_head::{EpochMetrics, Head, predict};
use headstart_weights::load_model;

use super::data::{
    Epoch, LabelSuspicion, Member, Misclassified, Pair, ReportData, Setting, Thumbnail, Timing, WITH_IMAGE,
};
use crate::flags::Report;
use crate::labelled::{LabelledFeatures, check_pair};
use crate::model::TrainedHead;
use crate::outcome::Fault;
use crate::run_folder::{DataSettings, Run};

const BATCH: usize = 256;

/// Pairs that are kept at most.
const PAIRS: usize = 200;

/// One of the two sets, with where its images lie.
struct Split<'a> {
    name: &'static str,
    data: LabelledFeatures,
    images: Option<&'a Path>,
}

pub(crate) fn collect(command: &Report) -> anyhow::Result<ReportData> {
    let run = Run::open(&command.run)?;
    let folder = command.run.display();
    let bad = |what: &str| Fault::BadData(format!("{folder}: expected {what}, found none"));
    let validated = run.settings.validation.as_ref().ok_or_else(|| bad("a run with validation features"))?;
    let model = run.model.as_deref().ok_or_else(|| bad("the head of a run that came to its end"))?;
    let train = &run.settings.training;
    let train = Split::open("train", train, command.train.as_deref(), command.train_images.as_deref())?;
    let (other, images) = (command.validation.as_deref(), command.validation_images.as_deref());
    let validation = Split::open("validation", validated, other, images)?;
    check_pair(&train.data, &validation.data)?;
    let trained = TrainedHead::new(model, load_model(model)?, train.data.features.row_shape(), &Device::Cpu)?;
    let classes = train.data.classes().unwrap_or_default().to_vec();

    let timings = run.timings.iter().map(|(name, seconds)| {
        let stage = name.strip_suffix("_seconds").unwrap_or(name).replace('_', " ");
        Timing { stage: format!("Run: {stage}"), seconds: *seconds }
    });
    let mut timings: Vec<Timing> = timings.collect();
    let (evaluation, judged) = timed(&mut timings, "Evaluation", || {
        let values = predict(&trained.head, &validation.data, BATCH)?;
        let labels = &validation.data.labels;
        let evaluation = Evaluation::new(&values, labels, &classes, &EvaluationOptions::default())?;
        anyhow::Ok((evaluation, Probabilities::new(values, classes.len())?))
    })?;
    let unseen = timed(&mut timings, "Label errors (5 folds)", || {
        out_of_fold_probabilities(train.data.as_labelled(), &CrossValidation::default())
    })?;
    let near = timed(&mut timings, "Near-duplicates", || {
        near_duplicates(&train.data, &validation.data, command.duplicate_distance, PAIRS)
    })?;
    let pair = |(index, pair): (usize, NearDuplicate)| Pair {
        a: train.member(pair.a, index < WITH_IMAGE / 2),
        b: validation.member(pair.b, index < WITH_IMAGE / 2),
        distance: pair.distance,
    };
    Ok(ReportData {
        title: format!("{} report", classes.join(" / ")),
        settings: settings(&run, model, &train, &validation, &trained.head)?,
        epochs: run.epochs.iter().map(epoch).collect(),
        kept_epoch: trained.epoch(),
        evaluation: Some((validation.name, &evaluation).into()),
        errors: errors(&validation, &judged),
        label_issues: label_issues(&train, &unseen),
        near_duplicates: near.pairs.into_iter().enumerate().map(pair).collect(),
        timings,
        classes,
    })
}

impl<'a> Split<'a> {
    /// The features of a run, which must be those that it had.
    fn open(
        name: &'static str,
        settings: &DataSettings,
        other: Option<&Path>,
        images: Option<&'a Path>,
    ) -> anyhow::Result<Self> {
        let path = other.unwrap_or(&settings.path);
        let data = LabelledFeatures::open(path, None)?;
        data.features.verify_data()?;
        let found = data.features.manifest().and_then(|manifest| manifest.data_hash.as_ref());
        if found != settings.data_hash.as_ref() {
            let path = path.display();
            return Err(Fault::BadData(format!(
                "{path}: expected the features of the run, found others; name them with --{name}"
            ))
            .into());
        }
        Ok(Self { name, data, images })
    }

    fn path(&self, row: usize) -> String {
        let manifest = self.data.features.manifest();
        manifest.and_then(|manifest| manifest.rows.get(row)).map(|row| row.path.clone()).unwrap_or_default()
    }

    fn thumbnail(&self, row: usize, wanted: bool) -> Option<Thumbnail> {
        let folder = self.images.filter(|_| wanted)?;
        let path = PathBuf::from(self.path(row));
        // A manifest is only a text file: what it names must lie in the folder.
        let inside = path.components().all(|part| matches!(part, std::path::Component::Normal(_)));
        inside.then(|| Thumbnail::of_file(&folder.join(path))).flatten()
    }

    fn member(&self, row: usize, with_image: bool) -> Member {
        Member {
            split: self.name.to_owned(),
            path: self.path(row),
            class: self.data.labels[row] as usize,
            thumbnail: self.thumbnail(row, with_image),
        }
    }
}

/// What is done, with the time it takes.
fn timed<T, E>(timings: &mut Vec<Timing>, stage: &str, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    let started = Instant::now();
    let result = work()?;
    timings.push(Timing { stage: stage.to_owned(), seconds: started.elapsed().as_secs_f64() });
    Ok(result)
}

fn epoch(epoch: &EpochMetrics) -> Epoch {
    Epoch {
        epoch: epoch.epoch,
        loss: epoch.loss.into(),
        accuracy: epoch.accuracy.into(),
        val_loss: epoch.val_loss.map(f64::from),
        val_accuracy: epoch.val_accuracy.map(f64::from),
    }
}

/// The most probable class, the first of equals.
fn predicted(row: &[f32]) -> (usize, f64) {
    let higher = |best: (usize, f32), (class, p): (usize, f32)| if p > best.1 { (class, p) } else { best };
    let (class, p) = row.iter().copied().enumerate().fold((0, f32::NEG_INFINITY), higher);
    (class, f64::from(p))
}

/// The rows that are predicted otherwise than they are labelled, the most confident first.
fn errors(split: &Split<'_>, judged: &Probabilities) -> Vec<Misclassified> {
    let rows = judged.rows().zip(&split.data.labels).enumerate();
    let mut wrong: Vec<(usize, usize, f64)> = rows
        .filter_map(|(row, (probabilities, &label))| {
            let (class, p) = predicted(probabilities);
            (class != label as usize).then_some((row, class, p))
        })
        .collect();
    wrong.sort_by(|a, b| b.2.total_cmp(&a.2).then(a.0.cmp(&b.0)));
    let error = |(index, (row, predicted, probability))| Misclassified {
        path: split.path(row),
        truth: split.data.labels[row] as usize,
        predicted,
        probability,
        thumbnail: split.thumbnail(row, index < WITH_IMAGE),
    };
    wrong.into_iter().enumerate().map(error).collect()
}

fn label_issues(split: &Split<'_>, unseen: &Probabilities) -> Vec<LabelSuspicion> {
    let issues = find_label_issues(&split.data.labels, unseen).into_iter().enumerate();
    let suspicion = |(index, issue): (usize, LabelIssue)| LabelSuspicion {
        path: split.path(issue.row),
        split: split.name.to_owned(),
        given: issue.given as usize,
        suggested: issue.suggested as usize,
        probability: issue.self_confidence.into(),
        thumbnail: split.thumbnail(issue.row, index < WITH_IMAGE),
    };
    issues.map(suspicion).collect()
}

fn settings(
    run: &Run,
    model: &Path,
    train: &Split<'_>,
    validation: &Split<'_>,
    head: &Head,
) -> anyhow::Result<Vec<Setting>> {
    let file = |split: &Split<'_>| {
        format!("{} ({} images)", split.data.features.path().display(), split.data.features.rows())
    };
    let mut settings = vec![
        ("Training features", file(train)),
        ("Validation features", file(validation)),
        ("Head", format!("{} ({} parameters)", model.display(), head.parameter_count())),
        ("Layers", plain(&serde_json::to_value(&run.settings.layers)?)),
        ("Loss", run.settings.loss.to_string().replace('_', " ")),
    ];
    if let Some(manifest) = train.data.features.manifest() {
        let header = &manifest.header;
        settings.extend([
            ("Backbone", header.backbone.clone()),
            ("Weights", format!("{} (blake3 {})", header.weights_name, header.weights_hash)),
            ("Preset", header.preset.clone()),
            ("Preprocessing", plain(&header.preprocessing)),
            ("Fingerprint", header.fingerprint.clone()),
            ("Computed by", header.computed_by.clone()),
        ]);
    }
    settings.extend([
        ("Training options", plain(&serde_json::to_value(&run.settings.options)?)),
        ("Device", run.settings.device.clone()),
        ("headstart", run.settings.headstart_version.clone()),
    ]);
    Ok(settings.into_iter().map(|(name, value)| Setting { name: name.to_owned(), value }).collect())
}

/// A record as a person reads it: names with their values, one after the other.
fn plain(value: &serde_json::Value) -> String {
    use serde_json::Value;
    match value {
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| {
                let (open, close) = if value.is_object() { ("(", ")") } else { ("", "") };
                format!("{} {open}{}{close}", name.replace('_', " "), plain(value))
            };
            fields.iter().map(field).collect::<Vec<_>>().join(", ")
        }
        Value::Array(values) => values.iter().map(plain).collect::<Vec<_>>().join(" "),
        Value::String(text) => text.replace('_', " "),
        Value::Null => "none".to_owned(),
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
        // Most are singles, whose digits as doubles tell nothing.
        Value::Number(number) => match number.as_f64() {
            Some(real) if number.is_f64() => (real as f32).to_string(),
            _ => number.to_string(),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn records_are_told_without_braces() {
        let record = json!({"batch_size": 32, "early_stopping": null, "mean": [0.5, 1], "optimizer": {"rho": 0.9_f32}});
        let told = "batch size 32, early stopping none, mean 0.5 1, optimizer (rho 0.9)";
        assert_eq!(plain(&record), told);
    }
}
