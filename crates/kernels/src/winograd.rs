//! A layer by minimal filtering: transformed kernels, and the three steps that a block of tiles goes through.
//!
//! 1. [`Layer::transform`]: the input's tiles of all channels become `V`, one matrix of tiles x channels for each
//!    of the `N * N` products of a tile.
//! 2. [`Layer::multiply`]: `M = V U` for one block of output channels, all channels summed in registers.
//! 3. [`Layer::finish`]: `M` becomes outputs; bias, ReLU and pooling are applied before they are stored.
//!
//! A tile is computed in the same order of operations wherever it stands among others.

use std::ops::Range;

use rayon::prelude::*;

use crate::activations::{Extent, LANES};
use crate::buffer::{Buffer, LINE, Shared};
use crate::direct::PackedConvolution;
use crate::error::Error;
use crate::path::Path;
use crate::tile::{self, KERNELS, Tile, for_tile};
use crate::vector::{Operation, Vector};

/// A layer's kernels, transformed: `out blocks x N * N x channels x LANES`.
pub(crate) struct Kernels {
    tile: Tile,
    /// Input channels, rounded up to whole blocks.
    channels: usize,
    values: Buffer,
}

impl Kernels {
    /// Transforms the kernels of a layer whose channels come in blocks of [`LANES`].
    pub(crate) fn prepare(layer: &PackedConvolution, tile: Tile, path: Path) -> Result<Self, Error> {
        assert_eq!(layer.in_lanes(), LANES);
        let channels = layer.in_blocks() * LANES;
        let panel = tile.products() * channels * LANES;
        let mut values = Buffer::zeroed(panel.saturating_mul(layer.out_blocks()))?;
        values.par_chunks_exact_mut(panel).enumerate().for_each(|(out_block, panel)| {
            let taps = layer.taps(out_block);
            // SAFETY: `ConvolutionStack` holds a path only where `Path::is_supported` said yes.
            unsafe { path.run(Prepare { tile, channels, taps, panel }) }
        });
        Ok(Self { tile, channels, values })
    }

    /// The panel of one block of output channels: `N * N x channels x LANES`.
    fn panel(&self, out_block: usize) -> &[f32] {
        let panel = self.tile.products() * self.channels * LANES;
        &self.values[out_block * panel..(out_block + 1) * panel]
    }
}

/// Transforms the kernels of one block of output channels.
struct Prepare<'a> {
    tile: Tile,
    channels: usize,
    taps: &'a [f32],
    panel: &'a mut [f32],
}

impl Operation for Prepare<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { tile, channels, taps, panel } = self;
        for channel in 0..channels {
            for half in (0..LANES).step_by(KERNELS) {
                let at = (channel / LANES * 9 * LANES + channel % LANES) * LANES + half;
                for_tile!(tile, N, M => tile::transform_kernels::<N>(&taps[at..], LANES * LANES, |product, values| {
                    let to = (product * channels + channel) * LANES + half;
                    panel[to..to + KERNELS].copy_from_slice(values);
                }));
            }
        }
    }
}

/// Where tiles are read from.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) values: &'a [f32],
    /// Values from one row of pixels to the next.
    pub(crate) row_stride: usize,
    /// Values from one block of channels to the next.
    pub(crate) block_stride: usize,
}

/// A convolution whose outputs are computed in tiles.
pub(crate) struct Layer<'a> {
    pub(crate) path: Path,
    pub(crate) kernels: &'a Kernels,
    pub(crate) convolution: &'a PackedConvolution,
    pub(crate) pooled: bool,
    /// Of the layer's input, before its tile is chosen by this layer.
    pub(crate) input: Extent,
    /// Of what is stored, pooled where the layer pools.
    pub(crate) output: Extent,
    /// Tiles down and across an image.
    pub(crate) grid: [usize; 2],
}

