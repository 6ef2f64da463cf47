//! The networks that a [`Description`] gives: their tables, and the forward pass.

use std::fmt;
use std::time::Instant;

use candle_core::{Device, Tensor};
use headstart_kernels::graph::{
    Convolution as GraphConvolution, Graph, Maps, Network as GraphNetwork, Pooling as GraphPooling,
};
use headstart_provenance::{Input, Pooling, Preset};
use headstart_weights::{LayerParameters, LayerSlot};
use rayon::prelude::*;

use crate::backbone::{check_room, pooled};
use crate::description::{Description, Operation};
use crate::images::IMAGE_CHANNELS;
use crate::kernel_op::through_kernels;
use crate::network::{Network, form_of};
use crate::on_device::OnDevice;
use crate::stored::Folded;
use crate::{Architecture, Backbone, Engine, Error, LayerTime, images};

/// A network of the registry.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    /// What timm and torchvision call it, timm's name first. Names of networks that compute something else from the same
    /// parameters are not among them.
    pub(crate) published: &'static [&'static str],
    /// What tells the forms of its files apart, if there are several.
    pub(crate) forms: &'static [&'static str],
    /// The presets that suit its weights, the one of its input first.
    pub(crate) presets: &'static [Preset],
    /// The input that its weights were measured with.
    pub(crate) input: Input,
    pub(crate) describe: fn() -> Description,
}

/// All these networks halve the resolution five times.
const SMALLEST_IMAGE: usize = 32;

impl Network for Table {
    fn name(&self) -> &'static str {
        self.name
    }

    fn published_names(&self) -> &'static [&'static str] {
        self.published
    }

    fn form_names(&self) -> &'static [&'static str] {
        self.forms
    }

    fn presets(&self) -> &'static [Preset] {
        self.presets
    }

    fn slots(&self) -> Vec<LayerSlot> {
        self.forms().swap_remove(0)
    }

    fn forms(&self) -> Vec<Vec<LayerSlot>> {
        (self.describe)().forms()
    }

    fn smallest_image(&self) -> usize {
        SMALLEST_IMAGE
    }

    fn image_side(&self) -> usize {
        self.input.side
    }

    fn input(&self) -> Input {
        self.input
    }

    fn feature_shape(&self, height: usize, width: usize) -> [usize; 3] {
        (self.describe)().feature_shape(height, width)
    }

    /// Graphs have one way to compute, for any number of images.
    fn suited_engine(&self, device: &Device, _: usize) -> Engine {
        Engine::suited(device, usize::MAX)
    }

    fn build(
        &'static self,
        parameters: Vec<LayerParameters>,
        device: &Device,
        engine: Engine,
    ) -> Result<Box<dyn Backbone>, Error> {
        let architecture = Architecture(self);
        let body = match engine {
            Engine::Kernels(_) => Body::Kernels(GraphNetwork::new(self.graph_of(parameters)?)?),
            Engine::Candle | Engine::Cuda(_) => {
                let (description, folded) = self.described(parameters);
                Body::Tensors(OnDevice::new(&description, &folded, device, engine)?)
            }
        };
        Ok(Box::new(Convolutional { architecture, engine, body }))
    }

    fn folded(&self, parameters: Vec<LayerParameters>) -> Option<(Description, Vec<Folded>)> {
        Some(self.described(parameters))
    }

    fn graph(&self, parameters: Vec<LayerParameters>) -> Result<Option<Graph>, Error> {
        self.graph_of(parameters).map(Some)
    }
}

impl Table {
    /// The network as a description, and what the parameters of each of its convolutions add up to.
    fn described(&self, parameters: Vec<LayerParameters>) -> (Description, Vec<Folded>) {
        let description = (self.describe)();
        let form = form_of(&description.forms(), &parameters);
        let folded = fold(&description, form, parameters);
        (description, folded)
    }

    fn graph_of(&self, parameters: Vec<LayerParameters>) -> Result<Graph, Error> {
        let (description, folded) = self.described(parameters);
        graph(&description, folded)
    }
}

/// What the parameters of each convolution add up to, in their order.
fn fold(description: &Description, form: usize, parameters: Vec<LayerParameters>) -> Vec<Folded> {
    let mut rest = parameters.into_iter();
    let parts: Vec<_> = description
        .convolutions()
        .map(|convolution| {
            let terms = &convolution.forms[form];
            (convolution, terms, rest.by_ref().take(terms.len()).collect())
        })
        .collect();
    let of = |(convolution, terms, own): (_, &Vec<_>, _)| Folded::of(convolution, terms, own);
    // One at a time: some are a thousand times as large as others.
    parts.into_par_iter().with_max_len(1).map(of).collect()
}

