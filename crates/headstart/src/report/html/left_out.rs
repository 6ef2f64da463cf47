//! The section of files that were not used.

use maud::{Markup, html};

use super::{name, table};
use crate::report::data::Report;
use crate::report::text::count;

/// Files that are listed at most.
const LISTED: usize = 500;

/// Files up to which the list is open from the start.
const OPEN: usize = 20;

pub(super) fn left_out(data: &Report) -> Markup {
    let files = &data.left_out;
    let rest = files.len().saturating_sub(LISTED);
    let told = html! {
        (table("Left-out files", html! {
            thead { tr { th scope="col" { "File" } th scope="col" { "Data" } th scope="col" { "Why" } } }
            tbody {
                @for file in files.iter().take(LISTED) {
                    tr { th scope="row" { (name(&file.path)) } td { (name(&file.split)) } td { (name(&file.reason)) } }
                }
            }
        }))
        @if rest > 0 { p { (rest) " more are left out here." } }
    };
    html! {
        @if files.is_empty() { p { "No file is known that was left out." } }
        @else {
            p { (count(files.len(), "file or folder was", "files and folders were")) " not used." }
            details open=[(files.len() <= OPEN).then_some("")] { summary { "Which, and why" } (told) }
        }
    }
}