/// The places of a number of tiles in `V` or `M`.
#[derive(Clone, Copy)]
pub(crate) struct Panels {
    /// Tiles.
    tiles: usize,
    /// Groups of tiles that are multiplied at once.
    groups: usize,
    /// Values from one product's matrix to the next: an odd number of cache lines, so that the matrices of a tile
    /// do not all fall on the same lines of the cache.
    stride: usize,
}

impl Panels {
    fn new(tiles: usize, width: usize, strip: usize) -> Self {
        let lines = (tiles * width).div_ceil(LINE) | 1;
        Self { tiles, groups: tiles.div_ceil(strip), stride: lines * LINE }
    }

    /// The tiles of a group.
    fn group(self, group: usize) -> Range<usize> {
        group * self.tiles / self.groups..(group + 1) * self.tiles / self.groups
    }

    /// Groups in all.
    pub(crate) fn groups(self) -> usize {
        self.groups
    }
}

impl Layer<'_> {
    /// The tile's size.
    pub(crate) fn tile(&self) -> Tile {
        self.kernels.tile
    }

    /// Tiles of one image.
    pub(crate) fn tiles(&self) -> usize {
        self.grid[0] * self.grid[1]
    }

    /// `V` of so many tiles.
    pub(crate) fn v(&self, tiles: usize) -> Panels {
        Panels::new(tiles, self.kernels.channels, self.path.strip())
    }

    /// `M` of so many tiles.
    pub(crate) fn m(&self, tiles: usize) -> Panels {
        Panels::new(tiles, LANES, self.path.strip())
    }

    /// How many values `V` or `M` has.
    pub(crate) fn len(&self, panels: Panels) -> usize {
        self.tile().products() * panels.stride
    }

    /// Transforms the input of a group of tiles, the first of which is tile `first` of the source (or of the
    /// images that lie one behind the other in it).
    pub(crate) fn transform(
        &self,
        source: Source<'_>,
        first: usize,
        v: Panels,
        group: usize,
        to: Shared<'_>,
    ) {
        let tiles = v.group(group);
        let image = self.input.len();
        let operation = Transform {
            tile: self.tile(),
            source,
            blocks: self.kernels.channels / LANES,
            offset: &|tile| {
                let (of_image, y, x) = self.place(first + tile);
                of_image * image + (y * source.row_stride + x * LANES) * self.tile().outputs()
            },
            first: tiles.start,
            count: tiles.len(),
            to,
            start: tiles.start * self.kernels.channels,
            stride: v.stride,
        };
        // SAFETY: `ConvolutionStack` holds a path only where `Path::is_supported` said yes.
        unsafe { self.path.run(operation) }
    }

    /// Multiplies the groups `groups` of `v`; `m` has their tiles alone.
    pub(crate) fn multiply(
        &self,
        out_block: usize,
        v: (Panels, &[f32]),
        groups: Range<usize>,
        m: (Panels, &mut [f32]),
    ) {
        let operation = Multiply {
            products: self.tile().products(),
            channels: self.kernels.channels,
            kernels: self.kernels.panel(out_block),
            v,
            groups,
            m,
        };
        // SAFETY: as above.
        unsafe { self.path.run(operation) }
    }

    /// Turns `m`, whose first tile is tile `first` of the images, into outputs of the images that lie one behind
    /// the other in `to`.
    ///
    /// # Safety
    ///
    /// While it runs, nothing else reads or writes these outputs.
    pub(crate) unsafe fn finish(&self, out_block: usize, first: usize, m: (Panels, &[f32]), to: Shared<'_>) {
        let operation =
            Finish { layer: self, bias: self.convolution.bias(out_block), out_block, first, m, to };
        // SAFETY: as above.
        unsafe { self.path.run(operation) }
    }

    /// The image, row and column of a tile.
    fn place(&self, tile: usize) -> (usize, usize, usize) {
        let (image, rest) = (tile / self.tiles(), tile % self.tiles());
        (image, rest / self.grid[1], rest % self.grid[1])
    }
}

