//! The network itself: parameters on a device, and the forward pass.

use std::path::Path;

use candle_core::{CpuStorage, CustomOp1, DType, Device, Layout, Shape, Tensor};
use candle_nn::{Conv2d, Conv2dConfig, Module};
use headstart_kernels::{Convolution, ConvolutionStack, LayerTime, Plan, Strategy};
use headstart_weights::{Array, ConvolutionParameters, LoadOptions, LoadReport, load_convolutions};

use crate::architecture::Architecture;
use crate::error::Error;

/// What computes the forward pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// `headstart-kernels`, as one candle op; on the CPU alone.
    Kernels(Strategy),
    /// candle's own convolution, ReLU and pooling; on every device.
    Candle,
}

/// Up to so many images are done sooner with kernels as they are: transforming those of VGG16 takes 0.04 s where
/// the system has 300 MB at hand and 0.4 s where it must find them first, and each image then takes 0.02 s instead of
/// 0.065 s (two Zen 4 cores, 150 x 150).
pub const FEW_IMAGES: usize = 8;

/// So many pixels are given to a GPU at once, for which candle takes about 0.6 GB there.
const GPU_PIXELS: usize = 8 * 150 * 150;

/// How many images a GPU is given at once, the last of them beside zeros. Its libraries choose the order of a sum by the
/// number of rows, and an image's features must not depend on which others are in its batch.
fn gpu_group(height: usize, width: usize) -> usize {
    (GPU_PIXELS / (height * width)).clamp(1, 64)
}

impl Engine {
    /// The engine that does so many images on a device in the least time, preparation included.
    ///
    /// Between a few images and many the features differ by rounding, as between kinds of CPU:
    /// [`describe`](Self::describe) tells which.
    #[must_use]
    pub fn suited(device: &Device, images: usize) -> Self {
        match images {
            _ if !device.is_cpu() => Self::Candle,
            0..=FEW_IMAGES => Self::Kernels(Strategy::Unprepared),
            _ => Self::Kernels(Strategy::Throughput),
        }
    }

    /// What decides the last bits of the features besides the weights and the image: `"fma, tiled"`. Two results
    /// with the same description are identical, those of a GPU with the same version of CUDA; others agree within rounding.
    ///
    /// # Errors
    ///
    /// Where `HEADSTART_KERNELS` names no path that this CPU has, or the GPU does not tell what it is.
    pub fn describe(self, device: &Device) -> Result<String, Error> {
        let strategy = match self {
            Self::Candle if device.is_cpu() => return Ok("candle, cpu".to_owned()),
            Self::Candle => return Ok(format!("candle, {}", name(device)?)),
            Self::Kernels(Strategy::Throughput) => "tiled".to_owned(),
            Self::Kernels(Strategy::Unprepared) => "direct".to_owned(),
            Self::Kernels(Strategy::Forced { tile, last }) => format!("{tile} and {last}"),
        };
        Ok(format!("{}, {strategy}", headstart_kernels::Path::detect()?.rounding()))
    }
}

/// A VGG's convolutional base with its parameters.
pub struct Vgg {
    architecture: Architecture,
    body: Body,
}

enum Body {
    Kernels(ConvolutionStack),
    Candle(Vec<Vec<Conv2d>>, Device),
}

impl Vgg {
    /// Builds the network from parameters in the order of [`Architecture::slots`], with the engine that
    /// suits the device and many images.
    ///
    /// # Errors
    ///
    /// Where a parameter is missing or misshapen, or the device is out of memory.
    pub fn new(
        architecture: Architecture,
        parameters: &[ConvolutionParameters],
        device: &Device,
    ) -> Result<Self, Error> {
        Self::with_engine(architecture, parameters, device, Engine::suited(device, usize::MAX))
    }

