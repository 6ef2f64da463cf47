//! `headstart predict`: a trained head and images in, their classes out.

mod lines;
mod output;

use std::ops::ControlFlow;

use headstart::{
    Backbone, BackboneId, Classifier, Complete, Description, ImageList, KernelConvention, Note, Observer,
    Predictor, Preprocessing,
};

use self::lines::Lines;
use self::output::{Printer, UNKNOWN};
use crate::fault::Fault;
use crate::flags::{Flags, Format, Predict, fit};
use crate::outcome::Outcome;
use crate::output::{is_closed, note};
use crate::progress::Terminal;
use crate::words::reason;

pub(crate) fn run(flags: &Flags, command: &Predict) -> anyhow::Result<Outcome> {
    let format = format(flags, command)?;
    let classifier = Classifier::load_with(&command.model, &command.head.options())?;
    let given = given(command, &classifier)?;
    let Complete { classes, backbone: id, .. } = classifier.complete(given.clone())?;
    let mut terminal = Terminal::without_signals();
    let backbone = backbone(command, &classifier, id, &mut terminal)?;
    let backbone = backbone.on(flags.device.open()?).with_precision(command.precision.into());
    if command.reject.is_some() && classes.iter().any(|class| class == UNKNOWN) {
        let text = format!("--reject: {} has a class {UNKNOWN} itself", command.model.display());
        return Err(Fault::Usage(text).into());
    }
    let mut predictor =
        Predictor::with_description(&classifier, &backbone, given)?.limits(command.limits.into());
    if let Some(batch_size) = command.batch_size {
        predictor = predictor.batch_size(batch_size);
    }
    let printer = Printer::new(&classes, format, command);
    let mut printed = Ok(());
    let mut print = |answer: headstart::Answer| {
        printed = match &answer.prediction {
            Ok(prediction) => printer.answer(&answer.path, prediction),
            Err(skipped) => {
                let reason = reason(&skipped.reason, skipped.limit);
                note!("skipped {}: {reason}", answer.path);
                printer.fail(&answer.path, &reason)
            }
        };
        if printed.is_err() || is_closed() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    printer.begin();
    let answered = match images(command, &mut terminal)? {
        Some(images) => predictor.run(images, &mut print)?,
        None => predictor.run(Lines::open(), &mut print)?,
    };
    printed?;
    Ok(if answered.skipped > 0 { Outcome::Skipped } else { Outcome::Done })
}

fn format(flags: &Flags, command: &Predict) -> Result<Format, Fault> {
    match (flags.json, command.format) {
        (true, None | Some(Format::Jsonl)) => Ok(Format::Jsonl),
        (true, Some(_)) => Err(Fault::Usage("--json: is --format jsonl; leave one of them out".to_owned())),
        (false, format) => Ok(format.unwrap_or(Format::Table)),
    }
}

/// The images of the arguments; none where paths come from standard input.
fn images(command: &Predict, observer: &mut dyn Observer) -> anyhow::Result<Option<ImageList>> {
    match command.images.iter().filter(|argument| argument.as_os_str() == "-").count() {
        0 if command.images.is_empty() => Ok(None),
        0 => Ok(Some(ImageList::new(&command.images, command.follow_links, observer)?)),
        _ if command.images.len() == 1 => Ok(None),
        _ => {
            let text = "-, for paths from standard input, stands alone: give images as arguments or there";
            Err(Fault::Usage(text.to_owned()).into())
        }
    }
}

/// What the flags say of the model. A flag can't change what the model states.
fn given(command: &Predict, classifier: &Classifier) -> Result<Description, anyhow::Error> {
    let classes = !classifier.classes().is_empty();
    let (preprocessing, backbone) = (classifier.preprocessing().is_some(), classifier.backbone()?.is_some());
    for (flag, given, stated) in [
        ("--classes", command.classes.is_some(), classes),
        ("--preset", command.preset.is_some(), preprocessing),
        ("--size", command.size.is_some(), preprocessing),
        ("--resize", command.resize.is_some(), preprocessing),
        ("--crop-pct", command.crop_pct.is_some(), preprocessing),
        ("--interpolation", command.interpolation.is_some(), preprocessing),
        ("--backbone", command.backbone.is_some(), backbone),
        ("--kernels", command.kernels.is_some(), backbone),
        ("--pool", command.pool.is_some(), classifier.provenance().is_some()),
    ] {
        if given && stated {
            let path = command.model.display();
            return Err(Fault::Usage(format!("{path}: says that itself; leave {flag} out")).into());
        }
    }
    let fit = fit(command.resize, command.crop_pct)?;
    let preprocessing = command.preset.zip(command.size).map(|(preset, size)| {
        let mut preprocessing = Preprocessing::preset(preset, size.height, size.width);
        preprocessing.interpolation = command.interpolation.unwrap_or(preprocessing.interpolation);
        preprocessing.fit = fit.map_or(preprocessing.fit, |fit| fit.among(&[]));
        preprocessing
    });
    let pooling = command.pool;
    let kernels = command.kernels.map_or(KernelConvention::Auto, Into::into);
    let backbone = command.backbone.map(|architecture| BackboneId { architecture, kernels });
    Ok(Description { classes: command.classes.clone(), preprocessing, backbone, pooling })
}

/// The network with its weights, which no model holds: the given file, or those of this program.
fn backbone(
    command: &Predict,
    classifier: &Classifier,
    id: BackboneId,
    observer: &mut dyn Observer,
) -> Result<Backbone, headstart::Error> {
    let stated = classifier.provenance().is_some();
    let backbone = match &command.weights {
        Some(weights) => Backbone::named(id.architecture, weights),
        None if stated => return classifier.shipped_backbone(),
        None => Backbone::shipped(id.architecture)?,
    };
    if !stated {
        let (model, weights) = (command.model.clone(), backbone.weights().to_path_buf());
        observer.note(&Note::UnknownWeights { model, weights });
    }
    Ok(backbone.with_kernels(id.kernels))
}
