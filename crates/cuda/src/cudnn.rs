//! Convolutions in f32, by cuDNN.

use std::sync::Arc;

use candle_core::cuda_backend::cudarc::cudnn::sys::{
    cudnnActivationMode_t as Activation, cudnnConvolutionFwdAlgo_t as Algorithm,
    cudnnConvolutionMode_t::CUDNN_CROSS_CORRELATION, cudnnMathType_t::CUDNN_FMA_MATH,
    cudnnNanPropagation_t::CUDNN_PROPAGATE_NAN, cudnnTensorFormat_t::CUDNN_TENSOR_NCHW,
};
use candle_core::cuda_backend::cudarc::cudnn::{ConvBiasActivationForward, ConvForward, Cudnn, CudnnError};
use candle_core::cuda_backend::cudarc::driver::{CudaSlice, CudaView};
use candle_core::{Error, Result, Tensor};
use headstart_kernels::graph::{Activation as After, Window};

use crate::gpu::with_values;
use crate::{Gpu, Parameters, number};

/// Transforms tiles, multiplies them as matrices and transforms them back; for 3 x 3 kernels of stride 1.
const TILES: Algorithm = Algorithm::CUDNN_CONVOLUTION_FWD_ALGO_WINOGRAD_NONFUSED;
/// Multiplies matrices whose rows are gathered by offsets that were computed before.
const GATHER: Algorithm = Algorithm::CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM;
/// Multiplies matrices whose rows are gathered. It takes any convolution.
const PLAIN: Algorithm = Algorithm::CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM;

/// Channels of the input from which tiles are faster. Measured on an H100: with 3 they take three times as long.
const CHANNELS_OF_TILES: usize = 16;

/// A convolution of groups of channels.
#[derive(Debug)]
pub(crate) struct Dense {
    kernel: CudaSlice<f32>,
    bias: CudaSlice<f32>,
    shape: [usize; 4],
    groups: usize,
    window: Window,
    activation: After,
}

impl Dense {
    pub(crate) fn new(gpu: &Gpu, parameters: &Parameters<'_>) -> Result<Self> {
        let &Parameters { kernel, shape, bias, groups, window, activation, .. } = parameters;
        let copy = |values| gpu.stream().clone_htod(values).map_err(Error::wrap);
        Ok(Self { kernel: copy(kernel)?, bias: copy(bias)?, shape, groups, window, activation })
    }

