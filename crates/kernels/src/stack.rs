//! A stack of convolutions, packed, and its forward pass.

use std::fmt;
use std::sync::{Mutex, OnceLock, PoisonError};

use rayon::prelude::*;

use crate::direct::PackedConvolution;
use crate::error::Error;
use crate::feature_maps::size;
use crate::kernels::Kernels;
use crate::path::Path;
use crate::plan::{Method, Plan, Strategy};
use crate::queue::workers;
use crate::rows::RowKernels;
use crate::run::run;
use crate::tile::Tile;
use crate::workspace::Workspace;

/// One 3 x 3 convolution with bias, followed by ReLU.
#[derive(Debug, Clone, Copy)]
pub struct Convolution<'a> {
    /// Channels of its input.
    pub in_channels: usize,
    /// Channels of its output.
    pub out_channels: usize,
    /// `out_channels x in_channels x 3 x 3`, for correlation: tap (0, 0) belongs to the pixel above and to the left.
    pub kernel: &'a [f32],
    /// `out_channels` values.
    pub bias: &'a [f32],
}

/// Blocks of 3 x 3 convolutions, each block closed by a 2 x 2 max pooling of stride 2.
///
/// The kernels are packed for the CPU when the stack is created (one copy, about the size of the weights). If a
/// [`Plan`] needs transformed kernels, they are transformed when the plan is first used, and kept; for VGG16 they take
/// 300 MB. Scratch memory is kept from one call to the next.
pub struct ConvolutionStack {
    blocks: Vec<Vec<Layer>>,
    path: Path,
    strategy: Strategy,
    workspaces: Mutex<Vec<Workspace>>,
}

/// One convolution, packed, and transformed for each tile that a plan has needed.
pub(crate) struct Layer {
    pub(crate) convolution: PackedConvolution,
    /// By the tile.
    transformed: [OnceLock<Kernels>; Tile::ALL.len()],
    rows: OnceLock<RowKernels>,
}

impl Layer {
    pub(crate) fn new(convolution: &Convolution<'_>) -> Self {
        let Convolution { in_channels, out_channels, kernel, bias } = *convolution;
        let convolution = PackedConvolution::new(in_channels, out_channels, kernel, bias);
        Self { convolution, transformed: Default::default(), rows: OnceLock::new() }
    }

    /// The kernels for tiles of one size, transformed now if they were not yet.
    pub(crate) fn kernels(&self, tile: Tile, path: Path) -> Result<&Kernels, Error> {
        let place = &self.transformed[tile as usize];
        if let Some(kernels) = place.get() {
            return Ok(kernels);
        }
        // If two threads come at once, both do the work, and one result is dropped.
        let kernels = Kernels::prepare(&self.convolution, tile, path)?;
        Ok(place.get_or_init(|| kernels))
    }

    /// The kernels for rows, transformed now if they were not yet.
    pub(crate) fn row_kernels(&self) -> &RowKernels {
        self.rows.get_or_init(|| RowKernels::new(&self.convolution))
    }
}

impl fmt::Debug for ConvolutionStack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let channels: Vec<Vec<usize>> = self
            .blocks
            .iter()
            .map(|block| block.iter().map(|layer| layer.convolution.out_channels).collect())
            .collect();
        f.debug_struct("ConvolutionStack")
            .field("in_channels", &self.in_channels())
            .field("out_channels", &channels)
            .field("path", &self.path)
            .field("strategy", &self.strategy)
            .finish_non_exhaustive()
    }
}

