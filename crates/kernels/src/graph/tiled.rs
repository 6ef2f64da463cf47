//! 3 x 3 convolutions of stride 1 by minimal filtering, in the tiles of a stack.

use std::ops::{Range, RangeInclusive};

use super::cpu::Cpu;
use super::layout::{LANES, Layout, View};
use super::strip::{load_some, store_some};
use super::{Activation, Kernel, Window};
use crate::buffer::{Buffer, Shared};
use crate::error::Error;
use crate::feature_maps::{FEW, MapLayout};
use crate::plan::{LayerPlan, Method, Part};
use crate::run::all_steps;
use crate::stack::{Convolution, Layer};
use crate::vector::{Operation, Vector};
use crate::winograd::{self, Block, Place, Source};

/// The tiles that go through the steps together: fewer would leave registers unused, more would hardly read the kernels less
/// often.
const TOGETHER: RangeInclusive<usize> = 14..=56;

/// The parameters of a convolution in tiles.
pub(super) struct Packed {
    layer: Layer,
    in_channels: usize,
    out_channels: usize,
    activation: Activation,
}

impl Packed {
    /// Packs a kernel, if it can be computed in tiles.
    pub(super) fn new(in_channels: usize, kernel: &Kernel, activation: Activation) -> Option<Self> {
        let Kernel { groups, window, kernel, bias } = kernel;
        let out_channels = bias.len();
        let fits =
            *groups == 1 && *window == Window::square(3, 1, 1) && in_channels > FEW && out_channels > FEW;
        let layer = fits.then(|| Layer::new(&Convolution { in_channels, out_channels, kernel, bias }))?;
        Some(Self { layer, in_channels, out_channels, activation })
    }

    /// How it is computed on maps of a size.
    pub(super) fn plan(&self, height: usize, width: usize) -> LayerPlan {
        let plan = LayerPlan::alone(self.in_channels, self.out_channels, height, width);
        // There are enough channels for tiles.
        plan.unwrap_or_else(|| unreachable!("{} channels are enough for tiles", self.in_channels))
    }

    /// The border that its input needs.
    pub(super) fn border(&self, height: usize, width: usize) -> [usize; 4] {
        let [down, across] = self.plan(height, width).covered();
        [1, 1, down + 1 - height, across + 1 - width]
    }
}

/// The border that its result needs: the layout of a stack has one of a pixel.
pub(super) const OUTPUT_BORDER: [usize; 4] = [1; 4];

/// Scratch memory of one thread.
#[derive(Default)]
pub(super) struct Scratch {
    v: Buffer,
    m: Buffer,
    /// The tiles of one image, and those that are computed together.
    of_image: Vec<Place>,
    places: Vec<Place>,
}

/// A convolution on the maps of some images, whose tiles are computed together.
#[derive(Clone, Copy)]
pub(super) struct Job<'a> {
    pub(super) packed: &'a Packed,
    pub(super) cpu: Cpu,
    /// Of the first image, as all views here.
    pub(super) from: View<'a>,
    pub(super) to: View<'a>,
    /// Maps of the shape of the result that are added before the activation.
    pub(super) residual: Option<View<'a>>,
    /// The number of images, and values from one to the next.
    pub(super) images: [usize; 2],
}

/// In how many parts the layer is computed, for a number of images: a part is a block of tiles and a block of channels.
pub(super) fn units(plan: &LayerPlan, images: usize, cache: usize) -> usize {
    let out_blocks = plan.out_channels.div_ceil(LANES);
    plan.parts().map(|part| blocks_of(plan, &part, images, cache) * out_blocks).sum()
}

/// In how many blocks the tiles of a part are computed. The transformed input of a block takes half of the cache.
fn blocks_of(plan: &LayerPlan, part: &Part, images: usize, cache: usize) -> usize {
    let of_tile = part.tile[0].inputs() * part.tile[1].inputs() * plan.in_channels;
    let together = (cache / 2 / (of_tile * size_of::<f32>())).clamp(*TOGETHER.start(), *TOGETHER.end());
    (part.grid[0] * part.grid[1] * images).div_ceil(together)
}

