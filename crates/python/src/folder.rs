//! Jobs on whole folders, whose results are files.

use std::path::PathBuf;

use headstart::{Dataset, Error, Extraction, Fitted, Fitting, ScanOptions, SkippedImage, Summary, scan};
use pyo3::prelude::*;
use serde::Serialize;

use crate::classifier::Classifier;
use crate::featurizer::Featurizer;
use crate::json;
use crate::settings::{Weights, class_weights, existing, parsed};
use crate::watcher::Watcher;

/// What is at an output now.
#[derive(Serialize)]
struct Written {
    npy: String,
    manifest: String,
    rows: usize,
    computed: usize,
    kept: usize,
    dropped: usize,
    skipped: usize,
    skipped_images: Vec<(String, String)>,
}

impl Written {
    fn new(summary: &Summary, images: &[SkippedImage]) -> Self {
        let Summary { rows, computed, kept, dropped, skipped, npy, manifest, .. } = summary;
        let [npy, manifest] = [npy, manifest].map(|path| path.display().to_string());
        let skipped_images = images.iter().map(|image| (image.path.clone(), image.reason.clone())).collect();
        let [rows, computed, kept, dropped, skipped] =
            [rows, computed, kept, dropped, skipped].map(|count| *count);
        Self { npy, manifest, rows, computed, kept, dropped, skipped, skipped_images }
    }
}

fn images(folder: &PathBuf, follow_links: bool) -> Result<Dataset, Error> {
    Ok(scan(folder, &ScanOptions::default().with_follow_links(follow_links))?)
}

/// The features of a folder of classes, or of a shard of it, in a `.npy` with a manifest.
#[pyfunction]
#[pyo3(signature = (featurizer, folder, output, shard, strict, fresh, follow_links, progress))]
#[allow(clippy::too_many_arguments, reason = "Python names them")]
pub(crate) fn extract_folder<'py>(
    py: Python<'py>,
    featurizer: &Featurizer,
    folder: PathBuf,
    output: PathBuf,
    shard: Option<&str>,
    strict: bool,
    fresh: bool,
    follow_links: bool,
    progress: Option<Py<PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let shard = shard.map(|shard| parsed::<headstart::ShardChoice>("shard", shard)).transpose()?;
    let written = Watcher::run(py, progress, |watcher| {
        let dataset = images(&folder, follow_links)?;
        let mut extraction = Extraction::new(&dataset, &featurizer.backbone)
            .to(&output)
            .preprocessing(featurizer.preprocessing.clone())
            .strict(strict)
            .existing(existing(fresh));
        if let Some(pooling) = featurizer.pooling {
            extraction = extraction.pooling(pooling);
        }
        if let Some(batch_size) = featurizer.batch_size {
            extraction = extraction.batch_size(batch_size);
        }
        if let Some(shard) = shard {
            let [index, count] = shard.resolve(|name| std::env::var(name).ok())?;
            extraction = extraction.shard(index, count);
        }
        let extracted = extraction.run(watcher)?;
        Ok(Written::new(&extracted.summary, &extracted.skipped))
    })?;
    json::to_python(py, &written)
}

/// Puts the shards of a folder together.
#[pyfunction]
#[pyo3(signature = (parts, output, fresh, progress))]
pub(crate) fn merge(
    py: Python<'_>,
    parts: Vec<PathBuf>,
    output: PathBuf,
    fresh: bool,
    progress: Option<Py<PyAny>>,
) -> PyResult<Bound<'_, PyAny>> {
    let merged =
        Watcher::run(py, progress, |watcher| headstart::merge(&parts, &output, existing(fresh), watcher))?;
    json::to_python(py, &Written::new(&merged, &[]))
}

/// What a fitting is asked for.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct FitSettings {
    test: Option<Test>,
    group_by: Option<String>,
    groups: Option<PathBuf>,
    near_duplicates: f64,
    class_weight: Option<Weights>,
    unknown_share: f64,
    recipe: String,
    calibrate: Option<bool>,
    seed: u64,
    strict: bool,
    fresh: bool,
    bundle: bool,
    follow_links: bool,
}

/// The images that no head is trained on.
#[derive(FromPyObject)]
enum Test {
    Share(f64),
    Folder(PathBuf),
}

/// A folder of classes to a classifier in a file, with what is known about it as a dictionary.
#[pyfunction]
#[pyo3(signature = (featurizer, folder, output, settings, progress))]
pub(crate) fn fit_folder<'py>(
    py: Python<'py>,
    featurizer: &Featurizer,
    folder: PathBuf,
    output: PathBuf,
    settings: FitSettings,
    progress: Option<Py<PyAny>>,
) -> PyResult<(Classifier, Bound<'py, PyAny>)> {
    let weights = class_weights(settings.class_weight)?;
    let recipe = parsed("recipe", &settings.recipe)?;
    let fitted = Watcher::run(py, progress, |watcher| {
        let dataset = images(&folder, settings.follow_links)?;
        let test = match &settings.test {
            Some(Test::Folder(test)) => Some(images(test, settings.follow_links)?),
            _ => None,
        };
        let mut fitting = Fitting::new(&dataset, &featurizer.backbone)
            .to(&output)
            .preprocessing(featurizer.preprocessing.clone())
            .near_duplicates(settings.near_duplicates)
            .class_weights(weights)
            .unknown_share(settings.unknown_share)
            .recipe(recipe)
            .seed(settings.seed)
            .strict(settings.strict)
            .bundle(settings.bundle)
            .existing(existing(settings.fresh));
        if let Some(pooling) = featurizer.pooling {
            fitting = fitting.pooling(pooling);
        }
        if let Some(calibrate) = settings.calibrate {
            fitting = fitting.calibrate(calibrate);
        }
        if let Some(pattern) = &settings.group_by {
            fitting = fitting.group_by(pattern);
        }
        if let Some(table) = &settings.groups {
            fitting = fitting.groups_from(table);
        }
        fitting = match (&settings.test, &test) {
            (Some(Test::Share(share)), _) => fitting.test_share(*share),
            (_, Some(test)) => fitting.test_on(test),
            _ => fitting,
        };
        fitting.run(watcher)
    })?;
    let report = json::to_python(py, &Report::new(&fitted))?;
    Ok((Classifier::new(fitted.classifier), report))
}

/// What is known of a fitting.
#[derive(Serialize)]
struct Report<'a> {
    output: String,
    #[serde(flatten)]
    record: &'a headstart::FitRecord,
    cross_validation_figures: &'a headstart::evaluation::Evaluation,
    test_figures: Option<&'a headstart::evaluation::Evaluation>,
    leaks: &'a [String],
    label_errors: &'a [headstart::LikelyLabelError],
    near_pairs: &'a [headstart::NearPair],
    skipped_images: Vec<(String, String)>,
    seconds: f64,
}

impl<'a> Report<'a> {
    fn new(fitted: &'a Fitted) -> Self {
        Self {
            output: fitted.output.display().to_string(),
            record: &fitted.record,
            cross_validation_figures: &fitted.cross_validation,
            test_figures: fitted.test.as_ref(),
            leaks: &fitted.leaks,
            label_errors: &fitted.label_errors,
            near_pairs: &fitted.near_pairs,
            skipped_images: fitted
                .skipped()
                .map(|image| (image.path.clone(), image.reason.clone()))
                .collect(),
            seconds: fitted.seconds,
        }
    }
}
