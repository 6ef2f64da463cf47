//! 3 x 3 convolutions of stride 1 and 2 by minimal filtering, in the tiles of a stack.

use std::ops::{Range, RangeInclusive};
use std::sync::OnceLock;

use super::cpu::Cpu;
use super::layout::{LANES, Layout, View};
use super::parameters::Parts;
use super::strip::{load_some, store_some};
use super::{Activation, Kernel, Window};
use crate::blocks::{self, Blocks, KernelSource};
use crate::buffer::Shared;
use crate::error::Error;
use crate::feature_maps::{FEW, MapLayout};
use crate::kernels::{Form, Kernels, are_finite};
use crate::lines::LINE;
use crate::path::Path;
use crate::plan::{LayerPlan, Method, Part};
use crate::taps::{self, Taps};
use crate::tile::{Tile, products};
use crate::vector::{Operation, Vector};
use crate::winograd::{self, Block, Place, Source};

/// The transformed input of the tiles that go through the steps together takes at most two second-level caches, if that is enough
/// for the fewest tiles. With more tiles the kernels, which are larger than that input, are read less often: 512 channels at 7 x 7
/// took a fifth less time than with half of a cache.
const INPUT_CACHES: usize = 2;

/// The tiles that go through the steps together: fewer would leave registers unused, more would hardly save transforms of the
/// kernels.
const TOGETHER: RangeInclusive<usize> = 14..=56;

/// Blocks of an image's tiles, if there are enough: each of some threads then transforms the input of its own ones.
const OF_IMAGE: usize = 4;

/// A convolution of stride 2 is computed in tiles if it has at least so many channels, in and out.
const LEAST_STRIDED: usize = 40;

/// The same for pairs of channels. With fewer, the transforms take the time that the products save. Measured on Zen 4 beside
/// direct sums: 48 -> 48 channels took 1.0 of the time, 48 -> 64 0.8, and more channels 0.65 to 0.75 in batches, and 0.7 (28 x 28
/// outputs) to 0.95 (7 x 7) for a single image.
const LEAST_PAIRS: usize = 3_000;

/// The parameters of a convolution in tiles.
pub(super) struct Packed {
    in_channels: usize,
    out_channels: usize,
    stride: usize,
    activation: Activation,
    /// Whether every transformed kernel is finite.
    finite: bool,
    /// Where the taps are among the network's parameters. See [`Taps`].
    taps: Range<usize>,
    /// `out blocks x LANES`.
    bias: Range<usize>,
    /// The kernels by the tile that they were transformed for.
    transformed: [OnceLock<Kernels>; Tile::ALL.len()],
}

impl Packed {
    /// Whether a kernel can be computed in tiles.
    pub(super) fn fits(in_channels: usize, kernel: &Kernel) -> bool {
        let Kernel { groups, window, bias, .. } = kernel;
        let out_channels = bias.len();
        let is_square = |stride| *groups == 1 && *window == Window::square(3, stride, 1);
        let is_wide = |least| in_channels >= least && out_channels >= least;
        let pairs = in_channels.saturating_mul(out_channels);
        is_square(1) && is_wide(FEW + 1) || is_square(2) && is_wide(LEAST_STRIDED) && pairs >= LEAST_PAIRS
    }

    /// Packs a kernel that [`fits`](Self::fits).
    pub(super) fn new<'a>(
        in_channels: usize,
        kernel: &'a Kernel,
        activation: Activation,
        parts: &mut Parts<'a>,
    ) -> Self {
        let Kernel { window, kernel, bias, .. } = kernel;
        let out_channels = bias.len();
        let biases = parts.add(out_channels.next_multiple_of(LANES), move |biases| {
            biases[..out_channels].copy_from_slice(bias);
        });
        let len = taps::packed_len(in_channels, out_channels);
        let packed = parts.add(len, move |packed| taps::pack(in_channels, kernel, packed));
        let finite = are_finite(kernel);
        let transformed = Default::default();
        Self {
            in_channels,
            out_channels,
            stride: window.stride[0],
            activation,
            finite,
            taps: packed,
            bias: biases,
            transformed,
        }
    }

    /// How it is computed on maps of a size.
    pub(super) fn plan(&self, height: usize, width: usize) -> LayerPlan {
        let plan = LayerPlan::alone(self.in_channels, self.out_channels, height, width, self.stride);
        // There are enough channels for tiles.
        plan.unwrap_or_else(|| unreachable!("{} channels are enough for tiles", self.in_channels))
    }

    /// The kernels for tiles of one size, transformed now if they were not yet.
    fn transformed(&self, taps: Taps<'_>, form: Form, path: Path) -> Result<&Kernels, Error> {
        let place = &self.transformed[form.tile as usize];
        if let Some(kernels) = place.get() {
            return Ok(kernels);
        }
        // If two threads come at once, both do the work, and one result is dropped.
        let kernels = taps.transformed(form, path)?;
        Ok(place.get_or_init(|| kernels))
    }

    /// Values of its kernels, as they are stored.
    pub(super) fn values(&self) -> usize {
        self.taps.len()
    }
}

