//! `headstart predict`: a trained head and images in, their classes out.

mod flags;
mod input;
mod output;
mod settings;

use std::path::Path;

use anyhow::Context;
use candle_core::Device;
use headstart_backbone::{Engine, FEW_IMAGES, Vgg};
use headstart_dataset::{Dataset, LoaderOptions, Row, Skipped};
use headstart_head::{InMemory, predict};
use headstart_weights::{LoadOptions, ModelMetadata, load_model};

use self::flags::Format;
pub(crate) use self::flags::Predict;
use self::input::{Images, Loaded, Source};
use self::output::{Printer, UNKNOWN};
use self::settings::Settings;
use crate::backbone::Backbone;
use crate::flags::Flags;
use crate::limits;
use crate::model::{TrainedHead, check_weights};
use crate::outcome::{Fault, Outcome};
use crate::output::{is_closed, note};

pub(crate) fn run(flags: &Flags, command: &Predict) -> anyhow::Result<Outcome> {
    let format = format(flags, command)?;
    let model = load_model(&command.model)?;
    let Settings { classes, preprocessing, backbone } = Settings::new(command, &model.metadata)?;
    let weights = weights(command, &model.metadata)?;
    if command.reject.is_some() && classes.iter().any(|class| class == UNKNOWN) {
        let text = format!("--reject: {} has a class {UNKNOWN} itself", command.model.display());
        return Err(Fault::Usage(text).into());
    }
    let (height, width) = (preprocessing.height, preprocessing.width);
    let row_shape = backbone.architecture.feature_shape(height, width)?;
    let device = flags.device.open()?;
    let source = Source::open(&command.images, command.follow_links)?;

    let count = source.count();
    let described = serde_json::to_value(&preprocessing).context("encoding the preprocessing")?;
    let options =
        LoaderOptions { batch_size: command.batch_size, limits: command.limits.into(), ..Default::default() };
    // On the CPU always: a GPU's answer to an image would depend in its last bits on how many come with it.
    let TrainedHead { head, metadata } = TrainedHead::new(&command.model, model, &row_shape, &Device::Cpu)?;
    if classes.len() != head.classes() {
        let (path, expected, found) = (command.model.display(), head.classes(), classes.len());
        let text = format!("{path}: tells {expected} classes apart, and --classes names {found}");
        return Err(Fault::Usage(text).into());
    }
    // Decoded while the weights are read.
    let images = Images::load(source, preprocessing, options)?;
    check_weights(&command.model, &metadata, weights, &backbone.to_string(), &described)?;
    let mut network = Network::load(backbone, weights, &device, count.unwrap_or(0))?;

    let printer = Printer::new(&classes, format, command);
    printer.begin();
    let (mut seen, mut skipped) = (0, 0);
    let mut features = Vec::new();
    for loaded in images {
        let Loaded { dataset, batch } = loaded?;
        if count.is_none() && seen >= FEW_IMAGES {
            network = network.suited_to_more(weights, &device)?;
        }
        let rows = batch.rows.len();
        let mut probabilities = Vec::new();
        if rows > 0 {
            features.resize(rows * row_shape.iter().product::<usize>(), 0.0);
            network.vgg.forward_slice(&batch.pixels, [rows, 3, height, width], &mut features)?;
            let of_head = || format!("the head of {}", command.model.display());
            let features = InMemory::new(&features, &row_shape).with_context(of_head)?;
            probabilities = predict(&head, &features, rows).with_context(of_head)?;
        }
        let answered: Vec<_> = batch.rows.iter().zip(probabilities.chunks(classes.len())).collect();
        print(&printer, &dataset, &answered, &batch.skipped)?;
        seen += rows + batch.skipped.len();
        skipped += batch.skipped.len();
        if is_closed() {
            break;
        }
    }
    Ok(if skipped > 0 { Outcome::Skipped } else { Outcome::Done })
}

/// Prints a batch's answers in the order of its images.
fn print(
    printer: &Printer<'_>,
    dataset: &Dataset,
    answered: &[(&Row, &[f32])],
    skipped: &[Skipped],
) -> anyhow::Result<()> {
    let mut skipped = skipped.iter().peekable();
    let fail = |image: &Skipped| {
        let reason = limits::reason(image);
        note!("skipped {}: {reason}", image.path);
        printer.fail(&image.path, &reason)
    };
    for (row, probabilities) in answered {
        while let Some(image) = skipped.next_if(|image| image.sample < row.sample) {
            fail(image)?;
        }
        let path = &dataset.samples[row.sample].path;
        if !probabilities.iter().all(|p| p.is_finite()) {
            let text =
                format!("{path}: the model gives probabilities that are no numbers: {probabilities:?}");
            return Err(Fault::BadData(text).into());
        }
        printer.answer(path, probabilities)?;
    }
    skipped.try_for_each(fail)
}

fn format(flags: &Flags, command: &Predict) -> Result<Format, Fault> {
    match (flags.json, command.format) {
        (true, None | Some(Format::Jsonl)) => Ok(Format::Jsonl),
        (true, Some(_)) => Err(Fault::Usage("--json: is --format jsonl; leave one of them out".to_owned())),
        (false, format) => Ok(format.unwrap_or(Format::Table)),
    }
}

/// The file of weights, which no model holds.
fn weights<'a>(command: &'a Predict, model: &ModelMetadata) -> anyhow::Result<&'a Path> {
    let path = command.model.display();
    let Some(weights) = command.weights.as_deref() else {
        let which = model.weights_name.as_deref().unwrap_or("those of the features that it was trained on");
        let text = format!("--weights: expected the weights that go with {path}, {which}, found none");
        return Err(Fault::Usage(text).into());
    };
    if model.weights_hash.is_none() {
        note!(
            "{path}: does not say which weights it was trained with; {} is taken on trust",
            weights.display()
        );
    }
    Ok(weights)
}

/// The backbone with what computes it.
struct Network {
    vgg: Vgg,
    engine: Engine,
    backbone: Backbone,
}

impl Network {
    /// With the engine that suits so many images.
    fn load(backbone: Backbone, weights: &Path, device: &Device, images: usize) -> anyhow::Result<Self> {
        let engine = Engine::suited(device, images);
        let options = LoadOptions { kernel_convention: backbone.kernels };
        let (vgg, _) = Vgg::load(backbone.architecture, weights, &options, device, engine)?;
        Ok(Self { vgg, engine, backbone })
    }

    /// The network for more images than [`FEW_IMAGES`], once that many have come from standard input: it is their number,
    /// not when they come, that decides which engine computes an image.
    fn suited_to_more(self, weights: &Path, device: &Device) -> anyhow::Result<Self> {
        if self.engine == Engine::suited(device, usize::MAX) {
            return Ok(self);
        }
        let backbone = self.backbone;
        drop(self);
        Self::load(backbone, weights, device, usize::MAX)
    }
}
