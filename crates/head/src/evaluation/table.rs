//! An evaluation as lines of at most 80 columns.

use std::fmt;

use super::{ClassScores, Evaluation, Interval};

/// Columns of a terminal.
const WIDTH: usize = 80;

/// Columns of a class's name at most, and in a confusion matrix at least.
const NAME: usize = 30;
const SHORT_NAME: usize = 8;

/// The largest confusion matrix that is shown whole, and the number of confusions that are listed of a larger one.
const MOST_CLASSES: usize = 12;
const MOST_CONFUSIONS: usize = 10;

impl fmt::Display for Evaluation {
    /// Lines of at most 80 columns for a person: the metrics with their intervals, each class, and the confusion matrix.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&lines(self).join("\n"))
    }
}

fn lines(evaluation: &Evaluation) -> Vec<String> {
    let mut lines = summary(evaluation);
    lines.push(String::new());
    lines.extend(classes(evaluation));
    lines.push(String::new());
    lines.extend(matrix(evaluation).unwrap_or_else(|| confusions(evaluation)));
    lines
}

/// A line a metric, with its interval if there is one.
fn summary(evaluation: &Evaluation) -> Vec<String> {
    let intervals = evaluation.intervals.as_ref();
    let line = |name: &str, value: f64, interval: Option<Interval>, note: &str| {
        let range = intervals.zip(interval).map(|(all, Interval { low, high })| {
            let percent = all.confidence_level * 100.0;
            format!(" ({percent} % interval {low:.3} to {high:.3}{note})")
        });
        format!("{name:<22}{value:.3}{}", range.unwrap_or_default())
    };
    let plain = |name: &str, value: f64| line(name, value, None, "");
    let mut lines = vec![
        line("accuracy", evaluation.accuracy, intervals.map(|all| all.accuracy), ""),
        plain("balanced accuracy", evaluation.balanced_accuracy),
    ];
    if let Some(top) = evaluation.top_k_accuracy {
        lines.push(plain(&format!("top-{} accuracy", top.k), top.accuracy));
    }
    lines.push(line("macro F1", evaluation.macro_average.f1, intervals.map(|all| all.macro_f1), ""));
    lines.push(match evaluation.roc_auc {
        Some(area) => {
            let fewer = intervals.filter(|all| all.roc_auc_resamples < all.resamples);
            let note = fewer.map(|all| format!(", {} draws", all.roc_auc_resamples)).unwrap_or_default();
            line("ROC AUC", area, intervals.and_then(|all| all.roc_auc), &note)
        }
        None => format!("{:<22}- (a class has no rows)", "ROC AUC"),
    });
    lines.extend([
        plain("Matthews correlation", evaluation.matthews_correlation),
        line("loss", evaluation.loss, intervals.map(|all| all.loss), ""),
        plain("Brier score", evaluation.brier_score),
        line(
            "calibration error",
            evaluation.expected_calibration_error,
            intervals.map(|all| all.expected_calibration_error),
            "",
        ),
    ]);
    lines
}

/// A row a class, and the averages.
fn classes(evaluation: &Evaluation) -> Vec<String> {
    const AVERAGES: [&str; 2] = ["macro average", "weighted average"];
    let names = evaluation.classes.iter().map(String::as_str).chain(AVERAGES);
    let width = names.map(|name| name.chars().count()).max().unwrap_or(0).min(NAME);
    let row = |name: &str, scores: ClassScores, area: Option<f64>, rows: u64| {
        let ClassScores { precision, recall, f1 } = scores;
        let area = area.map_or("-".to_owned(), |area| format!("{area:.3}"));
        format!("{} {precision:>9.3} {recall:>9.3} {f1:>9.3} {area:>9} {rows:>9}", clipped(name, width))
    };
    let heading = ["precision", "recall", "F1", "ROC AUC", "rows"].map(|name| format!(" {name:>9}")).concat();
    let mut lines = vec![format!("{}{heading}", clipped("class", width))];
    for class in &evaluation.per_class {
        lines.push(row(&class.class, class.scores, class.roc_auc, class.support));
    }
    let rows = evaluation.rows as u64;
    lines.push(row(AVERAGES[0], evaluation.macro_average, evaluation.roc_auc, rows));
    lines.push(row(AVERAGES[1], evaluation.weighted_average, None, rows));
    lines
}

/// The confusion matrix, where it fits.
fn matrix(evaluation: &Evaluation) -> Option<Vec<String>> {
    let counts = &evaluation.confusion_matrix;
    let largest = counts.iter().flatten().max()?;
    let cell = largest.to_string().len().max(4) + 1;
    let room = WIDTH.checked_sub(counts.len() * cell)?;
    if counts.len() > MOST_CLASSES || room < SHORT_NAME {
        return None;
    }
    // Classes without names have their numbers as names, which are shown once.
    let numbered = |(label, name): (usize, &String)| {
        let label = label.to_string();
        if label == *name { label } else { format!("{label} {name}") }
    };
    let names: Vec<String> = evaluation.classes.iter().enumerate().map(numbered).collect();
    let width = names.iter().map(|name| name.chars().count()).max()?.max(SHORT_NAME).min(room);
    let line = |name: &str, cells: Vec<String>| {
        let cells: String = cells.iter().map(|text| format!("{text:>cell$}")).collect();
        format!("{}{cells}", clipped(name, width))
    };
    let mut lines = vec!["confusion matrix, rows true, columns predicted".to_owned()];
    lines.push(line("", (0..counts.len()).map(|label| label.to_string()).collect()));
    for (name, row) in names.iter().zip(counts) {
        lines.push(line(name, row.iter().map(u64::to_string).collect()));
    }
    Some(lines)
}

