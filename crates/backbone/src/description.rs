//! A convolutional network as a list of layers, from which follows everything else that is known about it: where files hold
//! its parameters, what they become, and what the kernels and candle compute.

use headstart_kernels::graph::{Activation, Window};
use headstart_weights::LayerSlot;

use crate::images::IMAGE_CHANNELS;
use crate::stored::Term;

/// The result of a layer; the image before the first one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Maps(pub(crate) usize);

impl Maps {
    pub(crate) const IMAGE: Self = Self(0);
}

/// Layers, each of which comes after those whose results it reads. The last one's result is the features.
#[derive(Debug, Clone, Default)]
pub(crate) struct Description {
    pub(crate) layers: Vec<Layer>,
    /// Layers of the whole network behind the features, if they could be taken for layers of a larger network.
    pub(crate) behind: Vec<LayerSlot>,
}

/// What is computed, and of what.
#[derive(Debug, Clone)]
pub(crate) struct Layer {
    pub(crate) reads: Vec<Maps>,
    /// Channels of its result.
    pub(crate) channels: usize,
    pub(crate) operation: Operation,
}

/// What a layer computes.
#[derive(Debug, Clone)]
pub(crate) enum Operation {
    Convolution(Convolution),
    MaxPool(Window),
    GlobalAverage,
    Add(Activation),
    Multiply,
}

/// A convolution with a bias, once what files hold is added up.
#[derive(Debug, Clone)]
pub(crate) struct Convolution {
    /// Its name in the network.
    pub(crate) name: String,
    pub(crate) in_channels: usize,
    pub(crate) out_channels: usize,
    pub(crate) groups: usize,
    pub(crate) window: Window,
    pub(crate) activation: Activation,
    /// For each form of the network's files, what it is the sum of.
    pub(crate) forms: Vec<Vec<Term>>,
}

impl Convolution {
    /// Out channels, in channels of a group, height, width.
    pub(crate) fn shape(&self) -> [usize; 4] {
        let [height, width] = self.window.size;
        [self.out_channels, self.in_channels / self.groups, height, width]
    }

    /// Whether each channel is convolved alone.
    pub(crate) fn is_depthwise(&self) -> bool {
        self.groups > 1 && self.groups == self.in_channels && self.groups == self.out_channels
    }
}

impl Description {
    /// Channels of some maps.
    pub(crate) fn channels(&self, maps: Maps) -> usize {
        maps.0.checked_sub(1).map_or(IMAGE_CHANNELS, |layer| self.layers[layer].channels)
    }

    pub(crate) fn convolution(&mut self, from: Maps, convolution: Convolution) -> Maps {
        self.push(vec![from], convolution.out_channels, Operation::Convolution(convolution))
    }

    pub(crate) fn max_pool(&mut self, from: Maps, window: Window) -> Maps {
        self.push(vec![from], self.channels(from), Operation::MaxPool(window))
    }

    pub(crate) fn global_average(&mut self, from: Maps) -> Maps {
        self.push(vec![from], self.channels(from), Operation::GlobalAverage)
    }

    pub(crate) fn add(&mut self, a: Maps, b: Maps, activation: Activation) -> Maps {
        self.push(vec![a, b], self.channels(a), Operation::Add(activation))
    }

    /// Maps times one value a channel.
    pub(crate) fn multiply(&mut self, maps: Maps, gate: Maps) -> Maps {
        self.push(vec![maps, gate], self.channels(maps), Operation::Multiply)
    }

    fn push(&mut self, reads: Vec<Maps>, channels: usize, operation: Operation) -> Maps {
        self.layers.push(Layer { reads, channels, operation });
        Maps(self.layers.len())
    }

    pub(crate) fn convolutions(&self) -> impl Iterator<Item = &Convolution> {
        self.layers.iter().filter_map(|layer| match &layer.operation {
            Operation::Convolution(convolution) => Some(convolution),
            _ => None,
        })
    }

    /// The slots of each form of the network's files.
    pub(crate) fn forms(&self) -> Vec<Vec<LayerSlot>> {
        let forms = self.convolutions().map(|convolution| convolution.forms.len()).min().unwrap_or_default();
        let slots = |form: usize| {
            let of_layers = self.convolutions().flat_map(move |convolution| {
                convolution.forms[form].iter().map(|term| term.slot(convolution))
            });
            of_layers.chain(self.behind.iter().cloned()).collect()
        };
        (0..forms).map(slots).collect()
    }

    /// Channels, height and width of the features; sides of 0 for images that are too small.
    pub(crate) fn feature_shape(&self, height: usize, width: usize) -> [usize; 3] {
        let mut shapes = vec![[IMAGE_CHANNELS, height, width]];
        for layer in &self.layers {
            let [_, height, width] = shapes[layer.reads[0].0];
            let window = match &layer.operation {
                Operation::Convolution(convolution) => Some(convolution.window),
                Operation::MaxPool(window) => Some(*window),
                Operation::GlobalAverage => None,
                Operation::Add(_) | Operation::Multiply => Some(Window::PIXEL),
            };
            let [height, width] =
                window.map_or([1; 2], |window| window.outputs(height, width).unwrap_or_default());
            shapes.push([layer.channels, height, width]);
        }
        shapes[self.layers.len()]
    }
}
