//! A network with its parameters as a plain list of layers, for who writes it for another runtime.

use headstart_kernels::graph::{Activation, Window};

use crate::description::{Description, Operation};
use crate::stored::Folded;

/// A network with its parameters: layers, each of which comes after those whose results it reads. Batch normalizations are part
/// of the convolutions. The last layer's result is the features.
///
/// [`Architecture::load_folded`](crate::Architecture::load_folded) reads one.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct FoldedNetwork {
    /// The layers, in order.
    pub layers: Vec<FoldedLayer>,
}

/// What is computed, and of what.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct FoldedLayer {
    /// A name that no other layer of the network has.
    pub name: String,
    /// The results that it reads: 0 is the image, n the result of the n-th layer.
    pub reads: Vec<usize>,
    /// Channels of its result.
    pub channels: usize,
    /// What it computes of them.
    pub operation: FoldedOperation,
}

/// What a layer computes.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum FoldedOperation {
    /// A convolution of one result, and its activation.
    Convolution(FoldedConvolution),
    /// The largest value in a window of one result. Padding is never the largest.
    MaxPool(Window),
    /// The mean of each map of one result, as maps of one pixel.
    GlobalAverage,
    /// The sum of two results of one shape, and its activation.
    Add(Activation),
    /// The first result times the second, which has one value a channel.
    Multiply,
}

/// A convolution with a bias. Kernels are not flipped, as in every framework.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct FoldedConvolution {
    /// Out channels, in channels of a group, height, width: the kernel's shape.
    pub shape: [usize; 4],
    /// Groups of channels that are convolved apart.
    pub groups: usize,
    /// The size of the kernel, and how it moves. Padding is zeros.
    pub window: Window,
    /// What follows.
    pub activation: Activation,
    /// The kernel, in C order.
    pub kernel: Vec<f32>,
    /// One value an out channel.
    pub bias: Vec<f32>,
}

impl FoldedNetwork {
    /// A description whose convolutions, in their order, have these parameters.
    pub(crate) fn new(description: Description, folded: Vec<Folded>) -> Self {
        let mut folded = folded.into_iter();
        let layer = |(at, layer): (usize, crate::description::Layer)| {
            let named = |what: &str| format!("{what}_{}", at + 1);
            let (name, operation) = match layer.operation {
                Operation::Convolution(convolution) => {
                    let Folded { kernel, bias } = folded.next()?;
                    let operation = FoldedConvolution {
                        shape: convolution.shape(),
                        groups: convolution.groups,
                        window: convolution.window,
                        activation: convolution.activation,
                        kernel,
                        bias,
                    };
                    (convolution.name, FoldedOperation::Convolution(operation))
                }
                Operation::MaxPool(window) => (named("pool"), FoldedOperation::MaxPool(window)),
                Operation::GlobalAverage => (named("average"), FoldedOperation::GlobalAverage),
                Operation::Add(activation) => (named("add"), FoldedOperation::Add(activation)),
                Operation::Multiply => (named("gate"), FoldedOperation::Multiply),
            };
            let reads = layer.reads.iter().map(|maps| maps.0).collect();
            Some(FoldedLayer { name, reads, channels: layer.channels, operation })
        };
        Self { layers: description.layers.into_iter().enumerate().map_while(layer).collect() }
    }
}