/// The most frequent confusions; of equally frequent ones the first by label.
fn confusions(evaluation: &Evaluation) -> Vec<String> {
    let mut confused = Vec::new();
    for (label, row) in evaluation.confusion_matrix.iter().enumerate() {
        let wrong = row.iter().enumerate().filter(|&(predicted, &count)| predicted != label && count > 0);
        confused.extend(wrong.map(|(predicted, &count)| (count, label, predicted)));
    }
    confused.sort_by_key(|&(count, ..)| std::cmp::Reverse(count));
    let pairs = confused.len();
    confused.truncate(MOST_CONFUSIONS);
    let mut lines = vec![format!("{} of {pairs} confusions, the most frequent first", confused.len())];
    for (count, label, predicted) in confused {
        let [label, predicted] =
            [label, predicted].map(|class| clipped(&evaluation.classes[class], NAME - 2));
        lines.push(format!("{count:>6}  {label} taken for {}", predicted.trim_end()));
    }
    lines
}

/// A name in a number of columns. A control character, which could move the cursor, is shown as a question mark.
fn clipped(name: &str, width: usize) -> String {
    let shown = |symbol: char| if symbol.is_control() { '?' } else { symbol };
    let long = name.chars().count() > width;
    let kept = if long { width.saturating_sub(1) } else { width };
    let mut text: String = name.chars().take(kept).map(shown).collect();
    if long {
        text.push('…');
    }
    format!("{text:<width$}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::EvaluationOptions;

    /// So many classes, each `rows` times; every third row is taken for the next class.
    fn evaluation(names: &[String], rows: usize) -> Evaluation {
        let classes = names.len();
        let (mut probabilities, mut labels) = (Vec::new(), Vec::new());
        for row in 0..rows * classes {
            let label = row % classes;
            let predicted = if row % 3 == 0 { (label + 1) % classes } else { label };
            let rest = 0.25 / (classes - 1) as f32;
            probabilities.extend((0..classes).map(|class| if class == predicted { 0.75 } else { rest }));
            labels.push(label as u32);
        }
        let options = EvaluationOptions { resamples: 50, ..EvaluationOptions::default() };
        Evaluation::new(&probabilities, &labels, names, &options).unwrap()
    }

    #[test]
    fn two_classes_are_told_to_the_letter() {
        let mut evaluation = evaluation(&["animals".to_owned(), "food".to_owned()], 6);
        if let Some(intervals) = &mut evaluation.intervals {
            intervals.accuracy = Interval { low: 0.417, high: 0.917 };
        }
        let lines = lines(&evaluation);
        assert_eq!(lines[0], "accuracy              0.667 (95 % interval 0.417 to 0.917)");
        let expected = [
            "class            precision    recall        F1   ROC AUC      rows",
            "animals              0.667     0.667     0.667     0.667         6",
            "food                 0.667     0.667     0.667     0.667         6",
            "macro average        0.667     0.667     0.667     0.667        12",
            "weighted average     0.667     0.667     0.667         -        12",
            "",
            "confusion matrix, rows true, columns predicted",
            "             0    1",
            "0 animals    4    2",
            "1 food       2    4",
        ];
        assert_eq!(lines[lines.len() - 10..], expected);
    }

    #[test]
    fn no_line_is_wider_than_a_terminal() {
        for classes in [2, 7, 12, 13, 40] {
            let name = |class: usize| format!("a class whose name has many words in it, number {class}\n");
            let names: Vec<String> = (0..classes).map(name).collect();
            let lines = lines(&evaluation(&names, 9));
            let widest = lines.iter().map(|line| line.chars().count()).max().unwrap();
            assert!(widest <= WIDTH, "{classes} classes: {lines:#?}");
            assert!(lines.iter().all(|line| !line.contains(char::is_control)));
            let whole = lines.iter().any(|line| line.starts_with("confusion matrix"));
            assert_eq!(whole, classes <= MOST_CLASSES);
            assert_eq!(lines.iter().any(|line| line.contains(" taken for ")), classes > MOST_CLASSES);
        }
    }

    #[test]
    fn large_counts_take_the_place_of_a_matrix_that_would_not_fit() {
        let names: Vec<String> = (0..12).map(|class| format!("class {class}")).collect();
        let mut evaluation = evaluation(&names, 2);
        evaluation.confusion_matrix[3][5] = 12_345_678;
        let lines = lines(&evaluation);
        let first = lines.iter().position(|line| line.contains("confusions")).unwrap() + 1;
        assert_eq!(
            lines[first].split_whitespace().collect::<Vec<_>>().join(" "),
            "12345678 class 3 taken for class 5"
        );
    }

    #[test]
    fn an_area_that_does_not_exist_is_told() {
        let names = ["a".to_owned(), "b".to_owned()];
        let evaluation = Evaluation::new(&[0.5, 0.5], &[0], &names, &EvaluationOptions::default()).unwrap();
        assert!(lines(&evaluation).contains(&"ROC AUC               - (a class has no rows)".to_owned()));
    }
}
