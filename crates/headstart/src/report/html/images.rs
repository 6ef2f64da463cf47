//! The sections that show images.

use maud::{Markup, html};

use super::{class_name, name, table};
use crate::report::data::{Member, Misclassified, Pair, Report, Thumbnail, WITH_IMAGE};
use crate::report::text::{count, number, percent, visible};

/// Rows at most of a list without images.
const LISTED: usize = 500;

pub(super) fn errors(data: &Report) -> Markup {
    let errors = &data.errors;
    html! {
        @if errors.is_empty() { p { "No image was classified otherwise than it is labelled." } }
        @else {
            p { (shown(errors.len(), "error", "errors")) " The surest come first: look here for wrong labels and unusual images." }
            ul.cards.errors {
                @for error in errors.iter().take(WITH_IMAGE) {
                    li.card {
                        (thumbnail(error.thumbnail.as_ref(), &error.path))
                        p.verdict {
                            strong { (class_name(data, error.predicted)) } " " (percent(error.probability))
                        }
                        p { "labelled " (class_name(data, error.truth)) }
                        p.path { (name(&error.path)) }
                        (neighbours(data, error))
                    }
                }
            }
            (more("More errors", errors, &["Image", "Label", "Predicted", "Confidence"], |error| html! {
                th scope="row" { (name(&error.path)) } td { (class_name(data, error.truth)) }
                td { (class_name(data, error.predicted)) } td { (percent(error.probability)) }
            }))
        }
    }
}

/// The training images that are most like an error.
fn neighbours(data: &Report, error: &Misclassified) -> Markup {
    html! {
        @if !error.neighbours.is_empty() {
            p { "Most like it in the training:" }
            ul.neighbours {
                @for neighbour in &error.neighbours {
                    li {
                        (thumbnail(neighbour.thumbnail.as_ref(), &neighbour.path))
                        p { (class_name(data, neighbour.class)) }
                    }
                }
            }
        }
    }
}

pub(super) fn label_issues(data: &Report) -> Markup {
    let issues = &data.label_issues;
    html! {
        p {
            "Models that had not seen these images, trained on the rest of the data, are confident of another class than the \
             label says (confident learning). It is a suspicion: look before you move a file."
        }
        @if issues.is_empty() { p { "None was found." } }
        @else {
            p { (shown(issues.len(), "image", "images")) }
            ul.cards {
                @for issue in issues.iter().take(WITH_IMAGE) {
                    li.card {
                        (thumbnail(issue.thumbnail.as_ref(), &issue.path))
                        p.verdict { "rather " strong { (class_name(data, issue.suggested)) } "?" }
                        p { "labelled " (class_name(data, issue.given)) ", which has " (percent(issue.probability)) }
                        p.path { (name(&issue.split)) ": " (name(&issue.path)) }
                    }
                }
            }
            (more("More likely label errors", issues, &["Image", "Split", "Label", "Suggested", "Probability of the label"], |issue| html! {
                th scope="row" { (name(&issue.path)) } td { (name(&issue.split)) } td { (class_name(data, issue.given)) }
                td { (class_name(data, issue.suggested)) } td { (percent(issue.probability)) }
            }))
        }
    }
}

pub(super) fn near_duplicates(data: &Report) -> Markup {
    let pairs = &data.near_duplicates;
    html! {
        p {
            "Images that were trained on and images that were judged whose features are almost the same. What is in both makes \
             the figures look better than they are."
        }
        @if pairs.is_empty() { p { "None was found." } }
        @else {
            p { (shown(pairs.len(), "pair", "pairs")) }
            ul.cards.wide {
                @for pair in pairs.iter().take(WITH_IMAGE / 2) { li.card { (duplicate(data, pair)) } }
            }
            (more_after("More near-duplicates", pairs, WITH_IMAGE / 2, &["Image", "Image of the other split", "Distance"], |pair| html! {
                th scope="row" { (name(&pair.a.path)) } td { (name(&pair.b.path)) } td { (number(pair.distance)) }
            }))
        }
    }
}

fn duplicate(data: &Report, pair: &Pair) -> Markup {
    let member = |member: &Member| {
        html! {
            div {
                (thumbnail(member.thumbnail.as_ref(), &member.path))
                p { strong { (name(&member.split)) } ", " (class_name(data, member.class)) }
                p.path { (name(&member.path)) }
            }
        }
    };
    html! {
        div.pair { (member(&pair.a)) (member(&pair.b)) }
        p.verdict {
            "distance " (number(pair.distance))
            @if pair.a.class != pair.b.class { ", " strong { "of two classes" } }
        }
    }
}

/// The image, or a place for it where there is none.
fn thumbnail(thumbnail: Option<&Thumbnail>, path: &str) -> Markup {
    html! {
        div.thumbnail {
            @if let Some(thumbnail) = thumbnail {
                img src=(thumbnail.data_uri()) width=(thumbnail.width) height=(thumbnail.height) alt=(visible(path));
            } @else {
                span.missing { "no image" }
            }
        }
    }
}

/// How many there are.
fn shown(total: usize, one: &str, many: &str) -> String {
    format!("{}.", count(total, one, many))
}

/// What is not shown with its image, as a table.
fn more<T>(caption: &str, items: &[T], columns: &[&str], row: impl Fn(&T) -> Markup) -> Markup {
    more_after(caption, items, WITH_IMAGE, columns, row)
}

fn more_after<T>(
    caption: &str,
    items: &[T],
    after: usize,
    columns: &[&str],
    row: impl Fn(&T) -> Markup,
) -> Markup {
    let rest = items.get(after..).unwrap_or_default();
    let left_out = rest.len().saturating_sub(LISTED);
    html! {
        @if !rest.is_empty() {
            details {
                summary { (rest.len()) " more" }
                (table(caption, html! {
                    thead { tr { @for column in columns { th scope="col" { (column) } } } }
                    tbody { @for item in rest.iter().take(LISTED) { tr { (row(item)) } } }
                }))
                @if left_out > 0 { p { (left_out) " more are left out here." } }
            }
        }
    }
}
