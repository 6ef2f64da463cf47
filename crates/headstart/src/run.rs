//! The record of a training: what was asked for, what came of each epoch, and the heads.
//!
//! The same settings, features and seed give the same bytes, except for `timings.json`. The settings are written before
//! the first epoch, and each epoch when it ends, so a run that is cut off can be looked at too.

mod tensorboard;

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use headstart_files::IfExists;
use headstart_head::{EpochMetrics, LayerConfig, Loss, TrainOptions};
use headstart_weights::{FlattenOrder, Model, save_model};
use serde::{Deserialize, Serialize};

use crate::{Error, LabelledFeatures};

const SETTINGS: &str = "settings.json";
const METRICS: &str = "metrics.jsonl";
const TIMINGS: &str = "timings.json";
/// TensorBoard looks for `tfevents` in the name; others put the time and the host there.
const EVENTS: &str = "events.out.tfevents.0.headstart";
/// The head of the epoch that was best by the monitored metric, and of the last.
const BEST: &str = "best.safetensors";
const LAST: &str = "last.safetensors";

/// The settings of a run, with every default filled in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RunSettings {
    /// The headstart that ran.
    pub headstart_version: String,
    /// What the head was trained on.
    pub training: DataSettings,
    /// What each epoch was measured on.
    pub validation: Option<DataSettings>,
    /// The layers of the head.
    pub layers: Vec<LayerConfig>,
    /// The loss that was minimized.
    pub loss: Loss,
    /// How it was trained.
    pub options: TrainOptions,
    /// Seed of the head's initial kernels.
    pub seed: u64,
    /// "cpu" or "cuda".
    pub device: String,
}

/// The features of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DataSettings {
    /// The `.npy`, as it was named.
    pub path: PathBuf,
    /// How many rows it has.
    pub rows: usize,
    /// Class names; empty without a manifest.
    pub classes: Vec<String>,
    /// Fingerprint of what the rows' values depend on; none without a manifest.
    pub fingerprint: Option<String>,
    /// BLAKE3 of the values; none in runs of old without a manifest.
    pub data_hash: Option<String>,
    /// Rows of each class, for a `.npy` without a manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<Vec<usize>>,
    /// The order of a row's axes, for a `.npy` without a manifest, if it was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<FlattenOrder>,
}

impl DataSettings {
    pub(crate) fn of(data: &LabelledFeatures) -> Result<Self, Error> {
        let manifest = data.manifest();
        let data_hash = match manifest {
            Some(manifest) => manifest.data_hash.clone(),
            None => Some(data.features().data_hash()?),
        };
        Ok(Self {
            path: data.path().to_path_buf(),
            rows: data.features().rows(),
            classes: data.classes().map(<[String]>::to_vec).unwrap_or_default(),
            fingerprint: manifest.map(|manifest| manifest.header.provenance.fingerprint.clone()),
            data_hash,
            counts: if manifest.is_none() { Some(data.class_rows()) } else { None },
            order: data.order().filter(|_| manifest.is_none()),
        })
    }
}

/// How long the steps of a run took.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Timings {
    pub(crate) prepare_seconds: f64,
    pub(crate) train_seconds: f64,
}

/// A run's folder that is being written.
#[derive(Debug)]
pub(crate) struct RunFolder {
    path: PathBuf,
    metrics: BufWriter<File>,
    events: BufWriter<File>,
}

impl RunFolder {
    /// Makes the folder and writes the settings. With [`IfExists::Replace`] it removes an earlier run's files.
    pub(crate) fn create(path: &Path, settings: &RunSettings, if_exists: IfExists) -> Result<Self, Error> {
        fs::create_dir_all(path).map_err(headstart_files::Error::io(path, "make the folder"))?;
        let files = [SETTINGS, METRICS, TIMINGS, EVENTS, BEST, LAST].map(|name| path.join(name));
        // All are checked before the first is removed.
        for file in &files {
            headstart_files::check_name(file, if_exists)?;
        }
        for file in &files {
            headstart_files::remove(file)?;
        }
        write_json(path, SETTINGS, settings)?;
        let create =
            |name: &str| headstart_files::create(&path.join(name), IfExists::Refuse).map(BufWriter::new);
        let mut run = Self { path: path.to_path_buf(), metrics: create(METRICS)?, events: create(EVENTS)? };
        tensorboard::begin(&mut run.events).map_err(run.failed(EVENTS))?;
        Ok(run)
    }

