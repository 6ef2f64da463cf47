//! The sections of what came of more epochs, and of more images.

use maud::{Markup, html};

use super::as_table;
use crate::evaluation::LearningPoint;
use crate::report::data::{Epoch, Report};
use crate::report::svg::{LinePlot, Series, line_plot, usual_most};
use crate::report::text::{number, percent, percent_or_dash};

/// Loss and accuracy by epoch.
pub(super) fn epochs(data: &Report) -> Markup {
    let (Some(first), Some(last)) = (data.epochs.first(), data.epochs.last()) else {
        return html! { p { "No epochs were recorded." } };
    };
    let validated = data.epochs.iter().any(|epoch| epoch.val_loss.is_some());
    let series = |train: fn(&Epoch) -> f64, validation: fn(&Epoch) -> Option<f64>| {
        let points = |value: &dyn Fn(&Epoch) -> f64| {
            data.epochs.iter().map(|epoch| (epoch.epoch as f64, value(epoch))).collect()
        };
        let mut series =
            vec![Series { name: "training", class: "first", points: points(&train), intervals: Vec::new() }];
        if validated {
            let value = |epoch: &Epoch| validation(epoch).unwrap_or(f64::NAN);
            series.push(Series {
                name: "validation",
                class: "second",
                points: points(&value),
                intervals: Vec::new(),
            });
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
    let most = usual_most(loss.iter().flat_map(|series| &series.points).map(|(_, loss)| *loss));
    let beyond = loss.iter().flat_map(|series| &series.points).filter(|(_, loss)| *loss > most).count();
    html! {
        (best_epoch(data))
        div.plots {
            (line_plot(&LinePlot {
                id: "loss-plot", title: "Loss by epoch", description: &loss_told, x_label: "Epoch",
                y_label: "Loss", shares: false, series: &loss, mark, most,
            }))
            (line_plot(&LinePlot {
                id: "accuracy-plot", title: "Accuracy by epoch", description: &accuracy_told, x_label: "Epoch",
                y_label: "Accuracy", shares: true, series: &accuracy, mark, most: f64::INFINITY,
            }))
        }
        @if beyond > 0 {
            p.beside { "Arrows at the top of the plot of the loss are values above " (number(most)) ", which are not to scale." }
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

/// How good heads on a part of the images are.
pub(super) fn learning_curve(data: &Report) -> Markup {
    let curve = data.learning_curve.as_slice();
    let series = |value: fn(&LearningPoint) -> (f64, Option<crate::evaluation::Interval>)| {
        let ends = |point: &LearningPoint| {
            let interval = value(point).1?;
            Some((point.training_rows, [interval.low, interval.high]))
        };
        vec![Series {
            name: "held out",
            class: "second",
            points: curve.iter().map(|point| (point.training_rows, value(point).0)).collect(),
            intervals: curve.iter().filter_map(ends).collect(),
        }]
    };
    let accuracy = series(|point| (point.accuracy, point.accuracy_interval));
    let loss = series(|point| (point.loss, point.loss_interval));
    let told = |what: &str, value: fn(&LearningPoint) -> String| {
        let places =
            curve.iter().map(|point| format!("{} with {:.0} images", value(point), point.training_rows));
        format!("{what} {}.", places.collect::<Vec<_>>().join(", "))
    };
    let accuracy_told = told("Accuracy is", |point| percent(point.accuracy));
    let loss_told = told("Log loss is", |point| number(point.loss));
    html! {
        p {
            "How good heads are that learned from a part of the images, on images that they have not seen. Where the lines \
             still change at their right end, more images help. Bars are 95 % intervals. The probabilities are those before \
             calibration."
        }
        div.plots {
            (line_plot(&LinePlot {
                id: "more-loss-plot", title: "Log loss by images", description: &loss_told, x_label: "Images to learn from",
                y_label: "Log loss", shares: false, series: &loss, mark: None, most: f64::INFINITY,
            }))
            (line_plot(&LinePlot {
                id: "more-accuracy-plot", title: "Accuracy by images", description: &accuracy_told,
                x_label: "Images to learn from", y_label: "Accuracy", shares: true, series: &accuracy, mark: None,
                most: f64::INFINITY,
            }))
        }
        (as_table("Images to learn from", html! {
            thead { tr {
                th.number scope="col" { "Images" } th.number scope="col" { "Accuracy" }
                th.number scope="col" { "Interval" } th.number scope="col" { "Log loss" }
            } }
            tbody {
                @for point in curve {
                    tr {
                        th.number scope="row" { (format!("{:.0}", point.training_rows)) }
                        td.number { (percent(point.accuracy)) }
                        td.number {
                            @match point.accuracy_interval {
                                Some(interval) => { (percent(interval.low)) " to " (percent(interval.high)) }
                                None => { "–" }
                            }
                        }
                        td.number { (number(point.loss)) }
                    }
                }
            }
        }))
    }
}
