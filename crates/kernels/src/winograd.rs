//! A layer by minimal filtering: the three steps of a block of tiles.
//!
//! 1. [`Block::transform`]: the input's tiles of all channels become `V`, one matrix of tiles x channels for each
//!    product of a tile.
//! 2. [`Block::multiply`]: `M = V U` for one block of output channels, all channels summed in registers.
//! 3. [`Block::finish`]: `M` becomes outputs. Bias, ReLU and pooling are applied before they are stored.
//!
//! The tiles of a group are multiplied together. Channels that are zero in all of them are left out of `M`'s sums.
//!
//! A tile is always computed in the same order of operations, whichever tiles are computed with it.

mod input;
mod output;

use std::marker::PhantomData;
use std::ops::Range;

use self::input::{Input, Transform};
use self::output::Finish;
use crate::buffer::Shared;
use crate::feature_maps::{LANES, MapLayout};
use crate::kernels::Form;
use crate::lines::LINE;
use crate::path::Path;
use crate::products::{GROUP, LONG, Later, Row, fetch_pixel, multiply};
use crate::tile::{Tile, for_tile, for_tile_beside, products};
use crate::transform::Transforms;
use crate::vector::{Spreading, Vector, prefetch_later};

/// A convolution, or a part of one, whose outputs are computed in tiles of one size.
pub(crate) struct Layer<'a> {
    pub(crate) path: Path,
    pub(crate) kernels: Form,
    /// The tiles' height and width.
    pub(crate) tile: [Tile; 2],
    /// The position of each product's kernels among the kernels.
    pub(crate) places: Vec<usize>,
    /// Of its output channels, rounded up to whole blocks.
    pub(crate) bias: &'a [f32],
    pub(crate) pooled: bool,
    /// Whether a ReLU follows.
    pub(crate) relu: bool,
    pub(crate) input: MapLayout,
    /// The layout of the stored outputs, after the pooling if there is one.
    pub(crate) output: MapLayout,
    /// The first row and column of an image that it computes.
    pub(crate) start: [usize; 2],
    /// Tiles down and across an image.
    pub(crate) grid: [usize; 2],
}

/// The maps that tiles are read from.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) values: Shared<'a>,
    /// Values from one row of pixels to the next.
    pub(crate) row_stride: usize,
    /// Values from one block of channels to the next.
    pub(crate) block_stride: usize,
}

/// The start of a tile's input and of its stored outputs, in the first block of channels.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) from: usize,
    pub(crate) to: usize,
    /// Rows and columns of the tile's stored outputs that are within the image.
    pub(crate) size: [usize; 2],
}

impl Layer<'_> {
    /// Tiles of one image.
    pub(crate) fn tiles(&self) -> usize {
        self.grid[0] * self.grid[1]
    }

    /// The places of some tiles, which are numbered through all images.
    pub(crate) fn places(&self, tiles: Range<usize>, places: &mut Vec<Place>) {
        let ([down, across], [high, wide]) = (self.tile.map(Tile::outputs), self.stored_sides());
        let pooling = if self.pooled { 2 } else { 1 };
        places.clear();
        places.extend(tiles.map(|tile| {
            let (image, rest) = (tile / self.tiles(), tile % self.tiles());
            let (y, x) = (rest / self.grid[1], rest % self.grid[1]);
            let (y, x) = (self.start[0] + y * down, self.start[1] + x * across);
            let stride = self.kernels.tile.stride();
            let from = stride * (y * self.input.row_stride() + x * LANES);
            let (y, x) = (y / pooling, x / pooling);
            Place {
                from: image * self.input.len() + from,
                to: image * self.output.len() + self.output.row(0, y) + x * LANES,
                size: [high.min(self.output.height - y), wide.min(self.output.width - x)],
            }
        }));
    }

    /// [`Layer::places`] for one row of tiles whose input is a separate strip.
    pub(crate) fn places_in_strip(&self, image: usize, row: usize, places: &mut Vec<Place>) {
        let first = (image * self.grid[0] + row) * self.grid[1];
        self.places(first..first + self.grid[1], places);
        for (x, place) in places.iter_mut().enumerate() {
            place.from = (self.start[1] + x * self.tile[1].outputs()) * LANES;
        }
    }

    /// Stored outputs down and across a tile.
    fn stored_sides(&self) -> [usize; 2] {
        self.tile.map(|side| if self.pooled { side.outputs() / 2 } else { side.outputs() })
    }
}

