//! The page. It holds all it shows and asks for nothing from anywhere: a content security policy forbids it.
//!
//! Whatever comes from the data goes through maud, which escapes it; there is no other way into the page. Paths and names
//! pass [`visible`] before.

mod images;
mod measures;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::data::Report;
use super::text::{duration, number, percent, percent_or_dash, visible};

const STYLE: &str = include_str!("style.css");

/// No script, no network; images only where they lie in the page.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/// A part of the page.
struct Section {
    id: &'static str,
    heading: &'static str,
    content: Markup,
}

impl Report {
    /// One HTML page, the same for the same data. It holds all that it shows, images too, and loads nothing.
    #[must_use]
    pub fn to_html(&self) -> String {
        render(self)
    }
}

fn render(data: &Report) -> String {
    let sections = [
        Section { id: "curves", heading: "Learning curves", content: measures::learning_curves(data) },
        Section { id: "confusion", heading: "Confusion matrix", content: measures::confusion(data) },
        Section { id: "calibration", heading: "Calibration", content: measures::calibration(data) },
        Section { id: "classes", heading: "Classes", content: measures::per_class(data) },
        Section { id: "errors", heading: "Most confident errors", content: images::errors(data) },
        Section { id: "labels", heading: "Likely label errors", content: images::label_issues(data) },
        Section { id: "duplicates", heading: "Near-duplicates", content: images::near_duplicates(data) },
        Section { id: "settings", heading: "Settings", content: settings(data) },
    ];
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                title { (visible(&data.title)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#main" { "Skip to the results" }
                header {
                    h1 { (name(&data.title)) }
                    (summary(data))
                }
                nav aria-label="Sections" {
                    ul { @for section in &sections { li { a href={ "#" (section.id) } { (section.heading) } } } }
                }
                main id="main" tabindex="-1" {
                    @for section in &sections {
                        section id=(section.id) aria-labelledby={ (section.id) "-heading" } {
                            h2 id={ (section.id) "-heading" } { (section.heading) }
                            (section.content)
                        }
                    }
                }
                footer { p { "Made by headstart " (env!("CARGO_PKG_VERSION")) ". The page is whole as it is: it loads nothing." } }
            }
        }
    };
    page.into_string()
}

/// The figures that matter most.
fn summary(data: &Report) -> Markup {
    let Some(evaluation) = &data.evaluation else {
        return html! { p.lead { "Nothing was evaluated." } };
    };
    let images: u64 = evaluation.confusion.iter().flatten().sum();
    let right: u64 = evaluation.confusion.iter().enumerate().filter_map(|(i, row)| row.get(i)).sum();
    html! {
        p.lead {
            (right) " of " (images) " images of the " (name(&evaluation.split)) " data are classified as they are labelled."
        }
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
        @if let Some(metric) = &data.epoch_chosen_by {
            p {
                "The epoch was chosen by " (metric) " on these images, so the figures are better than on images that nobody has looked \
                 at. A third folder of images judges it."
            }
        }
    }
}

/// What was run with which settings, and how long it took.
fn settings(data: &Report) -> Markup {
    html! {
        @if data.settings.is_empty() { p { "No settings were recorded." } }
        @else {
            (table("Settings", html! {
                thead { tr { th scope="col" { "Setting" } th scope="col" { "Value" } } }
                tbody {
                    @for setting in &data.settings {
                        tr { th scope="row" { (name(&setting.name)) } td.value { (name(&setting.value)) } }
                    }
                }
            }))
        }
        @if !data.timings.is_empty() {
            h3 { "Time" }
            (table("Time", html! {
                thead { tr { th scope="col" { "Stage" } th.number scope="col" { "Time" } } }
                tbody {
                    @for timing in &data.timings {
                        tr { th scope="row" { (name(&timing.stage)) } td.number { (duration(timing.seconds)) } }
                    }
                }
            }))
        }
    }
}

/// A name or a path from outside, in a place of its own for its direction of writing.
fn name(text: &str) -> Markup {
    html! { bdi { (visible(text)) } }
}

/// A class's name, or its number where it has none.
fn class_name(data: &Report, class: usize) -> Markup {
    data.classes.get(class).map_or_else(|| html! { "class " (class) }, |class| name(class))
}

/// A table that is scrolled sideways, by keyboard too, where the screen is too narrow for it.
fn table(caption: &str, rows: Markup) -> Markup {
    html! {
        div.scroll role="region" aria-label={ "Table: " (caption) } tabindex="0" {
            table { caption { (caption) } (rows) }
        }
    }
}

/// What a plot shows, as a table.
fn as_table(caption: &str, rows: Markup) -> Markup {
    html! { details { summary { (caption) " as a table" } (table(caption, rows)) } }
}

#[cfg(test)]
mod tests;
