//! The VGG networks: parameters on a device, and the forward pass.

mod table;

use std::fmt;
use std::path::Path;

use candle_core::{Device, Tensor};
use candle_nn::{Conv2d, Conv2dConfig, Module};
use headstart_kernels::{Convolution, ConvolutionStack, LayerTime, Plan};
use headstart_weights::{Array, LayerParameters, LoadOptions, LoadReport, Parameter, load_layers};

pub(crate) use self::table::NETWORKS;
use self::table::{BLOCKS, Table};
use crate::backbone::through_tensors;
use crate::kernel_op::through_kernels;
use crate::{Architecture, Backbone, Engine, Error, gpu, images};

/// A VGG's convolutional base with its parameters.
///
/// [`Architecture::load`] gives it as a [`Backbone`]. It is public for [`forward_blocks`](Self::forward_blocks).
pub struct Vgg {
    architecture: Architecture,
    device: Device,
    body: Body,
}

enum Body {
    Kernels(ConvolutionStack),
    Candle(Vec<Vec<Conv2d>>),
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
        let convolutions: Vec<(&Array, &Array)> = parameters
            .iter()
            .filter_map(|layer| Some((layer.array(Parameter::Kernel)?, layer.array(Parameter::Bias)?)))
            .collect();
        let mut rest = convolutions.as_slice();
        let blocks = table.convolutions.map(|count| {
            let (block, after) = rest.split_at(count);
            rest = after;
            block
        });
        let (body, device) = match engine {
            Engine::Kernels(strategy) => {
                let blocks = blocks.map(|block| block.iter().map(convolution).collect());
                (Body::Kernels(ConvolutionStack::new(&blocks, strategy)?), &Device::Cpu)
            }
            Engine::Candle => {
                let block = |block: &[_]| block.iter().map(|layer| conv2d(layer, device)).collect();
                (Body::Candle(blocks.into_iter().map(block).collect::<Result<_, Error>>()?), device)
            }
        };
        Ok(Self { architecture, device: device.clone(), body })
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
            Body::Candle(all) => {
                let blocks = &all[..blocks.clamp(1, all.len())];
                gpu::in_groups(images, |images| through(blocks, images))
            }
        }
    }
}

impl fmt::Debug for Vgg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let engine = match self.body {
            Body::Kernels(_) => "kernels",
            Body::Candle(_) => "candle",
        };
        let mut shown = f.debug_struct("Vgg");
        shown.field("architecture", &self.architecture).field("engine", &engine).finish_non_exhaustive()
    }
}

impl Backbone for Vgg {
    fn architecture(&self) -> Architecture {
        self.architecture
    }

    fn device(&self) -> &Device {
        &self.device
    }

    fn forward(&self, images: &Tensor) -> Result<Tensor, Error> {
        self.forward_blocks(images, BLOCKS)
    }

    fn forward_slice(&self, images: &[f32], shape: [usize; 4], features: &mut [f32]) -> Result<(), Error> {
        match &self.body {
            Body::Kernels(stack) => Ok(stack.forward(images, shape, features)?),
            Body::Candle(_) => through_tensors(self, images, shape, features),
        }
    }

    fn plan(&self, height: usize, width: usize) -> Option<Plan> {
        match &self.body {
            Body::Kernels(stack) => Some(stack.plan(stack.blocks(), height, width)),
            Body::Candle(_) => None,
        }
    }

    fn profile(&self, images: &Tensor) -> Result<Vec<LayerTime>, Error> {
        let [count, channels, height, width] = images::check(self.architecture, images)?;
        let Body::Kernels(stack) = &self.body else { return Ok(Vec::new()) };
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

/// A layer as candle takes it.
fn conv2d(&(kernel, bias): &(&Array, &Array), device: &Device) -> Result<Conv2d, Error> {
    let config = Conv2dConfig { padding: 1, ..Conv2dConfig::default() };
    let tensor = |array: &Array| Tensor::from_slice(&array.values, array.shape.as_slice(), device);
    Ok(Conv2d::new(tensor(kernel)?, Some(tensor(bias)?), config))
}

/// The pooled maps of a batch by candle's ops.
fn through(blocks: &[Vec<Conv2d>], images: &Tensor) -> Result<Tensor, Error> {
    let mut maps = images.clone();
    for block in blocks {
        for convolution in block {
            maps = convolution.forward(&maps)?.relu()?;
        }
        maps = maps.max_pool2d(2)?;
    }
    Ok(maps)
}

impl Module for Vgg {
    fn forward(&self, images: &Tensor) -> candle_core::Result<Tensor> {
        Backbone::forward(self, images).map_err(|error| match error {
            Error::Candle(error) => error,
            other => candle_core::Error::wrap(other),
        })
    }
}
