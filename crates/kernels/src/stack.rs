//! The packed network and its forward pass.

use std::sync::Mutex;

use rayon::prelude::*;

use crate::activations::{self, Extent, size};
use crate::direct::PackedConvolution;
use crate::error::Error;
use crate::path::Path;

/// One 3 x 3 convolution with bias, followed by ReLU.
#[derive(Debug, Clone, Copy)]
pub struct Convolution<'a> {
    /// Channels of its input.
    pub in_channels: usize,
    /// Channels of its output.
    pub out_channels: usize,
    /// `out_channels x in_channels x 3 x 3`, for correlation: tap (0, 0) meets the pixel above left.
    pub kernel: &'a [f32],
    /// `out_channels` values.
    pub bias: &'a [f32],
}

/// Blocks of 3 x 3 convolutions, each block closed by a 2 x 2 max pooling of stride 2.
///
/// The kernels are packed for the CPU when it is built (one copy, about the size of the weights). Scratch
/// memory is kept from one call to the next; it holds two maps of the widest layer for each thread.
pub struct ConvolutionStack {
    blocks: Vec<Vec<PackedConvolution>>,
    path: Path,
    scratch: Mutex<Vec<Scratch>>,
}

/// The two buffers that the layers of one image are computed back and forth between.
#[derive(Default)]
struct Scratch {
    from: Vec<f32>,
    to: Vec<f32>,
}

