//! Values over epochs, or over any other number.

use maud::{Markup, html};

use super::axes::{Axis, grid, ticks};
use super::{at, figure};
use crate::report::text::{number, percent};

const SIZE: [f64; 2] = [420.0, 280.0];

/// A line with a name.
#[derive(Debug)]
pub(in crate::report) struct Series {
    pub(in crate::report) name: &'static str,
    /// The class that the style sheet gives colour and dashes to.
    pub(in crate::report) class: &'static str,
    /// A point whose value is not finite leaves a gap.
    pub(in crate::report) points: Vec<(f64, f64)>,
    /// Of some points, the place and the two ends of an interval.
    pub(in crate::report) intervals: Vec<(f64, [f64; 2])>,
}

/// Lines over a number.
#[derive(Debug)]
pub(in crate::report) struct LinePlot<'a> {
    /// Begins the ids, which are unique on the page.
    pub(in crate::report) id: &'a str,
    pub(in crate::report) title: &'a str,
    pub(in crate::report) description: &'a str,
    pub(in crate::report) x_label: &'a str,
    pub(in crate::report) y_label: &'a str,
    /// Whether values are shares, told as percentages.
    pub(in crate::report) shares: bool,
    pub(in crate::report) series: &'a [Series],
    /// A place along the bottom to mark, and what it is.
    pub(in crate::report) mark: Option<(f64, &'a str)>,
    /// The largest value that is to scale; larger ones are marked at the top.
    pub(in crate::report) most: f64,
}

/// The largest value up to which a plot is to scale, so that a few bad epochs don't flatten the others: three times the upper
/// quartile. Infinite where no value is larger.
pub(in crate::report) fn usual_most(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.filter(|value| value.is_finite()).collect();
    values.sort_by(f64::total_cmp);
    let quartile = values.get(values.len() * 3 / 4).copied().unwrap_or(0.0);
    let most = 3.0 * quartile;
    if quartile > 0.0 && values.last().is_some_and(|&last| last > most) { most } else { f64::INFINITY }
}

