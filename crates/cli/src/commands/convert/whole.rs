//! Whole models for other programs: the head with its network.

use headstart::{Classifier, Error, Exported, IfExists, Predictor};
use serde::Serialize;

use super::has_suffix;
use crate::commands::described::{backbone, given};
use crate::fault::Fault;
use crate::flags::{Convert, Flags, Order};
use crate::outcome::Outcome;
use crate::output::{give, note, say};
use crate::progress::Terminal;

/// The program that the file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    Onnx,
    Keras,
    PyTorch,
}

impl Target {
    /// As the output's name and the flags say; none for a head alone in one of its own layouts.
    pub(super) fn of(command: &Convert) -> Result<Option<Self>, Fault> {
        let target = match (command.pytorch, has_suffix(command, "onnx"), has_suffix(command, "keras")) {
            (true, ..) if !has_suffix(command, "safetensors") => {
                let output = command.output.display();
                let text =
                    format!("--pytorch: expected an output whose name ends in .safetensors, found {output}");
                return Err(Fault::Usage(text));
            }
            (true, ..) => Some(Self::PyTorch),
            (_, true, _) => Some(Self::Onnx),
            (_, _, true) => Some(Self::Keras),
            _ => None,
        };
        let refused = match target {
            Some(_) if command.to_order == Order::Tf => Some("--to-order: is for .h5 and .weights.h5 files"),
            Some(Self::Onnx | Self::PyTorch) if command.no_bundle => Some(
                "--no-bundle: an .onnx file and the state dict for PyTorch always have the network; leave it out",
            ),
            None if command.weights.is_some() => Some("--weights: is for .onnx, .keras and --pytorch"),
            _ => None,
        };
        refused.map_or(Ok(target), |text| Err(Fault::Usage(text.to_owned())))
    }
}

/// What the command reports.
#[derive(Debug, Serialize)]
struct Report {
    output: String,
    bytes: u64,
    classes: Vec<String>,
    /// The shape of an image, or of a row of features.
    input: Vec<usize>,
    takes_pixels: bool,
    tells_novelty: bool,
}

pub(super) fn run(
    flags: &Flags,
    command: &Convert,
    target: Target,
    if_exists: IfExists,
) -> anyhow::Result<Outcome> {
    // Before the network is read.
    headstart_files::check_writable(&command.output, if_exists).map_err(Error::from)?;
    let classifier = Classifier::load_with(&command.input, &command.head.options())?;
    let exported = match target {
        Target::Keras if command.no_bundle => classifier.export_keras(&command.output, if_exists)?,
        _ => match with_network(command, &classifier, target, if_exists) {
            Err(error) if target == Target::Keras && is_left_out(command, &error) => {
                note!("{}: has the head alone: {}", command.output.display(), crate::words::message(&error));
                classifier.export_keras(&command.output, if_exists)?
            }
            exported => exported?,
        },
    };
    report(flags, command, target, exported)?;
    Ok(Outcome::Done)
}

fn with_network(
    command: &Convert,
    classifier: &Classifier,
    target: Target,
    if_exists: IfExists,
) -> anyhow::Result<Exported> {
    let given = given(&command.described, &command.input, classifier)?;
    let id = classifier.complete(given.clone())?.backbone;
    let weights = command.weights.as_deref();
    let mut terminal = Terminal::without_signals();
    let backbone = backbone(weights, &command.input, classifier, id, &mut terminal)?;
    let predictor = Predictor::with_description(classifier, &backbone, given)?;
    let exported = match target {
        Target::Onnx => predictor.export_onnx(&command.output, if_exists)?,
        Target::PyTorch => predictor.export_pytorch(&command.output, if_exists)?,
        Target::Keras => predictor.export_keras(&command.output, if_exists)?,
    };
    if exported.size.is_none() {
        let (output, network) = (command.output.display(), backbone.architecture());
        note!(
            "{output}: has the head alone, which takes features of {network}: Keras gets VGG networks only, and no mirror \
             images; an .onnx has every network"
        );
    }
    Ok(exported)
}

/// Whether a model of Keras is written without the network: nobody named weights, and none are found or the file does not say
/// of which network it is.
fn is_left_out(command: &Convert, error: &anyhow::Error) -> bool {
    let missing = matches!(error.downcast_ref(), Some(Error::NoWeights { .. } | Error::Unstated { .. }));
    command.weights.is_none() && missing
}

fn report(flags: &Flags, command: &Convert, target: Target, exported: Exported) -> anyhow::Result<()> {
    let Exported { classes, row_shape, size, tells_novelty, .. } = exported;
    let bytes = std::fs::metadata(&command.output).map(|file| file.len()).unwrap_or_default();
    let input = match (size, target) {
        (Some([height, width]), Target::Keras) => vec![height, width, 3],
        (Some([height, width]), _) => vec![3, height, width],
        (None, _) => row_shape,
    };
    let output = command.output.display().to_string();
    let report = Report { output, bytes, classes, input, takes_pixels: size.is_some(), tells_novelty };
    if flags.json {
        give!("{}", serde_json::to_string_pretty(&report)?);
        return Ok(());
    }
    let axes: Vec<String> = report.input.iter().map(usize::to_string).collect();
    let what = if report.takes_pixels { "pixels, RGB, 0 to 255" } else { "features" };
    say!("model     {} ({:.1} MB)", report.output, report.bytes as f64 / 1e6);
    say!("input     N x {} ({what})", axes.join(" x "));
    say!(
        "classes   {}",
        if report.classes.is_empty() { "not known".to_owned() } else { report.classes.join(", ") }
    );
    Ok(())
}
