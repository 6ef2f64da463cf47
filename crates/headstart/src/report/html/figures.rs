//! The figures: the summary, what to do next, each class, calibration.

use maud::{Markup, html};

use super::{as_table, class_name, classed_table, name};
use crate::report::confusion::taken_for;
use crate::report::data::{ClassMetrics, ReliabilityBin, Report};
use crate::report::svg::reliability_diagram;
use crate::report::text::{number, percent, percent_or_dash, visible};

/// Bars of per-class metrics have this width.
const BAR: f64 = 60.0;

/// Of so many classes or more, those that are found least come first.
const MANY: usize = 13;

/// The figures that matter most.
pub(super) fn summary(data: &Report) -> Markup {
    let Some(evaluation) = &data.evaluation else {
        return html! { p.lead { "Nothing was evaluated." } };
    };
    let images: u64 = evaluation.confusion.iter().flatten().sum();
    let right: u64 = evaluation.confusion.iter().enumerate().filter_map(|(i, row)| row.get(i)).sum();
    html! {
        p.lead {
            (right) " of " (images) " images are classified as they are labelled. " (visible(&evaluation.measured_on))
        }
        @if let Some(caution) = &data.caution { p.caution { strong { "Note: " } (visible(caution)) } }
        dl.figures {
            div.main-figure {
                dt { "Accuracy" }
                dd {
                    (percent(evaluation.accuracy))
                    @if let Some([low, high]) = evaluation.accuracy_interval {
                        span.note { (percent(low)) " to " (percent(high)) " with 95 % confidence" }
                    }
                }
            }
            div { dt { "Loss" } dd { (number(evaluation.loss)) span.note { "cross-entropy" } } }
            @if let Some(auc) = evaluation.auc {
                div { dt { abbr title="Area under the ROC curve" { "AUC" } } dd { (number(auc)) span.note { "1 is best, 0.5 chance" } } }
            }
            @if evaluation.expected_calibration_error.is_some() {
                div {
                    dt { "Calibration error" }
                    dd { (percent_or_dash(evaluation.expected_calibration_error)) span.note { "confidence off by, on average" } }
                }
            }
        }
        @for other in &data.other_figures {
            p {
                "By " (name(&other.what)) " on " (other.images) " images: accuracy " (percent(other.accuracy))
                @if let Some([low, high]) = other.accuracy_interval { " (" (percent(low)) " to " (percent(high)) ")" }
                ", loss " (number(other.loss)) "."
            }
        }
    }
}

pub(super) fn advice(data: &Report) -> Markup {
    html! {
        @if data.advice.is_empty() { p { "Nothing was looked at." } }
        @else { ol.advice { @for advice in &data.advice { li { (name(advice)) } } } }
    }
}

pub(super) fn per_class(data: &Report) -> Markup {
    let Some(evaluation) = &data.evaluation else { return html! { p { "Nothing was evaluated." } } };
    let mut order: Vec<(usize, &ClassMetrics)> = evaluation.per_class.iter().enumerate().collect();
    let many = order.len() >= MANY;
    if many {
        // A class without images has no recall, and comes last.
        order.sort_by(|a, b| a.1.recall.unwrap_or(2.0).total_cmp(&b.1.recall.unwrap_or(2.0)));
    }
    html! {
        p {
            "Precision: of what was predicted as the class, the share that is of it. Recall: of the class, the share that was \
             predicted as it. F1 is their harmonic mean."
            @if many { " Classes that are found least come first." }
        }
        (classed_table("Metrics of each class", if many { "sortable long" } else { "sortable" }, html! {
            thead { tr {
                th scope="col" { "Class" }
                th.number scope="col" { "Precision" } th.number scope="col" { "Recall" }
                th.number scope="col" { "F1" } th.number scope="col" { "Images" }
                @if order.len() > 2 { th scope="col" { "Mostly taken for" } }
            } }
            tbody {
                @for &(class, metrics) in &order {
                    tr {
                        th scope="row" { (class_name(data, class)) }
                        @for share in [metrics.precision, metrics.recall, metrics.f1] { (share_cell(share)) }
                        td.number { (metrics.support) }
                        @if order.len() > 2 {
                            td {
                                @if let Some((other, images)) = taken_for(&evaluation.confusion, class) {
                                    (class_name(data, other)) " (" (images) ")"
                                }
                            }
                        }
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
