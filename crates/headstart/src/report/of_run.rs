//! From a run's files to what its report shows.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use candle_core::Device;
use headstart_head::analysis::{CrossValidation, Probabilities, out_of_fold_probabilities};
use headstart_head::evaluation::{Evaluation, EvaluationOptions};
use headstart_head::{EpochMetrics, predict};

use super::ReportOptions;
use super::advice::advice;
use super::data::{Epoch, Report, ReportEvaluation, Timing};
use super::findings::{Judged, Learned, duplicates, errors, label_issues};
use super::left_out::left_out;
use super::map::embedding_map;
use super::settings::{Settings, best_words, monitor_words};
use super::split::Split;
use super::text::{count, title};
use crate::run::Run;
use crate::{Classifier, Error};

const BATCH: usize = 256;

impl Report {
    /// The report of the run in a folder, of the head that the training gave, with what is computed for it now: an
    /// evaluation, likely label errors, near-duplicates between training and validation, and a map of the validation images.
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
    let train = Split::of_run("train", &run.settings.training, train.as_deref(), train_images.as_deref())?;
    let validation =
        Split::of_run("validation", validated, validation.as_deref(), validation_images.as_deref())?;
    train.data.check_pair(&validation.data)?;
    let classifier = Classifier::load(model)?;
    let head = classifier.head_for(&train.data, &Device::Cpu)?;
    let classes = train.data.class_names();

    let timings = run.timings.iter().map(|(name, seconds)| {
        let stage = name.strip_suffix("_seconds").unwrap_or(name).replace('_', " ");
        Timing { stage: format!("Run: {stage}"), seconds: *seconds }
    });
    let mut timings: Vec<Timing> = timings.collect();
    let (evaluation, probabilities) = timed(&mut timings, "Evaluation", || {
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
    let [train_rows, validation_rows] =
        [&train, &validation].map(|split| (0..split.data.labels().len()).collect::<Vec<_>>());
    let learned = Learned { split: &train, rows: &train_rows, by: &|_, _| true };
    let judged = Judged { split: &validation, rows: &validation_rows, probabilities: &probabilities };
    let near_duplicates =
        timed(&mut timings, "Near-duplicates", || duplicates(&learned, &judged, options.duplicate_distance))?;
    let map = timed(&mut timings, "Map", || embedding_map(&judged))?;

    let mut settings = Settings::default();
    settings.add_data("Training features", &train);
    settings.add_data("Validation features", &validation);
    settings.add_head(model, head.parameter_count());
    settings.add_features(&train);
    settings.add_training(&run);
    let measured_on = format!(
        "Measured on {} of the validation data, by the head in {}.",
        count(evaluation.rows, "image", "images"),
        model.display()
    );
    let mut report = Report {
        title: title(&classes),
        settings: settings.into_lines(),
        epochs: run.epochs.iter().map(epoch).collect(),
        kept_epoch: classifier.epoch(),
        evaluation: Some(ReportEvaluation::new(validation.name, measured_on, &evaluation)),
        caution: caution(&run),
        errors: errors(&judged, &learned)?,
        label_issues: label_issues(&Judged { split: &train, rows: &train_rows, probabilities: &unseen }),
        duplicates_sought: true,
        near_duplicates,
        map,
        left_out: [&train, &validation].into_iter().flat_map(left_out).collect(),
        timings,
        classes,
        ..Report::default()
    };
    report.advice = advice(&report);
    Ok(report)
}

/// That the validation data decided something about the head, if it did.
fn caution(run: &Run) -> Option<String> {
    let options = &run.settings.options;
    let chosen = options.keep_best.map(|monitor| {
        format!("The epoch was chosen because it has the {} on these same images.", best_words(monitor))
    });
    let stopped = options.early_stopping.map(|stopping| {
        format!("The {} on these same images decided when training ended.", monitor_words(stopping.monitor))
    });
    Some(format!(
        "{} So the figures are somewhat better than they would be on new images; for an honest figure, evaluate the head on \
         images that took no part in this.",
        chosen.or(stopped)?
    ))
}

/// What is done, with the time it takes.
pub(super) fn timed<T, E>(
    timings: &mut Vec<Timing>,
    stage: &str,
    work: impl FnOnce() -> Result<T, E>,
) -> Result<T, E> {
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