    pub(crate) fn method(&self) -> &'static str {
        if self.algorithms()[0] == TILES { "tiles" } else { "matrix product" }
    }

    /// The algorithms that suit it, the best first.
    fn algorithms(&self) -> &'static [Algorithm] {
        let Window { size, stride, .. } = self.window;
        let [_, inputs, ..] = self.shape;
        if size == [3, 3] && stride == [1, 1] && self.groups == 1 && inputs >= CHANNELS_OF_TILES {
            &[TILES, GATHER, PLAIN]
        } else {
            &[GATHER, PLAIN]
        }
    }

    /// # Shapes
    /// `N x in_channels x H x W` to `N x out_channels x h x w`.
    pub(crate) fn forward(&self, gpu: &Gpu, maps: &Tensor) -> Result<Tensor> {
        let (_, _, height, width) = maps.dims4()?;
        let [top, left, bottom, right] = self.window.padding(height, width);
        let [rows, columns] = self.window.outputs(height, width).unwrap_or_default();
        // cuDNN knows the same padding on two sides only.
        let (maps, padding) = if top == bottom && left == right {
            (maps.contiguous()?, [top, left])
        } else {
            (maps.pad_with_zeros(2, top, bottom)?.pad_with_zeros(3, left, right)?.contiguous()?, [0, 0])
        };
        let from = maps.dims4()?.into();
        let to = [maps.dim(0)?, self.shape[0], rows, columns];
        let out = with_values(&maps, |values| {
            gpu.with_cudnn(|cudnn| self.run(gpu, cudnn, values, from, padding, to))
        })?;
        Ok(gpu.tensor(out, &to))
    }

    fn run(
        &self,
        gpu: &Gpu,
        cudnn: &Arc<Cudnn>,
        maps: &CudaView<'_, f32>,
        from: [usize; 4],
        padding: [usize; 2],
        to: [usize; 4],
    ) -> Result<CudaSlice<f32>> {
        let describe = || -> std::result::Result<_, CudnnError> {
            let (padding, stride) = (padding.map(number), self.window.stride.map(number));
            let mut conv = cudnn.create_conv2d::<f32>(padding, stride, [1, 1], CUDNN_CROSS_CORRELATION)?;
            conv.set_math_type(CUDNN_FMA_MATH)?;
            conv.set_group_count(number(self.groups))?;
            let tensor =
                |shape: [usize; 4]| cudnn.create_4d_tensor::<f32>(CUDNN_TENSOR_NCHW, shape.map(number));
            let kernel = cudnn.create_4d_filter::<f32>(CUDNN_TENSOR_NCHW, self.shape.map(number))?;
            let relu = Activation::CUDNN_ACTIVATION_RELU;
            let relu = cudnn.create_activation::<f32>(relu, CUDNN_PROPAGATE_NAN, 0.0)?;
            Ok((conv, tensor(from)?, kernel, tensor(to)?, tensor([1, to[1], 1, 1])?, relu))
        };
        let (conv, x, w, y, bias, act) = describe().map_err(Error::wrap)?;
        let with_relu =
            ConvBiasActivationForward { conv: &conv, act: &act, x: &x, w: &w, z: &y, bias: &bias, y: &y };
        let plain = ConvForward { conv: &conv, x: &x, w: &w, y: &y };
        let (kernel, values) = (self.kernel.as_view(), self.bias.as_view());
        let mut out = gpu.room(to.iter().product())?;
        let mut last = None;
        // Bias and ReLU come with the sums for free. cuDNN has no other activations.
        let fused = self.activation == After::Relu;
        for is_fused in [true, false] {
            if is_fused && !fused {
                continue;
            }
            for &algorithm in self.algorithms() {
                let Some(size) = supported(plain.get_workspace_size(algorithm), &mut last)? else { continue };
                let mut workspace = gpu.room::<u8>(size.max(1))?;
                let space = Some(&mut workspace);
                let launched = if is_fused {
                    // SAFETY: the descriptors are those of the tensors. The second factor is 0, so `z`, for which the maps
                    // stand, is not read.
                    unsafe {
                        with_relu.launch(algorithm, space, (1.0, 0.0), maps, &kernel, maps, &values, &mut out)
                    }
                } else {
                    // SAFETY: the descriptors are those of the tensors.
                    unsafe { plain.launch(algorithm, space, (1.0, 0.0), maps, &kernel, &mut out) }
                };
                if supported(launched, &mut last)?.is_some() {
                    if !is_fused {
                        let [_, channels, rows, columns] = to;
                        let bias = Some(&self.bias);
                        gpu.bias_activation(&mut out, bias, rows * columns, channels, self.activation)?;
                    }
                    return Ok(out);
                }
            }
        }
        Err(Error::Msg(format!(
            "cuDNN computes no convolution of {from:?} with a kernel of {:?}{}",
            self.shape,
            last.map_or_else(String::new, |error| format!(": {error:?}"))
        )))
    }
}

/// The value of a call; none if cuDNN does not support it.
fn supported<T>(
    called: std::result::Result<T, CudnnError>,
    last: &mut Option<CudnnError>,
) -> Result<Option<T>> {
    match called {
        Ok(value) => Ok(Some(value)),
        Err(error) => {
            // CUDNN_STATUS_BAD_PARAM and CUDNN_STATUS_NOT_SUPPORTED with what specifies them: 2000 to 3999; before version 9
            // they are 3 and 9 (cudnn_graph.h).
            let code = error.0 as u32;
            if !(2000..4000).contains(&code) && code != 3 && code != 9 {
                return Err(Error::wrap(error));
            }
            *last = Some(error);
            Ok(None)
        }
    }
}