/// A description whose convolutions, in their order, have these parameters, as the kernels take it.
fn graph(description: &Description, folded: impl IntoIterator<Item = Folded>) -> Result<Graph, Error> {
    let mut graph = Graph::new(IMAGE_CHANNELS);
    let mut results: Vec<Maps> = vec![graph.input()];
    let mut folded = folded.into_iter();
    for (at, layer) in description.layers.iter().enumerate() {
        let from = results[layer.reads[0].0];
        let other = results[layer.reads.get(1).unwrap_or(&layer.reads[0]).0];
        let result = match &layer.operation {
            Operation::Convolution(convolution) => {
                let Some(folded) = folded.next() else { break };
                let Folded { kernel, bias } = folded;
                let parts = GraphConvolution {
                    in_channels: convolution.in_channels,
                    out_channels: convolution.out_channels,
                    groups: convolution.groups,
                    window: convolution.window,
                    kernel: kernel.into(),
                    bias: bias.into(),
                    activation: convolution.activation,
                };
                graph.convolution(&convolution.name, from, parts)?
            }
            Operation::MaxPool(window) => {
                graph.pool(&format!("pool {at}"), from, GraphPooling::Max, *window)?
            }
            Operation::GlobalAverage => {
                graph.pool_globally(&format!("average {at}"), from, GraphPooling::Average)
            }
            Operation::Add(activation) => graph.add(&format!("add {at}"), from, other, *activation)?,
            Operation::Multiply => graph.multiply(&format!("gate {at}"), from, other)?,
        };
        results.push(result);
    }
    Ok(graph)
}

/// A network with its parameters.
struct Convolutional {
    architecture: Architecture,
    engine: Engine,
    body: Body,
}

enum Body {
    Kernels(GraphNetwork),
    Tensors(OnDevice),
}

impl fmt::Debug for Convolutional {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Convolutional");
        shown.field("architecture", &self.architecture).field("engine", &self.engine).finish_non_exhaustive()
    }
}

impl Backbone for Convolutional {
    fn architecture(&self) -> Architecture {
        self.architecture
    }

    fn device(&self) -> &Device {
        match &self.body {
            Body::Kernels(_) => &Device::Cpu,
            Body::Tensors(network) => network.device(),
        }
    }

    fn batches_at_once(&self, threads: usize) -> usize {
        self.architecture.batches_at_once(self.engine, threads)
    }

    fn forward(&self, images: &Tensor) -> Result<Tensor, Error> {
        images::check(self.architecture, images)?;
        match &self.body {
            Body::Kernels(network) => through_kernels(
                "graph",
                images,
                |height, width| {
                    let shape = network.output_shape(height, width)?;
                    Ok([shape.channels, shape.height, shape.width])
                },
                |images, shape, features| network.forward(images, shape, features),
            ),
            Body::Tensors(network) => network.forward(images, network.layers()),
        }
    }

    fn forward_slice(&self, images: &[f32], shape: [usize; 4], features: &mut [f32]) -> Result<(), Error> {
        let [_, _, height, width] = shape;
        self.architecture.check_size(height, width)?;
        match &self.body {
            Body::Kernels(network) => Ok(network.forward(images, shape, features)?),
            Body::Tensors(network) => network.forward_slice(images, shape, features),
        }
    }

    /// Kernels pool what they have computed.
    fn forward_pooled(
        &self,
        images: &[f32],
        shape: [usize; 4],
        pooling: Pooling,
        features: &mut [f32],
    ) -> Result<(), Error> {
        let Body::Kernels(network) = &self.body else {
            return pooled(self, images, shape, pooling, features);
        };
        let pooling = match pooling {
            Pooling::None => return self.forward_slice(images, shape, features),
            Pooling::Average => GraphPooling::Average,
            Pooling::Max => GraphPooling::Max,
        };
        let [count, _, height, width] = shape;
        self.architecture.check_size(height, width)?;
        check_room(count * network.output_shape(height, width)?.channels, features)?;
        Ok(network.forward_pooled(images, shape, pooling, features)?)
    }

    fn profile(&self, images: &Tensor) -> Result<Vec<LayerTime>, Error> {
        let shape = images::check(self.architecture, images)?;
        let network = match &self.body {
            Body::Kernels(network) => network,
            Body::Tensors(network) => return network.profile(images),
        };
        let [count, _, height, width] = shape;
        let images: Vec<f32> = images.flatten_all()?.to_vec1()?;
        let mut features = vec![0.0; count * network.output_shape(height, width)?.len()];
        let started = Instant::now();
        let mut times = network.profile(&images, shape, &mut features)?;
        // The graph sums the time of its threads. Each layer gets its share of the time by the clock.
        let (clock, all) =
            (started.elapsed().as_secs_f64(), times.iter().map(|time| time.seconds).sum::<f64>());
        if all > 0.0 {
            times.iter_mut().for_each(|time| time.seconds *= clock / all);
        }
        Ok(times)
    }
}

#[cfg(test)]
mod tests;
