//! Convolutions in TF32, by kernels of this crate: those of cuDNN give an image other bits in another batch.

use candle_core::cuda_backend::cudarc::driver::sys::CUfunction_attribute_enum::{
    CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT,
};
use candle_core::cuda_backend::cudarc::driver::{CudaSlice, LaunchConfig, PushKernelArg};
use candle_core::{Error, Result, Tensor};
use headstart_kernels::graph::{Activation, Window};

use crate::functions::{BUSY, Source, is_hopper};
use crate::gpu::with_values;
use crate::number;
use crate::{Gpu, Order, Parameters, Rounded};

const TEXT: &str = include_str!("cu/tf32.cu");

/// Length of the blocks of channels in which a sum goes on, if channels can be divided by it.
const CHANNEL_BLOCK: usize = 32;
/// Terms of a sum are filled up to a multiple of it, and rows of the kernel to a multiple of [`ROWS`].
const SLAB: usize = 32;
const ROWS: usize = 256;

/// The first of the flags of a kernel's call: a ReLU follows.
const RELU: i32 = 1;
/// The second: the result is rounded to TF32.
const ROUND: i32 = 2;

/// A kernel: the same sums, in tiles of another size. The bits don't depend on the choice.
struct Tile {
    line: &'static str,
    /// Output pixels and channels of a tile.
    size: [usize; 2],
    threads: u32,
    shared_bytes: u32,
    /// Percentage of a multiprocessor's fast memory that serves as shared memory; the rest caches pixels.
    carveout: i32,
}

/// Reads values of any kind and rounds them. For all GPUs.
const ROUNDING: [Tile; 2] = [
    Tile {
        line: "CONV_TF32_KERNEL(convolution, 128, 64, 32, 64, 32, 3, 3)",
        size: [128, 64],
        threads: 128,
        shared_bytes: 73_728,
        carveout: 100,
    },
    Tile {
        line: "CONV_TF32_KERNEL(convolution, 128, 128, 32, 64, 64, 3, 2)",
        size: [128, 128],
        threads: 128,
        shared_bytes: 98_304,
        carveout: 85,
    },
];

/// Reads rounded values. For Hopper GPUs.
const HOPPER: [Tile; 3] = [
    Tile {
        line: "CONV_TF32_WG_KERNEL(convolution, 1, 64, 4, 2, 2)",
        size: [128, 64],
        threads: 256,
        shared_bytes: 99_328,
        carveout: 85,
    },
    Tile {
        line: "CONV_TF32_WG_KERNEL(convolution, 1, 128, 3, 2, 2)",
        size: [128, 128],
        threads: 256,
        shared_bytes: 99_328,
        carveout: 85,
    },
    Tile {
        line: "CONV_TF32_WG_KERNEL(convolution, 1, 256, 4, 2, 1)",
        size: [128, 256],
        threads: 256,
        shared_bytes: 197_632,
        carveout: 85,
    },
];

impl Tile {
    /// The kernel for so many output pixels and channels: the widest tile that is filled, if it leaves no multiprocessor idle.
    fn suited(is_hopper: bool, reads_rounded: bool, pixels: usize, channels: usize) -> &'static Self {
        let tiles: &[Self] = if is_hopper && reads_rounded { &HOPPER } else { &ROUNDING };
        let is_wide = |tile: &Self| {
            tile.size[1] <= channels
                && pixels.div_ceil(tile.size[0]) * channels.div_ceil(tile.size[1]) >= BUSY
        };
        tiles.iter().rev().find(|tile| is_wide(tile)).unwrap_or(&tiles[usize::from(channels > 64)])
    }
}

/// A convolution's parameters as the kernels take them.
#[derive(Debug)]
pub(crate) struct Tf32 {
    weights: CudaSlice<f32>,
    bias: CudaSlice<f32>,
    shape: [usize; 4],
    /// Channels of the maps that it reads: those of its input, or four for an image.
    channels: usize,
    window: Window,
    activation: Activation,
    rounded: Rounded,
}

impl Tf32 {
    pub(crate) fn new(gpu: &Gpu, parameters: &Parameters<'_>, rounded: Rounded) -> Result<Self> {
        let &Parameters { kernel, shape, bias, window, activation, .. } = parameters;
        let channels = shape[1].next_multiple_of(4);
        let stream = gpu.stream();
        let weights = stream.clone_htod(&packed(kernel, shape, channels)).map_err(Error::wrap)?;
        let bias = stream.clone_htod(bias).map_err(Error::wrap)?;
        Ok(Self { weights, bias, shape, channels, window, activation, rounded })
    }

