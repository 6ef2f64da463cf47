//! `headstart extract`: images through the backbone, features to disk.

pub(crate) mod report;
mod work;

use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use candle_core::Device;
use headstart_backbone::{Engine, Vgg};
use headstart_dataset::{
    Batch, Dataset, LeftOut, Limits, Loader, LoaderOptions, Preprocessing, ScanOptions, Skipped, scan,
};
use headstart_features::{Existing, ManifestHeader, Shard, Writer, fingerprint};
use headstart_weights::{LoadOptions, LoadReport};

use self::report::{Report, Tally};
use self::work::Work;
use crate::backbone::Backbone;
use crate::device;
use crate::flags::{Extract, Flags};
use crate::limits;
use crate::outcome::{Fault, Outcome};
use crate::output::note;
use crate::progress;
use crate::signals::Signals;
use crate::writer_thread::{Rows, WriterThread};

pub(crate) fn run(flags: &Flags, command: &Extract) -> anyhow::Result<Outcome> {
    let started = Instant::now();
    let signals = Signals::listen()?;
    let plan = Plan::new(flags, command)?;
    let dataset = &plan.dataset;
    note_scan(dataset);

    // The writer refuses a bad output before the weights are read or an image is decoded.
    let header = plan.header(command)?;
    let (fingerprint, computed_by) = (header.fingerprint.clone(), header.computed_by.clone());
    let existing = if command.fresh { Existing::Replace } else { Existing::Reuse };
    let writer = Writer::open(&command.output, header, existing)?;
    let mut work = Work::new(dataset, &writer, &plan.limits);
    note_known(command, &writer, &work);
    let network = (work.missing() > 0).then(|| plan.load_network(command)).transpose()?;
    let load_seconds = started.elapsed().as_secs_f64();

    let started = Instant::now();
    // The disk is waited for on a thread of its own, where a batch is written while the next is computed.
    let (writer, tally) = WriterThread::with(writer, |thread| {
        let mut tally = Tally::new(dataset.classes.len());
        if let Some((vgg, _)) = &network {
            plan.compute(command, vgg, &mut work, &mut tally, thread, &signals)?;
        }
        if signals.exit_code().is_none() {
            let images = work.rest();
            tally.add(&images);
            thread.send(Rows { features: Vec::new(), images });
        }
        Ok(tally)
    })?;
    if let Some(code) = signals.exit_code() {
        let (done, all) = (tally.images, dataset.samples.len());
        note!(
            "interrupted after {done} of {all} images; run the same command again, and it goes on from there"
        );
        return Ok(Outcome::Interrupted(code));
    }
    let summary = writer.finish()?;
    let extract_seconds = started.elapsed().as_secs_f64();

    let [channels, height, width] = plan.row_shape;
    let report = Report {
        shape: [summary.rows, channels, height, width],
        images_per_second: summary.computed as f64 / extract_seconds,
        written: summary.into(),
        classes: dataset.classes.clone(),
        tally,
        weights: network.map(|(_, report)| report),
        preprocessing: plan.preprocessing,
        fingerprint,
        computed_by,
        device: device::name(&plan.device),
        threads: rayon::current_num_threads(),
        load_seconds,
        extract_seconds,
    };
    report.print(flags.json)?;
    Ok(if report.tally.has_skipped() { Outcome::Skipped } else { Outcome::Done })
}