/// The border that a layer's input needs.
pub(super) fn border(plan: &LayerPlan) -> [usize; 4] {
    let [down, across] = plan.covered();
    // The layout of a stack has a border of at least a pixel.
    let after = |covered: usize, side: usize| (plan.stride * (covered - 1) + 2).saturating_sub(side).max(1);
    [1, 1, after(down, plan.height), after(across, plan.width)]
}

/// The border that its result needs: the layout of a stack has one of a pixel.
pub(super) const OUTPUT_BORDER: [usize; 4] = [1; 4];

/// Scratch memory of one thread.
#[derive(Default)]
pub(super) struct Scratch {
    steps: blocks::Scratch,
    /// The block of tiles whose transformed input is in `steps`.
    held: Option<usize>,
    /// The tiles of one image.
    of_image: Vec<Place>,
}

impl Scratch {
    /// The transformed input is of other maps than the next ones.
    pub(super) fn forget(&mut self) {
        self.held = None;
    }
}

/// A convolution on the maps of some images, whose tiles are computed together.
#[derive(Clone, Copy)]
pub(super) struct Job<'a> {
    pub(super) packed: &'a Packed,
    pub(super) plan: &'a LayerPlan,
    pub(super) cpu: Cpu,
    pub(super) parameters: &'a [f32],
    /// Of the first image, as all views here.
    pub(super) from: View<'a>,
    pub(super) to: View<'a>,
    /// Maps of the shape of the result that are added before the activation.
    pub(super) residual: Option<View<'a>>,
    /// The number of images.
    pub(super) images: usize,
}

/// In how many units the layer is computed, for a number of images: each is some tiles and a block of channels.
pub(super) fn units(plan: &LayerPlan, images: usize, cache: usize) -> usize {
    blocks_of(plan, images, cache) * plan.out_channels.div_ceil(LANES)
}

/// Blocks of tiles of a number of images. The units of a block follow each other.
pub(super) fn blocks_of(plan: &LayerPlan, images: usize, cache: usize) -> usize {
    blocks(plan, images, cache).len()
}

/// Tiles that go through the steps together: of each of some parts of a layer, a range of tiles, which are numbered through
/// all images.
type Tiles = Vec<(Part, Range<usize>)>;

/// Whether the kernels are transformed as they are used: those of a single image, if all of them take more than the cache.
fn is_transformed_as_used(plan: &LayerPlan, images: usize, cache: usize) -> bool {
    images == 1 && plan.transformed_kernels() * size_of::<f32>() > cache
}

/// The tiles of some images. Of a single image, some tiles of each part are together, because they share the kernels.
fn blocks(plan: &LayerPlan, images: usize, cache: usize) -> Vec<Tiles> {
    let parts: Vec<_> = plan.parts().map(|part| (part, part.grid[0] * part.grid[1] * images)).collect();
    let values = |part: Part| products(part.tile) * plan.in_channels;
    let together = |values: usize| {
        (cache.saturating_mul(INPUT_CACHES) / (values * size_of::<f32>()).max(1))
            .clamp(*TOGETHER.start(), *TOGETHER.end())
    };
    if images > 1 {
        let of_part = |&(part, tiles): &(Part, usize)| {
            shares(&[(part, tiles)], tiles.div_ceil(together(values(part)))).collect::<Vec<_>>()
        };
        return parts.iter().flat_map(of_part).collect();
    }
    let count: usize = parts.iter().map(|(_, tiles)| tiles).sum();
    let all: usize = parts.iter().map(|(part, tiles)| tiles * values(*part)).sum();
    let least = count.div_ceil(together(all / count.max(1)));
    let most = if is_transformed_as_used(plan, images, cache) { least } else { OF_IMAGE };
    shares(&parts, most.min(count / TOGETHER.start()).max(least)).collect()
}

