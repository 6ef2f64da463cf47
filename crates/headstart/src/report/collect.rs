//! From a run's files to what its report shows.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use candle_core::Device;
use headstart_features::Error as FeaturesError;
use headstart_head::analysis::{
    CrossValidation, LabelIssue, NearDuplicate, Probabilities, find_label_issues, near_duplicates,
    out_of_fold_probabilities,
};
use headstart_head::evaluation::{Evaluation, EvaluationOptions};
use headstart_head::{EpochMetrics, Head, argmax, predict};
use headstart_provenance::Provenance;
use serde::Serialize;

use super::ReportOptions;
use super::data::{
    Epoch, LabelSuspicion, Member, Misclassified, Pair, Report, Setting, Thumbnail, Timing, WITH_IMAGE,
};
use crate::run::{DataSettings, Run};
use crate::{Classifier, Error, LabelledFeatures};

const BATCH: usize = 256;

/// Pairs that are kept at most.
const PAIRS: usize = 200;

/// One of the two sets, with where its images lie.
struct Split<'a> {
    name: &'static str,
    data: LabelledFeatures,
    images: Option<&'a Path>,
}

impl Report {
    /// The report of the run in a folder, with what is computed for it now: an evaluation, likely label errors, and
    /// near-duplicates between training and validation.
    ///
    /// # Errors
    /// A folder that is no run's, or the run of a training without validation or without a head; features that are not
    /// those of the run.
    pub fn of_run(folder: impl AsRef<Path>, options: &ReportOptions) -> Result<Self, Error> {
        collect(folder.as_ref(), options)
    }
}

fn collect(folder: &Path, options: &ReportOptions) -> Result<Report, Error> {
    let run = Run::open(folder)?;
    let bad = |what: &str| Error::bad_data(folder, format!("expected {what}, found none"));
    let validated = run.settings.validation.as_ref().ok_or_else(|| bad("a run with validation features"))?;
    let model = run.model.as_deref().ok_or_else(|| bad("a run that kept a head"))?;
    let ReportOptions { train_images, validation_images, train, validation, .. } = options;
    let train = Split::open("train", &run.settings.training, train.as_deref(), train_images.as_deref())?;
    let validation =
        Split::open("validation", validated, validation.as_deref(), validation_images.as_deref())?;
    train.data.check_pair(&validation.data)?;
    let classifier = Classifier::load(model)?;
    let head = classifier.head_for(&train.data, &Device::Cpu)?;
    let classes = train.data.class_names();

    let timings = run.timings.iter().map(|(name, seconds)| {
        let stage = name.strip_suffix("_seconds").unwrap_or(name).replace('_', " ");
        Timing { stage: format!("Run: {stage}"), seconds: *seconds }
    });
    let mut timings: Vec<Timing> = timings.collect();
    let (evaluation, judged) = timed(&mut timings, "Evaluation", || {
        let values = predict(&head, &validation.data, BATCH)?;
        let labels = validation.data.labels();
        let evaluation = Evaluation::new(&values, labels, &classes, &EvaluationOptions::default())?;
        Ok::<_, Error>((evaluation, Probabilities::new(values, classes.len())?))
    })?;
    let usual = CrossValidation::default();
    let folds = usual.folds.min(train.data.labels().len());
    let stage = format!("Label errors ({folds} folds)");
    let unseen = timed(&mut timings, &stage, || {
        out_of_fold_probabilities(train.data.as_labelled(), &CrossValidation { folds, ..usual }, &mut |_| {
            ControlFlow::Continue(())
        })
    })?;
    let near = timed(&mut timings, "Near-duplicates", || {
        near_duplicates(&train.data, &validation.data, options.duplicate_distance, PAIRS)
    })?;
    let pair = |(index, pair): (usize, NearDuplicate)| Pair {
        a: train.member(pair.a, index < WITH_IMAGE / 2),
        b: validation.member(pair.b, index < WITH_IMAGE / 2),
        distance: pair.distance,
    };
    Ok(Report {
        title: format!("{} report", classes.join(" / ")),
        settings: settings(&run, model, &train, &validation, &head)?,
        epochs: run.epochs.iter().map(epoch).collect(),
        kept_epoch: classifier.epoch(),
        evaluation: Some((validation.name, &evaluation).into()),
        errors: errors(&validation, &judged),
        label_issues: label_issues(&train, &unseen),
        near_duplicates: near.pairs.into_iter().enumerate().map(pair).collect(),
        timings,
        classes,
        epoch_chosen_by: classifier
            .chosen_on_these(&validation.data)?
            .map(|chosen| chosen.metric.to_string()),
    })
}

