//! The judged images on a plane.

use serde::Serialize;

use super::Thumbnail;

/// Images by the first two principal components of their features at length 1: near means alike.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct EmbeddingMap {
    /// The data that the images are of, for instance "validation".
    pub split: String,
    /// The number of images of that data; the map may show a part of them.
    pub images: usize,
    /// The share of the variance along each axis.
    pub shares: [f64; 2],
    /// The images, in scan order.
    pub points: Vec<MapPoint>,
}

/// An image on the map.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct MapPoint {
    /// The image, as the scan named it.
    pub path: String,
    /// Its label.
    pub class: usize,
    /// The class that the head gives it.
    pub predicted: usize,
    /// Along the first component.
    pub x: f64,
    /// Along the second component.
    pub y: f64,
    /// A small copy.
    #[serde(skip)]
    pub thumbnail: Option<Thumbnail>,
}
