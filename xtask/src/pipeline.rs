//! `cargo xtask pipeline`: extract twice, train once, make the report, evaluate, predict a few images, and print the results
//! and where they are.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::time::Instant;

use anyhow::{Context, bail};
use serde_json::Value;

use crate::build;
use crate::flags::Pipeline;

/// The binary's exit code when it is done but skipped some images.
const SKIPPED: i32 = 3;

pub(crate) fn run(flags: &Pipeline) -> anyhow::Result<ExitCode> {
    // A stage that fails has printed its error. Only its exit code is left to pass on.
    run_stages(flags).or_else(|error| error.downcast::<Failed>().map(|failed| ExitCode::from(failed.code)))
}

/// A stage that failed with this exit code.
#[derive(Debug)]
struct Failed {
    code: u8,
}

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a stage failed with exit code {}", self.code)
    }
}

impl std::error::Error for Failed {}

fn run_stages(flags: &Pipeline) -> anyhow::Result<ExitCode> {
    let root = crate::workspace_root()?;
    let place = |given: &Option<PathBuf>, default: &str| match given {
        Some(path) => std::path::absolute(path),
        None => Ok(root.join(default)),
    };
    let out = place(&flags.out, "runs/pipeline")?;
    fs::create_dir_all(&out).with_context(|| format!("making the folder {}", out.display()))?;
    let weights = place(&flags.weights, "data/weights/vgg16_weights.h5")?;

    let started = Instant::now();
    let [binary] = build::executables(&root, &["--package", "headstart-cli"], ["headstart"])?;
    let run = Run { binary, out, flags };
    let built = started.elapsed().as_secs_f64();
    let (train_dir, validation_dir) =
        (place(&flags.train_dir, "data/train")?, place(&flags.validation_dir, "data/validation")?);
    let train = run.extract("train", &train_dir, &weights)?;
    let validation = run.extract("validation", &validation_dir, &weights)?;
    let head = run.train()?;
    let page = run.report(&train_dir, &validation_dir)?;
    summarise(built, &train, &validation, &head)?;
    println!("\nevaluation of the last epoch's head on the validation images");
    run.evaluate()?;
    println!("\nprediction of some of them");
    run.predict(&examples(&validation_dir, &validation)?, &weights)?;
    println!();
    files(&train, &validation, &head, &page)?;
    let skipped = train.skipped || validation.skipped;
    Ok(if skipped { ExitCode::from(SKIPPED as u8) } else { ExitCode::SUCCESS })
}

/// The binary, and what every stage is run with.
struct Run<'a> {
    binary: PathBuf,
    out: PathBuf,
    flags: &'a Pipeline,
}

/// A stage's report, as the binary printed it.
struct Stage {
    report: Value,
    skipped: bool,
}

impl Run<'_> {
    fn extract(&self, name: &str, images: &Path, weights: &Path) -> anyhow::Result<Stage> {
        let mut command = self.command("extract");
        command.arg(images).arg("--weights").arg(weights);
        command.arg("--output").arg(self.features(name));
        optional(&mut command, "--backbone", self.flags.backbone.as_ref());
        match &self.flags.preset {
            Some(_) => optional(&mut command, "--preset", self.flags.preset.as_ref()),
            // Whatever file of a VGG network is given, the script's input is repeated.
            None => {
                command.arg("--script");
            }
        }
        optional(&mut command, "--size", self.flags.size.as_ref());
        optional(&mut command, "--batch-size", self.flags.batch_size.as_ref());
        finish(command)
    }

    fn train(&self) -> anyhow::Result<Stage> {
        let mut command = self.command("train");
        command.arg("--train").arg(self.features("train"));
        command.arg("--validation").arg(self.features("validation"));
        command.arg("--output").arg(self.out.join("bottleneck_fc_model.h5"));
        command.arg("--run").arg(self.run_folder());
        optional(&mut command, "--batch-size", self.flags.batch_size.as_ref());
        optional(&mut command, "--epochs", self.flags.epochs.as_ref());
        optional(&mut command, "--seed", self.flags.seed.as_ref());
        finish(command)
    }

    /// Writes one page about the run and returns its path.
    fn report(&self, train_dir: &Path, validation_dir: &Path) -> anyhow::Result<PathBuf> {
        let page = self.out.join("report.html");
        let mut command = self.command("report");
        command.arg(self.run_folder()).arg("--output").arg(&page);
        command.arg("--train-images").arg(train_dir).arg("--validation-images").arg(validation_dir);
        finish(command)?;
        Ok(page)
    }

    /// Prints how good the last epoch's head is.
    fn evaluate(&self) -> anyhow::Result<()> {
        let mut command = Command::new(&self.binary);
        command.arg("evaluate").arg(self.model()).arg(self.features("validation"));
        show(command)
    }

    /// Prints the answers of the last epoch's head for images.
    fn predict(&self, images: &[PathBuf], weights: &Path) -> anyhow::Result<()> {
        let mut command = Command::new(&self.binary);
        command.arg("predict").arg(self.model()).args(images).arg("--weights").arg(weights);
        show(command)
    }

    fn run_folder(&self) -> PathBuf {
        self.out.join("run")
    }

    /// The same head as in the .h5, with everything that a prediction needs.
    fn model(&self) -> PathBuf {
        self.run_folder().join("last.safetensors")
    }

    fn features(&self, name: &str) -> PathBuf {
        self.out.join(format!("bottleneck_features_{name}.npy"))
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(&self.binary);
        command.args([name, "--json"]);
        // The default folder belongs to this command. Any other folder may hold a person's files.
        if self.flags.fresh || self.flags.out.is_none() {
            command.arg("--fresh");
        }
        optional(&mut command, "--threads", self.flags.threads.as_ref());
        command
    }
}