impl<'a> Split<'a> {
    /// The features of a run, which must be those that it had.
    fn open(
        name: &'static str,
        settings: &DataSettings,
        other: Option<&Path>,
        images: Option<&'a Path>,
    ) -> Result<Self, Error> {
        let path = other.unwrap_or(&settings.path);
        let data =
            LabelledFeatures::with_counts(path, settings.counts.as_deref()).map_err(|error| match error {
                Error::NoLabels { path, .. } => {
                    let message = format!(
                        "{} has no manifest, which it had when the run was made; put it back beside the file",
                        path.display()
                    );
                    Error::setting(name, message)
                }
                // The counts are the run's: a file that they do not fit is another one.
                Error::Features(FeaturesError::Counts { path, .. }) => Error::OtherData { path, data: name },
                error => error,
            })?;
        let data = match settings.order {
            Some(order) => data.in_order(order)?,
            None => data,
        };
        data.verify_data()?;
        let found = match data.manifest() {
            Some(manifest) => manifest.data_hash.clone(),
            None => Some(data.features().data_hash()?),
        };
        if found != settings.data_hash {
            return Err(Error::OtherData { path: path.to_path_buf(), data: name });
        }
        Ok(Self { name, data, images })
    }

    /// The image of a row; its number where no manifest names it.
    fn path(&self, row: usize) -> String {
        let image = self.data.manifest().and_then(|manifest| manifest.rows.get(row));
        image.map_or_else(|| format!("row {row}"), |row| row.path.clone())
    }

    fn thumbnail(&self, row: usize, wanted: bool) -> Option<Thumbnail> {
        let folder = self.images.filter(|_| wanted && self.data.manifest().is_some())?;
        let path = PathBuf::from(self.path(row));
        // A manifest is only a text file: what it names must lie in the folder.
        let inside = path.components().all(|part| matches!(part, std::path::Component::Normal(_)));
        inside.then(|| Thumbnail::of_file(&folder.join(path))).flatten()
    }

    fn member(&self, row: usize, with_image: bool) -> Member {
        Member {
            split: self.name.to_owned(),
            path: self.path(row),
            class: self.data.labels()[row] as usize,
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

/// The rows that are predicted otherwise than they are labelled, the most confident first.
fn errors(split: &Split<'_>, judged: &Probabilities) -> Vec<Misclassified> {
    let rows = judged.rows().zip(split.data.labels()).enumerate();
    let mut wrong: Vec<(usize, usize, f64)> = rows
        .filter_map(|(row, (probabilities, &label))| {
            let class = argmax(probabilities);
            (class != label as usize).then_some((row, class, f64::from(probabilities[class])))
        })
        .collect();
    wrong.sort_by(|a, b| b.2.total_cmp(&a.2).then(a.0.cmp(&b.0)));
    let error = |(index, (row, predicted, probability))| Misclassified {
        path: split.path(row),
        truth: split.data.labels()[row] as usize,
        predicted,
        probability,
        thumbnail: split.thumbnail(row, index < WITH_IMAGE),
    };
    wrong.into_iter().enumerate().map(error).collect()
}

fn label_issues(split: &Split<'_>, unseen: &Probabilities) -> Vec<LabelSuspicion> {
    let issues = find_label_issues(split.data.labels(), unseen).into_iter().enumerate();
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
) -> Result<Vec<Setting>, Error> {
    let file = |split: &Split<'_>| {
        let what = if split.data.manifest().is_some() { "images" } else { "rows" };
        format!("{} ({} {what})", split.data.path().display(), split.data.features().rows())
    };
    let mut settings = vec![
        ("Training features", file(train)),
        ("Validation features", file(validation)),
        ("Head", format!("{} ({} parameters)", model.display(), head.parameter_count())),
        ("Layers", recorded(&run.settings.layers)?),
        ("Loss", run.settings.loss.to_string().replace('_', " ")),
    ];
    if let Some(manifest) = train.data.manifest() {
        let header = &manifest.header;
        let Provenance { backbone, weights, preprocessing, pooling, fingerprint, .. } = &header.provenance;
        settings.extend([
            ("Backbone", backbone.clone()),
            ("Weights", format!("{} (blake3 {})", weights.name, weights.blake3)),
            ("Preset", preprocessing.preset.clone()),
            ("Preprocessing", recorded(preprocessing)?),
        ]);
        settings.extend((!pooling.is_none()).then(|| ("Pooling", pooling.to_string())));
        settings.extend([("Fingerprint", fingerprint.clone()), ("Computed by", header.computed_by.clone())]);
    }
    let (done, asked) = (run.epochs.len(), run.settings.options.epochs);
    if done < asked {
        settings.push(("Epochs", format!("{done} of {asked}: training ended before its last epoch")));
    }
    settings.extend([
        ("Training options", recorded(&run.settings.options)?),
        ("Device", run.settings.device.clone()),
        ("headstart", run.settings.headstart_version.clone()),
    ]);
    Ok(settings.into_iter().map(|(name, value)| Setting { name: name.to_owned(), value }).collect())
}

/// A record of settings, as a person reads it.
fn recorded(record: &impl Serialize) -> Result<String, Error> {
    serde_json::to_value(record).map(|record| plain(&record)).map_err(Error::encoding("a report's settings"))
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
