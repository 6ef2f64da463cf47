//! From a run's files to what its report shows.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;
use candle_core::Device;
use headstart_head::analysis::{
    CrossValidation, Probabilities, find_label_issues, near_duplicates, out_of_fold_probabilities,
    probabilities,
};
use headstart_head::{Activation, Head, History, LayerConfig};
use headstart_weights::load_head;
use serde::Deserialize;

use super::data::{
    Epoch, LabelSuspicion, Member, Misclassified, Pair, ReportData, Setting, Thumbnail, Timing, WITH_IMAGE,
};
use super::measure::{evaluate, predicted};
use crate::flags::Report;
use crate::outcome::Fault;
use crate::train::{LabelledFeatures, check_pair};

const BATCH: usize = 256;

/// Pairs that are kept at most.
const PAIRS: usize = 200;

/// One of the two sets, with where its images lie.
struct Split<'a> {
    name: &'static str,
    data: LabelledFeatures,
    images: Option<&'a Path>,
}

/// What is taken of `train --json`.
#[derive(Deserialize)]
struct TrainRecord {
    train_seconds: Option<f64>,
    options: Option<serde_json::Value>,
    #[serde(flatten)]
    history: History,
}

pub(crate) fn collect(command: &Report) -> anyhow::Result<ReportData> {
    let train = Split::open("train", &command.train, command.train_images.as_deref())?;
    let validation = Split::open("validation", &command.validation, command.validation_images.as_deref())?;
    check_pair(&train.data, &validation.data)?;
    let head = open_head(&command.head, train.data.features.row_shape())?;
    let record = command.history.as_deref().map(read_record).transpose()?;
    let classes = train.data.classes().unwrap_or_default().to_vec();

    let mut timings = Vec::new();
    let judged = timed(&mut timings, "Evaluation", || probabilities(&head, &validation.data, BATCH))?;
    if judged.classes() != classes.len() {
        let (head, units) = (command.head.display(), judged.classes());
        let expected = classes.len();
        return Err(Fault::BadData(format!("{head}: expected {expected} classes, found {units}")).into());
    }
    let unseen = timed(&mut timings, "Label errors (5 folds)", || {
        out_of_fold_probabilities(train.data.as_labelled(), &CrossValidation::default())
    })?;
    let near = timed(&mut timings, "Near-duplicates", || {
        near_duplicates(&train.data, &validation.data, command.duplicate_distance, PAIRS)
    })?;
    let pair = |(index, pair): (usize, headstart_head::analysis::NearDuplicate)| Pair {
        a: train.member(pair.a, index < WITH_IMAGE / 2),
        b: validation.member(pair.b, index < WITH_IMAGE / 2),
        distance: pair.distance,
    };
    if let Some(seconds) = record.as_ref().and_then(|record| record.train_seconds) {
        timings.insert(0, Timing { stage: "Training".to_owned(), seconds });
    }
    Ok(ReportData {
        title: format!("{} report", classes.join(" / ")),
        settings: settings(command, &train, &validation, &head, record.as_ref()),
        epochs: record.iter().flat_map(|record| &record.history.epochs).map(epoch).collect(),
        kept_epoch: record.as_ref().map(|record| record.history.kept_epoch),
        evaluation: Some(evaluate(validation.name, &validation.data.labels, &judged)),
        errors: errors(&validation, &judged),
        label_issues: label_issues(&train, &unseen),
        near_duplicates: near.pairs.into_iter().enumerate().map(pair).collect(),
        timings,
        classes,
    })
}

impl<'a> Split<'a> {
    fn open(name: &'static str, path: &Path, images: Option<&'a Path>) -> anyhow::Result<Self> {
        let data = LabelledFeatures::open(path, None)?;
        data.features.verify_data()?;
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

/// The head of a file, whose hidden layers are relu, and whose last is a sigmoid or a softmax.
fn open_head(path: &Path, row_shape: &[usize]) -> anyhow::Result<Head> {
    let saved = load_head(path)?;
    let mut layers = vec![LayerConfig::Flatten];
    for (index, layer) in saved.iter().enumerate() {
        let units = layer.kernel.shape.last().copied().unwrap_or(0);
        let activation = match (index + 1 == saved.len(), units) {
            (false, _) => Activation::Relu,
            (true, 1) => Activation::Sigmoid,
            (true, _) => Activation::Softmax,
        };
        layers.push(LayerConfig::Dense { units, activation, use_bias: layer.bias.is_some() });
    }
    let context = || format!("{}: the head does not fit the features", path.display());
    let mut head = Head::new(&layers, row_shape, 0, &Device::Cpu).with_context(context)?;
    head.set_parameters(&saved).with_context(context)?;
    Ok(head)
}

fn read_record(path: &Path) -> anyhow::Result<TrainRecord> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let bad =
        |error| Fault::BadData(format!("{}: expected what train --json prints: {error}", path.display()));
    Ok(serde_json::from_str(&text).map_err(bad)?)
}

fn epoch(epoch: &headstart_head::EpochMetrics) -> Epoch {
    Epoch {
        epoch: epoch.epoch,
        loss: epoch.loss.into(),
        accuracy: epoch.accuracy.into(),
        val_loss: epoch.val_loss.map(f64::from),
        val_accuracy: epoch.val_accuracy.map(f64::from),
    }
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
    let suspicion = |(index, issue): (usize, headstart_head::analysis::LabelIssue)| LabelSuspicion {
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
    command: &Report,
    train: &Split<'_>,
    validation: &Split<'_>,
    head: &Head,
    record: Option<&TrainRecord>,
) -> Vec<Setting> {
    let file = |path: &Path, rows: usize| format!("{} ({rows} images)", path.display());
    let mut settings = vec![
        ("Training features", file(&command.train, train.data.features.rows())),
        ("Validation features", file(&command.validation, validation.data.features.rows())),
        ("Head", format!("{} ({} parameters)", command.head.display(), head.parameter_count())),
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
    if let Some(options) = record.and_then(|record| record.options.as_ref()) {
        settings.push(("Training options", plain(options)));
    }
    settings.into_iter().map(|(name, value)| Setting { name: name.to_owned(), value }).collect()
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
        Value::Number(number) => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn records_are_told_without_braces() {
        let record =
            json!({"batch_size": 32, "early_stopping": null, "mean": [0.5, 1], "optimizer": {"rho": 0.9}});
        let told = "batch size 32, early stopping none, mean 0.5 1, optimizer (rho 0.9)";
        assert_eq!(plain(&record), told);
    }
}
