//! Pooling.

use candle_core::cuda_backend::cudarc::cudnn::PoolingForward;
use candle_core::cuda_backend::cudarc::cudnn::sys::{
    cudnnNanPropagation_t::CUDNN_PROPAGATE_NAN, cudnnPoolingMode_t::CUDNN_POOLING_MAX,
    cudnnTensorFormat_t as Format,
};
use candle_core::{Error, Result, Tensor};
use headstart_kernels::graph::Window;

use crate::gpu::with_values;
use crate::{Gpu, Order, number};

impl Gpu {
    /// The largest value of each window. The window has no padding, or the same on two sides, which is never the largest.
    ///
    /// # Shapes
    /// `N x C x H x W` to `N x C x h x w`, with the axes in this order.
    ///
    /// # Errors
    /// If cuDNN fails, or memory is short.
    pub fn max_pool(&self, maps: &Tensor, window: Window, order: Order) -> Result<Tensor> {
        let maps = maps.contiguous()?;
        let [count, channels, height, width] = order.dims(&maps)?;
        let [top, left, ..] = window.padding(height, width);
        let [rows, columns] = window.outputs(height, width).unwrap_or_default();
        let format = match order {
            Order::ChannelsFirst => Format::CUDNN_TENSOR_NCHW,
            Order::ChannelsLast => Format::CUDNN_TENSOR_NHWC,
        };
        let to = [count, channels, rows, columns];
        let mut out = self.room(to.iter().product())?;
        with_values(&maps, |values| {
            self.with_cudnn(|cudnn| {
                let tensor = |shape: [usize; 4]| {
                    cudnn.create_4d_tensor::<f32>(format, shape.map(number)).map_err(Error::wrap)
                };
                let pooling = cudnn.create_poolingnd::<f32>(
                    &window.size.map(number),
                    &[number(top), number(left)],
                    &window.stride.map(number),
                    CUDNN_POOLING_MAX,
                    CUDNN_PROPAGATE_NAN,
                );
                let (pooling, x, y) =
                    (pooling.map_err(Error::wrap)?, tensor([count, channels, height, width])?, tensor(to)?);
                let forward = PoolingForward { pooling: &pooling, x: &x, y: &y };
                // SAFETY: the descriptors are those of the tensors.
                unsafe { forward.launch((1.0, 0.0), values, &mut out) }.map_err(Error::wrap)
            })
        })?;
        Ok(self.tensor(out, &order.shape(to)))
    }
}
