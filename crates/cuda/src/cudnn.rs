//! Convolutions of 3 x 3 taps in f32, by cuDNN in tiles.

use std::sync::Arc;

use candle_core::cuda_backend::cudarc::cudnn::sys::{
    cudnnActivationMode_t as Mode, cudnnConvolutionFwdAlgo_t as Algorithm,
    cudnnConvolutionMode_t::CUDNN_CROSS_CORRELATION, cudnnMathType_t::CUDNN_FMA_MATH,
    cudnnNanPropagation_t::CUDNN_PROPAGATE_NAN, cudnnTensorFormat_t::CUDNN_TENSOR_NCHW,
};
use candle_core::cuda_backend::cudarc::cudnn::{ConvBiasActivationForward, ConvForward, Cudnn, CudnnError};
use candle_core::cuda_backend::cudarc::driver::{CudaSlice, CudaView};
use candle_core::{Error, Result, Tensor};
use headstart_kernels::graph::{Activation, Window};

use crate::direct::Direct;
use crate::gpu::with_values;
use crate::{Gpu, Parameters, number};

/// Transforms tiles, multiplies them as matrices and transforms them back. Of cuDNN's algorithms this one gives an image the
/// same bits in any batch; those that multiply matrices do not (9.19, measured on an H100).
const TILES: Algorithm = Algorithm::CUDNN_CONVOLUTION_FWD_ALGO_WINOGRAD_NONFUSED;

/// Channels of the input from which tiles are faster. Measured on an H100: with 3 they take three times as long.
const CHANNELS: usize = 16;

/// A convolution of 3 x 3 taps, of stride 1, with the same padding on all sides.
#[derive(Debug)]
pub(crate) struct Tiles {
    kernel: CudaSlice<f32>,
    bias: CudaSlice<f32>,
    shape: [usize; 4],
    window: Window,
    activation: Activation,
}

impl Tiles {
    /// None if tiles do not suit it.
    pub(crate) fn new(gpu: &Gpu, parameters: &Parameters<'_>) -> Result<Option<Self>> {
        let &Parameters { kernel, shape, bias, window, activation, .. } = parameters;
        if window.size != [3, 3] || window.stride != [1, 1] || shape[1] < CHANNELS {
            return Ok(None);
        }
        let copy = |values| gpu.stream().clone_htod(values).map_err(Error::wrap);
        Ok(Some(Self { kernel: copy(kernel)?, bias: copy(bias)?, shape, window, activation }))
    }

    /// The same convolution by another kernel.
    pub(crate) fn direct(&self, gpu: &Gpu) -> Result<Direct> {
        let copy = |values| gpu.stream().clone_dtoh(values).map_err(Error::wrap);
        let (kernel, bias) = (copy(&self.kernel)?, copy(&self.bias)?);
        let &Self { shape, window, activation, .. } = self;
        let (kernel, bias) = (&kernel[..], &bias[..]);
        Direct::new(gpu, &Parameters { kernel, shape, bias, groups: 1, window, activation, tf32: None })
    }

    /// None if cuDNN does not support it on this GPU.
    ///
    /// # Shapes
    /// `N x in_channels x H x W` to `N x out_channels x h x w`.
    pub(crate) fn forward(&self, gpu: &Gpu, maps: &Tensor) -> Result<Option<Tensor>> {
        let maps = maps.contiguous()?;
        let (count, _, height, width) = maps.dims4()?;
        let [top, left, bottom, right] = self.window.padding(height, width);
        // cuDNN knows the same padding on two sides only.
        if top != bottom || left != right {
            return Ok(None);
        }
        let [rows, columns] = self.window.outputs(height, width).unwrap_or_default();
        let (from, to) = (maps.dims4()?.into(), [count, self.shape[0], rows, columns]);
        let out = with_values(&maps, |values| {
            gpu.with_cudnn(|cudnn| self.run(gpu, cudnn, values, from, [top, left], to))
        })?;
        Ok(out.map(|out| gpu.tensor(out, &to)))
    }

    fn run(
        &self,
        gpu: &Gpu,
        cudnn: &Arc<Cudnn>,
        maps: &CudaView<'_, f32>,
        from: [usize; 4],
        padding: [usize; 2],
        to: [usize; 4],
    ) -> Result<Option<CudaSlice<f32>>> {
        let describe = || -> std::result::Result<_, CudnnError> {
            let (padding, stride) = (padding.map(number), self.window.stride.map(number));
            let mut conv = cudnn.create_conv2d::<f32>(padding, stride, [1, 1], CUDNN_CROSS_CORRELATION)?;
            conv.set_math_type(CUDNN_FMA_MATH)?;
            let tensor =
                |shape: [usize; 4]| cudnn.create_4d_tensor::<f32>(CUDNN_TENSOR_NCHW, shape.map(number));
            let kernel = cudnn.create_4d_filter::<f32>(CUDNN_TENSOR_NCHW, self.shape.map(number))?;
            let relu =
                cudnn.create_activation::<f32>(Mode::CUDNN_ACTIVATION_RELU, CUDNN_PROPAGATE_NAN, 0.0)?;
            Ok((conv, tensor(from)?, kernel, tensor(to)?, tensor([1, to[1], 1, 1])?, relu))
        };
        let (conv, x, w, y, bias, act) = describe().map_err(Error::wrap)?;
        let plain = ConvForward { conv: &conv, x: &x, w: &w, y: &y };
        let Some(size) = supported(plain.get_workspace_size(TILES))? else { return Ok(None) };
        let mut workspace = gpu.room::<u8>(size.max(1))?;
        let (kernel, values) = (self.kernel.as_view(), self.bias.as_view());
        let mut out = gpu.room(to.iter().product())?;
        // Bias and ReLU come with the sums for free. cuDNN has no other activations.
        if self.activation == Activation::Relu {
            let with_relu =
                ConvBiasActivationForward { conv: &conv, act: &act, x: &x, w: &w, z: &y, bias: &bias, y: &y };
            let (space, factors) = (Some(&mut workspace), (1.0, 0.0));
            // SAFETY: the descriptors are those of the tensors. The second factor is 0, so `z`, for which the maps stand, is
            // not read.
            let launched =
                unsafe { with_relu.launch(TILES, space, factors, maps, &kernel, maps, &values, &mut out) };
            if supported(launched)?.is_some() {
                return Ok(Some(out));
            }
        }
        // SAFETY: the descriptors are those of the tensors.
        let launched =
            unsafe { plain.launch(TILES, Some(&mut workspace), (1.0, 0.0), maps, &kernel, &mut out) };
        if supported(launched)?.is_none() {
            return Ok(None);
        }
        let [_, channels, rows, columns] = to;
        gpu.bias_activation(&mut out, Some(&self.bias), rows * columns, channels, self.activation)?;
        Ok(Some(out))
    }
}

/// The value of a call; none if cuDNN does not support it.
fn supported<T>(called: std::result::Result<T, CudnnError>) -> Result<Option<T>> {
    called.map(Some).or_else(|error| {
        // CUDNN_STATUS_BAD_PARAM and CUDNN_STATUS_NOT_SUPPORTED with what specifies them: 2000 to 3999; before version 9 they
        // are 3 and 9 (cudnn_graph.h).
        let code = error.0 as u32;
        let is_unsupported = (2000..4000).contains(&code) || code == 3 || code == 9;
        if is_unsupported { Ok(None) } else { Err(Error::wrap(error)) }
    })
}
