//! The sections of figures and plots.

use maud::{Markup, html};

use super::{as_table, class_name, table};
use crate::report::data::{Epoch, ReliabilityBin, Report};
use crate::report::svg::{LinePlot, Series, confusion_matrix, line_plot, reliability_diagram};
use crate::report::text::{number, percent, percent_or_dash};

/// A matrix of more classes can't be read; the largest confusions tell what matters.
const LARGEST_MATRIX: usize = 40;

/// How many of the largest confusions are listed.
const CONFUSIONS: usize = 20;

/// Bars of per-class metrics have this width.
const BAR: f64 = 60.0;

pub(super) fn learning_curves(data: &Report) -> Markup {
    let (Some(first), Some(last)) = (data.epochs.first(), data.epochs.last()) else {
        return html! { p { "No epochs were recorded." } };
    };
    let validated = data.epochs.iter().any(|epoch| epoch.val_loss.is_some());
    let series = |train: fn(&Epoch) -> f64, validation: fn(&Epoch) -> Option<f64>| {
        let points = |value: &dyn Fn(&Epoch) -> f64| {
            data.epochs.iter().map(|epoch| (epoch.epoch as f64, value(epoch))).collect()
        };
        let mut series = vec![Series { name: "training", class: "first", points: points(&train) }];
        if validated {
            let value = |epoch: &Epoch| validation(epoch).unwrap_or(f64::NAN);
            series.push(Series { name: "validation", class: "second", points: points(&value) });
        }
        series
    };
    let loss = series(|epoch| epoch.loss, |epoch| epoch.val_loss);
    let accuracy = series(|epoch| epoch.accuracy, |epoch| epoch.val_accuracy);
    let mark = data.kept_epoch.map(|epoch| (epoch as f64, "kept"));
    let tell = |what: &str, value: &dyn Fn(&Epoch) -> f64, show: fn(f64) -> String| {
        format!(
            "{what} goes from {} in epoch {} to {} in epoch {}",
            show(value(first)),
            first.epoch,
            show(value(last)),
            last.epoch
        )
    };
    let both = |what: &str,
                series: &[Series],
                value: &dyn Fn(&Epoch) -> f64,
                val: &dyn Fn(&Epoch) -> f64,
                show: fn(f64) -> String| {
        let training = tell(&format!("Training {what}"), value, show);
        if series.len() < 2 {
            training + "."
        } else {
            format!("{training}; {}.", tell(&format!("validation {what}"), val, show))
        }
    };
    let loss_told = both("loss", &loss, &|e| e.loss, &|e| e.val_loss.unwrap_or(f64::NAN), number);
    let accuracy_told =
        both("accuracy", &accuracy, &|e| e.accuracy, &|e| e.val_accuracy.unwrap_or(f64::NAN), percent);
    html! {
        (best_epoch(data))
        div.plots {
            (line_plot(&LinePlot {
                id: "loss-plot", title: "Loss by epoch", description: &loss_told, y_label: "Loss", shares: false,
                series: &loss, mark,
            }))
            (line_plot(&LinePlot {
                id: "accuracy-plot", title: "Accuracy by epoch", description: &accuracy_told, y_label: "Accuracy",
                shares: true, series: &accuracy, mark,
            }))
        }
        (as_table("Epochs", html! {
            thead { tr {
                th scope="col" { "Epoch" }
                th.number scope="col" { "Loss" } th.number scope="col" { "Accuracy" }
                th.number scope="col" { "Validation loss" } th.number scope="col" { "Validation accuracy" }
            } }
            tbody {
                @for epoch in &data.epochs {
                    tr {
                        th scope="row" { (epoch.epoch) @if data.kept_epoch == Some(epoch.epoch) { " (kept)" } }
                        td.number { (number(epoch.loss)) } td.number { (percent(epoch.accuracy)) }
                        td.number { (number(epoch.val_loss.unwrap_or(f64::NAN))) }
                        td.number { (percent_or_dash(epoch.val_accuracy)) }
                    }
                }
            }
        }))
    }
}

/// Which epoch was best, and which was kept.
fn best_epoch(data: &Report) -> Markup {
    let validated = data.epochs.iter().filter_map(|epoch| Some((epoch.epoch, epoch.val_loss?)));
    let best = validated.min_by(|a, b| a.1.total_cmp(&b.1));
    html! {
        p {
            @if let Some((epoch, loss)) = best {
                "Validation loss was lowest after epoch " (epoch) ", at " (number(loss)) ". "
            }
            @if let Some(kept) = data.kept_epoch {
                "The head is that of epoch " (kept) " of " (data.epochs.len()) "."
            }
        }
    }
}

