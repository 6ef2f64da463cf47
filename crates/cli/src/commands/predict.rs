//! `headstart predict`: a trained head and images in, their classes out.

mod answers;
mod destination;
mod images;
mod lines;
mod output;

use std::ops::ControlFlow;
use std::path::PathBuf;

use headstart::errors::FileError;
use headstart::{Classifier, Complete, Description, Features, IfExists, ImageList, Predictor, UNKNOWN};

use self::answers::Answers;
use self::destination::Destination;
use self::images::{Images, STANDARD_INPUT};
use self::output::Printer;
use super::described::{backbone, given};
use crate::fault::Fault;
use crate::flags::{Flags, Format, Predict};
use crate::outcome::Outcome;
use crate::progress::Terminal;

pub(crate) fn run(flags: &Flags, command: &Predict) -> anyhow::Result<Outcome> {
    let format = format(flags, command)?;
    let classifier = Classifier::load_with(&command.model, &command.network.head.options())?;
    let given = given(&command.network.described, &command.model, &classifier)?;
    let mut terminal = Terminal::without_signals();
    let images = Images::of(command, &mut terminal)?;
    let mut job = Job { flags, command, classifier: &classifier, given, format, terminal };
    let Some(output) = &command.output else {
        return job.run(images, Destination::Output);
    };
    let if_exists = if command.fresh { IfExists::Replace } else { IfExists::Refuse };
    let mut outcome = Outcome::Done;
    let written = headstart_files::write(output, if_exists, |writer| {
        outcome = job.run(images, Destination::File { writer, path: output })?;
        anyhow::Ok(())
    });
    written.map_err(|error| match error.downcast::<FileError>() {
        Ok(error) => headstart::Error::from(error).into(),
        Err(error) => error,
    })?;
    Ok(outcome)
}

/// A prediction that was asked for.
struct Job<'a> {
    flags: &'a Flags,
    command: &'a Predict,
    classifier: &'a Classifier,
    given: Description,
    format: Format,
    terminal: Terminal<'a>,
}

impl Job<'_> {
    fn run(&mut self, images: Images, destination: Destination<'_>) -> anyhow::Result<Outcome> {
        let answered = match images {
            Images::Features(files) => self.answer_rows(&files, destination)?,
            images => self.answer_images(images, destination)?,
        };
        Ok(if answered > 0 { Outcome::Skipped } else { Outcome::Done })
    }

    /// Answers rows of features, for which neither network nor weights are needed.
    fn answer_rows(&mut self, files: &[PathBuf], destination: Destination<'_>) -> anyhow::Result<usize> {
        let (command, classifier, format) = (self.command, self.classifier, self.format);
        let classes = self.given.classes.clone();
        let names = classes.as_deref().unwrap_or(classifier.classes()).to_vec();
        self.check_reject(&names)?;
        let mut answers = Answers::new(printer(classifier, &names, format, command), destination, command);
        answers.begin()?;
        let mut skipped = 0;
        for file in files {
            let features = Features::open(file).map_err(headstart::Error::from)?;
            let mut taken = Ok(());
            let answered = classifier.predict_rows(&features, classes.clone(), &mut |answer| {
                taken = answers.take(answer);
                if taken.is_err() || answers.is_closed() {
                    return ControlFlow::Break(());
                }
                ControlFlow::Continue(())
            })?;
            taken?;
            skipped += answered.skipped;
        }
        answers.finish()?;
        Ok(skipped)
    }

    fn answer_images(&mut self, images: Images, destination: Destination<'_>) -> anyhow::Result<usize> {
        let (command, classifier) = (self.command, self.classifier);
        let Complete { classes, backbone: id, .. } = classifier.complete(self.given.clone())?;
        self.check_reject(&classes)?;
        let device = self.flags.device.open()?;
        let network = &command.network;
        let weights = network.weights.as_deref();
        let backbone = backbone(weights, &command.model, classifier, id, &mut self.terminal)?.on(device);
        let backbone = backbone.with_precision(network.precision.into());
        let mut predictor = Predictor::with_description(classifier, &backbone, self.given.clone())?
            .limits(command.limits.into());
        if let Some(batch_size) = command.batch_size {
            predictor = predictor.batch_size(batch_size);
        }
        let printer = printer(classifier, &classes, self.format, command);
        let mut answers = Answers::new(printer, destination, command);
        answers.begin()?;
        let mut taken = Ok(());
        let mut take = |answer: headstart::Answer| {
            taken = answers.take(answer);
            if taken.is_err() || answers.is_closed() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let answered = match images {
            Images::List(images) => match &command.cache {
                Some(cache) => predictor.run_cached(images, cache, &mut self.terminal, &mut take)?,
                None => predictor.run(images, &mut take)?,
            },
            Images::Lines(lines) => predictor.run(lines, &mut take)?,
            Images::Image(file) => {
                let images = ImageList::new([file.path()], false, &mut self.terminal)?;
                let mut take = |mut answer: headstart::Answer| {
                    answer.path = STANDARD_INPUT.to_owned();
                    take(answer)
                };
                predictor.run(images, &mut take)?
            }
            Images::Features(_) => return Ok(0),
        };
        taken?;
        answers.finish()?;
        Ok(answered.skipped)
    }

    /// "unknown" must not be a class, too.
    fn check_reject(&self, classes: &[String]) -> Result<(), Fault> {
        if self.command.reject.is_some() && classes.iter().any(|class| class == UNKNOWN) {
            let text = format!("--reject: {} has a class {UNKNOWN} itself", self.command.model.display());
            return Err(Fault::Usage(text));
        }
        Ok(())
    }
}

/// What writes the answers: with how unlike images are, if the classifier knows that.
fn printer<'a>(
    classifier: &Classifier,
    classes: &'a [String],
    format: Format,
    command: &Predict,
) -> Printer<'a> {
    let printer = Printer::new(classes, format, command);
    if classifier.model().known.is_some() { printer.with_novelty() } else { printer }
}

fn format(flags: &Flags, command: &Predict) -> Result<Format, Fault> {
    match (flags.json, command.format) {
        (true, None | Some(Format::Jsonl)) => Ok(Format::Jsonl),
        (true, Some(_)) => Err(Fault::Usage("--json: is --format jsonl; leave one of them out".to_owned())),
        (false, format) => Ok(format.unwrap_or(Format::Table)),
    }
}
