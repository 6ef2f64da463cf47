//! Convolutions, by the way that suits each.

use std::sync::{Arc, OnceLock};

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
    /// In tiles, or by another kernel where cuDNN has none for this GPU.
    Tiles(Box<Tiles>, OnceLock<Box<Direct>>),
    Direct(Direct),
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
    /// If the kernel or the bias has not the length that the shape says, there is no kernel for such a convolution, or memory is
    /// short.
    pub fn new(gpu: &Arc<Gpu>, parameters: &Parameters<'_>) -> Result<Self> {
        let &Parameters { kernel, shape, bias, groups, window, activation, tf32 } = parameters;
        if kernel.len() != shape.iter().product::<usize>() || bias.len() != shape[0] {
            let found = [kernel.len(), bias.len()];
            return Err(Error::Msg(format!(
                "expected a kernel of {shape:?} and its bias, found {found:?} values"
            )));
        }
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
            None => match Tiles::new(gpu, parameters)? {
                Some(tiles) => Way::Tiles(Box::new(tiles), OnceLock::new()),
                None => Way::Direct(Direct::new(gpu, parameters)?),
            },
        };
        Ok(Self { gpu: gpu.clone(), way })
    }

    /// The way in which it is computed.
    #[must_use]
    pub fn method(&self) -> &'static str {
        match &self.way {
            Way::Tiles(..) => "tiles",
            Way::Direct(_) => "matrix product",
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
            Way::Tiles(tiles, other) => {
                if let Some(result) = tiles.forward(&self.gpu, maps)? {
                    return Ok(result);
                }
                let other = match other.get() {
                    Some(other) => other,
                    None => {
                        let direct = Box::new(tiles.direct(&self.gpu)?);
                        other.get_or_init(|| direct)
                    }
                };
                other.forward(&self.gpu, maps)
            }
            Way::Direct(direct) => direct.forward(&self.gpu, maps),
            Way::Tf32(tf32) => tf32.forward(&self.gpu, maps),
            Way::Depthwise { kernel, bias, window, activation, order } => {
                self.gpu.depthwise(maps, *order, kernel, bias, window, *activation)
            }
        }
    }
}

/// A matrix of `rows` rows, transposed.
fn transposed(values: &[f32], rows: usize) -> Vec<f32> {
    let columns = values.len() / rows.max(1);
    (0..values.len()).map(|at| values[at % rows * columns + at / rows]).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn rows_become_columns() {
        assert_eq!(super::transposed(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 2), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    }
}