    /// # Shapes
    /// `N x H x W x C` to `N x h x w x out_channels`.
    pub(crate) fn forward(&self, gpu: &Gpu, maps: &Tensor) -> Result<Tensor> {
        let maps = maps.contiguous()?;
        let [count, channels, height, width] = Order::ChannelsLast.dims(&maps)?;
        if channels != self.channels {
            return Err(Error::Msg(format!("expected maps of {} channels, found {channels}", self.channels)));
        }
        let [top, left, ..] = self.window.padding(height, width);
        let [rows, columns] = self.window.outputs(height, width).unwrap_or_default();
        let [out, _, tall, wide] = self.shape;
        let shape = [count, rows, columns, out];
        let mut result = gpu.room(shape.iter().product())?;
        let pixels = count * rows * columns;
        let context = gpu.stream().context().clone();
        let hopper = is_hopper(context.compute_capability().map_err(Error::wrap)?);
        let tile = Tile::suited(hopper, self.rounded.input, pixels, out);
        let function =
            gpu.function(Source { text: TEXT, line: tile.line, name: "convolution" }, |function| {
                let bytes = CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
                function.set_attribute(bytes, tile.shared_bytes as i32).map_err(Error::wrap)?;
                let carveout = CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT;
                function.set_attribute(carveout, tile.carveout).map_err(Error::wrap)
            })?;
        let relu = self.activation == Activation::Relu;
        let flags = i32::from(relu) * RELU + i32::from(self.rounded.output) * ROUND;
        let [down, across] = self.window.stride;
        let sizes = [
            count,
            height,
            width,
            channels,
            out,
            tall,
            wide,
            down,
            across,
            top,
            left,
            rows,
            columns,
            channel_block(channels),
            terms(self.shape, channels),
        ];
        let (sizes, null, stream) = (sizes.map(number), 0_u64, gpu.stream());
        let blocks = pixels.div_ceil(tile.size[0]) * out.div_ceil(tile.size[1]);
        let config = LaunchConfig {
            grid_dim: (u32::try_from(blocks).map_err(Error::wrap)?, 1, 1),
            block_dim: (tile.threads, 1, 1),
            shared_mem_bytes: tile.shared_bytes,
        };
        with_values(&maps, |maps| {
            let mut call = stream.launch_builder(&function);
            call.arg(maps).arg(&self.weights).arg(&self.bias).arg(&null).arg(&mut result);
            for size in &sizes {
                call.arg(size);
            }
            call.arg(&flags);
            // SAFETY: the arguments are CONV_TF32_PARAMS of tf32.cu; the slices have these shapes, and the weights are packed as
            // it says. The block has the threads and the shared memory of the tile.
            unsafe { call.launch(config) }.map_err(Error::wrap)?;
            Ok(())
        })?;
        if !relu {
            gpu.bias_activation(&mut result, None, 1, out, self.activation)?;
        }
        Ok(gpu.tensor(result, &shape))
    }
}

fn channel_block(channels: usize) -> usize {
    if channels.is_multiple_of(CHANNEL_BLOCK) { CHANNEL_BLOCK } else { channels }
}

/// Terms of a sum, filled up.
fn terms([_, _, tall, wide]: [usize; 4], channels: usize) -> usize {
    (tall * wide * channels).next_multiple_of(SLAB)
}

/// A kernel as tf32.cu describes it, with zeros for the channels that are filled up, rounded to TF32.
fn packed(kernel: &[f32], shape: [usize; 4], channels: usize) -> Vec<f32> {
    let [out, inputs, tall, wide] = shape;
    let (block, terms) = (channel_block(channels), terms(shape, channels));
    let mut packed = vec![0.0; out.next_multiple_of(ROWS) * terms];
    for (row, kernel) in packed.chunks_exact_mut(terms).zip(kernel.chunks_exact(inputs * tall * wide)) {
        for (channel, taps) in kernel.chunks_exact(tall * wide).enumerate() {
            for (tap, &value) in taps.iter().enumerate() {
                let (r, s) = (tap / wide, tap % wide);
                let at = ((r * (channels / block) + channel / block) * wide + s) * block + channel % block;
                row[at] = rounded(value);
            }
        }
    }
    packed
}

/// Rounded to the 10 bits after the point that TF32 has, to nearest, halves away from zero.
fn rounded(value: f32) -> f32 {
    if value.is_finite() { f32::from_bits((value.to_bits() + 0x1000) & !0x1fff) } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_bits_after_the_point_are_kept() {
        let step = 2_f32.powi(-10);
        for (value, expected) in [
            (1.0, 1.0),
            (1.0 + step, 1.0 + step),
            (1.0 + 0.49 * step, 1.0),
            (1.0 + 0.5 * step, 1.0 + step),
            (-1.0 - 0.5 * step, -1.0 - step),
            (0.0, 0.0),
        ] {
            assert_eq!(rounded(value), expected, "{value}");
        }
        assert!(rounded(f32::NAN).is_nan());
        assert_eq!(rounded(f32::INFINITY), f32::INFINITY);
    }

    #[test]
    fn each_tap_of_a_kernel_lies_where_the_gpu_reads_it() {
        // 64 channels in two blocks, 3 x 2 taps: small whole numbers, which TF32 holds.
        let shape = [2, 64, 3, 2];
        let kernel: Vec<f32> = (0..2 * 64 * 6).map(|at| at as f32).collect();
        let packed = packed(&kernel, shape, 64);
        assert_eq!(packed.len(), 256 * 384);
        // Output channel 1, input channel 40, row 2, column 1.
        let at = 384 + ((2 * 2 + 1) * 2 + 1) * 32 + 8;
        assert_eq!(packed[at], kernel[((64 + 40) * 3 + 2) * 2 + 1]);
        assert_eq!(packed.iter().filter(|&&value| value != 0.0).count(), kernel.len() - 1);
    }

    #[test]
    fn tiles_are_as_wide_as_is_filled() {
        let size = |hopper, rounded, pixels, channels| Tile::suited(hopper, rounded, pixels, channels).size;
        assert_eq!(size(true, true, 1 << 20, 64), [128, 64]);
        assert_eq!(size(true, true, 1 << 20, 128), [128, 128]);
        assert_eq!(size(true, true, 1 << 20, 512), [128, 256]);
        assert_eq!(size(true, true, 32 * 81, 512), [128, 128]);
        assert_eq!(size(true, false, 1 << 20, 512), [128, 128]);
        assert_eq!(size(false, true, 1 << 20, 24), [128, 64]);
    }
}
