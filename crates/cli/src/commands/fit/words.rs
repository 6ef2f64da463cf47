//! The summary of a fit for a person.

use std::path::Path;

use headstart::doctor::{Severity, What};
use headstart::evaluation::{Interval, LearningPoint};
use headstart::{ClassRecall, Estimate, FitRecord, Fitted, NearPair};

use crate::commands::doctor::words::name;
use crate::flags::{Fit, TestChoice};
use crate::output::say;
use crate::words::quoted_path;

/// Classes that are shown, the worst first.
const SHOWN: usize = 10;

/// Likely label errors, and pairs of images, that are shown.
const FIRST: usize = 5;

/// By how much more images must have lowered the log loss for more to be worth while: half of the images against all.
const WORTH_WHILE: f64 = 0.05;

pub(super) fn print(fitted: &Fitted, command: &Fit, page: Option<&Path>) {
    let Fitted { record, output, .. } = fitted;
    let (kind, calibration) = (kind(record), calibration(record));
    say!("model        {} ({kind}, {calibration})", output.display());
    if !record.converged {
        say!("warning      the fit did not come to its tolerance of {}", record.tolerance);
    }
    let headline = record.headline();
    say!("accuracy     {}, {}", accuracy(headline), measured_on(record, command));
    if record.test.is_some() {
        let crossed = &record.cross_validation;
        say!("             {}, {}", accuracy(crossed), cross_validated(record));
    }
    if let Some(claimed) = record.claimed() {
        let (claimed, found) = (claimed.accuracy, record.cross_validation.accuracy);
        let (groups, images) = (record.groups, record.rows);
        say!(
            "groups       {claimed:.3} claimed, {found:.3} true: a cross-validation that tears apart the {groups} groups"
        );
        say!("             of the {images} images claims more than is true of new groups");
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
    if let Some(unknown) = &record.unknown {
        let refused = unknown.refused_of_test.unwrap_or(unknown.refused);
        let share = 100.0 * unknown.share;
        say!(
            "unknown      {refused:.3} of these images are refused as of no class, {share} % were asked for"
        );
    }
    if !record.learning_curve.is_empty() {
        say!("more images  {}", more_images(&record.learning_curve));
    }
    look_first(fitted);
    look_at(fitted, command);
    if let Some(page) = page {
        say!("report       {}", page.display());
    }
    let weights = command.network.weights.as_ref().filter(|_| !fitted.classifier.is_bundled());
    let weights = weights.map(|path| format!(" --weights {}", quoted_path(path))).unwrap_or_default();
    say!("next         headstart predict {} new.jpg{weights}", quoted_path(output));
}

/// The kind of head.
fn kind(record: &FitRecord) -> String {
    match &record.training {
        Some(options) => format!("recipe {}, {} epochs of {}", record.recipe, options.epochs, record.solver),
        None => format!("logistic regression, C {}", record.strength),
    }
}

/// What makes the probabilities as sure as they are right.
fn calibration(record: &FitRecord) -> String {
    match record.platt {
        _ if !record.calibrated => "not calibrated".to_owned(),
        Some(platt) => format!("slope {:.2} and offset {:.2} of the logits", platt.slope, platt.offset),
        None => format!("temperature {:.2}", record.temperature.value()),
    }
}

/// The images that a person should look at first.
fn look_first(fitted: &Fitted) {
    let Fitted { label_errors, near_pairs, .. } = fitted;
    let unlike: Vec<&NearPair> =
        near_pairs.iter().filter(|pair| pair.first_class != pair.second_class).collect();
    let mut lines = Vec::new();
    if !unlike.is_empty() {
        lines.push(format!(
            "{} pairs of images that are nearly the same under two labels, the nearest first:",
            unlike.len()
        ));
        lines.extend(unlike.iter().take(FIRST).map(|pair| {
            let place = if pair.in_test { " of the test" } else { "" };
            let (first, second) = (quoted_path(Path::new(&pair.first)), quoted_path(Path::new(&pair.second)));
            format!("  {first} and {second}{place}")
        }));
    }
    if !label_errors.is_empty() {
        lines.push(format!("{} labels that are probably wrong, the likeliest first:", label_errors.len()));
        lines.extend(label_errors.iter().take(FIRST).map(|error| {
            let (path, suggested, given) =
                (quoted_path(Path::new(&error.path)), &error.suggested, &error.given);
            format!(
                "  {path}: {suggested} {:.2}, {given} {:.2}",
                error.probability_of_suggested, error.probability_of_given
            )
        }));
    }
    let copies = near_pairs.iter().filter(|pair| pair.in_test).count();
    if copies > 0 {
        lines.push(format!("{copies} pairs of an image and its near-duplicate of the test, not trained on"));
    }
    for (position, line) in lines.into_iter().enumerate() {
        let title = if position == 0 { "look first" } else { "" };
        say!("{title:<13}{line}");
    }
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
        "{would}: from {:.0} images to {:.0} to learn from, the log loss {change} by {:.0} %, accuracy {:.3} to {}",
        half.training_rows,
        all.training_rows,
        100.0 * lower.abs(),
        half.accuracy,
        with_interval(all.accuracy, all.accuracy_interval)
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
