//! What to do next, by what a report found.

use super::confusion::confused_pairs;
use super::data::{ClassMetrics, Report, ReportEvaluation};
use super::text::{count, percent};

/// A share of likely label errors, of the images that are judged, from which the head is too weak to judge labels.
const MANY_LABELS: f64 = 0.2;

/// A class with fewer images says little about its recall.
const ENOUGH: u64 = 5;

/// A class is worth a word when its recall is that much below the accuracy.
const BEHIND: f64 = 0.1;

/// Two classes are worth a word when so many images of them are confused.
const CONFUSED: u64 = 3;

/// By how much more images must have lowered the log loss for more to be worth while: the last step of the learning curve.
const WORTH_WHILE: f64 = 0.05;

/// A calibration error from which probabilities should not be taken at their word.
const UNSURE: f64 = 0.05;

/// An interval of the accuracy from which it says little.
const WIDE: f64 = 0.1;

/// Sentences, the most useful first. There is at least one.
pub(super) fn advice(data: &Report) -> Vec<String> {
    let mut advice = Vec::new();
    advice.extend(of_labels(data));
    if !data.near_duplicates.is_empty() {
        let pairs = count(data.near_duplicates.len(), "pair", "pairs");
        advice.push(format!(
            "Look at the {pairs} of near-duplicates between what was trained on and what was judged. Where both are one \
             scene, keep them on one side, or the figures are too good."
        ));
    }
    let unread = data.left_out.iter().filter(|file| file.reason.starts_with("can't be read")).count();
    if unread > 0 {
        let images = count(unread, "image that can't", "images that can't");
        advice.push(format!("Mend or replace the {images} be read; the list of left-out files says why."));
    }
    if let Some(evaluation) = &data.evaluation {
        advice.extend(of_classes(data, evaluation));
        advice.extend(of_figures(evaluation));
    }
    if let [.., before, last] = data.learning_curve.as_slice() {
        let lower = 1.0 - last.loss / before.loss;
        let (more, all) = (before.training_rows.round(), last.training_rows.round());
        let change = if lower < 0.0 { "rose" } else { "fell" };
        let (loss, from, to) = (percent(lower.abs()), percent(before.accuracy), percent(last.accuracy));
        let change = format!(
            "from {more} images to {all} the log loss {change} by {loss}, and the accuracy went from {from} to {to}"
        );
        advice.push(if lower > WORTH_WHILE {
            format!("More images would probably help: {change}.")
        } else {
            format!("More images of the same kind would probably help little: {change}. A larger network may help more.")
        });
    }
    if data.caution.is_some() {
        advice.push("Evaluate the head on images that took no part in choosing its epoch.".to_owned());
    }
    if advice.is_empty() {
        advice.push(
            "Nothing stands out. Try the head on new images, above all on those that it will be used for."
                .to_owned(),
        );
    }
    advice
}

/// Whether to look at the labels.
fn of_labels(data: &Report) -> Option<String> {
    let found = data.label_issues.len();
    let images = count(found, "image whose label is", "images whose labels are");
    let judged: u64 =
        data.evaluation.as_ref().map_or(0, |evaluation| evaluation.confusion.iter().flatten().sum());
    match found {
        0 => None,
        found if found as f64 > MANY_LABELS * judged as f64 && judged > 0 => Some(format!(
            "Look at the first of the {images} perhaps wrong. They are so many that most of them say more about the head than \
             about the labels."
        )),
        _ => Some(format!(
            "Look at the {images} likely wrong, and move those that are. It helps most, and costs least."
        )),
    }
}

/// The class that is found least, and the two that are confused most.
fn of_classes(data: &Report, evaluation: &ReportEvaluation) -> Vec<String> {
    let mut advice = Vec::new();
    let name = |class: usize| data.classes.get(class).cloned().unwrap_or_else(|| class.to_string());
    let recall = |(class, metrics): (usize, &ClassMetrics)| {
        (metrics.support >= ENOUGH).then_some((class, metrics.recall?, metrics.support))
    };
    let found = evaluation.per_class.iter().enumerate().filter_map(recall);
    let least = found.min_by(|a, b| a.1.total_cmp(&b.1));
    if let Some((class, recall, support)) = least.filter(|found| found.1 < evaluation.accuracy - BEHIND) {
        advice.push(format!(
            "{} is found least: {} of {support} images. Add images of it that differ from those that are there.",
            name(class),
            percent(recall)
        ));
    }
    // Of two classes there is one pair alone.
    let pairs =
        if evaluation.confusion.len() > 2 { confused_pairs(&evaluation.confusion) } else { Vec::new() };
    if let Some(pair) = pairs.first().filter(|pair| pair.images >= CONFUSED) {
        advice.push(format!(
            "{} and {} are confused most: {}. See whether their labels mean different things, and add images that show the \
             difference.",
            name(pair.classes[0]),
            name(pair.classes[1]),
            count(pair.images as usize, "image", "images")
        ));
    }
    advice
}

/// Whether the figures can be relied on.
fn of_figures(evaluation: &ReportEvaluation) -> Vec<String> {
    let mut advice = Vec::new();
    if let Some([low, high]) = evaluation.accuracy_interval.filter(|[low, high]| high - low > WIDE) {
        advice.push(format!(
            "The accuracy is not known well: it lies between {} and {}. Judge by more images before you compare.",
            percent(low),
            percent(high)
        ));
    }
    if let Some(error) = evaluation.expected_calibration_error.filter(|error| *error > UNSURE) {
        advice.push(format!(
            "Don't take probabilities at their word: on these images they are off by {} on average.",
            percent(error)
        ));
    }
    advice
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::LearningPoint;

    #[test]
    fn advice_follows_from_what_was_found() {
        let point = |rows: f64, loss: f64| LearningPoint {
            share: 1.0,
            training_rows: rows,
            accuracy: 0.9,
            accuracy_interval: None,
            loss,
            loss_interval: None,
        };
        let told = |data: &Report| advice(data).join("\n");
        assert!(told(&Report::default()).starts_with("Nothing stands out"));
        let curve =
            |last| Report { learning_curve: vec![point(50.0, 0.4), point(100.0, last)], ..Report::default() };
        assert!(
            told(&curve(0.3))
                .contains("would probably help: from 50 images to 100 the log loss fell by 25.0 %")
        );
        assert!(told(&curve(0.39)).contains("would probably help little"));
        let metrics =
            |recall, support| ClassMetrics { precision: None, recall: Some(recall), f1: None, support };
        let mut data = Report { classes: ["a", "b", "c"].map(str::to_owned).to_vec(), ..Report::default() };
        data.evaluation = Some(ReportEvaluation {
            split: String::new(),
            measured_on: String::new(),
            confusion: vec![vec![9, 1, 0], vec![4, 6, 0], vec![0, 0, 4]],
            per_class: vec![metrics(0.9, 10), metrics(0.6, 10), metrics(0.0, 4)],
            accuracy: 0.8,
            accuracy_interval: Some([0.6, 0.9]),
            loss: 0.5,
            auc: None,
            expected_calibration_error: Some(0.2),
            reliability: Vec::new(),
        });
        let told = told(&data);
        for part in [
            "b is found least: 60.0 % of 10",
            "a and b are confused most: 5 images",
            "not known well",
            "off by 20.0 %",
        ] {
            assert!(told.contains(part), "{part}: {told}");
        }
    }
}
