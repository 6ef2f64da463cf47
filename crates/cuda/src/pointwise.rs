//! Kernels that treat each value or channel alone: activations, sums, depthwise convolutions, another order of axes.

use candle_core::cuda_backend::cudarc::driver::{CudaFunction, CudaSlice, LaunchConfig, PushKernelArg};
use candle_core::{Error, Result, Tensor};
use headstart_kernels::graph::{Activation, Window};

use crate::functions::Source;
use crate::gpu::with_values;
use crate::number;
use crate::{Gpu, Order};

const TEXT: &str = concat!(include_str!("cu/activation.cu"), include_str!("cu/pointwise.cu"));

/// Channels to which those of an image are filled up for TF32.
const CHANNELS_OF_IMAGES: usize = 4;

/// Rows of a result that a thread of `depthwise` computes, and threads of its blocks: pointwise.cu.
const ROWS: usize = 4;
const THREADS: u32 = 256;

/// Values that a thread of `add_activation` takes: pointwise.cu.
const VALUES: u32 = 4;

/// How the kernels number activations; none that they do not know.
pub(crate) fn number_of(activation: Activation) -> Result<i32> {
    match activation {
        Activation::Linear => Ok(0),
        Activation::Relu => Ok(1),
        Activation::Relu6 => Ok(2),
        Activation::Silu => Ok(3),
        Activation::HardSwish => Ok(4),
        Activation::Sigmoid => Ok(5),
        Activation::HardSigmoid => Ok(6),
        other => Err(Error::Msg(format!("no kernel for {other:?}"))),
    }
}

impl Gpu {
    fn pointwise(&self, name: &'static str, line: &str) -> Result<CudaFunction> {
        self.function(Source { text: TEXT, line, name }, |_| Ok(()))
    }

    /// Adds a bias to each channel and applies an activation, in place. `inner` values of a channel lie side by side.
    pub(crate) fn bias_activation(
        &self,
        values: &mut CudaSlice<f32>,
        bias: Option<&CudaSlice<f32>>,
        inner: usize,
        channels: usize,
        activation: Activation,
    ) -> Result<()> {
        if bias.is_none() && activation == Activation::Linear {
            return Ok(());
        }
        let (function, stream) = (self.pointwise("bias_activation", "")?, self.stream());
        let (count, null) = (count_of(values.len())?, 0_u64);
        let (inner, channels) = (count_of(inner)?, count_of(channels)?);
        let activation = number_of(activation)?;
        let mut call = stream.launch_builder(&function);
        call.arg(values);
        match bias {
            Some(bias) => call.arg(bias),
            None => call.arg(&null),
        };
        call.arg(&count).arg(&inner).arg(&channels).arg(&activation);
        // SAFETY: the arguments are those of `bias_activation` in pointwise.cu, and the slices have the lengths that they say.
        unsafe { call.launch(LaunchConfig::for_num_elems(count)) }.map_err(Error::wrap)?;
        Ok(())
    }

