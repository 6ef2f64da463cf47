//! A described network in candle's ops, for devices other than the CPU.

use candle_core::{Device, Tensor};
use candle_nn::{Conv2d, Conv2dConfig, Module};
use headstart_kernels::graph::{Activation, Window};

use crate::Error;
use crate::description::{Convolution, Description, Maps, Operation};
use crate::stored::Folded;

/// The layers of a description with their parameters on a device.
pub(crate) struct Tensors {
    layers: Vec<(Vec<Maps>, Layer)>,
}

enum Layer {
    Dense(Conv2d, Window, Activation),
    /// Each tap of the kernel for all channels: `1 x C x 1 x 1`; and the bias, of the same shape.
    Depthwise {
        taps: Vec<Tensor>,
        bias: Tensor,
        window: Window,
        activation: Activation,
    },
    MaxPool(Window),
    GlobalAverage,
    Add(Activation),
    Multiply,
}

impl Tensors {
    /// A description whose convolutions, in their order, have these parameters.
    pub(crate) fn new(description: &Description, folded: &[Folded], device: &Device) -> Result<Self, Error> {
        let mut folded = folded.iter();
        let mut layers = Vec::new();
        for layer in &description.layers {
            let operation = match &layer.operation {
                Operation::Convolution(convolution) => {
                    let Some(folded) = folded.next() else { break };
                    Layer::convolution(convolution, folded, device)?
                }
                Operation::MaxPool(window) => Layer::MaxPool(*window),
                Operation::GlobalAverage => Layer::GlobalAverage,
                Operation::Add(activation) => Layer::Add(*activation),
                Operation::Multiply => Layer::Multiply,
            };
            layers.push((layer.reads.clone(), operation));
        }
        Ok(Self { layers })
    }

    /// The features of a batch.
    pub(crate) fn forward(&self, images: &Tensor) -> Result<Tensor, Error> {
        // The last layer that reads each result. After it the result is let go.
        let mut last_reader = vec![0; self.layers.len() + 1];
        for (at, (reads, _)) in self.layers.iter().enumerate() {
            reads.iter().for_each(|maps| last_reader[maps.0] = at);
        }
        let mut results = vec![Some(images.clone())];
        for (at, (reads, layer)) in self.layers.iter().enumerate() {
            let inputs: Vec<Tensor> = reads.iter().filter_map(|maps| results[maps.0].clone()).collect();
            for maps in reads.iter().filter(|maps| last_reader[maps.0] == at) {
                results[maps.0] = None;
            }
            results.push(Some(layer.forward(&inputs)?));
        }
        Ok(results.pop().flatten().unwrap_or_else(|| images.clone()))
    }
}

impl Layer {
    fn convolution(convolution: &Convolution, folded: &Folded, device: &Device) -> Result<Self, Error> {
        let &Convolution { out_channels, groups, window, activation, .. } = convolution;
        let kernel = Tensor::from_slice(&folded.kernel, &convolution.shape(), device)?;
        let bias = Tensor::from_slice(&folded.bias, out_channels, device)?;
        if !convolution.is_depthwise() {
            let config = Conv2dConfig { groups, stride: window.stride[0], ..Conv2dConfig::default() };
            return Ok(Self::Dense(Conv2d::new(kernel, Some(bias), config), window, activation));
        }
        let [height, width] = window.size;
        let channels = (1, out_channels, 1, 1);
        let taps = (0..height * width).map(|tap| {
            let tap = kernel.narrow(2, tap / width, 1)?.narrow(3, tap % width, 1)?;
            tap.contiguous()?.reshape(channels)
        });
        let (taps, bias) = (taps.collect::<Result<_, _>>()?, bias.reshape(channels)?);
        Ok(Self::Depthwise { taps, bias, window, activation })
    }