/// Some tiles of a layer, which go through the steps together.
pub(crate) struct Block<'a> {
    layer: &'a Layer<'a>,
    places: &'a [Place],
    /// Tiles that are divided into groups together: those of an image, or all.
    unit: usize,
    /// The number of groups of tiles that are multiplied together.
    groups: usize,
    /// Values from one product's matrix to the next in `V`.
    v_stride: usize,
    /// The same in `M`.
    m_stride: usize,
}

/// The fewest tiles that are worth a separate group.
const FEWEST: usize = 4;

impl<'a> Block<'a> {
    pub(crate) fn new(layer: &'a Layer<'a>, places: &'a [Place]) -> Self {
        // An odd number of cache lines, so that the matrices of a tile do not all use the same lines of the cache.
        let stride = |width: usize| ((places.len() * width).div_ceil(LINE) | 1) * LINE;
        // The tiles of one image share more channels that are zero. Groups that are too small would cost more than that
        // saves.
        let of_image = layer.tiles();
        let apart = places.len().is_multiple_of(of_image) && of_image >= FEWEST * of_image.div_ceil(GROUP);
        let unit = if apart { of_image } else { places.len() };
        let groups = places.len() / unit * unit.div_ceil(GROUP);
        let (v_stride, m_stride) = (stride(layer.kernels.channels), stride(LANES));
        Self { layer, places, unit, groups, v_stride, m_stride }
    }

    /// The length of `V` with the bits after it, in whole lines.
    pub(crate) fn v_len(&self) -> usize {
        self.active(self.groups).start.next_multiple_of(LINE)
    }

    /// The position of a group's bits after `V`, for 32 channels in the space of a value. A bit is 0 if the channel's
    /// input is zero in all of the group's tiles. Such channels are left out of its sums, which changes no bit of them.
    fn active(&self, group: usize) -> Range<usize> {
        let start = products(self.layer.tile) * self.v_stride + group * self.in_blocks();
        start..start + self.in_blocks()
    }

    /// The length of `M` for one block of output channels.
    pub(crate) fn m_len(&self) -> usize {
        products(self.layer.tile) * self.m_stride
    }

    /// Its tiles.
    pub(crate) fn tiles(&self) -> usize {
        self.places.len()
    }

    /// The number of groups of tiles that are multiplied together.
    pub(crate) fn groups(&self) -> usize {
        self.groups
    }

    /// Values from one block of output channels to the next.
    pub(crate) fn output_stride(&self) -> usize {
        self.layer.output.block_stride()
    }

    /// Blocks of output channels.
    pub(crate) fn out_blocks(&self) -> usize {
        self.layer.output.blocks()
    }

    /// The tiles of a group. All groups are of nearly the same size.
    fn group(&self, group: usize) -> Range<usize> {
        let of_unit = self.unit.div_ceil(GROUP);
        let (first, group) = (group / of_unit * self.unit, group % of_unit);
        first + group * self.unit / of_unit..first + (group + 1) * self.unit / of_unit
    }

    /// Blocks of input channels.
    pub(crate) fn in_blocks(&self) -> usize {
        self.layer.kernels.channels / LANES
    }

