//! `headstart train`: features in, a trained head out.

use std::path::Path;
use std::time::Instant;

use anyhow::Context;
use headstart_features::Features;
use headstart_head::{
    EarlyStopping, EpochMetrics, Head, History, Labelled, LayerConfig, Monitor, RmsProp, Samples,
    TrainOptions,
};
use headstart_weights::{SaveOptions, check_head_path, save_head};
use serde::Serialize;

use crate::device;
use crate::flags::{Flags, Train};
use crate::outcome::{Fault, Outcome};
use crate::output::{note, say};
use crate::progress;

/// What the command reports.
#[derive(Debug, Serialize)]
struct Report {
    output: String,
    classes: Option<Vec<String>>,
    rows: usize,
    validation_rows: Option<usize>,
    layers: Vec<LayerConfig>,
    parameters: usize,
    options: TrainOptions,
    device: &'static str,
    threads: usize,
    train_seconds: f64,
    last: EpochMetrics,
    kept: EpochMetrics,
    best: Option<EpochMetrics>,
    #[serde(flatten)]
    history: History,
}

pub(crate) fn run(flags: &Flags, command: &Train) -> anyhow::Result<Outcome> {
    // What costs nothing is checked first, and what reads all features last.
    let save = SaveOptions { overwrite: command.fresh };
    check_head_path(&command.output, &save)?;
    let options = train_options(command);
    options.validate(command.validation.is_some())?;
    let training = LabelledFeatures::open(&command.train, command.counts.as_deref())?;
    let validation = command.validation.as_deref();
    let validation = validation
        .map(|path| LabelledFeatures::open(path, command.validation_counts.as_deref()))
        .transpose()?;
    check_classes(&training)?;
    if let Some(validation) = &validation {
        check_classes(validation)?;
        check_pair(&training, validation)?;
    }
    let device = flags.device.open()?;
    let layers = LayerConfig::binary_head(command.units, command.dropout);
    let mut head = Head::new(&layers, training.features.row_shape(), command.seed, &device)?;
    for data in [Some(&training), validation.as_ref()].into_iter().flatten() {
        data.features.verify_data()?;
    }

    let started = Instant::now();
    let bar = progress::bar(command.epochs, "epochs").with_message("train");
    let mut on_epoch = |epoch: &EpochMetrics| {
        bar.suspend(|| note!("{}", describe(epoch, command.epochs)));
        bar.inc(1);
    };
    let validation_rows = validation.as_ref().map(LabelledFeatures::as_labelled);
    let history =
        headstart_head::train(&mut head, training.as_labelled(), validation_rows, &options, &mut on_epoch)
            .with_context(|| command.files())?;
    bar.finish_and_clear();
    let train_seconds = started.elapsed().as_secs_f64();

    save_head(&command.output, &head.to_saved()?, head.layer_names(), &save)?;

    let last = *history.epochs.last().context("no epoch was trained")?;
    let kept = history.epochs.iter().find(|epoch| epoch.epoch == history.kept_epoch);
    let report = Report {
        output: command.output.display().to_string(),
        classes: training.classes().map(<[String]>::to_vec),
        rows: training.features.rows(),
        validation_rows: validation.as_ref().map(|data| data.features.rows()),
        layers,
        parameters: head.parameter_count(),
        options,
        device: device::name(&device),
        threads: rayon::current_num_threads(),
        train_seconds,
        last,
        kept: kept.copied().unwrap_or(last),
        best: history.best(Monitor::ValAccuracy).copied(),
        history,
    };
    report.print(flags.json)?;
    Ok(Outcome::Done)
}

/// Features with a label a row.
pub(crate) struct LabelledFeatures {
    pub(crate) features: Features,
    pub(crate) labels: Vec<u32>,
    /// How many classes the labels are of, by the manifest or the counts.
    class_count: usize,
}

impl LabelledFeatures {
    pub(crate) fn open(path: &Path, counts: Option<&[usize]>) -> anyhow::Result<Self> {
        let features = Features::open(path)?;
        let labels = match (features.labels(), counts) {
            (Some(labels), None) => labels,
            (None, Some(counts)) => features.labels_from_counts(counts)?,
            (Some(labels), Some(counts)) => {
                if features.labels_from_counts(counts)? != labels {
                    let path = path.display();
                    return Err(Fault::BadData(format!(
                        "{path}: the counts {counts:?} do not give the labels that its manifest has; leave the \
                         counts out"
                    ))
                    .into());
                }
                labels
            }
            (None, None) => {
                return Err(Fault::Usage(format!(
                    "{}: expected a manifest ({}) or the number of rows of each class (--counts, \
                     --validation-counts), found neither",
                    path.display(),
                    headstart_features::manifest_path(path).display()
                ))
                .into());
            }
        };
        let manifest = features.manifest().map(|manifest| manifest.header.classes.len());
        let class_count = manifest.or(counts.map(<[usize]>::len)).unwrap_or(0);
        Ok(Self { features, labels, class_count })
    }