    /// As [`Vgg::new`], with a given engine; [`Engine::Kernels`] ignores the device.
    ///
    /// # Errors
    ///
    /// As [`Vgg::new`].
    pub fn with_engine(
        architecture: Architecture,
        parameters: &[ConvolutionParameters],
        device: &Device,
        engine: Engine,
    ) -> Result<Self, Error> {
        check(architecture, parameters)?;
        let mut rest = parameters;
        let blocks = architecture.convolutions_per_block().map(|count| {
            let (block, after) = rest.split_at(count);
            rest = after;
            block
        });
        let body = match engine {
            Engine::Kernels(strategy) => {
                fn layer(parameters: &ConvolutionParameters) -> Convolution<'_> {
                    let ConvolutionParameters { kernel, bias } = parameters;
                    let (out_channels, in_channels) = (kernel.shape[0], kernel.shape[1]);
                    Convolution { in_channels, out_channels, kernel: &kernel.values, bias: &bias.values }
                }
                let blocks = blocks.map(|block| block.iter().map(layer).collect());
                Body::Kernels(ConvolutionStack::new(&blocks, strategy)?)
            }
            Engine::Candle => {
                let config = Conv2dConfig { padding: 1, ..Default::default() };
                let tensor =
                    |array: &Array| Tensor::from_slice(&array.values, array.shape.as_slice(), device);
                let layer = |parameters: &ConvolutionParameters| {
                    let bias = tensor(&parameters.bias)?;
                    Ok::<_, Error>(Conv2d::new(tensor(&parameters.kernel)?, Some(bias), config))
                };
                let block = |block: &[ConvolutionParameters]| block.iter().map(layer).collect();
                let blocks = blocks.into_iter().map(block).collect::<Result<_, Error>>()?;
                Body::Candle(blocks, device.clone())
            }
        };
        Ok(Self { architecture, body })
    }

    /// Reads the parameters from a file and builds the network; the report tells the file's layout and what
    /// of it was used.
    ///
    /// # Errors
    ///
    /// Where the file can't be read or lacks a layer, or as [`Vgg::new`].
    pub fn load(
        architecture: Architecture,
        path: &Path,
        options: &LoadOptions,
        device: &Device,
        engine: Engine,
    ) -> Result<(Self, LoadReport), Error> {
        let loaded = load_convolutions(path, &architecture.slots(), options)?;
        Ok((Self::with_engine(architecture, &loaded.parameters, device, engine)?, loaded.report))
    }

    /// How the kernels compute images of `height x width`; none where candle does.
    #[must_use]
    pub fn plan(&self, height: usize, width: usize) -> Option<Plan> {
        match &self.body {
            Body::Kernels(stack) => Some(stack.plan(stack.blocks(), height, width)),
            Body::Candle(..) => None,
        }
    }

    /// Which of the networks it is.
    #[must_use]
    pub fn architecture(&self) -> Architecture {
        self.architecture
    }

    /// The bottleneck features of a batch.
    ///
    /// # Shapes
    ///
    /// `images` is `N x 3 x H x W` in f32, preprocessed as the weights want it; the result is
    /// `N x 512 x h x w` as [`Architecture::feature_shape`] tells, with values >= 0.
    ///
    /// # Errors
    ///
    /// Where the shape or type of `images` is another, or the device fails.
    pub fn forward(&self, images: &Tensor) -> Result<Tensor, Error> {
        self.forward_blocks(images, self.architecture.convolutions_per_block().len())
    }

    /// As [`Vgg::forward`], from and to plain slices, which the caller may use again.
    ///
    /// # Shapes
    ///
    /// `images` is `N x 3 x H x W`, as `shape` states; `features` takes `N` times the values that
    /// [`Architecture::feature_shape`] tells.
    ///
    /// # Errors
    ///
    /// Where a length does not fit, or as [`Vgg::forward`].
    pub fn forward_slice(
        &self,
        images: &[f32],
        shape: [usize; 4],
        features: &mut [f32],
    ) -> Result<(), Error> {
        match &self.body {
            Body::Kernels(stack) => Ok(stack.forward(images, shape, features)?),
            Body::Candle(_, device) => {
                let found = self.forward(&Tensor::from_slice(images, &shape, device)?)?;
                let found = found.flatten_all()?.to_vec1()?;
                if found.len() != features.len() {
                    let (what, expected) = ("output".to_owned(), found.len());
                    let length = headstart_kernels::Error::Length { what, expected, found: features.len() };
                    return Err(length.into());
                }
                features.copy_from_slice(&found);
                Ok(())
            }
        }
    }

    /// The pooled maps of the first `blocks` blocks: 1 to 5, to which other numbers are clamped.
    ///
    /// # Shapes
    ///
    /// As [`Vgg::forward`], with 64, 128, 256, 512 or 512 channels and each side halved `blocks` times.
    ///
    /// # Errors
    ///
    /// As [`Vgg::forward`].
    pub fn forward_blocks(&self, images: &Tensor, blocks: usize) -> Result<Tensor, Error> {
        let [count, _, height, width] = self.check_images(images)?;
        match &self.body {
            Body::Kernels(stack) => Ok(images.contiguous()?.apply_op1_no_bwd(&BaseOp { stack, blocks })?),
            Body::Candle(all, device) => {
                let blocks = &all[..blocks.clamp(1, all.len())];
                if device.is_cpu() {
                    return through(blocks, images);
                }
                let group = gpu_group(height, width);
                let groups = (0..count).step_by(group).map(|first| {
                    let taken = group.min(count - first);
                    let images = images.narrow(0, first, taken)?.pad_with_zeros(0, 0, group - taken)?;
                    Ok(through(blocks, &images)?.narrow(0, 0, taken)?)
                });
                Ok(Tensor::cat(&groups.collect::<Result<Vec<_>, Error>>()?, 0)?)
            }
        }
    }

    /// The time of each layer in one forward pass of a batch; empty for [`Engine::Candle`], which is not taken apart.
    ///
    /// # Shapes
    ///
    /// As [`Vgg::forward`].
    ///
    /// # Errors
    ///
    /// As [`Vgg::forward`].
    pub fn profile(&self, images: &Tensor) -> Result<Vec<LayerTime>, Error> {
        let [count, channels, height, width] = self.check_images(images)?;
        let Body::Kernels(stack) = &self.body else { return Ok(Vec::new()) };
        let [out, h, w] = self.architecture.feature_shape(height, width)?;
        let images: Vec<f32> = images.flatten_all()?.to_vec1()?;
        let mut features = vec![0.0; count * out * h * w];
        Ok(stack.profile(&images, [count, channels, height, width], &mut features)?)
    }

    /// The dimensions of a batch that the network can take.
    fn check_images(&self, images: &Tensor) -> Result<[usize; 4], Error> {
        match *images.dims() {
            [count, channels @ 3, height, width] if images.dtype() == DType::F32 => {
                self.architecture.feature_shape(height, width)?;
                Ok([count, channels, height, width])
            }
            ref dims => Err(Error::Images { dtype: images.dtype().as_str(), shape: dims.to_vec() }),
        }
    }
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
        Self::forward(self, images).map_err(|error| match error {
            Error::Candle(error) => error,
            other => candle_core::Error::wrap(other),
        })
    }
}

