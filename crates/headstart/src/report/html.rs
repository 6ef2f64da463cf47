//! The page. It holds all it shows and asks for nothing from anywhere: a content security policy forbids it.
//!
//! Whatever comes from the data goes through maud, which escapes it; there is no other way into the page. Paths and names
//! pass [`visible`] before. The page's own script is the only one that the policy lets run, by its hash.

mod curves;
mod figures;
mod images;
mod left_out;
mod map;
mod matrix;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use super::data::Report;
use super::text::{duration, visible};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// The name in `<meta name="generator">`.
const GENERATOR: &str = "headstart";

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

    /// Whether a text is such a page, by its beginning.
    #[must_use]
    pub fn is_page(text: &[u8]) -> bool {
        let beginning = &text[..text.len().min(1000)];
        let mark = format!("<meta name=\"generator\" content=\"{GENERATOR}\">");
        beginning.windows(mark.len()).any(|window| window == mark.as_bytes())
    }
}

/// No network, and no script but the page's own; images only where they lie in the page.
fn policy() -> String {
    let hash = STANDARD.encode(Sha256::digest(SCRIPT));
    format!(
        "default-src 'none'; script-src 'sha256-{hash}'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; \
         form-action 'none'"
    )
}

/// The parts of the page; those of which a report of this kind never has anything are left out.
fn sections(data: &Report) -> Vec<Section> {
    let section = |id, heading, content| Some(Section { id, heading, content });
    let sections = [
        section("next", "What to do next", figures::advice(data)),
        section("classes", "Classes", figures::per_class(data)),
        section("confusion", "Confusion matrix", matrix::confusion(data)),
        section("calibration", "Calibration", figures::calibration(data)),
        section("errors", "Most confident errors", images::errors(data)),
        section("labels", "Likely label errors", images::label_issues(data)),
        data.map.as_ref().and_then(|map| section("map", "Map of the images", map::embedding(data, map))),
        data.duplicates_sought
            .then(|| section("duplicates", "Near-duplicates", images::near_duplicates(data)))
            .flatten(),
        (!data.learning_curve.is_empty())
            .then(|| section("more", "More images", curves::learning_curve(data)))
            .flatten(),
        (!data.epochs.is_empty()).then(|| section("training", "Training", curves::epochs(data))).flatten(),
        section("left-out", "Left-out files", left_out::left_out(data)),
        section("settings", "Settings", settings(data)),
    ];
    sections.into_iter().flatten().collect()
}

fn render(data: &Report) -> String {
    let sections = sections(data);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="generator" content=(GENERATOR);
                meta http-equiv="Content-Security-Policy" content=(policy());
                title { (visible(&data.title)) ": report" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#main" { "Skip to the results" }
                header {
                    h1 { (name(&data.title)) }
                    (figures::summary(data))
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
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
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

/// The same as plain text, for attributes and titles.
fn class_text(data: &Report, class: usize) -> String {
    data.classes.get(class).map_or_else(|| format!("class {class}"), |class| visible(class))
}

/// A table that is scrolled, by keyboard too, where the screen is too narrow or the table too long for it.
fn table(caption: &str, rows: Markup) -> Markup {
    classed_table(caption, "plain", rows)
}

/// The same with a class of the style sheet.
fn classed_table(caption: &str, class: &str, rows: Markup) -> Markup {
    html! {
        div.scroll role="region" aria-label={ "Table: " (caption) } tabindex="0" {
            table.(class) { caption { (caption) } (rows) }
        }
    }
}

/// What a plot shows, as a table.
fn as_table(caption: &str, rows: Markup) -> Markup {
    html! { details { summary { (caption) " as a table" } (table(caption, rows)) } }
}

#[cfg(test)]
mod tests;
