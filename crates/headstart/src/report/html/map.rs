//! The section of the embedding map.

use maud::{Markup, html};

use super::{class_name, class_text};
use crate::report::data::{EmbeddingMap, MapPoint, Report};
use crate::report::svg::{COLOURED, Dot, scatter, symbol};
use crate::report::text::{percent, visible};

pub(super) fn embedding(data: &Report, map: &EmbeddingMap) -> Markup {
    let caption = |point: &MapPoint| {
        let path = visible(&point.path);
        let label = class_text(data, point.class);
        if point.class == point.predicted {
            format!("{path}: labelled {label}, predicted as such")
        } else {
            format!("{path}: labelled {label}, predicted {}", class_text(data, point.predicted))
        }
    };
    let dots: Vec<Dot> = map
        .points
        .iter()
        .map(|point| Dot {
            place: [point.x, point.y],
            class: point.class,
            wrong: point.class != point.predicted,
            title: caption(point),
            image: point.thumbnail.as_ref().map(|thumbnail| thumbnail.data_uri()),
        })
        .collect();
    let wrong = dots.iter().filter(|dot| dot.wrong).count();
    let coloured = data.classes.len() <= COLOURED;
    let described = format!(
        "{} images of {} classes by the two directions in which their features differ most; {wrong} are ringed, because they \
         are predicted otherwise than they are labelled.",
        dots.len(),
        data.classes.len()
    );
    html! {
        p {
            "Each point is an image of the " (visible(&map.split)) " data"
            @if dots.len() < map.images { " (" (dots.len()) " of " (map.images) ", all classes evenly)" }
            "; images that the network finds alike lie near each other. Ringed ones are predicted otherwise than they are \
             labelled. The two axes have " (percent(map.shares[0])) " and " (percent(map.shares[1]))
            " of the variance of the features (principal components), so points that lie together here may still differ."
        }
        @if coloured {
            ul.key {
                @for class in 0..data.classes.len() { li { (symbol(class)) (class_name(data, class)) } }
            }
        }
        div.map id="map-view" {
            div {
                (scatter("map-plot", &dots, coloured, &described))
                label hidden="" {
                    "Image"
                    input type="range" min="0" max=(dots.len().saturating_sub(1)) value="0";
                }
                label hidden="" {
                    "Show a class"
                    select {
                        option value="" { "all" }
                        @for class in 0..data.classes.len() { option value=(class) { (class_text(data, class)) } }
                    }
                }
            }
            figure hidden="" {
                div.picture { span.missing { "no image" } }
                figcaption aria-live="polite" {}
            }
        }
    }
}
