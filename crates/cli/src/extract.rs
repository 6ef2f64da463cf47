//! `headstart extract`: images through the backbone, features to disk.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use candle_core::Device;
use headstart_backbone::{Engine, Vgg};
use headstart_dataset::{Batch, Dataset, Loader, LoaderOptions, Preprocessing, ScanOptions, scan};
use headstart_features::{ManifestHeader, RowRecord, SkippedRecord, Summary, Writer, fingerprint};
use headstart_weights::{KernelConvention, LoadOptions, LoadReport};
use serde::Serialize;

use crate::device;
use crate::flags::{Extract, Flags};
use crate::limits;
use crate::outcome::Outcome;
use crate::output::{note, say};
use crate::progress;
use crate::writer_thread::{Rows, WriterThread};

/// What the command reports.
#[derive(Debug, Serialize)]
struct Report {
    npy: String,
    manifest: String,
    rows: usize,
    shape: [usize; 4],
    classes: Vec<String>,
    class_counts: Vec<usize>,
    skipped_images: Vec<SkippedImage>,
    weights: LoadReport,
    preprocessing: Preprocessing,
    fingerprint: String,
    device: &'static str,
    threads: usize,
    load_seconds: f64,
    extract_seconds: f64,
    images_per_second: f64,
}

#[derive(Debug, Serialize)]
struct SkippedImage {
    path: String,
    reason: String,
}

pub(crate) fn run(flags: &Flags, command: &Extract) -> anyhow::Result<Outcome> {
    let started = Instant::now();
    let plan = Plan::new(flags, command)?;
    let dataset = &plan.dataset;
    note_scan(dataset);

    // The writer refuses a bad output before the weights are read or an image is decoded.
    let header = plan.header(command)?;
    let fingerprint = header.fingerprint.clone();
    let [channels, height, width] = header.row_shape;
    let writer = Writer::create(&command.output, header, dataset.samples.len(), command.fresh)?;
    let engine = Engine::suited(&plan.device, dataset.samples.len());
    let (vgg, weights) =
        Vgg::load(command.backbone, &command.weights, &plan.load_options, &plan.device, engine)?;
    note_weights(command, &weights);
    let load_seconds = started.elapsed().as_secs_f64();

    let started = Instant::now();
    let bar = progress::bar(dataset.samples.len(), "images").with_message("extract");
    let options = LoaderOptions {
        batch_size: command.batch_size,
        limits: command.limits.into(),
        ..LoaderOptions::default()
    };
    let mut class_counts = vec![0; dataset.classes.len()];
    let mut skipped_images = Vec::new();
    let mut loader = Loader::new(Arc::clone(dataset), plan.preprocessing.clone(), options)?;
    // The disk is waited for on a thread of its own, where a batch is written while the next is computed.
    let summary = WriterThread::with(writer, |writer| {
        while let Some(Batch { pixels, rows, skipped }) = loader.next() {
            let done = rows.len() + skipped.len();
            let records: Vec<RowRecord> = rows.iter().map(|row| record(dataset, row)).collect();
            for record in &records {
                class_counts[record.label as usize] += 1;
            }
            let mut features = writer.spare();
            features.resize(records.len() * channels * height * width, 0.0);
            if !records.is_empty() {
                let Preprocessing { height, width, .. } = plan.preprocessing;
                vgg.forward_slice(&pixels, [records.len(), 3, height, width], &mut features)?;
            }
            loader.recycle(pixels);
            let mut noted = Vec::with_capacity(skipped.len());
            for image in skipped {
                let label = dataset.samples[image.sample].label;
                let (reason, path) = (limits::reason(&image), image.path);
                bar.suspend(|| note!("skipped {path}: {reason}"));
                noted.push(SkippedRecord { path: path.clone(), label, reason: reason.clone() });
                skipped_images.push(SkippedImage { path, reason });
            }
            if !writer.send(Rows { features, records, skipped: noted }) {
                // It has failed, and tells why when it is joined.
                break;
            }
            bar.inc(done as u64);
        }
        Ok(())
    })?;
    bar.finish_and_clear();
    let extract_seconds = started.elapsed().as_secs_f64();

    let Summary { rows, npy, manifest, .. } = summary;
    let report = Report {
        npy: npy.display().to_string(),
        manifest: manifest.display().to_string(),
        rows,
        shape: [rows, channels, height, width],
        images_per_second: rows as f64 / extract_seconds,
        classes: dataset.classes.clone(),
        class_counts,
        skipped_images,
        weights,
        preprocessing: plan.preprocessing,
        fingerprint,
        device: device::name(&plan.device),
        threads: rayon::current_num_threads(),
        load_seconds,
        extract_seconds,
    };
    report.print(flags.json)?;
    Ok(if report.skipped_images.is_empty() { Outcome::Done } else { Outcome::Skipped })
}

