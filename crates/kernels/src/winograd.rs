//! A layer by minimal filtering: the three steps that a block of tiles goes through.
//!
//! 1. [`Block::transform`]: the input's tiles of all channels become `V`, one matrix of tiles x channels for each
//!    of a tile's products.
//! 2. [`Block::multiply`]: `M = V U` for one block of output channels, all channels summed in registers.
//! 3. [`Block::finish`]: `M` becomes outputs; bias, ReLU and pooling are applied before they are stored.
//!
//! Channels that are zero in all tiles of a group, which are multiplied at once, are left out of `M`'s sums.
//!
//! A tile is computed in the same order of operations wherever it stands among others.

use std::ops::Range;

use crate::activations::{Extent, LANES};
use crate::buffer::Shared;
use crate::direct::PackedConvolution;
use crate::kernels::Kernels;
use crate::lines::LINE;
use crate::path::Path;
use crate::products::{GROUP, multiply};
use crate::stored::Stored;
use crate::tile::{Tile, for_tile, for_tile_beside, products};
use crate::transform;
use crate::vector::{Operation, Spreading, Vector, fence, prefetch_later, prefetch_write};

/// A convolution, or the part of one, whose outputs are computed in tiles of one size.
pub(crate) struct Layer<'a> {
    pub(crate) path: Path,
    pub(crate) kernels: &'a Kernels,
    /// The tiles' height and width.
    pub(crate) tile: [Tile; 2],
    /// Where each product's kernels stand among the kernels.
    pub(crate) places: Vec<usize>,
    pub(crate) convolution: &'a PackedConvolution,
    pub(crate) pooled: bool,
    pub(crate) input: Extent,
    /// Of what is stored, pooled where the layer pools.
    pub(crate) output: Extent,
    /// The first row and column of an image that it computes.
    pub(crate) start: [usize; 2],
    /// Tiles down and across an image.
    pub(crate) grid: [usize; 2],
}

/// Where tiles are read from.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) values: Shared<'a>,
    /// Values from one row of pixels to the next.
    pub(crate) row_stride: usize,
    /// Values from one block of channels to the next.
    pub(crate) block_stride: usize,
}

/// Where the input and the stored outputs of a tile begin, for the first block of channels.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    from: usize,
    to: usize,
    /// Rows and columns of outputs that the image has of the tile.
    size: [usize; 2],
}

impl Layer<'_> {
    /// Tiles of one image.
    pub(crate) fn tiles(&self) -> usize {
        self.grid[0] * self.grid[1]
    }

    /// The places of some tiles of images that lie one behind the other.
    pub(crate) fn places(&self, tiles: Range<usize>, places: &mut Vec<Place>) {
        let ([down, across], [high, wide]) = (self.tile.map(Tile::outputs), self.stored_sides());
        let pooling = if self.pooled { 2 } else { 1 };
        places.clear();
        places.extend(tiles.map(|tile| {
            let (image, rest) = (tile / self.tiles(), tile % self.tiles());
            let (y, x) = (rest / self.grid[1], rest % self.grid[1]);
            let (y, x) = (self.start[0] + y * down, self.start[1] + x * across);
            let from = y * self.input.row_stride() + x * LANES;
            let (y, x) = (y / pooling, x / pooling);
            Place {
                from: image * self.input.len() + from,
                to: image * self.output.len() + self.output.row(0, y) + x * LANES,
                size: [high.min(self.output.height - y), wide.min(self.output.width - x)],
            }
        }));
    }

    /// As [`Layer::places`], for one row of tiles whose input is a strip of its own.
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
    /// Tiles that are cut into groups by themselves: those of an image, or all.
    unit: usize,
    /// Groups of tiles that are multiplied at once.
    groups: usize,
    /// Values from one product's matrix to the next in `V`.
    v_stride: usize,
    /// The same in `M`.
    m_stride: usize,
}

/// Tiles that are worth a group of their own.
const FEWEST: usize = 4;