/// Everything that could be checked before the work, checked.
struct Plan {
    /// The images of this run: all of the folder's, or those of a shard.
    dataset: Arc<Dataset>,
    shard: Option<Shard>,
    preprocessing: Preprocessing,
    limits: Limits,
    load_options: LoadOptions,
    device: Device,
    engine: Engine,
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
        let folder = scan(&command.images, &ScanOptions { follow_links: command.follow_links })?;
        // By the whole folder, so that the rows of its shards are those of one run.
        let engine = Engine::suited(&device, folder.samples.len());
        let (dataset, shard) = match command.shard {
            Some(choice) => {
                let [index, count] = choice.resolve(|name| std::env::var(name).ok())?;
                let (dataset, shard) = part(&folder, index, count);
                if dataset.samples.is_empty() {
                    let (folder, images) = (command.images.display(), shard.images);
                    let of = format!(
                        "none of the {images} images of {folder} belongs to shard {index} of {count}"
                    );
                    return Err(Fault::Usage(format!("--shard: {of}; use fewer shards")).into());
                }
                (dataset, Some(shard))
            }
            None => (folder, None),
        };
        let dataset = Arc::new(dataset);
        let limits = command.limits.into();
        Ok(Self { dataset, shard, preprocessing, limits, load_options, device, engine, row_shape })
    }

    /// Reads the weights and builds the network.
    fn load_network(&self, command: &Extract) -> anyhow::Result<(Vgg, LoadReport)> {
        let Self { load_options, device, engine, .. } = self;
        let (vgg, report) = Vgg::load(command.backbone, &command.weights, load_options, device, *engine)?;
        note_weights(command, &report);
        Ok((vgg, report))
    }

    /// Runs the network over the images whose rows are missing, and hands all up to the last of them on.
    fn compute(
        &self,
        command: &Extract,
        vgg: &Vgg,
        work: &mut Work,
        tally: &mut Tally,
        writer: &WriterThread,
        signals: &Signals,
    ) -> anyhow::Result<()> {
        let bar = progress::bar(self.dataset.samples.len(), "images").with_message("extract");
        let options =
            LoaderOptions { batch_size: command.batch_size, limits: self.limits, ..LoaderOptions::default() };
        let mut loader = Loader::new(work.to_load(), self.preprocessing.clone(), options)?;
        let Preprocessing { height, width, .. } = self.preprocessing;
        let row_len: usize = self.row_shape.iter().product();
        while signals.exit_code().is_none()
            && let Some(Batch { pixels, rows, mut skipped }) = loader.next()
        {
            for image in &mut skipped {
                image.reason = limits::reason(image);
                let Skipped { path, reason, .. } = image;
                if command.strict {
                    let path = self.dataset.root.join(path);
                    return Err(Fault::BadData(format!("{}: {reason}", path.display())).into());
                }
                bar.suspend(|| note!("skipped {path}: {reason}"));
            }
            let mut features = writer.spare();
            features.resize(rows.len() * row_len, 0.0);
            if !rows.is_empty() {
                vgg.forward_slice(&pixels, [rows.len(), 3, height, width], &mut features)?;
            }
            loader.recycle(pixels);
            let images = work.up_to_batch(rows, skipped);
            tally.add(&images);
            bar.set_position(tally.images as u64);
            if !writer.send(Rows { features, images }) {
                // It has failed, and tells why when it is joined.
                break;
            }
        }
        bar.finish_and_clear();
        Ok(())
    }

    /// What the manifest says of all rows.
    fn header(&self, command: &Extract) -> anyhow::Result<ManifestHeader> {
        let weights_hash = headstart_weights::fingerprint(&command.weights)?;
        let preprocessing =
            serde_json::to_value(&self.preprocessing).context("encoding the preprocessing")?;
        let Self { load_options: LoadOptions { kernel_convention: kernels }, .. } = *self;
        let backbone = Backbone { architecture: command.backbone, kernels }.to_string();
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
            computed_by: self.engine.describe(&self.device)?,
            shard: self.shard.clone(),
        })
    }
}

/// The images of one of several shards.
fn part(folder: &Dataset, index: u32, count: u32) -> (Dataset, Shard) {
    let paths = || folder.samples.iter().map(|sample| sample.path.as_str());
    let shard = Shard { index, count, images: folder.samples.len(), listing: Shard::listing(paths()) };
    let positions: Vec<usize> =
        paths().enumerate().filter(|(_, path)| Shard::of(path, count) == index).map(|(i, _)| i).collect();
    (folder.subset(&positions), shard)
}

/// Tells how many rows need not be computed, and why others must be.
fn note_known(command: &Extract, writer: &Writer, work: &Work) {
    let output = command.output.display();
    if let Some(outdated) = writer.outdated() {
        let (found, expected) = (&outdated.found, &outdated.expected);
        note!(
            "{output}: its rows were computed by {found}, and now it would be {expected}: computing them again"
        );
    }
    if writer.known_rows() > 0 {
        note!("{output}: {} images to compute, the rows of the others are there", work.missing());
    }
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
    note_left_out(&dataset.left_out);
}

/// Tells what a scan passed over.
pub(crate) fn note_left_out(left_out: &LeftOut) {
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
