//! How each layer of a stack is computed for images of one size.

use std::fmt;

use crate::activations::{FEW, LANES};
use crate::tile::Tile;

/// What a plan is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strategy {
    /// The least time an image, once the kernels are transformed: each layer takes the tile that suits its size.
    #[default]
    Throughput,
    /// No transformed kernels, which take longer to make than some images take in all: direct convolution
    /// throughout.
    Unprepared,
    /// One size of tile wherever tiles can be used; for tests and experiments.
    Forced(Tile),
}

/// How one layer is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// Nine multiplications a pair of channels and output.
    Direct,
    /// Minimal filtering with tiles of one size.
    Tiles(Tile),
}

impl Method {
    /// Multiplications a pair of channels for one cell of the grid.
    fn products(self) -> usize {
        match self {
            Self::Direct => 9,
            Self::Tiles(tile) => tile.products(),
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Direct => f.write_str("direct"),
            Self::Tiles(tile) => tile.fmt(f),
        }
    }
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
    /// Whether a 2 x 2 pooling follows; an odd last row or column is then not computed.
    pub pooled: bool,
    /// How it is computed.
    pub method: Method,
    /// Whether its outputs are made in strips just before the next layer reads them, and never stored as a whole.
    pub fused_into_next: bool,
}

impl LayerPlan {
    /// Height and width that are computed.
    pub(crate) fn computed(&self) -> [usize; 2] {
        if self.pooled { [self.height & !1, self.width & !1] } else { [self.height, self.width] }
    }

    /// Height and width that are stored.
    pub(crate) fn stored(&self) -> [usize; 2] {
        if self.pooled { [self.height / 2, self.width / 2] } else { [self.height, self.width] }
    }

    /// Tiles down and across the image; where the method is direct, pixels.
    #[must_use]
    pub fn grid(&self) -> [usize; 2] {
        match self.method {
            Method::Direct => self.computed(),
            Method::Tiles(tile) => self.computed().map(|side| side.div_ceil(tile.outputs())),
        }
    }

    /// Multiplications of one image.
    #[must_use]
    pub fn multiplications(&self) -> f64 {
        self.cells() * self.method.products() as f64 * self.channel_pairs()
    }

    /// Multiplications of one image where every output of the layer is computed directly.
    #[must_use]
    pub fn direct_multiplications(&self) -> f64 {
        self.height as f64 * self.width as f64 * 9.0 * self.channel_pairs()
    }

    /// Cells of the grid.
    pub(crate) fn cells(&self) -> f64 {
        let [down, across] = self.grid();
        down as f64 * across as f64
    }

    fn channel_pairs(&self) -> f64 {
        self.in_channels as f64 * self.out_channels as f64
    }

    /// The method of least cost by [`cost`](Self::cost).
    fn choose(&mut self, strategy: Strategy) {
        let blocked = self.in_channels > FEW && self.out_channels > FEW;
        let fits = |tile: &Tile| !self.pooled || tile.outputs().is_multiple_of(2);
        self.method = match strategy {
            Strategy::Forced(tile) if blocked && fits(&tile) => Method::Tiles(tile),
            Strategy::Throughput if blocked => {
                let cost = |tile: &Tile| Self { method: Method::Tiles(*tile), ..*self }.cost();
                let least = Tile::ALL.into_iter().filter(fits).min_by(|a, b| cost(a).total_cmp(&cost(b)));
                least.map_or(Method::Direct, Method::Tiles)
            }
            _ => Method::Direct,
        };
    }

    /// Time of one image in units of a multiplication.
    ///
    /// A value of `V` or `M` costs as much as so many multiplications to make, write and read, and a transformed
    /// kernel is read from memory once for `IMAGES` images; both are measured on two Zen 4 cores.
    fn cost(&self) -> f64 {
        const TRANSFORM: f64 = 14.0;
        const READ: f64 = 16.0;
        const IMAGES: f64 = 32.0;
        let products = self.method.products() as f64;
        let transforms = self.cells() * products * (self.in_channels + self.out_channels) as f64 * TRANSFORM;
        let kernels = products * self.channel_pairs() * READ / IMAGES;
        self.multiplications() + transforms + kernels
    }
}

/// How a stack is computed for images of one height and width; the same for any number of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The layers, in order.
    pub layers: Vec<LayerPlan>,
    /// How many of the first layers are computed for [`group`](Self::group) images at a time, so that their maps
    /// stay in the cache.
    pub front: usize,
    /// Images at a time in the front.
    pub group: usize,
    /// Images at a time in the other layers, whose kernels are larger than their maps: they are read once for all.
    pub batch: usize,
}

impl Plan {
    /// Plans the layers, given as (in channels, out channels) by block.
    pub(crate) fn new(blocks: &[Vec<[usize; 2]>], height: usize, width: usize, strategy: Strategy) -> Self {
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
                    pooled: convolution + 1 == convolutions.len(),
                    method: Method::Direct,
                    fused_into_next: false,
                };
                layer.choose(strategy);
                [height, width] = layer.stored();
                layers.push(layer);
            }
        }
        let tiled = |layer: &LayerPlan| matches!(layer.method, Method::Tiles(_));
        if let [first, second, ..] = layers.as_mut_slice() {
            first.fused_into_next = !first.pooled
                && !tiled(first)
                && tiled(second)
                && first.in_channels <= FEW
                && first.out_channels > FEW;
        }
        let by_map = |layer: &LayerPlan| !tiled(layer) || layer.cells() >= FEWEST_TILES;
        let front = layers.iter().take_while(|layer| by_map(layer)).count();
        // A layer stays together with the one that it is fused into.
        let front = if front == 1 && layers[0].fused_into_next { 0 } else { front };
        let tiles = layers[front..].iter().map(LayerPlan::cells).fold(1.0, f64::max);
        let batch = ((MOST_TILES / tiles) as usize).clamp(1, 32);
        Self { layers, front, group: GROUP.min(batch), batch }
    }
}

/// A layer with fewer tiles than this reads its kernels once for many images.
const FEWEST_TILES: f64 = 30.0;
/// Tiles of such a layer at a time, at most.
const MOST_TILES: f64 = 144.0;
/// Images whose maps are kept in the cache between the first layers.
const GROUP: usize = 4;

const _: () = assert!(FEW < LANES);

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for layer in &self.layers {
            let [down, across] = layer.grid();
            let fused = if layer.fused_into_next { ", fused into the next" } else { "" };
            writeln!(
                f,
                "block{}_conv{} {}x{}x{} -> {} {} ({down} x {across}){fused}",
                layer.block,
                layer.convolution,
                layer.in_channels,
                layer.height,
                layer.width,
                layer.out_channels,
                layer.method
            )?;
        }
        write!(f, "{} layers by {} images, the others by {}", self.front, self.group, self.batch)
    }
}
