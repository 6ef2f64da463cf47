//! Points on a plane.

use maud::{Markup, html};

use super::{at, figure};

const SIZE: [f64; 2] = [420.0, 340.0];

/// Between the points and the edge.
const MARGIN: f64 = 14.0;

/// Up to so many classes each has a colour and a shape.
pub(in crate::report) const COLOURED: usize = 8;

/// A point of a scatter plot.
#[derive(Debug)]
pub(in crate::report) struct Dot {
    pub(in crate::report) place: [f64; 2],
    pub(in crate::report) class: usize,
    /// Whether it has a ring.
    pub(in crate::report) wrong: bool,
    pub(in crate::report) title: String,
    /// The address of an image for the script to show.
    pub(in crate::report) image: Option<String>,
}

/// The points at one scale for both axes. Where `coloured`, each class has its own colour and shape.
pub(in crate::report) fn scatter(id: &str, dots: &[Dot], coloured: bool, description: &str) -> Markup {
    let span = |axis: usize| {
        let values = dots.iter().map(|dot| dot.place[axis]).filter(|value| value.is_finite());
        values
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)))
    };
    let (x, y) = (span(0), span(1));
    let scale = |(low, high): (f64, f64), size: f64| {
        if high > low { (size - 2.0 * MARGIN) / (high - low) } else { 1.0 }
    };
    let scale = scale(x, SIZE[0]).min(scale(y, SIZE[1]));
    let place = |value: f64, (low, high): (f64, f64), size: f64| {
        let place = (value - (low + high) / 2.0) * scale;
        size / 2.0 + if place.is_finite() { place } else { 0.0 }
    };
    let content = html! {
        rect.cell x="0.5" y="0.5" width=(at(SIZE[0] - 1.0)) height=(at(SIZE[1] - 1.0)) rx="6" {}
        @for dot in dots {
            @let (left, top) = (place(dot.place[0], x, SIZE[0]), SIZE[1] - place(dot.place[1], y, SIZE[1]));
            @let colour = if coloured { format!("c{}", dot.class % COLOURED) } else { "c-any".to_owned() };
            @let ring = if dot.wrong { " ring" } else { "" };
            path class={ "point " (colour) (ring) } data-class=(dot.class) data-image=[dot.image.as_deref()]
                d=(shape(if coloured { dot.class } else { 0 }, left, top)) {
                title { (dot.title) }
            }
        }
    };
    figure(id, SIZE, "Map of the images", description, &content)
}

/// A class's colour and shape, for a key.
pub(in crate::report) fn symbol(class: usize) -> Markup {
    html! {
        svg.symbol viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" {
            path class={ "point c" (class % COLOURED) } d=(shape(class, 8.0, 8.0)) {}
        }
    }
}

/// A class's shape around a place.
fn shape(class: usize, x: f64, y: f64) -> String {
    let r = 4.0;
    let polygon = |corners: &[[f64; 2]]| {
        let corners =
            corners.iter().map(|[right, down]| format!("{} {}", at(x + right * r), at(y + down * r)));
        format!("M{}Z", corners.collect::<Vec<_>>().join("L"))
    };
    match class % COLOURED {
        0 => format!("M{} {}a{r} {r} 0 1 0 {} 0a{r} {r} 0 1 0 {} 0Z", at(x - r), at(y), 2.0 * r, -2.0 * r),
        1 => polygon(&[[-0.9, -0.9], [0.9, -0.9], [0.9, 0.9], [-0.9, 0.9]]),
        2 => polygon(&[[0.0, -1.2], [1.1, 0.8], [-1.1, 0.8]]),
        3 => polygon(&[[0.0, -1.3], [1.3, 0.0], [0.0, 1.3], [-1.3, 0.0]]),
        4 => polygon(&[[0.0, 1.2], [1.1, -0.8], [-1.1, -0.8]]),
        5 => polygon(&[[-1.3, -0.5], [1.3, -0.5], [1.3, 0.5], [-1.3, 0.5]]),
        6 => polygon(&[[-0.5, -1.3], [0.5, -1.3], [0.5, 1.3], [-0.5, 1.3]]),
        _ => polygon(&[
            [-1.2, -1.2],
            [0.0, -0.4],
            [1.2, -1.2],
            [0.4, 0.0],
            [1.2, 1.2],
            [0.0, 0.4],
            [-1.2, 1.2],
            [-0.4, 0.0],
        ]),
    }
}