    fn forward(&self, inputs: &[Tensor]) -> Result<Tensor, Error> {
        let (first, second) = (&inputs[0], inputs.get(1).unwrap_or(&inputs[0]));
        Ok(match self {
            Self::Dense(convolution, window, activation) => {
                activate(convolution.forward(&padded(first, window)?)?, *activation)?
            }
            Self::Depthwise { taps, bias, window, activation } => {
                activate(depthwise(first, taps, bias, window)?, *activation)?
            }
            Self::MaxPool(window) => {
                let (_, _, height, width) = first.dims4()?;
                let [top, left, bottom, right] = window.padding(height, width);
                // The pixels at the edge again, which change no maximum: the window has them already.
                let padded = first.pad_with_same(2, top, bottom)?.pad_with_same(3, left, right)?;
                let [height, width] = window.size;
                let [down, across] = window.stride;
                padded.max_pool2d_with_stride((height, width), (down, across))?
            }
            Self::GlobalAverage => first.mean_keepdim((2, 3))?,
            Self::Add(activation) => activate((first + second)?, *activation)?,
            Self::Multiply => first.broadcast_mul(second)?,
        })
    }
}

/// Maps with the zeros around them that a window needs.
fn padded(maps: &Tensor, window: &Window) -> Result<Tensor, Error> {
    let (_, _, height, width) = maps.dims4()?;
    let [top, left, bottom, right] = window.padding(height, width);
    Ok(maps.pad_with_zeros(2, top, bottom)?.pad_with_zeros(3, left, right)?)
}

/// Every channel convolved alone: a sum of shifted maps, one for each tap of the kernel, because candle computes groups one
/// after the other.
fn depthwise(maps: &Tensor, taps: &[Tensor], bias: &Tensor, window: &Window) -> Result<Tensor, Error> {
    let (count, channels, height, width) = maps.dims4()?;
    let [rows, columns] = window.outputs(height, width).unwrap_or_default();
    let [down, across] = window.stride;
    let [tall, wide] = window.size;
    // Every tap reads whole strides, also from the last row and column on.
    let padded = padded(maps, window)?;
    let (_, _, height, width) = padded.dims4()?;
    let missing = |side: usize, outputs: usize, stride: usize, size: usize| {
        (outputs * stride + size - 1).saturating_sub(side)
    };
    let padded = padded.pad_with_zeros(2, 0, missing(height, rows, down, tall))?.pad_with_zeros(
        3,
        0,
        missing(width, columns, across, wide),
    )?;
    let mut sum = bias.broadcast_as((count, channels, rows, columns))?.contiguous()?;
    for (at, tap) in taps.iter().enumerate() {
        let shifted = padded.narrow(2, at / wide, rows * down)?.narrow(3, at % wide, columns * across)?;
        let shifted = if down * across > 1 {
            let strides =
                shifted.contiguous()?.reshape(vec![count, channels, rows, down, columns, across])?;
            strides
                .narrow(3, 0, 1)?
                .narrow(5, 0, 1)?
                .contiguous()?
                .reshape((count, channels, rows, columns))?
        } else {
            shifted
        };
        sum = (sum + shifted.broadcast_mul(tap)?)?;
    }
    Ok(sum)
}

fn activate(maps: Tensor, activation: Activation) -> Result<Tensor, Error> {
    let hard_sigmoid = |maps: &Tensor| (maps + 3.0)?.clamp(0_f32, 6_f32)? / 6.0;
    let sigmoid = |maps: &Tensor| (maps.neg()?.exp()? + 1.0)?.recip();
    Ok(match activation {
        Activation::Relu => maps.relu()?,
        Activation::Relu6 => maps.clamp(0_f32, 6_f32)?,
        Activation::Silu => maps.silu()?,
        Activation::HardSwish => (&maps * hard_sigmoid(&maps)?)?,
        Activation::Sigmoid => sigmoid(&maps)?,
        Activation::HardSigmoid => hard_sigmoid(&maps)?,
        _ => maps,
    })
}