    /// Adds an epoch.
    pub(crate) fn epoch(&mut self, epoch: &EpochMetrics) -> Result<(), Error> {
        let line = serde_json::to_string(epoch).map_err(Error::encoding("an epoch's figures"))?;
        let written = writeln!(self.metrics, "{line}").and_then(|()| self.metrics.flush());
        written.map_err(self.failed(METRICS))?;
        let added = tensorboard::add_epoch(&mut self.events, epoch);
        added.map_err(self.failed(EVENTS))
    }

    /// Writes the heads and how long it took.
    pub(crate) fn finish(self, best: Option<&Model>, last: &Model, timings: &Timings) -> Result<(), Error> {
        for (name, model) in [(BEST, best), (LAST, Some(last))] {
            if let Some(model) = model {
                save_model(&self.path.join(name), model, IfExists::Replace)?;
            }
        }
        write_json(&self.path, TIMINGS, timings)
    }

    /// The error of a write to one of the folder's files.
    fn failed(&self, name: &str) -> impl FnOnce(std::io::Error) -> Error + use<> {
        let file = self.path.join(name);
        |cause| headstart_files::Error::io(file, "write it")(cause).into()
    }
}

/// A run's folder as it was written.
///
/// A run that was interrupted or cut off opens too. It has the epochs that were completed, and a head where one was kept.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Run {
    /// Its settings.
    pub settings: RunSettings,
    /// The figures of each epoch.
    pub epochs: Vec<EpochMetrics>,
    /// The head that the training gave: the best where its options keep the best epoch, else the last; the other one where
    /// the run has no such head, and none where it was cut off.
    pub model: Option<PathBuf>,
    /// Name and seconds of each step.
    pub timings: Vec<(String, f64)>,
}

impl Run {
    /// Reads the folder of a run.
    ///
    /// # Errors
    /// A file that is missing, or that is not a run's, with its line.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        if path.is_file() {
            return Err(Error::bad_data(path, "expected the folder of a run, found a file"));
        }
        let read = |name: &str| {
            let file = path.join(name);
            fs::read_to_string(&file).map_err(headstart_files::Error::io(&file, "read it"))
        };
        let bad = |name: &str, line: usize, cause: serde_json::Error| {
            Error::bad_data(&path.join(name), format!("line {line}: {cause}"))
        };
        let settings: RunSettings =
            serde_json::from_str(&read(SETTINGS)?).map_err(|cause| bad(SETTINGS, cause.line(), cause))?;
        let metrics = read(METRICS)?;
        // A run that was cut off may end in half a line.
        let whole = metrics.rfind('\n').map_or("", |end| &metrics[..end]);
        let epochs = (1..)
            .zip(whole.lines())
            .map(|(number, line)| serde_json::from_str(line).map_err(|cause| bad(METRICS, number, cause)));
        let epochs = epochs.collect::<Result<Vec<_>, _>>()?;
        let timings: serde_json::Map<String, serde_json::Value> = match path.join(TIMINGS).exists() {
            true => {
                serde_json::from_str(&read(TIMINGS)?).map_err(|cause| bad(TIMINGS, cause.line(), cause))?
            }
            false => serde_json::Map::new(),
        };
        let timings =
            timings.into_iter().filter_map(|(name, seconds)| Some((name, seconds.as_f64()?))).collect();
        let names = if settings.options.keep_best.is_some() { [BEST, LAST] } else { [LAST, BEST] };
        let model = names.map(|name| path.join(name)).into_iter().find(|file| file.exists());
        Ok(Self { settings, epochs, model, timings })
    }
}

fn write_json(folder: &Path, name: &str, value: &impl Serialize) -> Result<(), Error> {
    let text = serde_json::to_string_pretty(value).map_err(Error::encoding("a run's record"))? + "\n";
    // What was there has been removed.
    Ok(headstart_files::write_bytes(&folder.join(name), IfExists::Replace, text.as_bytes())?)
}