/// What kind of GPU it is: others may sum in another order.
fn name(device: &Device) -> Result<String, Error> {
    match device {
        #[cfg(feature = "cuda")]
        Device::Cuda(device) => {
            Ok(device.cuda_stream().context().name().map_err(candle_core::Error::wrap)?)
        }
        _ => Ok("gpu".to_owned()),
    }
}

/// Compares the parameters with the network's table.
fn check(architecture: Architecture, parameters: &[ConvolutionParameters]) -> Result<(), Error> {
    let slots = architecture.slots();
    if slots.len() != parameters.len() {
        return Err(Error::ParameterCount { architecture, expected: slots.len(), found: parameters.len() });
    }
    for (slot, parameters) in slots.into_iter().zip(parameters) {
        let kernel = vec![slot.out_channels, slot.in_channels, slot.kernel_size, slot.kernel_size];
        let bias = vec![slot.out_channels];
        for (what, expected, found) in
            [("kernel", kernel, &parameters.kernel), ("bias", bias, &parameters.bias)]
        {
            if found.shape != expected {
                let (layer, found) = (slot.name, found.shape.clone());
                return Err(Error::ParameterShape { layer, what, expected, found });
            }
        }
    }
    Ok(())
}

/// The whole base as one op, so that layouts inside are the kernels' own.
struct BaseOp<'a> {
    stack: &'a ConvolutionStack,
    blocks: usize,
}

impl CustomOp1 for BaseOp<'_> {
    fn name(&self) -> &'static str {
        "vgg-base"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let (count, channels, height, width) = layout.shape().dims4()?;
        let Some((start, end)) = layout.contiguous_offsets() else {
            return Err(candle_core::Error::RequiresContiguous { op: self.name() });
        };
        let images = &storage.as_slice::<f32>()?[start..end];
        let wrap = |error: headstart_kernels::Error| candle_core::Error::wrap(error);
        let [out, h, w] = self.stack.output_shape(self.blocks, height, width).map_err(wrap)?;
        let mut features = vec![0.0; count * out * h * w];
        self.stack
            .forward_blocks(self.blocks, images, [count, channels, height, width], &mut features)
            .map_err(wrap)?;
        Ok((CpuStorage::F32(features), (count, out, h, w).into()))
    }
}
