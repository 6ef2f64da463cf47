//! `headstart verify`: a model's answers against those that it gave when it was made.

use headstart::{Classifier, Complete, Description, IfExists, Predictor, Verification};
use serde::Serialize;

use super::described::backbone;
use crate::fault::Fault;
use crate::flags::{Flags, Verify};
use crate::outcome::Outcome;
use crate::output::{give, say};
use crate::progress::Terminal;

/// What the command reports.
#[derive(Debug, Serialize)]
struct Report {
    #[serde(flatten)]
    found: Verification,
    tolerance: f64,
    is_within: bool,
}

pub(crate) fn run(flags: &Flags, command: &Verify) -> anyhow::Result<Outcome> {
    let classifier = Classifier::load(&command.model)?;
    if let Some(path) = &command.inputs {
        if path.extension().is_none_or(|suffix| suffix != "npy") {
            let text = format!("--inputs: expected a name that ends in .npy, found {}", path.display());
            return Err(Fault::Usage(text).into());
        }
        let if_exists = if command.fresh { IfExists::Replace } else { IfExists::Refuse };
        classifier.write_recorded_images(path, if_exists)?;
        say!("images    {}", path.display());
        return Ok(Outcome::Done);
    }
    let found = match &command.outputs {
        Some(outputs) => classifier.verify_outputs(outputs)?,
        None => here(flags, command, &classifier)?,
    };
    let is_within = found.is_within(command.tolerance);
    let report = Report { found, tolerance: command.tolerance, is_within };
    report.print(flags.json)?;
    Ok(if is_within { Outcome::Done } else { Outcome::Differs })
}

/// The answers of this machine.
fn here(flags: &Flags, command: &Verify, classifier: &Classifier) -> anyhow::Result<Verification> {
    // Before the network is looked for.
    classifier.recorded_answers()?;
    let Complete { backbone: id, .. } = classifier.complete(Description::default())?;
    let device = flags.device.open()?;
    let mut terminal = Terminal::without_signals();
    let weights = command.weights.as_deref();
    let backbone = backbone(weights, &command.model, classifier, id, &mut terminal)?.on(device);
    let backbone = backbone.with_precision(command.precision.into());
    Ok(Predictor::new(classifier, &backbone)?.verify()?)
}

impl Report {
    fn print(&self, json: bool) -> anyhow::Result<()> {
        if json {
            give!("{}", serde_json::to_string_pretty(self)?);
            return Ok(());
        }
        let Verification { images, probabilities, features, .. } = self.found;
        say!("images         {images}, of a formula");
        match probabilities {
            0.0 => say!("probabilities  do not differ"),
            _ => say!("probabilities  differ by at most {probabilities:.1e}"),
        }
        match features {
            None => {}
            Some(0.0) => say!("features       do not differ"),
            Some(features) => say!("features       differ by at most {features:.1e} of the largest"),
        }
        let verdict = if self.is_within { "the same" } else { "not the same" };
        say!("answers        {verdict}, at a tolerance of {:e}", self.tolerance);
        Ok(())
    }
}
