//! The plan of a stack: how each layer is computed for images of one size.

use std::fmt;

use crate::feature_maps::FEW;
use crate::rows::{HIGH, OUTPUTS, PRODUCTS};
use crate::tile::Tile;

/// What a plan is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strategy {
    /// The least time per image once the kernels are transformed: each layer uses the tiles that suit its size.
    #[default]
    Throughput,
    /// Direct convolution throughout. Transforming the kernels takes longer than computing a few images.
    Unprepared,
    /// These tiles wherever tiles of stride 1 can be used. For tests and experiments.
    Forced {
        /// Height and width of the tiles.
        tile: Tile,
        /// Height of the last row and width of the last column of tiles, if it covers the rest and is among
        /// [`Tile::beside`].
        last: Tile,
    },
}

/// How one layer is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Method {
    /// Nine multiplications for each output and pair of channels.
    Direct,
    /// Minimal filtering along the rows, for few input channels: four outputs from six products for each row of taps.
    /// The rows are computed in strips just before the next layer reads them, and never stored as a whole.
    Rows,
    /// Minimal filtering in tiles of stride 1 or 2.
    Tiles {
        /// Height and width of the tiles, as far as whole tiles fit.
        tile: Tile,
        /// Height of the last row of tiles and width of the last column. They equal the others if nothing is left over,
        /// or if the last tiles also compute outputs that are not needed.
        last: [Tile; 2],
    },
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (tile, last) = match self {
            Self::Direct => return f.write_str("direct"),
            Self::Rows => return write!(f, "F(1x{OUTPUTS})"),
            Self::Tiles { tile, last } => (tile, last),
        };
        let [high, wide] = last.map(|last| if last == *tile { String::new() } else { format!("+{last}") });
        write!(f, "F({tile}{high}x{tile}{wide})")?;
        if tile.stride() > 1 { write!(f, " / {}", tile.stride()) } else { Ok(()) }
    }
}

/// Tiles of one size that make up a layer or a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Their height and width.
    pub tile: [Tile; 2],
    /// The first row and column of outputs.
    pub start: [usize; 2],
    /// The number of tiles down and across.
    pub grid: [usize; 2],
}

impl Part {
    fn tiles(&self) -> f64 {
        self.grid[0] as f64 * self.grid[1] as f64
    }

    /// Multiplications of one tile and pair of channels.
    fn products(&self) -> f64 {
        (self.tile[0].inputs() * self.tile[1].inputs()) as f64
    }
}

/// How a side is divided: the size of the tiles, the start of the first, and their number.
fn cut(length: usize, tile: Tile, last: Tile) -> impl Iterator<Item = (Tile, usize, usize)> + Clone {
    let whole = if last == tile { length.div_ceil(tile.outputs()) } else { length / tile.outputs() };
    let end = whole * tile.outputs();
    [(tile, 0, whole), (last, end, usize::from(end < length))].into_iter().filter(|(.., count)| *count > 0)
}

/// One layer of a [`Plan`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayerPlan {
    /// The block, from 1.
    pub block: usize,
    /// The convolution within its block, from 1.
    pub convolution: usize,
    /// Channels of its input.
    pub in_channels: usize,
    /// Channels of its output.
    pub out_channels: usize,
    /// Height of its input, in pixels.
    pub height: usize,
    /// Width of its input, in pixels.
    pub width: usize,
    /// The convolution's stride: 1 or 2.
    pub stride: usize,
    /// Whether a 2 x 2 pooling follows; an odd last row or column is then not computed.
    pub pooled: bool,
    /// How it is computed.
    pub method: Method,
    /// Whether its kernels are divided among the threads, and not its tiles. Each kernel is then read once for all
    /// images that are computed together.
    pub by_kernels: bool,
    /// Images that are computed together: enough that kernels are not read too often, few enough that their maps stay
    /// in the cache. A divisor of the next layer's number.
    pub images: usize,
}

impl LayerPlan {
    /// Height and width of the convolution's output.
    fn outputs(&self) -> [usize; 2] {
        [self.height, self.width].map(|side| side.div_ceil(self.stride))
    }

    /// Height and width that are computed.
    pub(crate) fn computed(&self) -> [usize; 2] {
        if self.pooled { self.outputs().map(|side| side & !1) } else { self.outputs() }
    }

    /// Height and width that are stored.
    pub(crate) fn stored(&self) -> [usize; 2] {
        if self.pooled { self.computed().map(|side| side / 2) } else { self.computed() }
    }

    /// The parts of the layer, each with tiles of one size, row by row. None if the method is not [`Method::Tiles`].
    pub fn parts(&self) -> impl Iterator<Item = Part> {
        let tiles = match self.method {
            Method::Direct | Method::Rows => None,
            Method::Tiles { tile, last } => Some((tile, last)),
        };
        let [height, width] = self.computed();
        tiles.into_iter().flat_map(move |(tile, last)| {
            let across = cut(width, tile, last[1]);
            cut(height, tile, last[0]).flat_map(move |(high, y, down)| {
                across.clone().map(move |(wide, x, across)| Part {
                    tile: [high, wide],
                    start: [y, x],
                    grid: [down, across],
                })
            })
        })
    }