impl ConvolutionStack {
    /// Packs the blocks for the path that [`Path::detect`] chooses.
    ///
    /// # Errors
    ///
    /// Where a kernel or bias has the wrong length, two layers disagree about channels, a block is empty,
    /// or the environment forces a path that does not exist here.
    pub fn new(blocks: &[Vec<Convolution<'_>>]) -> Result<Self, Error> {
        Self::with_path(blocks, Path::detect()?)
    }

    /// Packs the blocks for a given path.
    ///
    /// # Errors
    ///
    /// As [`ConvolutionStack::new`], and [`Error::UnsupportedPath`] where this CPU can't run it.
    pub fn with_path(blocks: &[Vec<Convolution<'_>>], path: Path) -> Result<Self, Error> {
        if !path.is_supported() {
            return Err(Error::UnsupportedPath(path));
        }
        if blocks.is_empty() {
            return Err(Error::Empty("blocks".to_owned()));
        }
        let mut channels = None;
        for (b, block) in blocks.iter().enumerate() {
            if block.is_empty() {
                return Err(Error::Empty(format!("block {}: convolutions", b + 1)));
            }
            for (c, layer) in block.iter().enumerate() {
                let what = format!("block {} convolution {}", b + 1, c + 1);
                let before = channels.replace(layer.out_channels).unwrap_or(layer.in_channels);
                if layer.in_channels == 0 || layer.out_channels == 0 {
                    return Err(Error::Empty(format!("{what}: channels")));
                }
                if before != layer.in_channels {
                    return Err(Error::Channels { what, expected: before, found: layer.in_channels });
                }
                let taps = size(&[layer.out_channels, layer.in_channels, 9]);
                Error::check_length(&format!("{what}: kernel"), taps, layer.kernel.len())?;
                Error::check_length(&format!("{what}: bias"), layer.out_channels, layer.bias.len())?;
            }
        }
        let pack = |layer: &Convolution<'_>| {
            PackedConvolution::new(layer.in_channels, layer.out_channels, layer.kernel, layer.bias)
        };
        let blocks = blocks.par_iter().map(|block| block.par_iter().map(pack).collect()).collect();
        Ok(Self { blocks, path, scratch: Mutex::default() })
    }

    /// The instructions that run it.
    #[must_use]
    pub fn path(&self) -> Path {
        self.path
    }

    /// How many blocks it has.
    #[must_use]
    pub fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// Channels of an input image.
    #[must_use]
    pub fn in_channels(&self) -> usize {
        self.blocks[0][0].in_channels
    }

    /// Channels, height and width of the first `blocks` blocks' output for an image of `height x width`.
    ///
    /// # Errors
    ///
    /// [`Error::TooSmall`] where a pooling would leave nothing.
    pub fn output_shape(&self, blocks: usize, height: usize, width: usize) -> Result<[usize; 3], Error> {
        let blocks = blocks.clamp(1, self.blocks());
        let smallest = u32::try_from(blocks).ok().and_then(|n| 1_usize.checked_shl(n)).unwrap_or(usize::MAX);
        if height < smallest || width < smallest {
            return Err(Error::TooSmall { height, width, smallest, blocks });
        }
        let channels = self.blocks[blocks - 1].last().map_or(0, |layer| layer.out_channels);
        Ok([channels, height >> blocks, width >> blocks])
    }

    /// The whole stack on a batch of images; threads are those of the current rayon pool.
    ///
    /// # Shapes
    ///
    /// `images` is `N x C x H x W`, as `shape` states; `output` is `N x K x h x w` with
    /// [`output_shape`](Self::output_shape) of all blocks.
    ///
    /// # Errors
    ///
    /// Where a length, the channels or the size do not fit.
    pub fn forward(&self, images: &[f32], shape: [usize; 4], output: &mut [f32]) -> Result<(), Error> {
        self.forward_blocks(self.blocks(), images, shape, output)
    }

    /// The first `blocks` blocks (at least one, at most all) on a batch of images.
    ///
    /// # Shapes
    ///
    /// As [`ConvolutionStack::forward`], with [`output_shape`](Self::output_shape) of so many blocks.
    ///
    /// # Errors
    ///
    /// As [`ConvolutionStack::forward`].
    pub fn forward_blocks(
        &self,
        blocks: usize,
        images: &[f32],
        shape: [usize; 4],
        output: &mut [f32],
    ) -> Result<(), Error> {
        let [count, channels, height, width] = shape;
        let blocks = &self.blocks[..blocks.clamp(1, self.blocks())];
        if channels != self.in_channels() {
            return Err(Error::Channels {
                what: "images".to_owned(),
                expected: self.in_channels(),
                found: channels,
            });
        }
        let maps = size(&self.output_shape(blocks.len(), height, width)?);
        let image = Extent { channels, height, width };
        let pixels = size(&[channels, height, width]);
        Error::check_length("images", size(&[count, pixels]), images.len())?;
        Error::check_length("output", size(&[count, maps]), output.len())?;

        // Whole images side by side need no barrier between layers. What does not fill all threads is
        // computed one image after the other, each shared out by rows.
        let threads = rayon::current_num_threads();
        let side_by_side = count / threads * threads;
        let (many, rest) = output.split_at_mut(side_by_side * maps);
        many.par_chunks_exact_mut(maps).zip(images.par_chunks_exact(pixels)).for_each(|(maps, pixels)| {
            self.with_scratch(|scratch| self.image(blocks, image, pixels, scratch, None, maps));
        });
        let left = &images[side_by_side * pixels..];
        for (maps, pixels) in rest.chunks_exact_mut(maps).zip(left.chunks_exact(pixels)) {
            self.with_scratch(|scratch| self.image(blocks, image, pixels, scratch, Some(2), maps));
        }
        Ok(())
    }

    /// One image through the blocks. Tasks take so many rows of one block of channels; `None` keeps the image on
    /// this thread.
    fn image(
        &self,
        blocks: &[Vec<PackedConvolution>],
        mut extent: Extent,
        pixels: &[f32],
        scratch: &mut Scratch,
        rows_per_task: Option<usize>,
        maps: &mut [f32],
    ) {
        let Scratch { from, to } = scratch;
        grow(from, extent.len());
        activations::pack(pixels, extent, &mut from[..extent.len()]);
        for block in blocks {
            for layer in block {
                let out = Extent { channels: layer.out_channels, ..extent };
                grow(to, out.len());
                self.layer(layer, &from[..extent.len()], extent, rows_per_task, &mut to[..out.len()]);
                std::mem::swap(from, to);
                extent = out;
            }
            let half = extent.pooled();
            grow(to, half.len());
            let source = from[..extent.len()].chunks_exact(extent.block_stride());
            for (block, pooled) in source.zip(to[..half.len()].chunks_exact_mut(half.block_stride())) {
                activations::pool_block(block, extent, pooled);
            }
            std::mem::swap(from, to);
            extent = half;
        }
        activations::unpack(&from[..extent.len()], extent, maps);
    }

    /// One convolution of one image.
    fn layer(
        &self,
        layer: &PackedConvolution,
        input: &[f32],
        extent: Extent,
        rows_per_task: Option<usize>,
        output: &mut [f32],
    ) {
        let out = Extent { channels: layer.out_channels, ..extent };
        let stride = out.row_stride();
        let inner = stride..stride * (extent.height + 1);
        let convolve = |block: usize, first: usize, rows: &mut [f32]| {
            layer.rows(self.path, input, extent, block, first, rows);
        };
        if let Some(rows) = rows_per_task {
            output.par_chunks_exact_mut(out.block_stride()).enumerate().for_each(|(index, block)| {
                activations::clear_border(block, out);
                let groups = block[inner.clone()].par_chunks_mut(rows * stride).enumerate();
                groups.for_each(|(group, part)| convolve(index, group * rows, part));
            });
        } else {
            for (index, block) in output.chunks_exact_mut(out.block_stride()).enumerate() {
                activations::clear_border(block, out);
                convolve(index, 0, &mut block[inner.clone()]);
            }
        }
    }

    /// Lends scratch memory of an earlier call, or new.
    fn with_scratch(&self, work: impl FnOnce(&mut Scratch)) {
        // A panic elsewhere can't leave a pool of plain buffers in a bad state.
        let take = || self.scratch.lock().unwrap_or_else(std::sync::PoisonError::into_inner).pop();
        let mut scratch = take().unwrap_or_default();
        work(&mut scratch);
        self.scratch.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(scratch);
    }
}

/// Makes a buffer at least so long.
fn grow(buffer: &mut Vec<f32>, length: usize) {
    if buffer.len() < length {
        buffer.resize(length, 0.0);
    }
}
