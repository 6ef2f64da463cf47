//! How a network is run, for people and tests to read.

use std::fmt;

use super::Shape;
use super::plan::{Order, Plan};
use super::step::Step;

/// How a network is run on images of one size.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Outline {
    /// What is computed together, in order.
    pub stages: Vec<StageOutline>,
    /// Bytes that the maps of an image take, the same memory being used again and again.
    pub bytes: usize,
}

/// Layers that are computed together.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct StageOutline {
    /// The layers, in order.
    pub layers: Vec<LayerOutline>,
    /// The order in which their results are computed.
    pub order: Order,
    /// Whether several images go through it one after the other before the next stage, because its kernels are larger than its
    /// maps.
    pub by_kernels: bool,
}

/// A layer.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LayerOutline {
    /// Its name in the graph.
    pub name: String,
    /// How it is computed, in words.
    pub method: String,
    /// The shape of its result.
    pub shape: Shape,
    /// Multiply-adds for one image.
    pub multiply_adds: f64,
}

impl Outline {
    pub(super) fn new(steps: &[Step], plan: &Plan) -> Self {
        let layer = |step: &Step| LayerOutline {
            name: step.name.clone(),
            method: step.method(plan),
            shape: plan.layouts[step.result.0].shape,
            multiply_adds: step.multiply_adds(plan)[0],
        };
        let stages = plan.stages.iter().map(|stage| StageOutline {
            layers: steps[stage.steps.clone()].iter().map(layer).collect(),
            order: stage.order,
            by_kernels: stage.by_kernels,
        });
        Self { stages: stages.collect(), bytes: plan.len_of(1) * size_of::<f32>() }
    }
}

impl fmt::Display for Outline {
    /// A line for each layer; the layers of a stage are bracketed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for StageOutline { layers, order, by_kernels } in &self.stages {
            match order {
                Order::Alone => {}
                Order::Bands(rows) => writeln!(f, "in bands of {rows} rows:")?,
                Order::Blocks => writeln!(f, "by blocks of channels:")?,
            }
            for LayerOutline { name, method, shape: Shape { channels, height, width }, multiply_adds } in
                layers
            {
                let indent = if *order == Order::Alone { "" } else { "  " };
                let million = multiply_adds / 1e6;
                write!(
                    f,
                    "{indent}{name}: {method} -> {channels} x {height} x {width}, {million:.1} M multiply-adds"
                )?;
                writeln!(f, "{}", if *by_kernels { ", by kernels" } else { "" })?;
            }
        }
        write!(f, "{:.1} MB of maps an image", self.bytes as f64 / 1e6)
    }
}