    pub(crate) fn classes(&self) -> Option<&[String]> {
        self.features.manifest().map(|manifest| manifest.header.classes.as_slice())
    }

    pub(crate) fn as_labelled(&self) -> Labelled<'_> {
        Labelled { samples: self, labels: &self.labels }
    }
}

impl Samples for LabelledFeatures {
    fn rows(&self) -> usize {
        self.features.rows()
    }

    fn row_shape(&self) -> &[usize] {
        self.features.row_shape()
    }

    fn read(
        &self,
        indices: &[usize],
        out: &mut [f32],
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Ok(self.features.read_rows(indices, out)?)
    }
}

/// The head answers with one probability, so there are two classes.
fn check_classes(data: &LabelledFeatures) -> anyhow::Result<()> {
    let path = data.features.path().display();
    let classes = data.class_count;
    if classes != 2 {
        return Err(Fault::BadData(format!(
            "{path}: expected two classes, for the head ends in one sigmoid unit, found {classes}"
        ))
        .into());
    }
    for label in 0..2 {
        if !data.labels.contains(&label) {
            let class = data.classes().map_or(label.to_string(), |classes| classes[label as usize].clone());
            return Err(Fault::BadData(format!(
                "{path}: expected rows of both classes, found none of class {class}"
            ))
            .into());
        }
    }
    Ok(())
}

/// Training and validation features must mean the same.
pub(crate) fn check_pair(training: &LabelledFeatures, validation: &LabelledFeatures) -> anyhow::Result<()> {
    let (ours, theirs) = (training.features.path().display(), validation.features.path().display());
    let differ = |what: &str, a: &str, b: &str| {
        let advice = "extract both in the same way";
        Err(Fault::BadData(format!("{ours} and {theirs} differ in their {what}: {a} and {b}; {advice}"))
            .into())
    };
    let (Some(a), Some(b)) = (training.features.manifest(), validation.features.manifest()) else {
        let (a, b) = (training.features.row_shape(), validation.features.row_shape());
        return if a == b { Ok(()) } else { differ("row shape", &format!("{a:?}"), &format!("{b:?}")) };
    };
    let (a, b) = (&a.header, &b.header);
    if a.classes != b.classes {
        return differ("classes", &a.classes.join(", "), &b.classes.join(", "));
    }
    for (what, a, b) in [
        ("backbone", &a.backbone, &b.backbone),
        (
            "weights",
            &format!("{} {}", a.weights_name, a.weights_hash),
            &format!("{} {}", b.weights_name, b.weights_hash),
        ),
        ("preprocessing", &a.preprocessing.to_string(), &b.preprocessing.to_string()),
        ("fingerprint", &a.fingerprint, &b.fingerprint),
    ] {
        if a != b {
            return differ(what, a, b);
        }
    }
    Ok(())
}

impl Train {
    /// What an error of training is about.
    fn files(&self) -> String {
        let validation = self.validation.as_ref().map(|path| format!(", validating on {}", path.display()));
        format!("training on {}{}", self.train.display(), validation.unwrap_or_default())
    }
}

fn train_options(command: &Train) -> TrainOptions {
    let monitor = command.monitor.into();
    let mut optimizer: RmsProp = command.rmsprop.into();
    if let Some(learning_rate) = command.learning_rate {
        optimizer.learning_rate = learning_rate;
    }
    let stopping = |patience| EarlyStopping { monitor, patience, min_delta: command.min_delta };
    TrainOptions {
        epochs: command.epochs,
        batch_size: command.batch_size,
        optimizer,
        shuffle: true,
        seed: command.seed,
        early_stopping: command.early_stopping.map(stopping),
        keep_best: command.keep_best.then_some(monitor),
    }
}

fn describe(epoch: &EpochMetrics, epochs: usize) -> String {
    let mut line =
        format!("epoch {:>3}/{epochs}  loss {:.4}  accuracy {:.4}", epoch.epoch, epoch.loss, epoch.accuracy);
    if let (Some(loss), Some(accuracy)) = (epoch.val_loss, epoch.val_accuracy) {
        line += &format!("  val_loss {loss:.4}  val_accuracy {accuracy:.4}");
    }
    line
}

impl Report {
    fn print(&self, json: bool) -> anyhow::Result<()> {
        if json {
            say!("{}", serde_json::to_string_pretty(self)?);
            return Ok(());
        }
        say!("head      {} (epoch {}, {} parameters)", self.output, self.history.kept_epoch, self.parameters);
        let epochs = self.history.epochs.len();
        if self.history.stopped_early {
            say!("stopped   after {epochs} epochs");
        }
        say!("last      {}", describe(&self.last, epochs));
        if self.kept.epoch != self.last.epoch {
            say!("kept      {}", describe(&self.kept, epochs));
        }
        if let Some(best) = &self.best {
            say!("best      {}", describe(best, epochs));
        }
        say!("time      {:.1} s, {:.3} s an epoch", self.train_seconds, self.train_seconds / epochs as f64);
        Ok(())
    }
}
