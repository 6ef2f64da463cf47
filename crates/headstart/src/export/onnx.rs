//! From pixels to probabilities as one graph of ONNX.

use headstart_backbone::FoldedNetwork;
use headstart_provenance::{ChannelOrder, Pooling, Preprocessing};
use headstart_weights::{OnnxAttribute, OnnxAxis, OnnxGraph, OnnxValue};

use super::parts::Parts;
use super::{network, rows};
use crate::Error;

const IMAGES: OnnxAxis = OnnxAxis::Named("N");

/// The graph of a classifier with its network.
pub(super) fn graph<'a>(network: &'a FoldedNetwork, parts: &'a Parts<'_>) -> Result<OnnxGraph<'a>, Error> {
    let Parts { preprocessing, pooling, row_shape, classes, known, .. } = parts;
    let size = [preprocessing.height, preprocessing.width];
    let mut graph = OnnxGraph::new("headstart");
    let axes = [IMAGES, OnnxAxis::Of(3), OnnxAxis::Of(size[0]), OnnxAxis::Of(size[1])];
    let pixels = graph.input("pixels", &axes);
    let mut images = normalized(&mut graph, &pixels, preprocessing);
    if preprocessing.mirror {
        images = with_mirror_images(&mut graph, &images);
    }
    let maps = network::add(&mut graph, network, &images, size);
    let features = pooled(&mut graph, &maps, *pooling, preprocessing.mirror, row_shape);
    let rows = if row_shape.len() > 1 {
        graph.node("Flatten", "rows", &[&features], &[("axis", OnnxAttribute::Int(1))])
    } else {
        features.clone()
    };
    let probabilities = rows::probabilities(&mut graph, &rows, &parts.layers);
    graph.output(&probabilities, &[IMAGES, OnnxAxis::Of(classes.len())]);
    let of_row = row_shape.iter().map(|&length| OnnxAxis::Of(length));
    graph.output(&features, &std::iter::once(IMAGES).chain(of_row).collect::<Vec<_>>());
    if let Some(known) = known {
        let novelty = rows::novelty(&mut graph, &rows, known);
        graph.output(&novelty, &[IMAGES]);
    }
    Ok(graph)
}

/// (x scale - mean) / std of each plane, by the same operations in f32, so to the same bits.
fn normalized(graph: &mut OnnxGraph<'_>, pixels: &OnnxValue, preprocessing: &Preprocessing) -> OnnxValue {
    let Preprocessing { scale, mean, std, channel_order, .. } = preprocessing;
    let mut images = pixels.clone();
    if *channel_order == ChannelOrder::Bgr {
        let order = graph.integers("bgr", &[2, 1, 0]);
        let axis = ("axis", OnnxAttribute::Int(1));
        images = graph.node("Gather", "planes", &[&images, &order], &[axis]);
    }
    let planes = [1, 3, 1, 1];
    if *scale != 1.0 {
        let scale = graph.floats("scale", &[], vec![*scale]);
        images = graph.node("Mul", "scaled", &[&images, &scale], &[]);
    }
    if mean.iter().any(|&mean| mean != 0.0) {
        let mean = graph.floats("mean", &planes, mean.to_vec());
        images = graph.node("Sub", "centred", &[&images, &mean], &[]);
    }
    if std.iter().any(|&std| std != 1.0) {
        let std = graph.floats("std", &planes, std.to_vec());
        images = graph.node("Div", "normalized", &[&images, &std], &[]);
    }
    images
}

/// The images, and then their mirror images.
fn with_mirror_images(graph: &mut OnnxGraph<'_>, images: &OnnxValue) -> OnnxValue {
    // From the last column on, backwards past the first one.
    let (from, to) = (graph.integers("last", &[-1]), graph.integers("past_the_first", &[i64::MIN]));
    let (axis, step) = (graph.integers("columns", &[3]), graph.integers("backwards", &[-1]));
    let mirrored = graph.node("Slice", "mirrored", &[images, &from, &to, &axis, &step], &[]);
    graph.node("Concat", "both", &[images, &mirrored], &[("axis", OnnxAttribute::Int(0))])
}

/// The features of each image, as the output of the graph.
fn pooled(
    graph: &mut OnnxGraph<'_>,
    maps: &OnnxValue,
    pooling: Pooling,
    mirror: bool,
    row_shape: &[usize],
) -> OnnxValue {
    let name = if mirror { "features_of_both" } else { "features" };
    let operator = match pooling {
        Pooling::None => return graph.node("Identity", name, &[maps], &[]),
        Pooling::Average => "GlobalAveragePool",
        Pooling::Max => "GlobalMaxPool",
    };
    let values = graph.node(operator, "pooled", &[maps], &[]);
    let rows = graph.node("Flatten", name, &[&values], &[("axis", OnnxAttribute::Int(1))]);
    if !mirror {
        return rows;
    }
    let values = row_shape.iter().product::<usize>() as i64;
    let shape = graph.integers("pairs_shape", &[2, -1, values]);
    let pairs = graph.node("Reshape", "pairs", &[&rows, &shape], &[]);
    let over = [("axes", OnnxAttribute::Ints(vec![0])), ("keepdims", OnnxAttribute::Int(0))];
    graph.node("ReduceMean", "features", &[&pairs], &over)
}
