//! The summary of a fit for a person.

use std::path::Path;

use headstart::doctor::{Severity, What};
use headstart::evaluation::{Interval, LearningPoint};
use headstart::{ClassRecall, Estimate, FitRecord, Fitted};

use crate::commands::doctor::words::name;
use crate::flags::{Fit, TestChoice};
use crate::output::say;
use crate::words::quoted_path;

/// Classes that are shown, the worst first.
const SHOWN: usize = 10;

/// By how much more images must have lowered the log loss for more to be worth while: half of the images against all.
const WORTH_WHILE: f64 = 0.05;

pub(super) fn print(fitted: &Fitted, command: &Fit, page: Option<&Path>) {
    let Fitted { record, output, .. } = fitted;
    let (strength, temperature) = (record.strength, record.temperature.value());
    say!(
        "model        {} (logistic regression, C {strength}, temperature {temperature:.2})",
        output.display()
    );
    if !record.converged {
        say!("warning      the fit did not come to its tolerance of {}", record.tolerance);
    }
    let headline = record.headline();
    say!("accuracy     {}, {}", accuracy(headline), measured_on(record, command));
    if record.test.is_some() {
        let crossed = &record.cross_validation;
        say!("             {}, {}", accuracy(crossed), cross_validated(record));
    }
    say!("log loss     {}", with_interval(headline.loss, headline.loss_interval));
    say!("calibration  {:.3} expected calibration error", headline.expected_calibration_error);
    for (position, class) in worst(headline).into_iter().take(SHOWN).enumerate() {
        let title = if position == 0 { "recall" } else { "" };
        say!("{title:<13}{:.3} of {} ({} images)", class.recall, class.class, class.images);
    }
    if headline.recall.len() > SHOWN {
        say!("             and {} classes that are found better", headline.recall.len() - SHOWN);
    }
    say!("more images  {}", more_images(&record.learning_curve));
    look_at(fitted, command);
    if let Some(page) = page {
        say!("report       {}", page.display());
    }
    let weights = command.network.weights.as_ref().filter(|_| !fitted.classifier.is_bundled());
    let weights = weights.map(|path| format!(" --weights {}", quoted_path(path))).unwrap_or_default();
    say!("next         headstart predict {} new.jpg{weights}", quoted_path(output));
}

fn accuracy(estimate: &Estimate) -> String {
    with_interval(estimate.accuracy, estimate.accuracy_interval)
}

fn with_interval(value: f64, interval: Option<Interval>) -> String {
    match interval {
        Some(Interval { low, high }) => format!("{value:.3} (95 % interval {low:.3} to {high:.3})"),
        None => format!("{value:.3}"),
    }
}

/// What the headline is of.
fn measured_on(record: &FitRecord, command: &Fit) -> String {
    let Some(test) = &record.test else { return cross_validated(record) };
    let images = test.estimate.images;
    match &command.test {
        Some(TestChoice::Folder(folder)) => {
            format!("{images} images of {}, none of which was trained on", folder.display())
        }
        _ => format!("{images} images that were kept for the test and not trained on"),
    }
}

fn cross_validated(record: &FitRecord) -> String {
    let (folds, images) = (record.folds, record.cross_validation.images);
    format!("{folds}-fold cross-validation, {images} images, no image judged by a head that saw it")
}

/// The classes, those with the smallest recall first; in their own order where all are shown.
fn worst(estimate: &Estimate) -> Vec<&ClassRecall> {
    let mut classes: Vec<&ClassRecall> = estimate.recall.iter().collect();
    if classes.len() > SHOWN {
        classes.retain(|class| class.images > 0);
        classes.sort_by(|a, b| a.recall.total_cmp(&b.recall));
    }
    classes
}

/// Whether more images would help.
fn more_images(curve: &[LearningPoint]) -> String {
    let [.., half, all] = curve else { return "nothing is known about it".to_owned() };
    let lower = 1.0 - all.loss / half.loss;
    let would = if lower > WORTH_WHILE { "would probably help" } else { "would probably help little" };
    let change = if lower < 0.0 { "rose" } else { "fell" };
    format!(
        "{would}: from {:.0} images to {:.0} to learn from, the log loss {change} by {:.0} %, accuracy {:.3} to {:.3}",
        half.training_rows,
        all.training_rows,
        100.0 * lower.abs(),
        half.accuracy,
        all.accuracy
    )
}

/// What is odd about the images, and the command that shows which they are.
fn look_at(fitted: &Fitted, command: &Fit) {
    let leaks = (fitted.leaks.len(), "images in both folders, not trained on");
    let skipped = (fitted.skipped().count(), "images that can't be read");
    let of_doctor = fitted.diagnosis.findings.iter().filter(|finding| {
        // Those are told with what became of them.
        finding.severity == Severity::Warning && finding.what != What::Leak
    });
    let of_doctor = of_doctor.map(|finding| (finding.count, name(finding.what)));
    let found: Vec<String> = [leaks, skipped]
        .into_iter()
        .chain(of_doctor)
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    if found.is_empty() {
        return;
    }
    let test = match &command.test {
        Some(TestChoice::Folder(folder)) => format!(" {}", quoted_path(folder)),
        _ => String::new(),
    };
    say!("look at      {}", found.join("; "));
    say!("             headstart doctor {}{test} shows them", quoted_path(&command.images));
}
