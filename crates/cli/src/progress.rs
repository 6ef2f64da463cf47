//! Progress and notes on standard error, and the end of a job on a signal.

use std::ops::ControlFlow;

use headstart::{EpochMetrics, Note, Observer, Progress, Stage};
use indicatif::{ProgressBar, ProgressStyle};

use crate::output::{is_quiet, note, shows_epochs};
use crate::signals::Signals;
use crate::words::reason;

/// A bar over `length` things, with their rate and the time left. Without a terminal it draws nothing.
pub(crate) fn bar(length: usize, what: &str) -> ProgressBar {
    if is_quiet() {
        return ProgressBar::hidden();
    }
    let template = format!("{{msg}} [{{bar:32}}] {{pos}}/{{len}} {what}, {{per_sec:.1}}, {{eta}} left");
    // The template is constant; if it were wrong, indicatif's own style would do.
    let style = ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(length as u64).with_style(style.progress_chars("=> "))
}

/// Shows a job on standard error, and ends it after a signal.
pub(crate) struct Terminal<'a> {
    signals: Option<&'a Signals>,
    bar: Option<(Stage, ProgressBar)>,
    /// Steps of the stage that is shown.
    total: usize,
}

impl<'a> Terminal<'a> {
    pub(crate) fn new(signals: &'a Signals) -> Self {
        Self { signals: Some(signals), bar: None, total: 0 }
    }

    /// Shows a job that a signal ends at once.
    pub(crate) fn without_signals() -> Self {
        Self { signals: None, bar: None, total: 0 }
    }

    /// Prints a line without disturbing the bar.
    fn print(&self, text: &str) {
        match &self.bar {
            Some((_, bar)) => bar.suspend(|| note!("{text}")),
            None => note!("{text}"),
        }
    }
}

impl Observer for Terminal<'_> {
    fn progress(&mut self, progress: &Progress) -> ControlFlow<()> {
        let Progress { stage, done, total, .. } = *progress;
        if self.bar.as_ref().is_none_or(|(shown, _)| *shown != stage) {
            self.bar = Some((stage, bar(total, stage.unit()).with_message(stage.to_string())));
        }
        self.total = total;
        if let Some((_, bar)) = &self.bar {
            bar.set_position(done as u64);
        }
        match self.signals.and_then(Signals::exit_code) {
            Some(_) => ControlFlow::Break(()),
            None => ControlFlow::Continue(()),
        }
    }

    fn note(&mut self, note: &Note) {
        match note {
            Note::Skipped { path, reason: why, limit } => {
                self.print(&format!("skipped {path}: {}", reason(why, *limit)));
            }
            Note::KernelsNamedOtherwise { flipped, .. } => {
                let other = if *flipped { "correlation" } else { "convolution" };
                self.print(&format!("{note}; --kernels {other} follows the name"));
            }
            Note::PoorMatch { trained, .. } => {
                let (preset, height, width) = (&trained.preset, trained.height, trained.width);
                self.print(&format!(
                    "{note}: --preset {preset} --size {height}x{width}. docs/guide.md has figures: with VGG16 0.91 of \
                     photographs against 0.81, and with --backbone efficientnet_lite2 0.97"
                ));
            }
            note => self.print(&note.to_string()),
        }
    }

    fn epoch(&mut self, epoch: &EpochMetrics) {
        if shows_epochs() {
            self.print(&described(epoch, self.total));
        }
    }
}

impl Drop for Terminal<'_> {
    fn drop(&mut self) {
        if let Some((_, bar)) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// An epoch's figures on one line.
pub(crate) fn described(epoch: &EpochMetrics, epochs: usize) -> String {
    let EpochMetrics { epoch: number, loss, accuracy, .. } = epoch;
    let mut line = format!("epoch {number:>3}/{epochs}  loss {loss:.4}  accuracy {accuracy:.4}");
    for (name, value) in [
        ("top_5_accuracy", epoch.top_5_accuracy),
        ("val_loss", epoch.val_loss),
        ("val_accuracy", epoch.val_accuracy),
        ("val_top_5_accuracy", epoch.val_top_5_accuracy),
    ] {
        if let Some(value) = value {
            line += &format!("  {name} {value:.4}");
        }
    }
    line
}