/// Divides the tiles of some parts into equal shares.
fn shares(parts: &[(Part, usize)], shares: usize) -> impl Iterator<Item = Tiles> + '_ {
    (0..shares).map(move |share| {
        let tiles =
            |&(part, tiles): &(Part, usize)| (part, share * tiles / shares..(share + 1) * tiles / shares);
        parts.iter().map(tiles).filter(|(_, tiles)| !tiles.is_empty()).collect()
    })
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
    pub(super) unsafe fn run(&self, units: Range<usize>, scratch: &mut Scratch) -> Result<(), Error> {
        let out_blocks = self.to.layout.blocks();
        for (block, tiles) in blocks(self.plan, self.images, self.cpu.cache).iter().enumerate() {
            let first = block * out_blocks;
            let [start, end] =
                [units.start, units.end].map(|unit| unit.clamp(first, first + out_blocks) - first);
            if start < end {
                let are_transformed = scratch.held.replace(block) == Some(block);
                // SAFETY: the caller's.
                unsafe { self.tiles(tiles, start..end, are_transformed, scratch)? };
            }
        }
        Ok(())
    }

    /// Computes some blocks of channels of some tiles.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    ///
    /// # Safety
    ///
    /// As for [`run`](Self::run).
    unsafe fn tiles(
        &self,
        tiles: &Tiles,
        out_blocks: Range<usize>,
        are_transformed: bool,
        scratch: &mut Scratch,
    ) -> Result<(), Error> {
        let Self { packed, plan, cpu, parameters, from, to, residual, images } = *self;
        let Method::Tiles { tile, .. } = plan.method else { return Ok(()) };
        let is_relu = packed.activation == Activation::Relu && residual.is_none();
        let channels = packed.in_channels.next_multiple_of(LANES);
        let lines = packed.in_channels.div_ceil(LINE);
        let form = Form { tile, channels, lines, finite: packed.finite };
        let layer = |part: Part| winograd::Layer {
            path: cpu.path,
            kernels: form,
            tile: part.tile,
            places: tile.places(part.tile),
            bias: &parameters[packed.bias.clone()],
            pooled: false,
            relu: is_relu,
            input: as_of_stack(from.layout),
            output: as_of_stack(to.layout),
            start: part.start,
            grid: part.grid,
        };
        let Scratch { steps, of_image, .. } = scratch;
        let mut parts = Vec::with_capacity(tiles.len());
        for (part, tiles) in tiles {
            let layer = layer(*part);
            layer.places(0..layer.tiles(), of_image);
            let place = |tile: usize| {
                let (image, place) = (tile / of_image.len(), of_image[tile % of_image.len()]);
                Place {
                    from: image * from.image_stride + place.from,
                    to: image * to.image_stride + place.to,
                    ..place
                }
            };
            let places: Vec<_> = tiles.clone().map(place).collect();
            parts.push((layer, places));
        }
        let tiles: Vec<_> = parts.iter().map(|(layer, places)| Block::new(layer, places)).collect();
        let source = Source {
            values: inner(from),
            row_stride: from.layout.row_stride(),
            block_stride: from.block_stride,
        };
        let blocks = Blocks { path: cpu.path, blocks: &tiles, source, to: inner(to) };
        let taps = Taps { values: &parameters[packed.taps.clone()], in_channels: packed.in_channels };
        let kernels = if is_transformed_as_used(plan, images, cpu.cache) {
            KernelSource::Taps(taps, tile)
        } else {
            KernelSource::Transformed(packed.transformed(taps, form, cpu.path)?)
        };
        // SAFETY: the caller's.
        unsafe { blocks.all_steps(kernels, out_blocks.clone(), are_transformed, steps)? };
        if !is_relu && (residual.is_some() || packed.activation != Activation::Linear) {
            for (_, places) in &parts {
                let finish = Finish { job: *self, out_blocks: out_blocks.clone(), places };
                // SAFETY: the caller's; a path is held only if it is supported.
                unsafe { cpu.path.run(finish) };
            }
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
        let (layout, values) = (to.layout, inner(to));
        for block in self.out_blocks.clone() {
            for place in self.places {
                let [high, wide] = place.size;
                for y in 0..high {
                    let start = place.to + block * to.block_stride + y * layout.row_stride();
                    let row = values.place(start, wide * LANES);
                    // A row of the residual that is at the same pixels.
                    let other = residual.map(|residual| {
                        let image = if images == 1 { 0 } else { place.to / to.image_stride };
                        let pixel = (place.to - image * to.image_stride) / LANES;
                        let across = layout.row_stride() / LANES;
                        let (down, right) = (pixel / across + y - 1, pixel % across - 1);
                        let start = residual.place(block, down as isize, right as isize)
                            + image * residual.image_stride;
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
