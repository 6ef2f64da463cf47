//! Convolutions, by the way that suits each.

use std::sync::Arc;

use candle_core::cuda_backend::cudarc::driver::CudaSlice;
use candle_core::{Error, Result, Tensor};
use headstart_kernels::graph::{Activation, Window};

use crate::cudnn::Tiles;
use crate::direct::Direct;
use crate::tf32::Tf32;
use crate::{Gpu, Order, Parameters};

/// A convolution with its parameters on a GPU.
#[derive(Debug)]
pub struct Convolution {
    gpu: Arc<Gpu>,
    way: Way,
}

#[derive(Debug)]
enum Way {
    Dense {
        tiles: Option<Box<Tiles>>,
        direct: Direct,
    },
    Tf32(Tf32),
    /// With a kernel of its own for each channel.
    Depthwise {
        kernel: CudaSlice<f32>,
        bias: CudaSlice<f32>,
        window: Window,
        activation: Activation,
        order: Order,
    },
}

impl Convolution {
    /// Copies the parameters to the GPU.
    ///
    /// # Errors
    /// If memory is short.
    pub fn new(gpu: &Arc<Gpu>, parameters: &Parameters<'_>) -> Result<Self> {
        let &Parameters { kernel, shape, bias, groups, window, activation, tf32 } = parameters;
        let is_depthwise = groups > 1 && shape[0] == groups && shape[1] == 1;
        let way = match tf32 {
            _ if is_depthwise => {
                let copy = |values: &[f32]| gpu.stream().clone_htod(values).map_err(Error::wrap);
                let (order, kernel) = match tf32 {
                    Some(_) => (Order::ChannelsLast, copy(&transposed(kernel, shape[0]))?),
                    None => (Order::ChannelsFirst, copy(kernel)?),
                };
                Way::Depthwise { kernel, bias: copy(bias)?, window, activation, order }
            }
            _ if groups > 1 => {
                return Err(Error::Msg(format!("no kernel for a convolution in {groups} groups")));
            }
            Some(rounded) => Way::Tf32(Tf32::new(gpu, parameters, rounded)?),
            None => Way::Dense {
                tiles: Tiles::new(gpu, parameters)?.map(Box::new),
                direct: Direct::new(gpu, parameters)?,
            },
        };
        Ok(Self { gpu: gpu.clone(), way })
    }

    /// The way in which it is computed.
    #[must_use]
    pub fn method(&self) -> &'static str {
        match &self.way {
            Way::Dense { tiles: Some(_), .. } => "tiles",
            Way::Dense { tiles: None, .. } => "matrix product",
            Way::Tf32(_) => "matrix product in TF32",
            Way::Depthwise { .. } => "depthwise",
        }
    }

    /// The convolution of maps, with its bias and activation.
    ///
    /// # Shapes
    /// `maps` is `N x in_channels x H x W`, the result `N x out_channels x h x w`; in TF32 `N x H x W x in_channels` (four for
    /// an image) and `N x h x w x out_channels`.
    ///
    /// # Errors
    /// If CUDA or cuDNN fails, or memory is short.
    pub fn forward(&self, maps: &Tensor) -> Result<Tensor> {
        match &self.way {
            Way::Dense { tiles, direct } => {
                if let Some(tiles) = tiles
                    && let Some(result) = tiles.forward(&self.gpu, maps)?
                {
                    return Ok(result);
                }
                direct.forward(&self.gpu, maps)
            }
            Way::Tf32(tf32) => tf32.forward(&self.gpu, maps),
            Way::Depthwise { kernel, bias, window, activation, order } => {
                self.gpu.depthwise(maps, *order, kernel, bias, window, *activation)
            }
        }
    }
}

/// The same values with the last axis first, of which there are `rows` rows.
fn transposed(values: &[f32], rows: usize) -> Vec<f32> {
    let columns = values.len() / rows.max(1);
    (0..values.len()).map(|at| values[at % rows * columns + at / rows]).collect()
}