    /// Transforms some blocks of channels of the input of a group of tiles. `v` has [`v_len`](Self::v_len) values.
    /// Other groups and other blocks may be transformed at the same time. `stream` is for a `V` that is larger than the
    /// caches: the stores of most tiles then bypass them, and the memory is not read first.
    pub(crate) fn transform(
        &self,
        source: Source<'_>,
        blocks: Range<usize>,
        group: usize,
        v: Shared<'_>,
        stream: bool,
    ) {
        let Layer { path, kernels, tile, .. } = *self.layer;
        let tiles = self.group(group);
        let input = Input {
            source,
            blocks,
            channels: self.layer.input.channels,
            places: &self.places[tiles.clone()],
            to: v,
            start: tiles.start * kernels.channels,
            stride: self.v_stride,
            active: self.active(group).start,
            finite: kernels.finite,
        };
        // SAFETY: `ConvolutionStack` holds a path only if `Path::is_supported` returned true.
        for_tile_beside!(kernels.tile, tile, N M K L T => unsafe {
            // Tiles of other sizes are at the edges.
            if const { N == T::INPUTS && K == T::INPUTS } && stream {
                path.run(Transform::<T, N, K, true>(input, PhantomData));
            } else {
                path.run(Transform::<T, N, K, false>(input, PhantomData));
            }
        });
    }

    /// Multiplies all tiles with one block of output channels, whose kernels are a panel of
    /// [`Kernels`](crate::kernels::Kernels). [`finish`](Self::finish) will write the outputs `to`. The input of the
    /// `following` tiles, which are transformed next, is fetched.
    pub(crate) fn multiply(
        &self,
        panel: &[f32],
        out_block: usize,
        v: &[f32],
        m: &mut [f32],
        to: Shared<'_>,
        following: Option<&(Block<'_>, Source<'_>)>,
    ) {
        let multiply = Multiply { block: self, panel, out_block, v, m, to, following };
        // SAFETY: as above.
        unsafe { self.layer.path.run_spreading(multiply) }
    }

    /// The position of each product's kernels among the kernels.
    pub(crate) fn places_of_kernels(&self) -> &[usize] {
        &self.layer.places
    }

    /// The products of its tiles, each with the number of the product. `V` and `M` begin at these places of the memory.
    #[inline(always)]
    pub(crate) fn for_each_row(&self, [v, m]: [usize; 2], mut each: impl FnMut(usize, Row)) {
        for group in 0..self.groups {
            let tiles = self.group(group);
            let (stride, active) = (tiles.len() * LINE, v + self.active(group).start);
            for product in 0..self.layer.places.len() {
                let first = v + product * self.v_stride + tiles.start * self.layer.kernels.channels;
                let to = m + product * self.m_stride;
                for (index, tile) in tiles.clone().enumerate() {
                    each(product, Row { v: first + index * LINE, stride, active, m: to + tile * LANES });
                }
            }
        }
    }

    /// Where the pixels of the tiles' stored outputs are, in the first block of channels.
    pub(crate) fn outputs(&self) -> impl Iterator<Item = usize> + '_ {
        let stride = self.layer.output.row_stride();
        self.places.iter().flat_map(move |place| {
            let [high, wide] = place.size;
            (0..high * wide).map(move |pixel| place.to + pixel / wide * stride + pixel % wide * LANES)
        })
    }

    /// Rows of pixels of the tiles' input, in all blocks of channels.
    fn input_rows(&self) -> usize {
        self.in_blocks() * self.places.len() * self.layer.tile[0].inputs()
    }

    /// Fetches some of the rows. Of each, only as many pixels as a tile has outputs: the other two also belong to the
    /// tile before it.
    #[inline(always)]
    fn fetch(&self, source: Source<'_>, rows: Range<usize>) {
        let high = self.layer.tile[0].inputs();
        let lines = self.layer.tile[1].outputs() * LANES / LINE;
        for row in rows {
            let (y, rest) = (row % high, row / high);
            let (block, tile) = (rest / self.places.len(), rest % self.places.len());
            let from = self.places[tile].from + block * source.block_stride + y * source.row_stride;
            for line in 0..lines {
                prefetch_later(source.values.near(from + 2 * LANES + line * LINE));
            }
        }
    }

    /// Turns `m` into outputs.
    ///
    /// # Safety
    ///
    /// While it runs, no other code reads or writes the outputs of these tiles for this block of channels.
    pub(crate) unsafe fn finish(&self, out_block: usize, m: &[f32], to: Shared<'_>) {
        let Layer { path, kernels, tile, .. } = *self.layer;
        for_tile_beside!(kernels.tile, tile, N M K L T => {
            let operation = Finish::<T, N, M, K, L> { block: self, out_block, m, to, transforms: PhantomData };
            // SAFETY: as above.
            unsafe { path.run(operation) }
        });
    }
}

