//! The confusion matrix as a heat map.

use maud::{Markup, html};

use super::{at, figure};
use crate::report::text::{percent, visible};

/// Counts are written into cells of matrices of up to this many classes; in more they would not fit.
const WRITTEN: usize = 12;

/// A cell a pair of classes, tinted by the share of the true class; names run along the left, numbers along the top.
pub(in crate::report) fn confusion_matrix(
    id: &str,
    classes: &[String],
    confusion: &[Vec<u64>],
    description: &str,
) -> Markup {
    let n = confusion.len().max(1) as f64;
    let longest = (0..confusion.len()).map(|index| label(classes, index).chars().count()).max().unwrap_or(0);
    let (left, top) = ((longest as f64).mul_add(7.0, 16.0).max(44.0), 48.0);
    let cell = (288.0 / n).min(96.0);
    let size = [left + cell * n + 12.0, top + cell * n + 12.0];
    let middle = |index: usize| (index as f64 + 0.5) * cell;
    let font = (cell * 0.3).clamp(5.0, 18.0);
    let name = |index: usize| label(classes, index);
    let content = html! {
        text.label x=(at(left + cell * n / 2.0)) y="16" text-anchor="middle" { "Predicted" }
        text.label x="4" y=(at(top - 10.0)) { "True" }
        @for (row, counts) in confusion.iter().enumerate() {
            @let total = counts.iter().sum::<u64>().max(1) as f64;
            text.tick x=(at(left - 8.0)) y=(at(top + middle(row) + 4.0)) text-anchor="end"
                font-size=(at(font.clamp(5.0, 12.0))) { (name(row)) }
            @if confusion.len() <= 4 {
                text.tick x=(at(left + middle(row))) y=(at(top - 10.0)) text-anchor="middle" { (name(row)) }
            } @else if confusion.len() <= WRITTEN {
                text.tick x=(at(left + middle(row))) y=(at(top - 10.0)) text-anchor="middle" { (row + 1) }
            }
            @for (column, count) in counts.iter().enumerate() {
                @let share = *count as f64 / total;
                @let kind = if row == column { "right" } else { "wrong" };
                g {
                    title {
                        (count) " of " (total) " images of " (name(row)) " predicted as " (name(column)) " (" (percent(share)) ")"
                    }
                    rect.cell x=(at(left + column as f64 * cell)) y=(at(top + row as f64 * cell))
                        width=(at(cell)) height=(at(cell)) {}
                    rect.heat.(kind) x=(at(left + column as f64 * cell + 0.5)) y=(at(top + row as f64 * cell + 0.5))
                        width=(at(cell - 1.0)) height=(at(cell - 1.0)) fill-opacity=(format!("{:.3}", 0.55 * share)) {}
                    @if confusion.len() <= WRITTEN {
                        text.count x=(at(left + middle(column))) y=(at(top + middle(row) + font / 3.0))
                            font-size=(at(font)) text-anchor="middle" { (count) }
                        @if confusion.len() <= 4 {
                            text.tick x=(at(left + middle(column))) y=(at(top + middle(row) + font / 3.0 + 18.0))
                                text-anchor="middle" { (percent(share)) }
                        }
                    }
                }
            }
        }
    };
    figure(id, size, "Confusion matrix", description, &content)
}

/// A class's name, or its number where it has none, as far as it fits beside the matrix.
fn label(classes: &[String], index: usize) -> String {
    let name = classes.get(index).map_or_else(|| index.to_string(), |name| visible(name));
    if name.chars().count() <= 16 { name } else { name.chars().take(15).chain(['…']).collect() }
}
