//! Convolutions in f32 of any window, by a kernel of this crate: those of cuDNN give an image other bits in another batch.

use candle_core::cuda_backend::cudarc::driver::{CudaSlice, LaunchConfig, PushKernelArg};
use candle_core::{Error, Result, Tensor};
use headstart_kernels::graph::{Activation, Window};

use crate::functions::{BUSY, Source};
use crate::gpu::with_values;
use crate::pointwise::count_of;
use crate::{Gpu, Parameters, number};

const TEXT: &str = include_str!("cu/f32.cu");

/// Terms of a sum are filled up to a multiple of it, and output channels to a multiple of [`CHANNELS`].
const TERMS: usize = 8;
const CHANNELS: usize = 128;

/// Slabs of terms in shared memory.
const STAGES: usize = 4;

/// Taps of a side at most: the kernel has a bit for each of them.
const LARGEST_SIDE: usize = 15;

/// What a block of threads computes. The bits don't depend on the choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Tile {
    channels: usize,
    pixels: usize,
    /// Pixels of a thread. It computes 8 channels of each.
    of_thread: usize,
}

const NARROW: Tile = Tile { channels: 32, pixels: 256, of_thread: 8 };
const MIDDLE: Tile = Tile { channels: 64, pixels: 128, of_thread: 16 };
const WIDE: Tile = Tile { channels: 128, pixels: 128, of_thread: 16 };

impl Tile {
    /// The widest one that wastes no more channels than the others and leaves no multiprocessor idle.
    fn suited(channels: usize, pixels: usize) -> Self {
        if channels <= 32 {
            return NARROW;
        }
        let wastes_no_more = channels.next_multiple_of(128) == channels.next_multiple_of(64);
        if wastes_no_more && WIDE.blocks(channels, pixels) >= BUSY { WIDE } else { MIDDLE }
    }

    fn blocks(self, channels: usize, pixels: usize) -> usize {
        channels.div_ceil(self.channels) * pixels.div_ceil(self.pixels)
    }

    fn threads(self) -> usize {
        self.channels / 8 * (self.pixels / self.of_thread)
    }

    /// The line of f32.cu that makes its kernel.
    fn line(self, [tall, wide]: [usize; 2]) -> String {
        let Self { channels, pixels, of_thread } = self;
        format!("CONV_F32_KERNEL({channels}, {pixels}, {of_thread}, {STAGES}, {tall}, {wide})")
    }
}

/// A convolution's parameters as the kernel takes them.
#[derive(Debug)]
pub(crate) struct Direct {
    weights: CudaSlice<f32>,
    bias: CudaSlice<f32>,
    shape: [usize; 4],
    window: Window,
    activation: Activation,
}

impl Direct {
    pub(crate) fn new(gpu: &Gpu, parameters: &Parameters<'_>) -> Result<Self> {
        let &Parameters { kernel, shape, bias, window, activation, .. } = parameters;
        if window.size.iter().any(|&side| side > LARGEST_SIDE) {
            return Err(Error::Msg(format!("no kernel for a window of {:?}", window.size)));
        }
        let copy = |values: &[f32]| gpu.stream().clone_htod(values).map_err(Error::wrap);
        Ok(Self { weights: copy(&packed(kernel, shape))?, bias: copy(bias)?, shape, window, activation })
    }

    /// # Shapes
    /// `N x in_channels x H x W` to `N x out_channels x h x w`.
    pub(crate) fn forward(&self, gpu: &Gpu, maps: &Tensor) -> Result<Tensor> {
        let maps = maps.contiguous()?;
        let (count, channels, height, width) = maps.dims4()?;
        let [out, inputs, ..] = self.shape;
        if channels != inputs {
            return Err(Error::Msg(format!("expected maps of {inputs} channels, found {channels}")));
        }
        let [top, left, ..] = self.window.padding(height, width);
        let [rows, columns] = self.window.outputs(height, width).unwrap_or_default();
        let shape = [count, out, rows, columns];
        let mut result = gpu.room(shape.iter().product())?;
        count_of(maps.elem_count())?;
        count_of(result.len())?;
        let pixels = count * rows * columns;
        let tile = Tile::suited(out, pixels);
        // The last block may begin before the end and reach beyond it.
        count_of(pixels + tile.pixels)?;
        let line = tile.line(self.window.size);
        let function = gpu.function(Source { text: TEXT, line: &line, name: "convolution" }, |_| Ok(()))?;
        let [down, across] = self.window.stride;
        let sizes = [count, channels, height, width, out, down, across, top, left, rows, columns].map(number);
        // Other activations are applied to the result.
        let bounds = match self.activation {
            Activation::Relu => [0.0, f32::INFINITY],
            Activation::Relu6 => [0.0, 6.0],
            _ => [f32::NEG_INFINITY, f32::INFINITY],
        };
        let config = LaunchConfig {
            grid_dim: (count_of(tile.blocks(out, pixels))?, 1, 1),
            block_dim: (count_of(tile.threads())?, 1, 1),
            shared_mem_bytes: 0,
        };
        let stream = gpu.stream();
        with_values(&maps, |maps| {
            let mut call = stream.launch_builder(&function);
            call.arg(maps).arg(&self.weights).arg(&self.bias).arg(&mut result);
            for size in &sizes {
                call.arg(size);
            }
            call.arg(&bounds[0]).arg(&bounds[1]);
            // SAFETY: the arguments are those of CONV_F32_KERNEL in f32.cu; the slices have these shapes, and the weights are
            // packed as it says. The block has the threads of the tile.
            unsafe { call.launch(config) }.map_err(Error::wrap)?;
            Ok(())
        })?;
        if !matches!(self.activation, Activation::Relu | Activation::Relu6) {
            gpu.bias_activation(&mut result, None, rows * columns, out, self.activation)?;
        }
        Ok(gpu.tensor(result, &shape))
    }
}

/// A kernel as f32.cu describes it: a row for each term, of all output channels.
fn packed(kernel: &[f32], shape: [usize; 4]) -> Vec<f32> {
    let [out, inputs, tall, wide] = shape;
    let terms = inputs * tall * wide;
    let columns = out.next_multiple_of(CHANNELS);
    let mut packed = vec![0.0; terms.next_multiple_of(TERMS) * columns];
    for (channel, kernel) in kernel.chunks_exact(terms).enumerate() {
        for (row, &value) in packed.chunks_exact_mut(columns).zip(kernel) {
            row[channel] = value;
        }
    }
    packed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tap_of_a_kernel_lies_where_the_gpu_reads_it() {
        let shape = [130, 3, 3, 2];
        let kernel: Vec<f32> = (0..130 * 18).map(|at| at as f32 + 1.0).collect();
        let packed = packed(&kernel, shape);
        assert_eq!(packed.len(), 24 * 256);
        // Output channel 129, input channel 2, row 1, column 0.
        assert_eq!(packed[(2 * 6 + 2) * 256 + 129], kernel[129 * 18 + 2 * 6 + 2]);
        assert_eq!(packed.iter().filter(|&&value| value != 0.0).count(), kernel.len());
    }

    #[test]
    fn tiles_are_as_wide_as_is_filled() {
        assert_eq!(Tile::suited(24, 1 << 20), NARROW);
        assert_eq!(Tile::suited(144, 1 << 20), MIDDLE);
        assert_eq!(Tile::suited(512, 1 << 20), WIDE);
        assert_eq!(Tile::suited(512, 64 * 49), MIDDLE);
        assert_eq!([NARROW, MIDDLE, WIDE].map(Tile::threads), [128, 64, 128]);
    }
}
