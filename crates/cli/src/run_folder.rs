//! A run's folder: what was asked for, what came of each epoch, and the heads.
//!
//! The same settings, features and seed give the same bytes, but for `timings.json`. Settings are there before the
//! first epoch, and each epoch when it ends, so a run that is cut off can be looked at too.

mod tensorboard;

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use headstart_head::{EpochMetrics, LayerConfig, Loss, TrainOptions};
use headstart_weights::{Model, SaveOptions, save_model};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::outcome::Fault;
use crate::whole_file;

const SETTINGS: &str = "settings.json";
const METRICS: &str = "metrics.jsonl";
const TIMINGS: &str = "timings.json";
/// TensorBoard looks for `tfevents` in the name; others put the time and the host there.
const EVENTS: &str = "events.out.tfevents.0.headstart";
/// The head of the epoch that was best by the monitored metric, and of the last.
const BEST: &str = "best.safetensors";
const LAST: &str = "last.safetensors";

/// What a run was asked to do, with every default filled in.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RunSettings {
    pub(crate) headstart_version: String,
    pub(crate) training: DataSettings,
    pub(crate) validation: Option<DataSettings>,
    pub(crate) layers: Vec<LayerConfig>,
    pub(crate) loss: Loss,
    pub(crate) options: TrainOptions,
    /// Seed of the head's kernels.
    pub(crate) seed: u64,
    pub(crate) device: String,
}

/// The features of a run.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct DataSettings {
    /// As it was named.
    pub(crate) path: PathBuf,
    pub(crate) rows: usize,
    pub(crate) classes: Vec<String>,
    /// Of what the rows' values depend on; none without a manifest.
    pub(crate) fingerprint: Option<String>,
    /// blake3 of the values.
    pub(crate) data_hash: Option<String>,
}

/// A run's folder that is being written.
pub(crate) struct RunFolder {
    path: PathBuf,
    metrics: BufWriter<File>,
    events: BufWriter<File>,
}

impl RunFolder {
    /// Makes the folder and writes the settings; with `replace` an earlier run's files make room.
    pub(crate) fn create(path: &Path, settings: &RunSettings, replace: bool) -> anyhow::Result<Self> {
        fs::create_dir_all(path).with_context(|| format!("making the folder {}", path.display()))?;
        for name in [SETTINGS, METRICS, TIMINGS, EVENTS, BEST, LAST] {
            let file = path.join(name);
            if file.exists() && !replace {
                let file = file.display();
                return Err(Fault::Failed(format!(
                    "{file} already exists; choose another folder or --fresh"
                ))
                .into());
            }
            if file.exists() {
                fs::remove_file(&file).with_context(|| format!("replacing {}", file.display()))?;
            }
        }
        let create = |name: &str| {
            let file = path.join(name);
            File::create(&file).map(BufWriter::new).with_context(|| format!("writing {}", file.display()))
        };
        write_json(path, SETTINGS, settings)?;
        let metrics = create(METRICS)?;
        let mut events = create(EVENTS)?;
        tensorboard::begin(&mut events)
            .with_context(|| format!("writing {}", path.join(EVENTS).display()))?;
        Ok(Self { path: path.to_path_buf(), metrics, events })
    }

    /// Adds an epoch.
    pub(crate) fn epoch(&mut self, epoch: &EpochMetrics) -> anyhow::Result<()> {
        let file = self.path.join(METRICS);
        let line = serde_json::to_string(epoch)?;
        writeln!(self.metrics, "{line}")
            .and_then(|()| self.metrics.flush())
            .with_context(|| format!("writing {}", file.display()))?;
        let Value::Object(metrics) = serde_json::to_value(epoch)? else { return Ok(()) };
        let scalar = |(name, value): (&String, &Value)| {
            // TensorBoard shows what has the same first part side by side.
            let tag = match name.strip_prefix("val_") {
                Some(metric) => format!("{metric}/validation"),
                None => format!("{name}/training"),
            };
            Some((tag, value.as_f64()? as f32))
        };
        let scalars = metrics.iter().filter(|(name, _)| *name != "epoch").filter_map(scalar);
        tensorboard::add(&mut self.events, epoch.epoch, scalars)
            .with_context(|| format!("writing {}", self.path.join(EVENTS).display()))
    }

    /// Writes the heads and how long it took.
    pub(crate) fn finish(
        self,
        best: Option<&Model>,
        last: &Model,
        timings: &impl Serialize,
    ) -> anyhow::Result<()> {
        let save = SaveOptions { overwrite: true };
        for (name, model) in [(BEST, best), (LAST, Some(last))] {
            if let Some(model) = model {
                save_model(&self.path.join(name), model, &save)?;
            }
        }
        write_json(&self.path, TIMINGS, timings)
    }
}

/// A run's folder as it was written.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) settings: RunSettings,
    pub(crate) epochs: Vec<EpochMetrics>,
    /// The best head where there is one, else the last; none where the run was cut off.
    pub(crate) model: Option<PathBuf>,
    /// Name and seconds of each step.
    pub(crate) timings: Vec<(String, f64)>,
}

impl Run {
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let read = |name: &str| {
            let file = path.join(name);
            fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))
        };
        let bad = |name: &str, line: usize, cause: serde_json::Error| {
            Fault::BadData(format!("{}:{line}: {cause}", path.join(name).display()))
        };
        let settings =
            serde_json::from_str(&read(SETTINGS)?).map_err(|cause| bad(SETTINGS, cause.line(), cause))?;
        let epochs = read(METRICS)?;
        let epochs = (1..)
            .zip(epochs.lines())
            .map(|(number, line)| serde_json::from_str(line).map_err(|cause| bad(METRICS, number, cause)));
        let epochs = epochs.collect::<Result<Vec<_>, _>>()?;
        let timings: serde_json::Map<String, Value> = match path.join(TIMINGS).exists() {
            true => {
                serde_json::from_str(&read(TIMINGS)?).map_err(|cause| bad(TIMINGS, cause.line(), cause))?
            }
            false => serde_json::Map::new(),
        };
        let timings =
            timings.into_iter().filter_map(|(name, seconds)| Some((name, seconds.as_f64()?))).collect();
        let model = [BEST, LAST].map(|name| path.join(name)).into_iter().find(|file| file.exists());
        Ok(Self { settings, epochs, model, timings })
    }
}

fn write_json(folder: &Path, name: &str, value: &impl Serialize) -> anyhow::Result<()> {
    let file = folder.join(name);
    let text = serde_json::to_string_pretty(value)? + "\n";
    whole_file::write(&file, text.as_bytes()).with_context(|| format!("writing {}", file.display()))
}