/// The input's transform of some tiles.
struct Transform<'a, F> {
    tile: Tile,
    source: Source<'a>,
    blocks: usize,
    /// Where a tile begins in the source.
    offset: &'a F,
    first: usize,
    count: usize,
    to: Shared<'a>,
    /// Where the group begins in each matrix.
    start: usize,
    stride: usize,
}

impl<F: Fn(usize) -> usize> Operation for Transform<'_, F> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        // SAFETY: the caller's.
        for_tile!(self.tile, N, M => unsafe { self.tiles::<V, N>() });
    }
}

impl<F: Fn(usize) -> usize> Transform<'_, F> {
    /// # Safety
    ///
    /// As for [`Vector`].
    #[inline(always)]
    unsafe fn tiles<V: Vector, const N: usize>(self) {
        let Source { values, row_stride, block_stride } = self.source;
        let window = (N - 1) * row_stride + N * LANES;
        for index in 0..self.count {
            let offset = (self.offset)(self.first + index);
            for block in 0..self.blocks {
                let from = values[offset + block * block_stride..][..window].as_ptr();
                for lane in (0..LANES).step_by(V::LANES) {
                    // A group lies as [channels / LINE][tiles][LINE].
                    let of_line = (block * LANES + lane) / LINE;
                    let at = self.start + (of_line * self.count + index) * LINE + lane % LINE;
                    let last = (N * N - 1) * self.stride;
                    // SAFETY: the window of N rows of N pixels was just sliced, and a register from `lane` on ends
                    // within a pixel. `last` places on there is still room for a register, as `place` sees; no
                    // other task has this tile.
                    unsafe {
                        let to = self.to.place(at, last + V::LANES);
                        tile::transform_input_tile::<V, N>(
                            from.add(lane),
                            row_stride,
                            LANES,
                            to,
                            self.stride,
                        );
                    }
                }
            }
        }
    }
}

/// The products of some groups of tiles with one block of output channels.
struct Multiply<'a> {
    products: usize,
    channels: usize,
    /// `products x channels x LANES`.
    kernels: &'a [f32],
    v: (Panels, &'a [f32]),
    groups: Range<usize>,
    m: (Panels, &'a mut [f32]),
}

impl Operation for Multiply<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { products, channels, kernels, v: (panels, v), groups, m: (out, m) } = self;
        let first = panels.group(groups.start).start;
        for product in 0..products {
            let kernels = &kernels[product * channels * LANES..][..channels * LANES];
            for group in groups.clone() {
                let tiles = panels.group(group);
                let v = &v[product * panels.stride + tiles.start * channels..][..tiles.len() * channels];
                let m = &mut m[product * out.stride + (tiles.start - first) * LANES..][..tiles.len() * LANES];
                macro_rules! group_of {
                    ($($tiles:literal)*) => {
                        match tiles.len() {
                            // SAFETY: the caller's.
                            $($tiles if $tiles <= V::STRIP => unsafe { multiply::<V, $tiles>(v, kernels, m) },)*
                            _ => unreachable!("a group has 1 to {} tiles", V::STRIP),
                        }
                    };
                }
                group_of!(1 2 3 4 5 6 7 8 9 10 11 12 13 14);
            }
        }
    }
}

