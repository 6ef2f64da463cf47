//! The reliability diagram.
//!
//! M. DeGroot, S. Fienberg, "The Comparison and Evaluation of Forecasters", The Statistician 32 (1983); in the form of
//! C. Guo et al., "On Calibration of Modern Neural Networks" (2017), figure 1.

use maud::{Markup, html};

use super::axes::{Axis, grid};
use super::{at, figure};
use crate::report::data::ReliabilityBin;
use crate::report::text::{count, percent};

const SIZE: [f64; 2] = [420.0, 360.0];

/// Accuracy by confidence, bars beside the diagonal on which they would lie if confidence could be taken at its word;
/// above, how many predictions each bin has.
pub(in crate::report) fn reliability_diagram(id: &str, bins: &[ReliabilityBin], description: &str) -> Markup {
    let x = Axis { values: [0.0, 1.0], places: [46.0, SIZE[0] - 20.0] };
    let y = Axis { values: [0.0, 1.0], places: [SIZE[1] - 44.0, 112.0] };
    let sizes = Axis { values: [0.0, most(bins)], places: [74.0, 28.0] };
    let shares: Vec<(f64, String)> =
        (0..=5).map(|i| f64::from(i) / 5.0).map(|share| (share, format!("{:.0} %", share * 100.0))).collect();
    let bar = |bin: &ReliabilityBin| {
        let (left, right) = (x.place(bin.lower) + 1.0, x.place(bin.upper) - 1.0);
        (left, (right - left).max(1.0))
    };
    let content = html! {
        text.label x=(at(x.places[0])) y="16" { "Predictions in each bin" }
        (grid((&x, &shares, "Confidence"), (&y, &shares, "Share that is right")))
        line.axis x1=(at(x.places[0])) x2=(at(x.places[1])) y1=(at(sizes.places[0])) y2=(at(sizes.places[0])) {}
        @for bin in bins.iter().filter(|bin| bin.count > 0) {
            @let (left, width) = bar(bin);
            @let (is, should) = (y.place(bin.accuracy), y.place(bin.confidence));
            g {
                title {
                    "Confidence " (percent(bin.lower)) " to " (percent(bin.upper)) ": "
                    (count(bin.count as usize, "prediction", "predictions")) ", mean confidence "
                    (percent(bin.confidence)) ", right " (percent(bin.accuracy))
                }
                rect.size x=(at(left)) width=(at(width)) y=(at(sizes.place(bin.count as f64)))
                    height=(at(sizes.places[0] - sizes.place(bin.count as f64))) {}
                rect.accuracy x=(at(left)) width=(at(width)) y=(at(is)) height=(at(y.places[0] - is)) {}
                rect.gap x=(at(left)) width=(at(width)) y=(at(is.min(should))) height=(at((is - should).abs())) {}
                line.reached x1=(at(left)) x2=(at(left + width)) y1=(at(is)) y2=(at(is)) {}
            }
        }
        line.diagonal x1=(at(x.places[0])) y1=(at(y.places[0])) x2=(at(x.places[1])) y2=(at(y.places[1])) {}
    };
    figure(id, SIZE, "Reliability diagram", description, &content)
}

/// The count of the fullest bin, at least 1.
fn most(bins: &[ReliabilityBin]) -> f64 {
    bins.iter().map(|bin| bin.count).max().unwrap_or(0).max(1) as f64
}
