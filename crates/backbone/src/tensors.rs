//! A described network in ops on tensors: candle's, or headstart-cuda's where there is a GPU.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use candle_nn::{Conv2d, Conv2dConfig, Module};
use headstart_cuda::{Convolution as GpuConvolution, Gpu, Order, Parameters, Rounded};
use headstart_kernels::LayerTime;
use headstart_kernels::graph::{Activation, Window};

use crate::description::{Convolution, Description, Layer as Described, Maps, Operation};
use crate::stored::Folded;
use crate::{Error, Precision};

/// The layers of a description with their parameters on a device.
pub(crate) struct Tensors {
    steps: Vec<Step>,
    /// The GPU whose kernels take maps with their channels last, if those of these layers do.
    channels_last: Option<Arc<Gpu>>,
}

struct Step {
    name: String,
    reads: Vec<Maps>,
    layer: Layer,
    /// Products that are summed for each value of the result.
    terms: usize,
}

/// Called after each layer with its position and result.
pub(crate) type After<'a> = dyn FnMut(usize, &Tensor) -> Result<(), Error> + 'a;

enum Layer {
    Dense(Conv2d, Window, Activation),
    Gpu(GpuConvolution),
    /// Each tap of the kernel for all channels: `1 x C x 1 x 1`; and the bias, of the same shape.
    Depthwise {
        taps: Vec<Tensor>,
        bias: Tensor,
        window: Window,
        activation: Activation,
    },
    MaxPool(Window),
    MaxPoolOnGpu(Window, Order, Arc<Gpu>),
    /// Over these axes.
    GlobalAverage([usize; 2]),
    Add(Activation),
    AddOnGpu(Activation, Arc<Gpu>),
    Multiply,
}

impl Step {
    fn new(at: usize, described: &Described, layer: Layer) -> Self {
        let (name, terms) = match &described.operation {
            Operation::Convolution(convolution) => {
                (convolution.name.clone(), convolution.shape()[1..].iter().product())
            }
            _ => (format!("layer {}", at + 1), 0),
        };
        Self { name, reads: described.reads.clone(), layer, terms }
    }
}

/// Which maps of a network hold values that are rounded to TF32.
struct Rounding {
    /// Of the image and of each layer's result.
    is_rounded: Vec<bool>,
}

impl Rounding {
    /// Images are. So are the results of convolutions that other convolutions read, directly or once they are pooled, with
    /// nothing or a ReLU in between.
    fn of(description: &Description) -> Self {
        let layers = &description.layers;
        let mut is_read = vec![false; layers.len() + 1];
        for (at, layer) in layers.iter().enumerate().rev() {
            let reads_rounded = match &layer.operation {
                Operation::Convolution(convolution) => convolution.groups == 1,
                Operation::MaxPool(_) => is_read[at + 1],
                _ => false,
            };
            layer.reads.iter().for_each(|maps| is_read[maps.0] |= reads_rounded);
        }
        let mut is_rounded = vec![true];
        for (at, layer) in layers.iter().enumerate() {
            is_rounded.push(match &layer.operation {
                Operation::Convolution(Convolution { groups: 1, activation, .. }) => {
                    is_read[at + 1] && matches!(activation, Activation::Linear | Activation::Relu)
                }
                Operation::MaxPool(_) => is_rounded[layer.reads[0].0],
                _ => false,
            });
        }
        Self { is_rounded }
    }
}

impl Tensors {
    /// A description whose convolutions, in their order, have these parameters, in candle's ops.
    pub(crate) fn new(description: &Description, folded: &[Folded], device: &Device) -> Result<Self, Error> {
        let mut folded = folded.iter();
        let steps = description.layers.iter().enumerate().map_while(|(at, layer)| {
            let operation = match &layer.operation {
                Operation::Convolution(convolution) => {
                    Layer::convolution(convolution, folded.next()?, device)
                }
                Operation::MaxPool(window) => Ok(Layer::MaxPool(*window)),
                other => Ok(Layer::elementwise(other, Order::ChannelsFirst)),
            };
            Some(operation.map(|operation| Step::new(at, layer, operation)))
        });
        Ok(Self { steps: steps.collect::<Result<_, _>>()?, channels_last: None })
    }

