//! The confusion matrix: a table whose headings stay in sight when it is scrolled, and the pairs that are confused most.

use maud::{Markup, html};

use super::{class_name, class_text, classed_table, table};
use crate::report::confusion::{confused_pairs, order_by_confusion};
use crate::report::data::Report;
use crate::report::text::percent;

/// A matrix of more classes can't be read, and makes the page heavy; the most confused pairs tell what matters.
const LARGEST: usize = 150;

/// From so many classes on, those that are confused come side by side.
const ORDERED: usize = 13;

/// Up to so many classes, each cell has its share of the row too, and names along the top are written across.
const FEW: usize = 4;

/// How many of the most confused pairs are listed.
const PAIRS: usize = 20;

/// Steps of a cell's tint.
const TINTS: f64 = 9.0;

pub(super) fn confusion(data: &Report) -> Markup {
    let Some(evaluation) = &data.evaluation else { return html! { p { "Nothing was evaluated." } } };
    let confusion = &evaluation.confusion;
    let count = confusion.len();
    html! {
        @if count <= LARGEST {
            p {
                "Each row is a true class, each column what was predicted; the diagonal is right. The tint is the share of the \
                 row."
                @if count >= ORDERED { " Classes that are confused are side by side; cells without images are empty." }
            }
            (matrix(data, confusion))
        }
        @if count > 2 { h3 { "Most confused pairs" } (pairs(data, confusion)) }
    }
}

fn matrix(data: &Report, confusion: &[Vec<u64>]) -> Markup {
    let count = confusion.len();
    let order = if count >= ORDERED { order_by_confusion(confusion) } else { (0..count).collect() };
    let kind = match count {
        _ if count <= FEW => "matrix few",
        _ if count < ORDERED => "matrix",
        _ => "matrix many",
    };
    classed_table(
        "Confusion matrix",
        kind,
        html! {
            thead { tr {
                th scope="col" { "True class" }
                @for &column in &order { th scope="col" { span { (class_name(data, column)) } } }
            } }
            tbody {
                @for &row in &order {
                    @let total = confusion[row].iter().sum::<u64>();
                    tr {
                        th scope="row" { (class_name(data, row)) }
                        @for &column in &order {
                            (cell(data, (row, column), confusion[row].get(column).copied().unwrap_or(0), total, count))
                        }
                    }
                }
            }
        },
    )
}

/// A count, tinted by its share of the row.
fn cell(data: &Report, (row, column): (usize, usize), images: u64, total: u64, classes: usize) -> Markup {
    let share = images as f64 / total.max(1) as f64;
    let side = if row == column { "right" } else { "wrong" };
    let tint = (share * TINTS).ceil() as u32;
    if images == 0 {
        return if classes >= ORDERED {
            html! { td {} }
        } else {
            html! { td { "0" } }
        };
    }
    let title = (row != column).then(|| {
        format!(
            "{images} of {total} images of {} predicted as {} ({})",
            class_text(data, row),
            class_text(data, column),
            percent(share)
        )
    });
    html! {
        td class={ (side) " t" (tint) } title=[title] {
            (images) @if classes <= FEW { " " small { (percent(share)) } }
        }
    }
}

/// The pairs of classes that are taken for each other.
fn pairs(data: &Report, confusion: &[Vec<u64>]) -> Markup {
    let pairs = confused_pairs(confusion);
    if pairs.is_empty() {
        return html! { p { "No class was taken for another." } };
    }
    let rest = pairs.len().saturating_sub(PAIRS);
    html! {
        (table("Most confused pairs", html! {
            thead { tr {
                th scope="col" { "Class" } th scope="col" { "and class" } th.number scope="col" { "Images" }
                th.number scope="col" { "First as second" } th.number scope="col" { "Second as first" }
            } }
            tbody {
                @for pair in pairs.iter().take(PAIRS) {
                    @let [a, b] = pair.classes;
                    tr {
                        th scope="row" { (class_name(data, a)) } td { (class_name(data, b)) }
                        td.number { (pair.images) } td.number { (confusion[a][b]) } td.number { (confusion[b][a]) }
                    }
                }
            }
        }))
        @if rest > 0 { p { (rest) " pairs with as many images or fewer are left out here." } }
    }
}