impl<'a> Block<'a> {
    pub(crate) fn new(layer: &'a Layer<'a>, places: &'a [Place]) -> Self {
        // An odd number of cache lines, so that the matrices of a tile do not all fall on the same lines of the cache.
        let stride = |width: usize| ((places.len() * width).div_ceil(LINE) | 1) * LINE;
        // Tiles of one image have more channels in common that are zero; so few in a group would cost more than that.
        let of_image = layer.tiles();
        let apart = places.len().is_multiple_of(of_image) && of_image >= FEWEST * of_image.div_ceil(GROUP);
        let unit = if apart { of_image } else { places.len() };
        let groups = places.len() / unit * unit.div_ceil(GROUP);
        let (v_stride, m_stride) = (stride(layer.kernels.channels), stride(LANES));
        Self { layer, places, unit, groups, v_stride, m_stride }
    }

    /// How many values `V` has, with the bits behind it, in whole lines.
    pub(crate) fn v_len(&self) -> usize {
        self.active(self.groups).start.next_multiple_of(LINE)
    }

    /// Where behind `V` the bits of a group stand, 32 channels in the place of a value: those are set whose input is not
    /// zero in all of the group's tiles. The others are left out of its sums, which does not change a bit of them.
    fn active(&self, group: usize) -> Range<usize> {
        let start = products(self.layer.tile) * self.v_stride + group * self.in_blocks();
        start..start + self.in_blocks()
    }

    /// How many values `M` has for one block of output channels.
    pub(crate) fn m_len(&self) -> usize {
        products(self.layer.tile) * self.m_stride
    }

    /// How many groups of tiles there are that are multiplied at once.
    pub(crate) fn groups(&self) -> usize {
        self.groups
    }

    /// Blocks of output channels.
    pub(crate) fn out_blocks(&self) -> usize {
        self.layer.output.blocks()
    }

    /// The tiles of a group: about as many as of any other.
    fn group(&self, group: usize) -> Range<usize> {
        let of_unit = self.unit.div_ceil(GROUP);
        let (first, group) = (group / of_unit * self.unit, group % of_unit);
        first + group * self.unit / of_unit..first + (group + 1) * self.unit / of_unit
    }

    /// Blocks of input channels.
    pub(crate) fn in_blocks(&self) -> usize {
        self.layer.kernels.channels / LANES
    }

    /// Transforms some blocks of channels of the input of a group of tiles. `v` has [`v_len`](Self::v_len) values;
    /// other groups and other blocks may be transformed at the same time. `STREAM` is for a `V` that no cache holds: what is
    /// stored then goes past them, without being read first.
    pub(crate) fn transform<const STREAM: bool>(
        &self,
        source: Source<'_>,
        blocks: Range<usize>,
        group: usize,
        v: Shared<'_>,
    ) {
        let Layer { path, kernels, tile, .. } = *self.layer;
        let tiles = self.group(group);
        for_tile_beside!(kernels.tile, tile, N M K L OF => {
            let operation = Transform::<N, K, OF, STREAM> {
                source,
                blocks: blocks.clone(),
                places: &self.places[tiles.clone()],
                to: v,
                start: tiles.start * kernels.channels,
                stride: self.v_stride,
                active: self.active(group).start,
                finite: kernels.finite,
            };
            // SAFETY: `ConvolutionStack` holds a path only where `Path::is_supported` said yes.
            unsafe { path.run(operation) }
        });
    }

    /// Multiplies all tiles with one block of output channels; `to` are the outputs that [`finish`](Self::finish)
    /// will write. The input of the `following` tiles is fetched, to be transformed next.
    pub(crate) fn multiply(
        &self,
        out_block: usize,
        v: &[f32],
        m: &mut [f32],
        to: Shared<'_>,
        following: Option<&(Block<'_>, Source<'_>)>,
    ) {
        let kernels = self.layer.kernels.panel(out_block);
        // SAFETY: as above.
        unsafe {
            self.layer.path.run_spreading(Multiply { block: self, kernels, out_block, v, m, to, following })
        }
    }

    /// Rows of pixels that the tiles' input has in all blocks of channels.
    fn input_rows(&self) -> usize {
        self.in_blocks() * self.places.len() * self.layer.tile[0].inputs()
    }