/// Everything that could be checked before the work, checked.
struct Plan {
    dataset: Arc<Dataset>,
    preprocessing: Preprocessing,
    load_options: LoadOptions,
    device: Device,
    row_shape: [usize; 3],
}

impl Plan {
    fn new(flags: &Flags, command: &Extract) -> anyhow::Result<Self> {
        let size = command.size;
        let mut preprocessing = Preprocessing::preset(command.preset, size.height, size.width);
        if let Some(interpolation) = command.interpolation {
            preprocessing.interpolation = interpolation;
        }
        preprocessing.validate()?;
        let row_shape = command.backbone.feature_shape(size.height, size.width)?;
        let device = flags.device.open()?;
        let load_options = LoadOptions { kernel_convention: command.kernels.into() };
        let dataset = Arc::new(scan(&command.images, &ScanOptions { follow_links: command.follow_links })?);
        Ok(Self { dataset, preprocessing, load_options, device, row_shape })
    }

    /// What the manifest says of all rows.
    fn header(&self, command: &Extract) -> anyhow::Result<ManifestHeader> {
        let weights_hash = headstart_weights::fingerprint(&command.weights)?;
        let preprocessing =
            serde_json::to_value(&self.preprocessing).context("encoding the preprocessing")?;
        // The same file read another way gives other features.
        let backbone = match self.load_options.kernel_convention {
            KernelConvention::Auto => command.backbone.to_string(),
            KernelConvention::Correlation => format!("{}, kernels as for correlation", command.backbone),
            KernelConvention::Convolution => format!("{}, kernels as for convolution", command.backbone),
        };
        let weights_name = command.weights.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(ManifestHeader {
            classes: self.dataset.classes.clone(),
            preset: command.preset.to_string(),
            fingerprint: fingerprint(&weights_hash, &backbone, &preprocessing),
            preprocessing,
            backbone,
            weights_name,
            weights_hash,
            row_shape: self.row_shape,
        })
    }
}

fn record(dataset: &Dataset, row: &headstart_dataset::Row) -> RowRecord {
    let sample = &dataset.samples[row.sample];
    RowRecord { path: sample.path.clone(), label: sample.label, hash: row.content_hash.clone() }
}

/// Tells what was found, and what was passed over.
fn note_scan(dataset: &Dataset) {
    let counts = dataset.class_counts();
    let classes: Vec<String> =
        dataset.classes.iter().zip(&counts).map(|(class, count)| format!("{class} {count}")).collect();
    note!("{}: {} images ({})", dataset.root.display(), dataset.samples.len(), classes.join(", "));
    for (class, _) in dataset.classes.iter().zip(&counts).filter(|(_, count)| **count == 0) {
        note!("warning: class {class} has no image");
    }
    let left_out = &dataset.left_out;
    for (what, entries) in [
        ("hidden", &left_out.hidden),
        ("of an unknown extension", &left_out.unknown_extension),
        ("a link", &left_out.links),
        ("outside the class folders", &left_out.loose_files),
        ("a special file", &left_out.special_files),
    ] {
        if let Some(first) = entries.first() {
            let more =
                if entries.len() > 1 { format!(" and {} more", entries.len() - 1) } else { String::new() };
            note!("left out, for it is {what}: {first}{more}");
        }
    }
}

/// Tells how the weights were read.
fn note_weights(command: &Extract, report: &LoadReport) {
    let flipped = if report.flipped { ", kernels flipped" } else { "" };
    let (path, layers) = (command.weights.display(), report.applied.len());
    note!("{path}: {}{flipped}, {layers} layers of {}", report.layout, command.backbone);
    if let Some(first) = report.unused.first() {
        note!("not used of {path}: {} tensors, {} the first", report.unused.len(), first.name);
    }
}

impl Report {
    fn print(&self, json: bool) -> anyhow::Result<()> {
        if json {
            say!("{}", serde_json::to_string_pretty(self)?);
            return Ok(());
        }
        let [rows, channels, height, width] = self.shape;
        say!("features  {} ({rows} x {channels} x {height} x {width})", self.npy);
        say!("manifest  {}", self.manifest);
        let skipped = self.skipped_images.len();
        if skipped > 0 {
            say!("skipped   {skipped} images, listed in the manifest with the reason");
        }
        say!("time      {:.1} s, {:.1} images/s", self.extract_seconds, self.images_per_second);
        Ok(())
    }
}
