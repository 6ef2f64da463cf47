//! What is done with each answer: it is written, kept for a list of the least certain, and its image is sorted.

use std::path::Path;

use headstart::{Answer, Placement, Prediction, Sorter};

use super::destination::Destination;
use super::output::Printer;
use crate::flags::Predict;
use crate::output::note;
use crate::words::reason;

/// Takes the answers of a prediction.
pub(super) struct Answers<'p, 'd> {
    printer: Printer<'p>,
    destination: Destination<'d>,
    sorter: Option<Sorter>,
    /// How many of the least certain are listed; none where every answer is.
    uncertain: Option<usize>,
    /// Those so far, the least certain first.
    least: Vec<(String, Prediction)>,
}

impl<'p, 'd> Answers<'p, 'd> {
    pub(super) fn new(printer: Printer<'p>, destination: Destination<'d>, command: &Predict) -> Self {
        let sorter = match (&command.copy_to, &command.link_to) {
            (Some(folder), _) => Some(Sorter::new(folder, Placement::Copy)),
            (_, Some(folder)) => Some(Sorter::new(folder, Placement::Link)),
            _ => None,
        };
        Self { printer, destination, sorter, uncertain: command.uncertain, least: Vec::new() }
    }

    /// Writes what stands above the answers.
    pub(super) fn begin(&mut self) -> anyhow::Result<()> {
        match self.printer.heading() {
            Some(line) => Ok(self.destination.line(&line, false)?),
            None => Ok(()),
        }
    }

    /// Takes an answer.
    pub(super) fn take(&mut self, answer: Answer) -> anyhow::Result<()> {
        let Answer { path, prediction, .. } = answer;
        let prediction = match prediction {
            Ok(prediction) => prediction,
            Err(skipped) => {
                let reason = reason(&skipped.reason, skipped.limit);
                note!("skipped {path}: {reason}");
                return match self.uncertain {
                    Some(_) => Ok(()),
                    None => self.write(|printer| printer.failure(&path, &reason)),
                };
            }
        };
        if let Some(sorter) = &mut self.sorter {
            sorter.place(Path::new(&path), self.printer.label(&prediction))?;
        }
        match self.uncertain {
            Some(count) => self.keep(path, prediction, count),
            None => self.write(|printer| printer.answer(&path, &prediction))?,
        }
        Ok(())
    }

    /// Keeps an answer if it is among the least certain. Of equally certain ones the first come first.
    fn keep(&mut self, path: String, prediction: Prediction, count: usize) {
        let surer = |(_, kept): &(String, Prediction)| kept.probability <= prediction.probability;
        let position = self.least.partition_point(surer);
        self.least.insert(position, (path, prediction));
        self.least.truncate(count);
    }

    /// Writes what is told at the end.
    pub(super) fn finish(mut self) -> anyhow::Result<()> {
        for (path, prediction) in std::mem::take(&mut self.least) {
            self.write(|printer| printer.answer(&path, &prediction))?;
        }
        if let Some(sorter) = &self.sorter {
            let (placed, present) = (sorter.placed(), sorter.present());
            note!("sorted {placed} images, {present} were there already");
        }
        Ok(())
    }

    fn write(&mut self, line: impl FnOnce(&Printer<'_>) -> anyhow::Result<String>) -> anyhow::Result<()> {
        let text = line(&self.printer)?;
        Ok(self.destination.line(&text, self.printer.is_for_people())?)
    }

    /// Whether nobody wants more.
    pub(super) fn is_closed(&self) -> bool {
        self.destination.is_closed()
    }
}
