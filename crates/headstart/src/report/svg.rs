//! Plots as inline SVG. Colours come from the page's style sheet, so that they follow light and dark.

mod axes;
mod lines;
mod reliability;
mod scatter;

pub(super) use lines::{LinePlot, Series, line_plot, usual_most};
pub(super) use reliability::reliability_diagram;
pub(super) use scatter::{COLOURED, Dot, scatter, symbol};

use maud::{Markup, html};

/// A plot of a size in its own units, named for a screen reader by its title and its description.
fn figure(id: &str, size: [f64; 2], title: &str, description: &str, content: &Markup) -> Markup {
    let (title_id, description_id) = (format!("{id}-title"), format!("{id}-description"));
    html! {
        svg.plot role="img" viewBox=(format!("0 0 {} {}", size[0], size[1]))
            aria-labelledby={ (title_id) " " (description_id) } {
            title id=(title_id) { (title) }
            desc id=(description_id) { (description) }
            (content)
        }
    }
}

/// A coordinate in the plot's units.
fn at(value: f64) -> String {
    format!("{value:.1}")
}