    /// Height and width that are computed, with the outputs past the edge that tiles there compute too.
    pub(crate) fn covered(&self) -> [usize; 2] {
        self.parts().fold(self.computed(), |covered, part| {
            let end = |side: usize| part.start[side] + part.grid[side] * part.tile[side].outputs();
            [covered[0].max(end(0)), covered[1].max(end(1))]
        })
    }

    /// Multiplications of one image.
    #[must_use]
    pub fn multiplications(&self) -> f64 {
        let [height, width] = self.computed();
        let cell = match self.method {
            Method::Direct => (height * width * 9) as f64,
            Method::Rows => (height * width.div_ceil(OUTPUTS) * HIGH * PRODUCTS) as f64,
            Method::Tiles { .. } => self.parts().map(|part| part.tiles() * part.products()).sum(),
        };
        cell * self.channel_pairs()
    }

    /// Multiplications of one image if every output of the layer is computed directly.
    #[must_use]
    pub fn direct_multiplications(&self) -> f64 {
        let [height, width] = self.outputs();
        (height * width * 9) as f64 * self.channel_pairs()
    }

    fn channel_pairs(&self) -> f64 {
        self.in_channels as f64 * self.out_channels as f64
    }

    /// The layer in tiles, if pooling allows it. Where `mixed` is set, the last row or column takes the first size of
    /// `lasts` that covers the rest and can be combined with the other tiles.
    fn tiled(&self, tile: Tile, lasts: &[Tile], mixed: [bool; 2]) -> Option<Self> {
        // Maps of fewer pixels are smaller than the layer's kernels.
        const FEW_PIXELS: usize = 1024;
        let fits = |tile: Tile| !self.pooled || tile.outputs().is_multiple_of(2);
        let last = [0, 1].map(|side| {
            let left = self.computed()[side] % tile.outputs();
            let suffices = |last: &Tile| left > 0 && last.outputs() >= left && fits(*last);
            let beside = lasts.iter().copied().filter(|last| tile.beside().contains(last));
            beside.filter(suffices).find(|_| mixed[side]).unwrap_or(tile)
        });
        let by_kernels = self.height.saturating_mul(self.width) < FEW_PIXELS;
        fits(tile).then_some(Self { method: Method::Tiles { tile, last }, by_kernels, ..*self })
    }

    /// Whether it has many more outputs than inputs, so that a tiled layer after it should compute them as it needs
    /// them.
    fn makes_strips(&self) -> bool {
        let few_become_many = self.in_channels <= FEW && self.out_channels > FEW;
        few_become_many && !self.pooled && self.method == Method::Direct
    }

    /// Chooses the method with the least `cost`. If the input comes in `strips`, one row of tiles at a
    /// time, there is one size of tile, because a last column would consist of single tiles.
    fn choose(&mut self, strategy: Strategy, strips: bool, cost: impl Fn(&Self) -> f64) {
        let blocked = self.in_channels > FEW && self.out_channels > FEW;
        let tiled = match strategy {
            Strategy::Forced { tile, last } if blocked && tile.stride() == self.stride => {
                self.tiled(tile, &[last], [!strips; 2])
            }
            Strategy::Throughput if blocked => {
                let mixed = [[false, false], [false, true], [true, false], [true, true]];
                let mixed = if strips { &mixed[..1] } else { &mixed };
                // No later layer evens out the rounding of a fifth block. Measured on VGG16: with the largest tiles its
                // output is 1.5 times as far from f64.
                let exact = |tile: &&Tile| self.block < LAST_BLOCK || **tile != Tile::Six;
                let tiles = Tile::of_stride(self.stride).iter().filter(exact);
                let all = tiles.flat_map(|&tile| mixed.iter().map(move |&mixed| (tile, mixed)));
                let all = all.filter_map(|(tile, mixed)| self.tiled(tile, &Tile::ALL, mixed));
                all.min_by(|a, b| cost(a).total_cmp(&cost(b)))
            }
            _ => None,
        };
        *self = tiled.unwrap_or(*self);
    }

    /// How many images this number of threads should compute together: a power of two.
    fn images_at_a_time(&self, threads: usize) -> usize {
        // Values that stay in the cache: of maps, or of transformed inputs that all threads read. More images than
        // `ENOUGH`, and than threads, only make maps larger.
        const MAPS: f64 = 1.7e7;
        const ENOUGH: f64 = 4.0;
        const INPUTS: f64 = 4.8e6;
        let images = if self.by_kernels {
            let products: f64 = self.parts().map(|part| part.tiles() * part.products()).sum();
            INPUTS / (products * self.in_channels as f64)
        } else {
            let pixels =
                |[height, width]: [usize; 2], channels| height as f64 * width as f64 * channels as f64;
            let input = pixels([self.height, self.width], self.in_channels);
            (MAPS / (input + pixels(self.stored(), self.out_channels))).min(ENOUGH.max(threads as f64))
        };
        1 << (images.max(1.0) as usize).min(MOST_IMAGES).ilog2()
    }