    /// Fetches some of the rows; of each only as many pixels as a tile has outputs, for the two others belong to the
    /// tile before it, too.
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
    /// While it runs, nothing else reads or writes the outputs of these tiles for this block of channels.
    pub(crate) unsafe fn finish(&self, out_block: usize, m: &[f32], to: Shared<'_>) {
        let Layer { path, kernels, tile, .. } = *self.layer;
        for_tile_beside!(kernels.tile, tile, N M K L OF => {
            let operation = Finish::<N, M, K, L, OF> { block: self, out_block, m, to };
            // SAFETY: as above.
            unsafe { path.run(operation) }
        });
    }
}

/// The input's transform of a group of tiles of `N x K` inputs, which stand beside tiles of `OF` inputs a side.
struct Transform<'a, const N: usize, const K: usize, const OF: usize, const STREAM: bool> {
    source: Source<'a>,
    blocks: Range<usize>,
    places: &'a [Place],
    to: Shared<'a>,
    /// Where the group begins in each matrix.
    start: usize,
    stride: usize,
    /// Where the group's bits begin.
    active: usize,
    /// Whether all kernels are finite: only then zero times any of them is zero.
    finite: bool,
}

impl<const N: usize, const K: usize, const OF: usize, const STREAM: bool> Operation
    for Transform<'_, N, K, OF, STREAM>
{
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Source { values, row_stride, block_stride } = self.source;
        let window = (N - 1) * row_stride + K * LANES;
        let last = (N * K - 1) * self.stride;
        // A register that is streamed has to be aligned.
        let whole = |values: usize| values.is_multiple_of(LINE);
        assert!(whole(self.to.near(0).addr() / size_of::<f32>()) && whole(self.start) && whole(self.stride));
        // Tiles side by side are read one after the other, so that each row of pixels is one stream.
        for block in self.blocks {
            let mut active = if self.finite { 0 } else { u64::MAX };
            for (index, place) in self.places.iter().enumerate() {
                let from = values.place(place.from + block * block_stride, window).cast_const();
                for lane in (0..LANES).step_by(V::LANES) {
                    // A group lies as [channels / LINE][tiles][LINE].
                    let of_line = (block * LANES + lane) / LINE;
                    let at = self.start + (of_line * self.places.len() + index) * LINE + lane % LINE;
                    let to = self.to.place(at, last + V::LANES);
                    // SAFETY: `place` saw that the window of N rows of K pixels is there, and a register from `lane` on
                    // ends within a pixel. `last` places on there is still room for a register, as `place` saw;
                    // no other task has this tile.
                    unsafe {
                        active |= transform::transform_input_tile::<V, N, K, OF, STREAM>(
                            from.add(lane),
                            row_stride,
                            LANES,
                            to,
                            self.stride,
                        ) << lane;
                    }
                }
            }
            let to = self.to.place(self.active + block, 1).cast::<u32>();
            const { assert!(LANES == u32::BITS as usize) };
            // SAFETY: `place` saw that there is room for the bits; no other task has this group and block.
            unsafe { to.write(active as u32) };
        }
        if STREAM {
            fence();
        }
    }
}

/// The products of all tiles with one block of output channels.
struct Multiply<'a> {
    block: &'a Block<'a>,
    /// `products x channels x LANES`.
    kernels: &'a [f32],
    out_block: usize,
    v: &'a [f32],
    m: &'a mut [f32],
    /// The outputs, which are made ready to be written.
    to: Shared<'a>,
    /// Tiles whose input is fetched.
    following: Option<&'a (Block<'a>, Source<'a>)>,
}