/// The lines with axes, ticks and a legend.
pub(in crate::report) fn line_plot(plot: &LinePlot<'_>) -> Markup {
    let points = || plot.series.iter().flat_map(|series| &series.points).filter(|(_, y)| y.is_finite());
    let span = |values: &mut dyn Iterator<Item = f64>| {
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
    };
    let (first, last) = span(&mut points().map(|(x, _)| *x));
    let within = |y: &f64| *y <= plot.most;
    let ends = plot.series.iter().flat_map(|series| &series.intervals).flat_map(|(_, ends)| ends);
    let values = points().map(|(_, y)| *y).chain(ends.copied());
    let (low, high) = span(&mut values.filter(within));
    let y_ticks =
        ticks(if plot.shares { low } else { low.min(0.0) }, if plot.shares { 1.0 } else { high }, 5);
    let (bottom, top) = (y_ticks[0], y_ticks[y_ticks.len() - 1]);
    let x_values = if first < last { [first, last] } else { [first.min(1.0) - 1.0, first.max(1.0) + 1.0] };
    let x_values = if x_values.iter().all(|x| x.is_finite()) { x_values } else { [0.0, 1.0] };
    let x = Axis { values: x_values, places: [50.0, SIZE[0] - 14.0] };
    let y = Axis { values: [bottom, top], places: [SIZE[1] - 44.0, 50.0] };
    let inside = |value: &f64| (x.values[0]..=x.values[1]).contains(value);
    let x_ticks = ticks(x.values[0], x.values[1], 5).into_iter().filter(|x| inside(x) && x.fract() == 0.0);
    let x_ticks: Vec<_> = x_ticks.map(|x| (x, format!("{x:.0}"))).collect();
    let label = |y: f64| if plot.shares { format!("{:.0} %", y * 100.0) } else { tick_label(y, top) };
    let y_ticks: Vec<_> = y_ticks.into_iter().map(|y| (y, label(y))).collect();
    let tell = |value: f64| if plot.shares { percent(value) } else { number(value) };

    let content = html! {
        (grid((&x, &x_ticks, plot.x_label), (&y, &y_ticks, plot.y_label)))
        @if let Some((epoch, what)) = plot.mark.filter(|(epoch, _)| inside(epoch)) {
            line.mark x1=(at(x.place(epoch))) x2=(at(x.place(epoch))) y1=(at(y.places[0])) y2=(at(y.places[1])) {}
            text.tick x=(at(x.place(epoch) + if x.place(epoch) > SIZE[0] / 2.0 { -5.0 } else { 5.0 }))
                y=(at(y.places[1] - 5.0)) text-anchor=(if x.place(epoch) > SIZE[0] / 2.0 { "end" } else { "start" }) {
                (what)
            }
        }
        @for series in plot.series {
            path.line.(series.class) d=(path(&series.points, &x, &y, plot.most)) {}
            @for (place, [low, high]) in series.intervals.iter().filter(|(_, ends)| ends.iter().all(|end| end.is_finite())) {
                line.interval.(series.class) x1=(at(x.place(*place))) x2=(at(x.place(*place)))
                    y1=(at(y.place(*low))) y2=(at(y.place(*high))) {}
            }
            @for (place, value) in series.points.iter().filter(|(_, y)| y.is_finite()) {
                @let title = html! { title { (series.name) ", " (plot.x_label) " " (format!("{place:.0}")) ": " (tell(*value)) } };
                @if within(value) {
                    circle.dot.(series.class) cx=(at(x.place(*place))) cy=(at(y.place(*value))) r="2.2" { (title) }
                } @else {
                    path.dot.(series.class) d=(beyond(x.place(*place), y.places[1])) { (title) }
                }
            }
        }
        @for (index, series) in plot.series.iter().enumerate() {
            @let left = SIZE[0] - 12.0 - 108.0 * (plot.series.len() - index) as f64;
            line.line.(series.class) x1=(at(left)) x2=(at(left + 24.0)) y1="16" y2="16" {}
            text.legend x=(at(left + 30.0)) y="20" { (series.name) }
        }
    };
    figure(plot.id, SIZE, plot.title, plot.description, &content)
}

/// As many decimals as the axis needs.
fn tick_label(value: f64, top: f64) -> String {
    if value == 0.0 {
        "0".to_owned()
    } else if top < 0.1 {
        number(value)
    } else if top < 2.0 {
        format!("{value:.2}")
    } else {
        format!("{value:.1}")
    }
}

/// An arrow head at the top of the plot, for a value that lies above it.
fn beyond(x: f64, top: f64) -> String {
    format!("M{} {}l5 8h-10Z", at(x), at(top))
}

/// A path through the points, with gaps where a value is not finite or not to scale.
fn path(points: &[(f64, f64)], x: &Axis, y: &Axis, most: f64) -> String {
    let mut path = String::new();
    let mut pen = 'M';
    for (epoch, value) in points {
        if value.is_finite() && *value <= most {
            path += &format!("{pen}{} {}", at(x.place(*epoch)), at(y.place(*value)));
            pen = 'L';
        } else {
            pen = 'M';
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bad_epoch_does_not_decide_the_scale() {
        let usual = [0.7, 0.5, 0.4, 0.3, 0.3];
        assert_eq!(usual_most(usual.into_iter()), f64::INFINITY);
        let most = usual_most(usual.into_iter().chain([1e6, f64::NAN]));
        assert!((0.7..10.0).contains(&most), "{most}");
        assert_eq!(usual_most([0.0, 0.0, 5.0, 0.0].into_iter()), f64::INFINITY, "nothing usual to scale to");
        assert_eq!(usual_most(std::iter::empty()), f64::INFINITY);
    }
}