pub(super) fn confusion(data: &Report) -> Markup {
    let Some(evaluation) = &data.evaluation else { return html! { p { "Nothing was evaluated." } } };
    let confusion = &evaluation.confusion;
    let cells = confusion.iter().enumerate().flat_map(|(row, counts)| {
        counts.iter().enumerate().map(move |(column, count)| (row, column, *count))
    });
    let mut wrong: Vec<_> = cells.filter(|(row, column, count)| row != column && *count > 0).collect();
    wrong.sort_by_key(|(row, column, count)| (std::cmp::Reverse(*count), *row, *column));
    let errors: u64 = wrong.iter().map(|(.., count)| count).sum();
    let described = format!(
        "A row a true class, a column a predicted class, for {} classes. {errors} images lie off the diagonal.",
        confusion.len()
    );
    html! {
        p { "Each row is a true class, each column what was predicted; the diagonal is right. The tint is the share of the row." }
        @if confusion.len() <= LARGEST_MATRIX {
            div.plot-one { (confusion_matrix("confusion-plot", &data.classes, confusion, &described)) }
            (as_table("Confusion matrix", html! {
                thead { tr {
                    th scope="col" { "True class" }
                    @for column in 0..confusion.len() { th.number scope="col" { "as " (class_name(data, column)) } }
                } }
                tbody {
                    @for (row, counts) in confusion.iter().enumerate() {
                        tr {
                            th scope="row" { (class_name(data, row)) }
                            @for count in counts { td.number { (count) } }
                        }
                    }
                }
            }))
        }
        @if confusion.len() > 2 {
            h3 { "Largest confusions" }
            (table("Largest confusions", html! {
                thead { tr { th scope="col" { "True class" } th scope="col" { "Predicted" } th.number scope="col" { "Images" } } }
                tbody {
                    @for (row, column, count) in wrong.iter().take(CONFUSIONS) {
                        tr { th scope="row" { (class_name(data, *row)) } td { (class_name(data, *column)) } td.number { (count) } }
                    }
                }
            }))
        }
    }
}

pub(super) fn per_class(data: &Report) -> Markup {
    let Some(evaluation) = &data.evaluation else { return html! { p { "Nothing was evaluated." } } };
    html! {
        p {
            "Precision: of what was predicted as the class, the share that is of it. Recall: of the class, the share that was \
             predicted as it. F1 is their harmonic mean."
        }
        (table("Metrics of each class", html! {
            thead { tr {
                th scope="col" { "Class" }
                th.number scope="col" { "Precision" } th.number scope="col" { "Recall" }
                th.number scope="col" { "F1" } th.number scope="col" { "Images" }
            } }
            tbody {
                @for (class, metrics) in evaluation.per_class.iter().enumerate() {
                    tr {
                        th scope="row" { (class_name(data, class)) }
                        @for share in [metrics.precision, metrics.recall, metrics.f1] { (share_cell(share)) }
                        td.number { (metrics.support) }
                    }
                }
            }
        }))
    }
}

/// A percentage over a bar of its length.
fn share_cell(share: Option<f64>) -> Markup {
    html! {
        td.number {
            (percent_or_dash(share))
            @let length = share.filter(|share| share.is_finite()).unwrap_or(0.0).clamp(0.0, 1.0) * BAR;
            svg.bar viewBox=(format!("0 0 {BAR} 4")) width=(BAR) height="4" aria-hidden="true" {
                rect.all width=(BAR) height="4" rx="2" {}
                rect.part width=(format!("{length:.1}")) height="4" rx="2" {}
            }
        }
    }
}

pub(super) fn calibration(data: &Report) -> Markup {
    let evaluation = data.evaluation.as_ref();
    let Some(bins) = evaluation.map(|evaluation| &evaluation.reliability).filter(|bins| !bins.is_empty())
    else {
        return html! { p { "Calibration was not computed." } };
    };
    let told = mean_gap(bins);
    html! {
        p {
            "Where the confidence can be taken at its word, bars reach the diagonal: of the predictions made with 80 % \
             confidence, 80 % are right. What is shaded is the gap. " (told)
        }
        div.plot-one { (reliability_diagram("reliability-plot", bins, &told)) }
        (as_table("Calibration", html! {
            thead { tr {
                th scope="col" { "Confidence" } th.number scope="col" { "Predictions" }
                th.number scope="col" { "Mean confidence" } th.number scope="col" { "Right" }
            } }
            tbody {
                @for bin in bins {
                    tr {
                        th scope="row" { (percent(bin.lower)) " to " (percent(bin.upper)) }
                        td.number { (bin.count) }
                        td.number { (percent_or_dash((bin.count > 0).then_some(bin.confidence))) }
                        td.number { (percent_or_dash((bin.count > 0).then_some(bin.accuracy))) }
                    }
                }
            }
        }))
    }
}

/// Whether the head is more or less sure than it is right, over all predictions.
fn mean_gap(bins: &[ReliabilityBin]) -> String {
    let filled = || bins.iter().filter(|bin| bin.count > 0);
    let total: u64 = filled().map(|bin| bin.count).sum();
    let gap: f64 =
        filled().map(|bin| (bin.confidence - bin.accuracy) * bin.count as f64).sum::<f64>() / total as f64;
    let size = percent(gap.abs());
    let points = size.strip_suffix(" %").unwrap_or(&size);
    match gap {
        gap if gap.is_nan() => "There are no predictions.".to_owned(),
        gap if gap > 0.01 => {
            format!("This head is more sure than it is right, by {points} percentage points on average.")
        }
        gap if gap < -0.01 => {
            format!("This head is less sure than it is right, by {points} percentage points on average.")
        }
        _ => "On average, this head is as sure as it is right.".to_owned(),
    }
}