/// `m = v kernels`: `TILES x LANES` from `channels / LINE x TILES x LINE` and `channels x LANES`.
///
/// # Safety
///
/// As for [`Vector`].
#[inline(always)]
unsafe fn multiply<V: Vector, const TILES: usize>(v: &[f32], kernels: &[f32], m: &mut [f32]) {
    let lines = v.len() / (TILES * LINE);
    assert!(kernels.len() == lines * LINE * LANES && m.len() == TILES * LANES);
    for lane in (0..LANES).step_by(2 * V::LANES) {
        // SAFETY: `v` has `lines` times TILES * LINE values and `kernels` as many times LINE rows of LANES, which the
        // two pointers walk over; two registers from `lane` on end within a row, of `kernels` and of `m`.
        unsafe {
            let mut sums = [[V::splat(0.0); 2]; TILES];
            let (mut value, mut row) = (v.as_ptr(), kernels.as_ptr().add(lane));
            for _ in 0..lines {
                for _ in 0..LINE {
                    let kernel = [V::load(row), V::load(row.add(V::LANES))];
                    for (tile, sums) in sums.iter_mut().enumerate() {
                        let value = V::splat(*value.add(tile * LINE));
                        sums[0] = value.mul_add(kernel[0], sums[0]);
                        sums[1] = value.mul_add(kernel[1], sums[1]);
                    }
                    value = value.wrapping_add(1);
                    row = row.wrapping_add(LANES);
                }
                value = value.wrapping_add((TILES - 1) * LINE);
            }
            for (tile, sums) in sums.into_iter().enumerate() {
                let to = m.as_mut_ptr().add(tile * LANES + lane);
                sums[0].store(to);
                sums[1].store(to.add(V::LANES));
            }
        }
    }
}

/// The output's transform of some tiles, with bias, ReLU and pooling.
struct Finish<'a, 'b> {
    layer: &'a Layer<'b>,
    bias: &'a [f32],
    out_block: usize,
    first: usize,
    m: (Panels, &'a [f32]),
    to: Shared<'a>,
}

impl Operation for Finish<'_, '_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        for tile in 0..self.m.0.tiles {
            // SAFETY: the caller's.
            for_tile!(self.layer.tile(), N, M => unsafe { self.tile::<V, N, M>(tile) });
        }
    }
}

impl Finish<'_, '_> {
    /// # Safety
    ///
    /// As for [`Vector`], and no other task has the tile's outputs.
    #[inline(always)]
    unsafe fn tile<V: Vector, const N: usize, const M: usize>(&self, tile: usize) {
        let (layer, extent, (panels, m)) = (self.layer, self.layer.output, self.m);
        let (image, y, x) = layer.place(self.first + tile);
        let side = if layer.pooled { M / 2 } else { M };
        let (y, x) = (y * side, x * side);
        let (rows, columns) = (side.min(extent.height - y), side.min(extent.width - x));
        let stride = extent.row_stride();
        let at = image * extent.len() + extent.row(self.out_block, y) + x * LANES;
        let last = (N * N - 1) * panels.stride + tile * LANES + LANES;
        assert!(last <= m.len() && self.bias.len() == LANES);
        let to = self.to.place(at, (rows - 1) * stride + columns * LANES);
        // SAFETY: the farthest values of `m` and of the outputs were just seen to be there; `lane` and a register end
        // within LANES; no other task has these outputs.
        unsafe {
            for lane in (0..LANES).step_by(V::LANES) {
                let bias = V::load(self.bias.as_ptr().add(lane));
                let outputs: [[V; M]; M] = tile::transform_output_tile::<V, N, M>(
                    m.as_ptr().add(tile * LANES + lane),
                    panels.stride,
                );
                let put = |y: usize, x: usize, value: V| {
                    value.add(bias).relu().store(to.add(y * stride + x * LANES + lane));
                };
                if layer.pooled {
                    for y in 0..M / 2 {
                        for x in 0..M / 2 {
                            let [top, bottom] = [outputs[2 * y], outputs[2 * y + 1]];
                            let top = top[2 * x].larger(top[2 * x + 1]);
                            let bottom = bottom[2 * x].larger(bottom[2 * x + 1]);
                            if y < rows && x < columns {
                                put(y, x, top.larger(bottom));
                            }
                        }
                    }
                } else {
                    for (y, row) in outputs.iter().enumerate() {
                        for (x, value) in row.iter().enumerate() {
                            if y < rows && x < columns {
                                put(y, x, *value);
                            }
                        }
                    }
                }
            }
        }
    }
}