    /// Time of one image, in multiplications, if some `images` are computed together. The constants of the formula are
    /// measured in the same unit.
    ///
    /// `TRANSFORM` is for computing, writing and reading one value of `V` or `M`. A transformed kernel is read once for
    /// all images that are computed together: from memory, or from a cache if there are more tiles than kernels. The
    /// parts of a layer share it. `MAKE` is its preparation, spread over some hundred images.
    fn cost(&self, images: f64) -> f64 {
        const TRANSFORM: f64 = 14.0;
        const MAKE: f64 = 800.0 / 400.0;
        const READ_MEMORY: f64 = 16.0;
        const READ_CACHE: f64 = 8.0;
        let read = if self.by_kernels { READ_MEMORY } else { READ_CACHE } / images;
        let channels = (self.in_channels + self.out_channels) as f64;
        let transforms: f64 =
            self.parts().map(|part| part.tiles() * part.products() * channels * TRANSFORM).sum();
        self.multiplications() + transforms + self.transformed_kernels() as f64 * (read + MAKE)
    }

    /// Values of the kernels that are transformed for tiles; none if there are no tiles.
    pub(crate) fn transformed_kernels(&self) -> usize {
        let products = match self.method {
            Method::Direct | Method::Rows => 0,
            Method::Tiles { tile, .. } => tile.kernels(),
        };
        products * self.in_channels * self.out_channels
    }
}

/// How a stack is computed for images of one height and width; the same for any number of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The layers, in order.
    pub layers: Vec<LayerPlan>,
}

/// From this block on, rounding matters more than speed.
const LAST_BLOCK: usize = 5;

/// Images of a graph that share a read of the kernels, as far as the choice of tiles goes: it must suit a single image and
/// many, because both have the same bits.
const OF_GRAPH: f64 = 8.0;

/// The most images that are computed together.
const MOST_IMAGES: usize = 32;

impl LayerPlan {
    /// One layer of a graph, without a pooling, in the tiles that suit its size. None if it has too few
    /// channels for tiles.
    pub(crate) fn alone(
        in_channels: usize,
        out_channels: usize,
        height: usize,
        width: usize,
        stride: usize,
    ) -> Option<Self> {
        let mut layer = Self {
            block: 1,
            convolution: 1,
            in_channels,
            out_channels,
            height,
            width,
            stride,
            pooled: false,
            method: Method::Direct,
            by_kernels: false,
            images: 1,
        };
        layer.choose(Strategy::Throughput, false, |layer| layer.cost(OF_GRAPH));
        (layer.method != Method::Direct).then_some(layer)
    }
}

impl Plan {
    /// Plans the layers, given as (in channels, out channels) by block. `threads` decides only how many images are
    /// computed together, which changes no bit of the results.
    pub(crate) fn new(
        blocks: &[Vec<[usize; 2]>],
        height: usize,
        width: usize,
        strategy: Strategy,
        threads: usize,
    ) -> Self {
        let (mut height, mut width) = (height, width);
        let mut layers: Vec<LayerPlan> = Vec::new();
        for (block, convolutions) in blocks.iter().enumerate() {
            for (convolution, &[in_channels, out_channels]) in convolutions.iter().enumerate() {
                let mut layer = LayerPlan {
                    block: block + 1,
                    convolution: convolution + 1,
                    in_channels,
                    out_channels,
                    height,
                    width,
                    stride: 1,
                    pooled: convolution + 1 == convolutions.len(),
                    method: Method::Direct,
                    by_kernels: false,
                    images: 1,
                };
                let strips = layers.len() == 1 && layers[0].makes_strips();
                let cost = |layer: &LayerPlan| layer.cost(layer.images_at_a_time(1) as f64);
                layer.choose(strategy, strips, cost);
                if strips && layer.method != Method::Direct {
                    layers[0].method = Method::Rows;
                    layer.by_kernels = false;
                }
                [height, width] = layer.stored();
                layers.push(layer);
            }
        }
        let mut images = MOST_IMAGES;
        for layer in layers.iter_mut().rev() {
            // Rows are computed as the next layer reads them, so that layer decides.
            if layer.method != Method::Rows {
                images = images.min(layer.images_at_a_time(threads));
            }
            layer.images = images;
        }
        Self { layers }
    }

    /// The most images that are computed together.
    pub(crate) fn images(&self) -> usize {
        self.layers.last().map_or(1, |layer| layer.images)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, layer) in self.layers.iter().enumerate() {
            if place > 0 {
                writeln!(f)?;
            }
            write!(
                f,
                "block{}_conv{} {}x{}x{} -> {} {}",
                layer.block,
                layer.convolution,
                layer.in_channels,
                layer.height,
                layer.width,
                layer.out_channels,
                layer.method
            )?;
            for Part { tile: [high, wide], grid: [down, across], .. } in layer.parts() {
                write!(f, ", {down}x{across} of {high}x{wide}")?;
            }
            write!(f, ", {} images at a time", layer.images)?;
            f.write_str(if layer.by_kernels { ", by kernels" } else { "" })?;
            f.write_str(if layer.method == Method::Rows { ", as the next reads them" } else { "" })?;
        }
        Ok(())
    }
}
