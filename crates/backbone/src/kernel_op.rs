//! A forward pass of the kernels as one candle op, so that layouts inside are the kernels' own.

use candle_core::{CpuStorage, CustomOp1, Layout, Shape, Tensor};
use headstart_kernels::Error as KernelsError;

use crate::Error;

/// A batch of images on the CPU through kernels.
///
/// # Shapes
/// `images` is `N x 3 x H x W`; `output_shape` gives the `C x h x w` of `H x W`; `forward` gets the images, their shape and
/// room for `N x C x h x w`, which is the result.
///
/// # Errors
/// Those of `output_shape` and `forward`.
pub(crate) fn through_kernels(
    name: &'static str,
    images: &Tensor,
    output_shape: impl Fn(usize, usize) -> Result<[usize; 3], KernelsError>,
    forward: impl Fn(&[f32], [usize; 4], &mut [f32]) -> Result<(), KernelsError>,
) -> Result<Tensor, Error> {
    Ok(images.contiguous()?.apply_op1_no_bwd(&KernelOp { name, output_shape, forward })?)
}

struct KernelOp<S, F> {
    name: &'static str,
    output_shape: S,
    forward: F,
}

impl<S, F> CustomOp1 for KernelOp<S, F>
where
    S: Fn(usize, usize) -> Result<[usize; 3], KernelsError>,
    F: Fn(&[f32], [usize; 4], &mut [f32]) -> Result<(), KernelsError>,
{
    fn name(&self) -> &'static str {
        self.name
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let (count, channels, height, width) = layout.shape().dims4()?;
        let Some((start, end)) = layout.contiguous_offsets() else {
            return Err(candle_core::Error::RequiresContiguous { op: self.name });
        };
        let images = &storage.as_slice::<f32>()?[start..end];
        let wrap = |error: KernelsError| candle_core::Error::wrap(error);
        let [out, h, w] = (self.output_shape)(height, width).map_err(wrap)?;
        let mut features = vec![0.0; count * out * h * w];
        (self.forward)(images, [count, channels, height, width], &mut features).map_err(wrap)?;
        Ok((CpuStorage::F32(features), (count, out, h, w).into()))
    }
}