    /// Each channel convolved alone, with its bias and activation. The kernel is `channels x height x width`, or
    /// `height x width x channels` for maps whose channels are last.
    pub(crate) fn depthwise(
        &self,
        maps: &Tensor,
        order: Order,
        kernel: &CudaSlice<f32>,
        bias: &CudaSlice<f32>,
        window: &Window,
        activation: Activation,
    ) -> Result<Tensor> {
        let maps = maps.contiguous()?;
        let [count, channels, height, width] = order.dims(&maps)?;
        let [top, left, ..] = window.padding(height, width);
        let [rows, columns] = window.outputs(height, width).unwrap_or_default();
        let shape = order.shape([count, channels, rows, columns]);
        let mut out = self.room(shape.iter().product())?;
        count_of(out.len())?;
        count_of(maps.elem_count())?;
        let ([tall, wide], [down, across]) = (window.size, window.stride);
        let is_last = order == Order::ChannelsLast;
        let line = format!("DEPTHWISE_KERNEL({tall}, {wide}, {down}, {across}, {is_last})");
        let (function, stream) = (self.pointwise("depthwise", &line)?, self.stream());
        let blocks = rows.div_ceil(ROWS);
        let threads = count_of(count * channels * blocks * columns)?;
        let sizes = [blocks, channels, height, width, top, left, rows, columns].map(number);
        let activation = number_of(activation)?;
        with_values(&maps, |maps| {
            let mut call = stream.launch_builder(&function);
            call.arg(maps).arg(kernel).arg(bias).arg(&mut out).arg(&threads);
            for size in &sizes {
                call.arg(size);
            }
            call.arg(&activation);
            let grid_dim = (threads.div_ceil(THREADS), 1, 1);
            let config = LaunchConfig { grid_dim, block_dim: (THREADS, 1, 1), shared_mem_bytes: 0 };
            // SAFETY: the arguments are those of DEPTHWISE_KERNEL in pointwise.cu. Maps and result have these shapes, and the
            // kernel has `size` values for each channel.
            unsafe { call.launch(config) }.map_err(Error::wrap)?;
            Ok(())
        })?;
        Ok(self.tensor(out, &shape))
    }

    /// The sum of two tensors of one shape, with an activation.
    ///
    /// # Errors
    /// If the shapes differ, or memory is short.
    pub fn add(&self, first: &Tensor, second: &Tensor, activation: Activation) -> Result<Tensor> {
        if first.shape() != second.shape() {
            return Err(Error::Msg(format!("expected {:?}, found {:?}", first.shape(), second.shape())));
        }
        let (first, second) = (first.contiguous()?, second.contiguous()?);
        let values = count_of(first.elem_count())?;
        let mut out = self.room(first.elem_count())?;
        let (function, stream) = (self.pointwise("add_activation", "")?, self.stream());
        let activation = number_of(activation)?;
        with_values(&first, |a| {
            with_values(&second, |b| {
                let mut call = stream.launch_builder(&function);
                call.arg(a).arg(b).arg(&mut out).arg(&values).arg(&activation);
                // SAFETY: the arguments are those of `add_activation` in pointwise.cu, and the slices have as many values.
                unsafe { call.launch(LaunchConfig::for_num_elems(values.div_ceil(VALUES))) }
                    .map_err(Error::wrap)?;
                Ok(())
            })
        })?;
        Ok(self.tensor(out, first.dims()))
    }

    /// Images as TF32 takes them: channels last, filled up to four, and rounded.
    ///
    /// # Shapes
    /// `N x 3 x H x W` to `N x H x W x 4`.
    ///
    /// # Errors
    /// If memory is short.
    pub fn channels_last(&self, images: &Tensor) -> Result<Tensor> {
        let images = images.contiguous()?;
        let (count, channels, height, width) = images.dims4()?;
        let shape = [count, height, width, CHANNELS_OF_IMAGES];
        let mut out = self.room(shape.iter().product())?;
        let (function, stream) = (self.pointwise("channels_last", "")?, self.stream());
        let (pixels, area) = (count_of(count * height * width)?, count_of(height * width)?);
        let (from, to) = (number(channels), number(CHANNELS_OF_IMAGES));
        with_values(&images, |images| {
            let mut call = stream.launch_builder(&function);
            call.arg(images).arg(&mut out).arg(&pixels).arg(&from).arg(&to).arg(&area);
            // SAFETY: the arguments are those of `channels_last` in pointwise.cu, and the slices have these shapes.
            unsafe { call.launch(LaunchConfig::for_num_elems(pixels)) }.map_err(Error::wrap)?;
            Ok(())
        })?;
        Ok(self.tensor(out, &shape))
    }
}

/// A number of values; an error if the kernels, which count in 31 bits, can't take as many.
pub(crate) fn count_of(values: usize) -> Result<u32> {
    let fits = u32::try_from(values).ok().filter(|&values| i32::try_from(values).is_ok());
    fits.ok_or_else(|| Error::Msg(format!("maps of {values} values: expected fewer than 2^31")))
}