impl Spreading for Multiply<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector, const TWICE: bool>(self) {
        let Self { block, kernels, out_block, v, m, to, following } = self;
        let layer = block.layer;
        let (products, channels) = (products(layer.tile), layer.kernels.channels);
        let place = |product: usize| layer.places[product] * channels * LANES;
        let ([high, wide], output) = (layer.stored_sides(), layer.output);
        // More would drive the products out of the cache.
        let few = block.places.len() * high * wide * LANES <= OUTPUTS_AHEAD;
        // With each group a part of the next product's kernels is fetched.
        let ahead = LANES.div_ceil(block.groups());
        // With each group some rows of the following tiles' input.
        let rows = following.map_or(0, |(following, _)| following.input_rows());
        let share = rows.div_ceil(products * block.groups());
        let mut fetched = 0;
        for product in 0..products {
            // Behind the last product's kernels lie those of the next block of output channels.
            let next = if product + 1 < products { place(product + 1) } else { kernels.len() + place(0) };
            let next = kernels.as_ptr().wrapping_add(next);
            let kernels = &kernels[place(product)..][..channels * LANES];
            // With each of the last products one pixel of each tile's outputs is fetched, to be written soon.
            let pixel = (product + high * wide).checked_sub(products).filter(|_| few);
            let pixel = pixel.map(|pixel| pixel / wide * output.row_stride() + pixel % wide * LANES);
            for group in 0..block.groups() {
                let later = next.wrapping_add(channels * group * ahead);
                let tiles = block.group(group);
                let active = &v[block.active(group)];
                // SAFETY: these places were written as u32, which has the size and the alignment of f32.
                let active = unsafe { std::slice::from_raw_parts(active.as_ptr().cast(), active.len()) };
                let v = &v[product * block.v_stride + tiles.start * channels..][..tiles.len() * channels];
                let m = &mut m[product * block.m_stride + tiles.start * LANES..][..tiles.len() * LANES];
                macro_rules! group_of {
                    ($($tiles:literal)*) => {
                        match tiles.len() {
                            // SAFETY: the caller's.
                            $($tiles => unsafe {
                                multiply::<V, $tiles, TWICE>(v, active, kernels, m, later, ahead);
                            },)*
                            _ => unreachable!("a group has 1 to {GROUP} tiles"),
                        }
                    };
                }
                group_of!(1 2 3 4 5 6);
                if let Some((following, source)) = following {
                    let end = rows.min(fetched + share);
                    following.fetch(*source, fetched..end);
                    fetched = end;
                }
                if let Some(pixel) = pixel {
                    for place in &block.places[tiles] {
                        let at = to.near(place.to + out_block * output.block_stride() + pixel);
                        prefetch_write(at);
                        prefetch_write(at.wrapping_add(LINE));
                    }
                }
            }
        }
    }
}

/// How many outputs are fetched ahead of their use: half of a second cache.
const OUTPUTS_AHEAD: usize = 1 << 16;

/// The output's transform of all tiles for one block of output channels, with bias, ReLU and pooling. The tiles have
/// `M x L` outputs of `N x K` products, and stand beside tiles of `OF` inputs a side.
///
/// To be run where no other task has these outputs.
struct Finish<'a, const N: usize, const M: usize, const K: usize, const L: usize, const OF: usize> {
    block: &'a Block<'a>,
    out_block: usize,
    m: &'a [f32],
    to: Shared<'a>,
}

impl<const N: usize, const M: usize, const K: usize, const L: usize, const OF: usize> Operation
    for Finish<'_, N, M, K, L, OF>
{
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Block { layer, places, m_stride, .. } = *self.block;
        let stride = layer.output.row_stride();
        let bias = layer.convolution.bias(self.out_block);
        for (tile, place) in places.iter().enumerate() {
            let last = (N * K - 1) * m_stride + tile * LANES + LANES;
            assert!(last <= self.m.len() && bias.len() == LANES);
            let at = place.to + self.out_block * layer.output.block_stride();
            let to = self.to.place(at, (place.size[0] - 1) * stride + place.size[1] * LANES);
            // SAFETY: the farthest values of `m` and of the outputs were just seen to be there; `lane` and a register
            // end within LANES; no other task has these outputs.
            unsafe {
                for lane in (0..LANES).step_by(V::LANES) {
                    let bias = V::load(bias.as_ptr().add(lane));
                    let (from, to) = (self.m.as_ptr().add(tile * LANES + lane), to.add(lane));
                    let stored = Stored { bias, to, stride, size: place.size };
                    macro_rules! rows_from {
                        ($($first:literal)*) => {
                            $(if $first < M {
                                let rows = transform::transform_output_columns::<V, N, K, M, OF>(from, m_stride, $first);
                                if layer.pooled {
                                    stored.pooled::<K, L, OF>($first, &rows);
                                } else {
                                    stored.rows::<K, L, OF>($first, &rows);
                                }
                            })*
                        };
                    }
                    // Two rows at a time, which stay in registers.
                    rows_from!(0 2 4);
                }
            }
        }
    }
}