/// The products of all tiles with one block of output channels.
struct Multiply<'a> {
    block: &'a Block<'a>,
    /// `kernels x channels x LANES`.
    panel: &'a [f32],
    out_block: usize,
    v: &'a [f32],
    m: &'a mut [f32],
    /// Where the outputs go, which are fetched.
    to: Shared<'a>,
    /// Tiles whose input is fetched.
    following: Option<&'a (Block<'a>, Source<'a>)>,
}

impl Multiply<'_> {
    /// The kernels that are fetched during a product of a group: some of the next product's. The last product's kernels are
    /// followed by those of the next block of output channels. Each line of channels fetches so many `lines`.
    #[inline(always)]
    fn later(&self, product: usize, group: usize, lines: usize) -> Later {
        let Layer { places, kernels, .. } = self.block.layer;
        let stride = kernels.channels * LANES;
        let next =
            places.get(product + 1).map_or(self.panel.len() + places[0] * stride, |place| place * stride);
        let from = self.panel.as_ptr().wrapping_add(next + kernels.channels * group * lines);
        Later { from, lines }
    }
}

impl Spreading for Multiply<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector, const TWICE: bool>(self) {
        let Block { layer, places, groups, v_stride, m_stride, .. } = *self.block;
        let (products, channels, lines) = (products(layer.tile), layer.kernels.channels, layer.kernels.lines);
        let ([high, wide], output) = (layer.stored_sides(), layer.output);
        // More would push the products out of the cache.
        let few = places.len() * high * wide * LANES <= OUTPUTS_AHEAD;
        // Each group fetches some rows of the following tiles' input.
        let rows = self.following.map_or(0, |(following, _)| following.input_rows());
        let share = rows.div_ceil(products * groups);
        let mut fetched = 0;
        let ahead = LANES.div_ceil(groups);
        let is_long = channels >= LONG;
        for product in 0..products {
            let kernels = &self.panel[layer.places[product] * channels * LANES..][..lines * LINE * LANES];
            // Each of the last products fetches one pixel of each tile's outputs.
            let pixel = (product + high * wide).checked_sub(products).filter(|_| few);
            let pixel = pixel.map(|pixel| pixel / wide * output.row_stride() + pixel % wide * LANES);
            for group in 0..groups {
                let later = self.later(product, group, ahead);
                let tiles = self.block.group(group);
                let active = &self.v[self.block.active(group)];
                // SAFETY: these values were written as u32, which has the size and the alignment of f32.
                let active = unsafe { std::slice::from_raw_parts(active.as_ptr().cast(), active.len()) };
                let v = &self.v[product * v_stride + tiles.start * channels..][..tiles.len() * lines * LINE];
                let m = &mut self.m[product * m_stride + tiles.start * LANES..][..tiles.len() * LANES];
                // SAFETY: the caller's.
                unsafe { multiply::<V, TWICE>(tiles.len(), v, active, kernels, m, is_long, later) };
                if let Some((following, source)) = self.following {
                    let end = rows.min(fetched + share);
                    following.fetch(*source, fetched..end);
                    fetched = end;
                }
                if let Some(pixel) = pixel {
                    for place in &places[tiles] {
                        fetch_pixel(self.to.near(place.to + self.out_block * output.block_stride() + pixel));
                    }
                }
            }
        }
    }
}

/// The most outputs that are fetched before their use: half of a second cache.
const OUTPUTS_AHEAD: usize = 1 << 16;