/// Adds a flag that was given.
fn optional(command: &mut Command, flag: &str, value: Option<&impl ToString>) {
    if let Some(value) = value {
        command.arg(flag).arg(OsString::from(value.to_string()));
    }
}

/// The first images of each class that have a row, as paths from the current folder.
fn examples(folder: &Path, stage: &Stage) -> anyhow::Result<Vec<PathBuf>> {
    const OF_EACH_CLASS: usize = 2;
    let manifest = stage.value("/manifest")?.as_str().context("/manifest is no path")?;
    let text = fs::read_to_string(manifest).with_context(|| format!("reading {manifest}"))?;
    let mut found = std::collections::BTreeMap::<u64, Vec<PathBuf>>::new();
    for line in text.lines().skip(1) {
        let row: Value = serde_json::from_str(line).with_context(|| format!("reading {manifest}"))?;
        if let (Some(_), Some(path), Some(label)) =
            (row["row"].as_u64(), row["path"].as_str(), row["label"].as_u64())
        {
            let of_class = found.entry(label).or_default();
            if of_class.len() < OF_EACH_CLASS {
                of_class.push(from_here(&folder.join(path))?);
            }
        }
    }
    Ok(found.into_values().flatten().collect())
}

/// Runs a stage whose output goes to the person.
fn show(mut command: Command) -> anyhow::Result<()> {
    check(command.status().with_context(|| format!("starting {command:?}"))?, &command).map(|_| ())
}

/// Whether images were skipped.
///
/// # Errors
/// The stage failed.
fn check(status: ExitStatus, command: &Command) -> anyhow::Result<bool> {
    let skipped = status.code() == Some(SKIPPED);
    if status.success() || skipped {
        return Ok(skipped);
    }
    if let Some(code) = status.code().and_then(|code| u8::try_from(code).ok()) {
        return Err(Failed { code }.into());
    }
    bail!("{command:?} failed: {status}");
}

/// A path from the current folder, if it is below it.
fn from_here(path: &Path) -> anyhow::Result<PathBuf> {
    let current = std::env::current_dir()?;
    Ok(path.strip_prefix(current).unwrap_or(path).to_path_buf())
}

/// Runs a stage to its end. Its progress goes to the person, its report is returned.
fn finish(mut command: Command) -> anyhow::Result<Stage> {
    let output =
        command.stderr(Stdio::inherit()).output().with_context(|| format!("starting {command:?}"))?;
    let skipped = check(output.status, &command)?;
    let report = serde_json::from_slice(&output.stdout).context("reading the stage's report")?;
    Ok(Stage { report, skipped })
}

impl Stage {
    fn value(&self, pointer: &str) -> anyhow::Result<&Value> {
        self.report.pointer(pointer).with_context(|| format!("the stage's report has no {pointer}"))
    }

    fn number(&self, pointer: &str) -> anyhow::Result<f64> {
        self.value(pointer)?.as_f64().with_context(|| format!("{pointer} is no number"))
    }

    /// A file, as a path from the current folder.
    fn file(&self, pointer: &str) -> anyhow::Result<String> {
        let path = Path::new(self.value(pointer)?.as_str().with_context(|| format!("{pointer} is no path"))?);
        Ok(from_here(path)?.display().to_string())
    }
}

fn summarise(built: f64, train: &Stage, validation: &Stage, head: &Stage) -> anyhow::Result<()> {
    println!("\n{:<11} {:>8}", "stage", "seconds");
    println!("{:<11} {built:>8.1}", "build");
    for (name, stage) in [("training", train), ("validation", validation)] {
        let seconds = stage.number("/load_seconds")? + stage.number("/extract_seconds")?;
        let (rows, rate) = (stage.number("/rows")?, stage.number("/images_per_second")?);
        println!("{name:<11} {seconds:>8.1}  {rows} images, {rate:.1} images/s");
    }
    let epochs = head.value("/epochs")?.as_array().map_or(0, Vec::len);
    println!("{:<11} {:>8.1}  {epochs} epochs", "head", head.number("/train_seconds")?);

    println!("\n{:<11} {:>8} {:>8}", "validation", "loss", "accuracy");
    for (name, epoch) in [("last epoch", "/last"), ("best epoch", "/best")] {
        let loss = head.number(&format!("{epoch}/val_loss"))?;
        let accuracy = head.number(&format!("{epoch}/val_accuracy"))?;
        println!(
            "{name:<11} {loss:>8.4} {accuracy:>8.4}  (epoch {})",
            head.number(&format!("{epoch}/epoch"))?
        );
    }

    Ok(())
}

/// Prints where everything is.
fn files(train: &Stage, validation: &Stage, head: &Stage, page: &Path) -> anyhow::Result<()> {
    println!("features    {}\n            {}", train.file("/npy")?, validation.file("/npy")?);
    println!("manifests   {}\n            {}", train.file("/manifest")?, validation.file("/manifest")?);
    println!("head        {}", head.file("/output")?);
    println!("run         {}", from_here(&page.with_file_name("run"))?.display());
    println!("report      {}", from_here(page)?.display());
    Ok(())
}
