//! Kernels that treat each value alone: activations, depthwise convolutions, another order of axes.

use candle_core::cuda_backend::cudarc::driver::{CudaFunction, CudaSlice, LaunchConfig, PushKernelArg};
use candle_core::{Error, Result, Tensor};
use headstart_kernels::graph::{Activation, Window};

use crate::functions::Source;
use crate::gpu::with_values;
use crate::number;
use crate::{Gpu, Order};

const TEXT: &str = include_str!("cu/pointwise.cu");

/// Channels to which those of an image are filled up for TF32.
const CHANNELS_OF_IMAGES: usize = 4;

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
    fn pointwise(&self, name: &'static str) -> Result<CudaFunction> {
        self.function(Source { text: TEXT, line: "", name }, |_| Ok(()))
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
        let (function, stream) = (self.pointwise("bias_activation")?, self.stream());
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

    /// Each channel convolved alone, with its bias and activation.
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
        let (function, stream) = (self.pointwise("depthwise")?, self.stream());
        let values = count_of(out.len())?;
        count_of(maps.elem_count())?;
        let ([tall, wide], [down, across]) = (window.size, window.stride);
        let sizes = [channels, height, width, tall, wide, down, across, top, left, rows, columns].map(number);
        let (last, activation) = (i32::from(order == Order::ChannelsLast), number_of(activation)?);
        with_values(&maps, |maps| {
            let mut call = stream.launch_builder(&function);
            call.arg(maps).arg(kernel).arg(bias).arg(&mut out).arg(&values);
            for size in &sizes {
                call.arg(size);
            }
            call.arg(&last).arg(&activation);
            // SAFETY: the arguments are those of `depthwise` in pointwise.cu. Maps and result have these shapes, and the kernel
            // has `size` values for each channel.
            unsafe { call.launch(LaunchConfig::for_num_elems(values)) }.map_err(Error::wrap)?;
            Ok(())
        })?;
        Ok(self.tensor(out, &shape))
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
        let (function, stream) = (self.pointwise("channels_last")?, self.stream());
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
fn count_of(values: usize) -> Result<u32> {
    let fits = u32::try_from(values).ok().filter(|&values| i32::try_from(values).is_ok());
    fits.ok_or_else(|| Error::Msg(format!("maps of {values} values: expected fewer than 2^31")))
}