impl ConvolutionStack {
    /// Packs the blocks for the path that [`Path::detect`] chooses.
    ///
    /// # Errors
    ///
    /// If a kernel or bias has the wrong length, two layers disagree about channels, a block is empty, or the
    /// environment forces a path that this CPU can't run.
    pub fn new(blocks: &[Vec<Convolution<'_>>], strategy: Strategy) -> Result<Self, Error> {
        Self::with_path(blocks, Path::detect()?, strategy)
    }

    /// Packs the blocks for a given path.
    ///
    /// # Errors
    ///
    /// As [`ConvolutionStack::new`], and [`Error::UnsupportedPath`] if this CPU can't run it.
    pub fn with_path(blocks: &[Vec<Convolution<'_>>], path: Path, strategy: Strategy) -> Result<Self, Error> {
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
        let blocks = blocks.par_iter().map(|block| block.par_iter().map(Layer::new).collect()).collect();
        Ok(Self { blocks, path, strategy, workspaces: Mutex::default() })
    }

    /// The instructions that run it.
    #[must_use]
    pub fn path(&self) -> Path {
        self.path
    }

    /// The number of blocks.
    #[must_use]
    pub fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// Channels of an input image.
    #[must_use]
    pub fn in_channels(&self) -> usize {
        self.blocks[0][0].convolution.in_channels
    }

    /// Channels, height and width of the first `blocks` blocks' output for an image of `height x width`.
    ///
    /// # Errors
    ///
    /// [`Error::TooSmall`] if a pooling would leave nothing.
    pub fn output_shape(&self, blocks: usize, height: usize, width: usize) -> Result<[usize; 3], Error> {
        let blocks = blocks.clamp(1, self.blocks());
        let smallest = u32::try_from(blocks).ok().and_then(|n| 1_usize.checked_shl(n)).unwrap_or(usize::MAX);
        if height < smallest || width < smallest {
            return Err(Error::TooSmall { height, width, smallest, blocks });
        }
        let channels = self.blocks[blocks - 1].last().map_or(0, |layer| layer.convolution.out_channels);
        Ok([channels, height >> blocks, width >> blocks])
    }

    /// How the first `blocks` blocks are computed for any number of images of `height x width`. The threads are those
    /// of the current rayon pool, but no more than there are CPUs.
    #[must_use]
    pub fn plan(&self, blocks: usize, height: usize, width: usize) -> Plan {
        let channels = |layer: &Layer| [layer.convolution.in_channels, layer.convolution.out_channels];
        let blocks = &self.blocks[..blocks.clamp(1, self.blocks())];
        let blocks: Vec<_> = blocks.iter().map(|block| block.iter().map(channels).collect()).collect();
        Plan::new(&blocks, height, width, self.strategy, workers())
    }

    /// Transforms the kernels that the plan for images of `height x width` needs. Otherwise the first
    /// [`forward`](Self::forward) does it.
    ///
    /// # Errors
    ///
    /// [`Error::TooSmall`], or [`Error::Memory`] if the system has too little.
    pub fn prepare(&self, height: usize, width: usize) -> Result<(), Error> {
        self.output_shape(self.blocks(), height, width)?;
        let plan = self.plan(self.blocks(), height, width);
        self.layers().zip(&plan.layers).par_bridge().try_for_each(|(layer, plan)| match plan.method {
            Method::Direct => Ok(()),
            Method::Rows => {
                layer.row_kernels();
                Ok(())
            }
            Method::Tiles { tile, .. } => layer.kernels(tile, self.path).map(|_| ()),
        })
    }

    /// The layers of all blocks, in order.
    pub(crate) fn layers(&self) -> impl Iterator<Item = &Layer> {
        self.blocks.iter().flatten()
    }

    /// The whole stack on a batch of images, on the thread that calls and others of the current rayon pool.
    ///
    /// # Shapes
    ///
    /// `images` is `N x C x H x W`, as `shape` states; `output` is `N x K x h x w` with
    /// [`output_shape`](Self::output_shape) of all blocks.
    ///
    /// # Errors
    ///
    /// If a length, the channels or the size do not fit, or the system has too little memory.
    pub fn forward(&self, images: &[f32], shape: [usize; 4], output: &mut [f32]) -> Result<(), Error> {
        self.forward_blocks(self.blocks(), images, shape, output)
    }

    /// The first `blocks` blocks (at least one, at most all) on a batch of images.
    ///
    /// # Shapes
    ///
    /// As [`ConvolutionStack::forward`], with [`output_shape`](Self::output_shape) of these blocks.
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
        self.run(blocks, images, shape, output).map(|_| ())
    }

    /// [`ConvolutionStack::forward`], and the time that each layer took.
    ///
    /// # Errors
    ///
    /// As [`ConvolutionStack::forward`].
    pub fn profile(
        &self,
        images: &[f32],
        shape: [usize; 4],
        output: &mut [f32],
    ) -> Result<Vec<LayerTime>, Error> {
        let seconds = self.run(self.blocks(), images, shape, output)?;
        let plan = self.plan(self.blocks(), shape[2], shape[3]);
        let count = shape[0] as f64;
        let mut times: Vec<LayerTime> = Vec::new();
        let mut open: Option<LayerTime> = None;
        for (layer, seconds) in plan.layers.iter().zip(seconds) {
            let mut time = LayerTime {
                name: format!("block{}_conv{}", layer.block, layer.convolution),
                method: layer.method.to_string(),
                seconds,
                multiply_adds: count * layer.multiplications(),
                direct_multiply_adds: count * layer.direct_multiplications(),
            };
            if let Some(before) = open.take() {
                time.name = format!("{} + {}", before.name, time.name);
                time.method = format!("{} + {}", before.method, time.method);
                time.multiply_adds += before.multiply_adds;
                time.direct_multiply_adds += before.direct_multiply_adds;
            }
            if layer.method == Method::Rows { open = Some(time) } else { times.push(time) }
        }
        Ok(times)
    }

    /// The first blocks on a batch; returns the seconds of each layer.
    fn run(
        &self,
        blocks: usize,
        images: &[f32],
        shape: [usize; 4],
        output: &mut [f32],
    ) -> Result<Vec<f64>, Error> {
        let [count, channels, height, width] = shape;
        let blocks = blocks.clamp(1, self.blocks());
        if channels != self.in_channels() {
            return Err(Error::Channels {
                what: "images".to_owned(),
                expected: self.in_channels(),
                found: channels,
            });
        }
        let maps = size(&self.output_shape(blocks, height, width)?);
        Error::check_length("images", size(&[count, channels, height, width]), images.len())?;
        Error::check_length("output", size(&[count, maps]), output.len())?;
        if count == 0 {
            return Ok(Vec::new());
        }
        let plan = self.plan(blocks, height, width);
        // Plain buffers are in a good state even after a panic elsewhere.
        let workspaces = || self.workspaces.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = workspaces().pop();
        let mut workspace = match kept {
            Some(workspace) if workspace.fits(&plan, count) => workspace,
            _ => Workspace::new(&plan, count)?,
        };
        let result = run(self, &plan, &mut workspace, images, output);
        workspaces().push(workspace);
        result
    }
}

/// The time that a layer took for a batch.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LayerTime {
    /// As Keras names it: `block2_conv1`. A layer whose rows are computed as the next layer reads them shares an entry
    /// with it, and the names are joined by ` + `.
    pub name: String,
    /// `direct`, or the tiles: `F(6x6)`, `F(6+1x6+1)` if the last row and column have tiles of 1, `F(1x4)` along rows.
    /// Joined as the names are.
    pub method: String,
    /// Its share of the batch's time by the clock. A share, because threads may work on different layers at one time.
    pub seconds: f64,
    /// Multiplications (each with an addition) of the method, on all threads. Multiplications by zero count, although
    /// they may have been left out; those of transforms do not.
    pub multiply_adds: f64,
    /// Multiplications if every output is computed directly.
    pub direct_multiply_adds: f64,
}

impl LayerTime {
    /// The time of a layer that something else than these kernels computed, directly.
    #[must_use]
    pub fn new(name: &str, method: &str, seconds: f64, multiply_adds: f64) -> Self {
        let (name, method) = (name.to_owned(), method.to_owned());
        Self { name, method, seconds, multiply_adds, direct_multiply_adds: multiply_adds }
    }
}
