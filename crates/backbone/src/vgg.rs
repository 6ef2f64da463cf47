//! The VGG networks: parameters on a device, and the forward pass.

mod table;

use std::fmt;
use std::path::Path;

use candle_core::{Device, Tensor};
use candle_nn::Module;
use headstart_kernels::{Convolution, ConvolutionStack, LayerTime, Plan};
use headstart_weights::{Array, LayerParameters, LoadOptions, LoadReport, Parameter, load_layers};

pub(crate) use self::table::NETWORKS;
use self::table::{BLOCKS, Table};
use crate::kernel_op::through_kernels;
use crate::on_device::OnDevice;
use crate::stored::Folded;
use crate::{Architecture, Backbone, Engine, Error, images};

/// A VGG's convolutional base with its parameters.
///
/// [`Architecture::load`] gives it as a [`Backbone`]. It is public for [`forward_blocks`](Self::forward_blocks).
pub struct Vgg {
    architecture: Architecture,
    engine: Engine,
    body: Body,
}

enum Body {
    Kernels(ConvolutionStack),
    Tensors(OnDevice),
}

impl Vgg {
    /// Builds the network from parameters in the order of [`Architecture::slots`].
    ///
    /// # Errors
    /// [`Error::NotVgg`] for another network; if a parameter is missing or has the wrong shape; if the device is out of
    /// memory.
    pub fn with_engine(
        architecture: Architecture,
        parameters: &[LayerParameters],
        device: &Device,
        engine: Engine,
    ) -> Result<Self, Error> {
        let table = Table::of(architecture)?;
        architecture.check(parameters)?;
        let body = match engine {
            Engine::Kernels(strategy) => {
                let convolutions: Vec<_> = convolutions(parameters).collect();
                let mut rest = convolutions.as_slice();
                let blocks = table.convolutions.map(|count| {
                    let (block, after) = rest.split_at(count);
                    rest = after;
                    block.iter().map(convolution).collect()
                });
                Body::Kernels(ConvolutionStack::new(&blocks, strategy)?)
            }
            Engine::Candle | Engine::Cuda(_) => {
                let folded = folded(parameters);
                Body::Tensors(OnDevice::new(&table.describe(), &folded, device, engine)?)
            }
        };
        Ok(Self { architecture, engine, body })
    }

    /// Reads the parameters from a file and builds the network. The report says the file's layout and what was used.
    ///
    /// # Errors
    /// If the file can't be read or lacks a layer, or as [`with_engine`](Self::with_engine).
    pub fn load(
        architecture: Architecture,
        path: &Path,
        options: &LoadOptions,
        device: &Device,
        engine: Engine,
    ) -> Result<(Self, LoadReport), Error> {
        let loaded = load_layers(path, &architecture.slots(), options)?;
        Ok((Self::with_engine(architecture, &loaded.layers, device, engine)?, loaded.report))
    }

    /// The pooled maps of the first `blocks` blocks: 1 to 5. Other numbers are clamped.
    ///
    /// # Shapes
    /// As [`Backbone::forward`], with 64, 128, 256, 512 or 512 channels and each side halved `blocks` times.
    ///
    /// # Errors
    /// As [`Backbone::forward`].
    pub fn forward_blocks(&self, images: &Tensor, blocks: usize) -> Result<Tensor, Error> {
        images::check(self.architecture, images)?;
        match &self.body {
            Body::Kernels(stack) => through_kernels(
                "vgg-base",
                images,
                |height, width| stack.output_shape(blocks, height, width),
                |images, shape, features| stack.forward_blocks(blocks, images, shape, features),
            ),
            Body::Tensors(network) => {
                let table = Table::of(self.architecture)?;
                network.forward(images, table.layers_of(blocks))
            }
        }
    }
}

impl fmt::Debug for Vgg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Vgg");
        shown.field("architecture", &self.architecture).field("engine", &self.engine).finish_non_exhaustive()
    }
}

impl Backbone for Vgg {
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
        self.forward_blocks(images, BLOCKS)
    }

    fn forward_slice(&self, images: &[f32], shape: [usize; 4], features: &mut [f32]) -> Result<(), Error> {
        match &self.body {
            Body::Kernels(stack) => Ok(stack.forward(images, shape, features)?),
            Body::Tensors(network) => {
                let [_, _, height, width] = shape;
                self.architecture.check_size(height, width)?;
                network.forward_slice(images, shape, features)
            }
        }
    }

    fn plan(&self, height: usize, width: usize) -> Option<Plan> {
        match &self.body {
            Body::Kernels(stack) => Some(stack.plan(stack.blocks(), height, width)),
            Body::Tensors(_) => None,
        }
    }

    fn profile(&self, images: &Tensor) -> Result<Vec<LayerTime>, Error> {
        let [count, channels, height, width] = images::check(self.architecture, images)?;
        let stack = match &self.body {
            Body::Kernels(stack) => stack,
            Body::Tensors(network) => return network.profile(images),
        };
        let [out, h, w] = self.architecture.feature_shape(height, width)?;
        let images: Vec<f32> = images.flatten_all()?.to_vec1()?;
        let mut features = vec![0.0; count * out * h * w];
        Ok(stack.profile(&images, [count, channels, height, width], &mut features)?)
    }
}

/// A layer as the kernels take it.
fn convolution<'a>(&(kernel, bias): &(&'a Array, &'a Array)) -> Convolution<'a> {
    let (out_channels, in_channels) = (kernel.shape[0], kernel.shape[1]);
    Convolution { in_channels, out_channels, kernel: &kernel.values, bias: &bias.values }
}

/// The kernels and biases of layers.
fn convolutions(parameters: &[LayerParameters]) -> impl Iterator<Item = (&Array, &Array)> {
    parameters
        .iter()
        .filter_map(|layer| Some((layer.array(Parameter::Kernel)?, layer.array(Parameter::Bias)?)))
}

/// The layers as tensors take them.
fn folded(parameters: &[LayerParameters]) -> Vec<Folded> {
    let folded = |(kernel, bias): (&Array, &Array)| Folded {
        kernel: kernel.values.clone(),
        bias: bias.values.clone(),
    };
    convolutions(parameters).map(folded).collect()
}

impl Module for Vgg {
    fn forward(&self, images: &Tensor) -> candle_core::Result<Tensor> {
        Backbone::forward(self, images).map_err(|error| match error {
            Error::Candle(error) => error,
            other => candle_core::Error::wrap(other),
        })
    }
}