    /// The same on a GPU.
    pub(crate) fn on_gpu(
        description: &Description,
        folded: &[Folded],
        gpu: &Arc<Gpu>,
        precision: Precision,
    ) -> Result<Self, Error> {
        let order = match precision {
            Precision::F32 => Order::ChannelsFirst,
            Precision::Tf32 => Order::ChannelsLast,
        };
        let rounding = Rounding::of(description);
        let mut folded = folded.iter();
        let steps = description.layers.iter().enumerate().map_while(|(at, layer)| {
            let operation = match &layer.operation {
                Operation::Convolution(convolution) => {
                    let &Convolution { groups, window, activation, .. } = convolution;
                    let Folded { kernel, bias } = folded.next()?;
                    let input = rounding.is_rounded[layer.reads[0].0];
                    let rounded = Rounded { input, output: rounding.is_rounded[at + 1] };
                    let tf32 = (precision == Precision::Tf32).then_some(rounded);
                    let shape = convolution.shape();
                    let parameters = Parameters { kernel, shape, bias, groups, window, activation, tf32 };
                    GpuConvolution::new(gpu, &parameters).map(Layer::Gpu)
                }
                Operation::MaxPool(window) => Ok(Layer::MaxPoolOnGpu(*window, order, gpu.clone())),
                Operation::Add(activation) => Ok(Layer::AddOnGpu(*activation, gpu.clone())),
                other => Ok(Layer::elementwise(other, order)),
            };
            Some(operation.map(|operation| Step::new(at, layer, operation)))
        });
        let channels_last = (order == Order::ChannelsLast).then(|| gpu.clone());
        Ok(Self { steps: steps.collect::<Result<_, _>>()?, channels_last })
    }

    /// Number of layers.
    pub(crate) fn layers(&self) -> usize {
        self.steps.len()
    }

    /// The result of the first layers for a batch.
    pub(crate) fn forward(&self, images: &Tensor, layers: usize) -> Result<Tensor, Error> {
        self.forward_with(images, layers, &mut |_, _| Ok(()))
    }

    /// The same, with a call after each layer.
    pub(crate) fn forward_with(
        &self,
        images: &Tensor,
        layers: usize,
        after: &mut After<'_>,
    ) -> Result<Tensor, Error> {
        // The last layer that reads each result. After it the result is let go.
        let mut last_reader = vec![0; self.steps.len() + 1];
        for (at, step) in self.steps.iter().enumerate() {
            step.reads.iter().for_each(|maps| last_reader[maps.0] = at);
        }
        let images = match &self.channels_last {
            Some(gpu) => gpu.channels_last(images)?,
            None => images.clone(),
        };
        let mut results = vec![Some(images)];
        for (at, Step { reads, layer, .. }) in self.steps.iter().take(layers).enumerate() {
            let inputs: Vec<Tensor> = reads.iter().filter_map(|maps| results[maps.0].clone()).collect();
            for maps in reads.iter().filter(|maps| last_reader[maps.0] == at) {
                results[maps.0] = None;
            }
            let result = layer.forward(&inputs)?;
            after(at, &result)?;
            results.push(Some(result));
        }
        let last = results.pop().flatten().ok_or(Error::Features { expected: 1, found: 0 })?;
        Ok(if self.channels_last.is_some() { last.permute((0, 3, 1, 2))?.contiguous()? } else { last })
    }

    /// What a layer took to give this result.
    pub(crate) fn time_of(&self, layer: usize, result: &Tensor, seconds: f64) -> LayerTime {
        let Step { name, layer, terms, .. } = &self.steps[layer];
        let method = match layer {
            Layer::Gpu(convolution) => convolution.method(),
            _ => "",
        };
        LayerTime::new(name, method, seconds, (terms * result.elem_count()) as f64)
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

    /// A layer without parameters, but for poolings of a window.
    fn elementwise(operation: &Operation, order: Order) -> Self {
        match operation {
            Operation::Add(activation) => Self::Add(*activation),
            Operation::Multiply => Self::Multiply,
            _ => Self::GlobalAverage(order.sides()),
        }
    }

    fn forward(&self, inputs: &[Tensor]) -> Result<Tensor, Error> {
        let (first, second) = (&inputs[0], inputs.get(1).unwrap_or(&inputs[0]));
        Ok(match self {
            Self::Dense(convolution, window, activation) => {
                activate(convolution.forward(&padded(first, window)?)?, *activation)?
            }
            Self::Gpu(convolution) => convolution.forward(first)?,
            Self::Depthwise { taps, bias, window, activation } => {
                activate(depthwise(first, taps, bias, window)?, *activation)?
            }
            Self::MaxPoolOnGpu(window, order, gpu) => gpu.max_pool(first, *window, *order)?,
            Self::MaxPool(window) => {
                let (_, _, height, width) = first.dims4()?;
                let [top, left, bottom, right] = window.padding(height, width);
                // The pixels at the edge again, which change no maximum: the window has them already.
                let padded = first.pad_with_same(2, top, bottom)?.pad_with_same(3, left, right)?;
                let [height, width] = window.size;
                let [down, across] = window.stride;
                padded.max_pool2d_with_stride((height, width), (down, across))?
            }
            Self::GlobalAverage([height, width]) => first.mean_keepdim((*height, *width))?,
            Self::Add(activation) => activate((first + second)?, *activation)?,
            Self::AddOnGpu(activation, gpu) => gpu.add(first, second, *activation)?,
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