impl Job<'_> {
    /// Computes some of the [`units`]. The border is not written.
    ///
    /// # Errors
    /// [`Error::Memory`] if the system has too little.
    ///
    /// # Safety
    ///
    /// Meanwhile no other thread writes `from` or `residual`, or uses these parts of `to`.
    pub(super) unsafe fn run(
        &self,
        plan: &LayerPlan,
        units: Range<usize>,
        scratch: &mut Scratch,
    ) -> Result<(), Error> {
        let out_blocks = self.to.layout.blocks();
        let mut first = 0;
        for part in plan.parts() {
            let blocks = blocks_of(plan, &part, self.images[0], self.cpu.cache);
            let tiles = part.grid[0] * part.grid[1] * self.images[0];
            for block in 0..blocks {
                let of_block = units.start.clamp(first, first + out_blocks) - first
                    ..units.end.clamp(first, first + out_blocks) - first;
                first += out_blocks;
                if of_block.is_empty() {
                    continue;
                }
                let tiles = block * tiles / blocks..(block + 1) * tiles / blocks;
                // SAFETY: the caller's.
                unsafe { self.tiles(plan, part, tiles, of_block, scratch)? };
            }
        }
        Ok(())
    }

    /// Computes some blocks of channels of some tiles of a part, which are numbered through all images.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    ///
    /// # Safety
    ///
    /// As for [`run`](Self::run).
    unsafe fn tiles(
        &self,
        plan: &LayerPlan,
        part: Part,
        tiles: Range<usize>,
        out_blocks: Range<usize>,
        scratch: &mut Scratch,
    ) -> Result<(), Error> {
        let Self { packed, cpu, from, to, residual, images: [_, stride] } = *self;
        let Method::Tiles { tile, .. } = plan.method else { return Ok(()) };
        let is_relu = packed.activation == Activation::Relu && residual.is_none();
        let layer = winograd::Layer {
            path: cpu.path,
            kernels: packed.layer.kernels(tile, cpu.path)?,
            tile: part.tile,
            places: tile.places(part.tile),
            convolution: &packed.layer.convolution,
            pooled: false,
            relu: is_relu,
            input: as_of_stack(from.layout),
            output: as_of_stack(to.layout),
            start: part.start,
            grid: part.grid,
        };
        let Scratch { v, m, of_image, places } = scratch;
        layer.places(0..layer.tiles(), of_image);
        places.clear();
        places.extend(tiles.map(|tile| {
            let (image, place) = (tile / of_image.len(), of_image[tile % of_image.len()]);
            Place { from: image * stride + place.from, to: image * stride + place.to, ..place }
        }));
        let block = Block::new(&layer, places);
        let source = Source {
            values: inner(from),
            row_stride: from.layout.row_stride(),
            block_stride: from.block_stride,
        };
        all_steps(&block, source, out_blocks.clone(), || None, v, m, inner(to))?;
        if !is_relu && (residual.is_some() || packed.activation != Activation::Linear) {
            let finish = Finish { job: *self, out_blocks, places };
            // SAFETY: the caller's; a path is held only if it is supported.
            unsafe { cpu.path.run(finish) };
        }
        Ok(())
    }
}

/// The maps from one row above and one column to the left of the first pixel on.
fn inner(view: View<'_>) -> Shared<'_> {
    view.values.from(view.place(0, -1, -1))
}

/// The layout of a stack's maps with the same strides, for maps that begin with [`inner`].
fn as_of_stack(layout: Layout) -> MapLayout {
    let Layout { shape, border: [top, left, bottom, right] } = layout;
    let (channels, height, width) = (shape.channels, shape.height, shape.width);
    let covered = [top + height + bottom - 2, left + width + right - 2];
    MapLayout { channels, height, width, covered }
}

/// The last step of some tiles: the residual is added, and the activation applied, to what was stored.
struct Finish<'a> {
    job: Job<'a>,
    out_blocks: Range<usize>,
    places: &'a [Place],
}

impl Operation for Finish<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Job { packed, to, residual, images, .. } = self.job;
        let [count, image] = images;
        let (layout, values) = (to.layout, inner(to));
        for block in self.out_blocks.clone() {
            for place in self.places {
                let [high, wide] = place.size;
                for y in 0..high {
                    let start = place.to + block * to.block_stride + y * layout.row_stride();
                    let row = values.place(start, wide * LANES);
                    // A row of the residual that is at the same pixels.
                    let other = residual.map(|residual| {
                        let index = if count == 1 { 0 } else { place.to / image };
                        let rest = place.to - index * image;
                        let pixel = rest / LANES;
                        let across = layout.row_stride() / LANES;
                        let (down, right) = (pixel / across + y - 1, pixel % across - 1);
                        let start = residual.place(block, down as isize, right as isize) + index * image;
                        residual.values.place(start, wide * LANES).cast_const()
                    });
                    for lane in (0..wide * LANES).step_by(V::LANES) {
                        // SAFETY: the places of both rows were checked.
                        unsafe {
                            let to = row.add(lane);
                            let mut value: V = load_some(to, V::LANES);
                            if let Some(other) = other {
                                value = value.add(load_some(other.add(lane), V::LANES));
                            }
                            store_some(packed.activation.apply(value), to, V::LANES);
                        }
                    }
                }
            }
        }
    }
}
