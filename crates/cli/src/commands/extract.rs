//! `headstart extract`: images through the network, features to disk.

use anyhow::Context;
use headstart::{
    Backbone, Dataset, ErrorKind, Existing, Extracted, Extraction, LoadReport, Note, Observer, Pooling,
    Preprocessing, ScanOptions, SkippedImage, Summary, scan,
};
use serde::Serialize;

use super::inspect::dimensions;
use super::network::{backbone, preprocessing, search};
use crate::fault::Fault;
use crate::flags::{Extract, Flags};
use crate::outcome::Outcome;
use crate::output::{give, say};
use crate::progress::Terminal;
use crate::signals::Signals;
use crate::words::{elsewhere, reason};

/// What the command reports.
#[derive(Debug, Serialize)]
struct Report {
    #[serde(flatten)]
    written: Written,
    shape: Vec<usize>,
    classes: Vec<String>,
    class_counts: Vec<usize>,
    skipped_images: Vec<Skipped>,
    /// None where no row had to be computed.
    weights: Option<LoadReport>,
    preprocessing: Preprocessing,
    pooling: Pooling,
    fingerprint: String,
    computed_by: String,
    device: &'static str,
    threads: usize,
    load_seconds: f64,
    extract_seconds: f64,
    images_per_second: f64,
}

/// What is at the output now.
#[derive(Debug, Serialize)]
pub(super) struct Written {
    pub(super) npy: String,
    pub(super) manifest: String,
    pub(super) rows: usize,
    pub(super) computed: usize,
    pub(super) kept: usize,
    pub(super) dropped: usize,
    pub(super) skipped: usize,
}

#[derive(Debug, Serialize)]
pub(super) struct Skipped {
    path: String,
    reason: String,
}

impl From<&SkippedImage> for Skipped {
    fn from(SkippedImage { path, reason: why, limit, .. }: &SkippedImage) -> Self {
        Self { path: path.clone(), reason: reason(why, *limit) }
    }
}

pub(crate) fn run(flags: &Flags, command: &Extract) -> anyhow::Result<Outcome> {
    let signals = Signals::listen()?;
    let Some(backbone) = backbone(&command.network)? else {
        let found = "--weights: expected a file of weights, found neither it nor --backbone";
        return Err(Fault::Usage(format!("{found}{}", elsewhere(&search()))).into());
    };
    let mut terminal = Terminal::new(&signals);
    let otherwise = match command.script {
        true => backbone.architecture().blog_input(),
        false => backbone.script_input()?,
    };
    let preprocessing = match command.script {
        // Who asks for the script need not be told that it is the script's.
        true => preprocessing(&command.network, &backbone, otherwise, &mut AskedFor(&mut terminal))?,
        false => preprocessing(&command.network, &backbone, otherwise, &mut terminal)?,
    };
    let backbone = backbone.on(flags.device.open()?);
    let dataset = images(command)?;
    let extraction = configured(command, &dataset, &backbone, preprocessing)?;
    let extracted = match extraction.run(&mut terminal) {
        Err(error) if error.kind() == ErrorKind::Interrupted => {
            drop(terminal);
            return Ok(signals.ended(&error));
        }
        extracted => extracted?,
    };
    drop(terminal);
    let skipped = !extracted.skipped.is_empty();
    Report::from(extracted).print(flags.json)?;
    Ok(if skipped && !command.skipped_ok { Outcome::Skipped } else { Outcome::Done })
}

/// Hears all but that the input is the script's.
struct AskedFor<'a>(&'a mut dyn Observer);

impl Observer for AskedFor<'_> {
    fn note(&mut self, note: &Note) {
        if !matches!(note, Note::PoorMatch { .. }) {
            self.0.note(note);
        }
    }
}

fn images(command: &Extract) -> Result<Dataset, headstart::Error> {
    let options = ScanOptions::default().with_follow_links(command.follow_links);
    Ok(scan(&command.images, &options)?)
}

fn configured<'a>(
    command: &Extract,
    dataset: &'a Dataset,
    backbone: &'a Backbone,
    preprocessing: Preprocessing,
) -> Result<Extraction<'a>, headstart::Error> {
    let extraction = Extraction::new(dataset, backbone)
        .to(&command.output)
        .preprocessing(preprocessing)
        .limits(command.limits.into())
        .strict(command.strict)
        .existing(if command.fresh { Existing::Replace } else { Existing::Reuse });
    let extraction = match command.batch_size {
        Some(batch_size) => extraction.batch_size(batch_size),
        None => extraction,
    };
    let extraction = match command.network.pool {
        Some(pooling) => extraction.pooling(pooling),
        None => extraction,
    };
    Ok(match command.shard {
        Some(choice) => {
            let [index, count] = choice.resolve(|name| std::env::var(name).ok())?;
            extraction.shard(index, count)
        }
        None => extraction,
    })
}

impl From<Summary> for Written {
    fn from(summary: Summary) -> Self {
        let Summary { rows, computed, kept, dropped, skipped, npy, manifest, .. } = summary;
        // Names that are not UTF-8 are shown with replacements.
        let [npy, manifest] = [npy, manifest].map(|path| path.display().to_string());
        Self { npy, manifest, rows, computed, kept, dropped, skipped }
    }
}

impl From<Extracted> for Report {
    fn from(extracted: Extracted) -> Self {
        Self {
            images_per_second: extracted.images_per_second(),
            skipped_images: extracted.skipped.iter().map(Skipped::from).collect(),
            written: extracted.summary.into(),
            shape: extracted.shape,
            classes: extracted.classes,
            class_counts: extracted.class_counts,
            weights: extracted.weights,
            preprocessing: extracted.provenance.preprocessing,
            pooling: extracted.provenance.pooling,
            fingerprint: extracted.provenance.fingerprint,
            computed_by: extracted.computed_by,
            device: extracted.device,
            threads: extracted.threads,
            load_seconds: extracted.load_seconds,
            extract_seconds: extracted.extract_seconds,
        }
    }
}

impl Report {
    fn print(&self, json: bool) -> anyhow::Result<()> {
        if json {
            give!("{}", serde_json::to_string_pretty(self).context("encoding the report")?);
            return Ok(());
        }
        let Written { npy, manifest, computed, kept, dropped, skipped, .. } = &self.written;
        say!("features  {npy} ({})", dimensions(&self.shape));
        say!("manifest  {manifest}");
        if kept + dropped > 0 {
            say!("rows      {computed} computed, {kept} kept, {dropped} dropped");
        }
        if *skipped > 0 {
            say!("skipped   {skipped} images, listed in the manifest with the reason");
        }
        match computed {
            0 => say!("time      {:.1} s, nothing to compute", self.extract_seconds),
            _ => say!("time      {:.1} s, {:.1} images/s", self.extract_seconds, self.images_per_second),
        }
        Ok(())
    }
}
