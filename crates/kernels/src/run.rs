//! A plan carried out on a batch: which images, tiles and channels each task takes, and where maps are kept.
//!
//! Tasks of one layer write to different places of the same maps, so they share them through [`Shared`].

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use rayon::prelude::*;

use crate::activations::{self, Extent, LANES};
use crate::buffer::{Buffer, Shared};
use crate::error::Error;
use crate::plan::{LayerPlan, Method, Part, Plan};
use crate::rows::InputRows;
use crate::stack::{ConvolutionStack, Layer};
use crate::winograd::{self, Block, Place, Source};

/// Tiles that a task of a front layer takes, about.
const BLOCK: usize = 28;
/// Rows of tiles that a task of a layer takes which makes its input itself.
const FUSED_ROWS: usize = 5;
/// Stored rows that a task of a direct layer takes.
const ROWS: usize = 4;

/// The maps between the layers of a plan, and scratch memory.
pub(crate) struct Workspace {
    plan: Plan,
    images: usize,
    /// The maps that each layer reads, for as many images as it is computed for at a time; at the end those that the
    /// last layer writes.
    maps: Vec<Buffer>,
    /// Transformed input that tasks share.
    v: Buffer,
    scratch: Mutex<Vec<Scratch>>,
}

/// What one task works in.
struct Scratch {
    v: Buffer,
    m: Buffer,
    /// Where the tiles lie.
    places: Vec<Place>,
    /// Rows of a layer as the next reads them.
    strip: Buffer,
    /// What its rows are made of.
    input: InputRows,
    /// Two rows before their pooling.
    rows: Vec<f32>,
}

impl Scratch {
    fn new() -> Result<Self, Error> {
        let empty = || Buffer::zeroed(0);
        let input = InputRows::new()?;
        Ok(Self { v: empty()?, m: empty()?, places: Vec::new(), strip: empty()?, input, rows: Vec::new() })
    }
}

impl Workspace {
    /// Memory for a plan and for up to `images` images.
    pub(crate) fn new(plan: &Plan, images: usize) -> Result<Self, Error> {
        let places = 0..=plan.layers.len();
        let maps = places.map(|place| {
            let before = place.checked_sub(1).map(|before| plan.layers[before]);
            let at_a_time = match (before, plan.layers.get(place)) {
                (Some(before), _) if before.method == Method::Rows => 0,
                (_, Some(layer)) => layer.images,
                (Some(before), None) => before.images,
                (None, None) => 0,
            };
            Buffer::zeroed(extent(plan, place).len().saturating_mul(images.min(at_a_time)))
        });
        let maps = maps.collect::<Result<_, _>>()?;
        let images = images.min(plan.images());
        Ok(Self { plan: plan.clone(), images, maps, v: Buffer::zeroed(0)?, scratch: Mutex::default() })
    }

    /// Whether it serves a plan and a number of images.
    pub(crate) fn fits(&self, plan: &Plan, images: usize) -> bool {
        self.plan == *plan && images.min(plan.images()) <= self.images
    }
}

/// The maps that stand before a layer; past the last one, those that it writes.
fn extent(plan: &Plan, place: usize) -> Extent {
    match plan.layers.get(place) {
        Some(layer) => {
            let LayerPlan { in_channels, height, width, .. } = *layer;
            Extent { channels: in_channels, height, width, covered: layer.covered() }
        }
        None => {
            let last = &plan.layers[plan.layers.len() - 1];
            let [height, width] = last.stored();
            Extent { channels: last.out_channels, height, width, covered: [height, width] }
        }
    }
}

/// A plan, its layers, and memory for it.
pub(crate) struct Run<'a> {
    stack: &'a ConvolutionStack,
    plan: &'a Plan,
    layers: Vec<&'a Layer>,
    maps: Vec<Shared<'a>>,
    v: &'a mut Buffer,
    scratch: &'a Mutex<Vec<Scratch>>,
    seconds: Vec<f64>,
}

impl<'a> Run<'a> {
    pub(crate) fn new(stack: &'a ConvolutionStack, plan: &'a Plan, workspace: &'a mut Workspace) -> Self {
        Self {
            stack,
            plan,
            layers: stack.layers().take(plan.layers.len()).collect(),
            maps: workspace.maps.iter_mut().map(|maps| Shared::new(maps)).collect(),
            v: &mut workspace.v,
            scratch: &workspace.scratch,
            seconds: vec![0.0; plan.layers.len()],
        }
    }

    /// All images; tells the seconds of each layer.
    pub(crate) fn images(mut self, images: &[f32], output: &mut [f32]) -> Result<Vec<f64>, Error> {
        let (first, last) = (extent(self.plan, 0), extent(self.plan, self.layers.len()));
        let pixels = first.channels * first.height * first.width;
        let values = last.channels * last.height * last.width;
        let at_a_time = self.plan.images();
        for (images, output) in images.chunks(at_a_time * pixels).zip(output.chunks_mut(at_a_time * values)) {
            self.up_to(self.layers.len() - 1, images, 0)?;
            let maps = self.maps[self.layers.len()];
            output.par_chunks_exact_mut(values).enumerate().for_each(|(image, output)| {
                // SAFETY: no task writes to these maps until the next chunk.
                let maps = unsafe {
                    std::slice::from_raw_parts(maps.place(image * last.len(), last.len()), last.len())
                };
                activations::unpack(maps, last, output);
            });
        }
        Ok(self.seconds)
    }

    /// All layers up to one, for as many images as it takes at a time; its outputs are those of images `offset ..`.
    ///
    /// The layer before it takes as many, or fewer several times.
    fn up_to(&mut self, place: usize, images: &[f32], offset: usize) -> Result<(), Error> {
        let first = extent(self.plan, 0);
        let pixels = first.channels * first.height * first.width;
        match place.checked_sub(1) {
            None => self.pack(images, pixels, first),
            Some(before) => {
                let at_a_time = self.plan.layers[before].images;
                for (index, images) in images.chunks(at_a_time * pixels).enumerate() {
                    self.up_to(before, images, index * at_a_time)?;
                }
            }
        }
        self.layer(place, images.len() / pixels, offset)
    }

    /// Lays images out for the first layer.
    fn pack(&self, images: &[f32], pixels: usize, extent: Extent) {
        let maps = self.maps[0];
        images.par_chunks_exact(pixels).enumerate().for_each(|(index, image)| {
            // SAFETY: each image has its own maps, and no layer reads them now.
            let blocked = unsafe {
                std::slice::from_raw_parts_mut(maps.place(index * extent.len(), extent.len()), extent.len())
            };
            activations::pack(image, extent, blocked);
        });
    }

    /// One layer of `count` images, which are images `offset ..` to the next.
    fn layer(&mut self, place: usize, count: usize, offset: usize) -> Result<(), Error> {
        let plan = &self.plan.layers[place];
        // The layer behind it has its rows made.
        if plan.method == Method::Rows {
            return Ok(());
        }
        let start = Instant::now();
        let output = extent(self.plan, place + 1);
        let to = self.maps[place + 1];
        let to = to.part(offset * output.len(), count * output.len());
        if let Method::Tiles { tile, .. } = plan.method {
            let (layer, path) = (self.layers[place], self.stack.path());
            let kernels = layer.kernels(tile, path)?;
            let part = |part: Part| winograd::Layer {
                path,
                kernels,
                tile: part.tile,
                places: tile.places(part.tile),
                convolution: &layer.convolution,
                pooled: plan.pooled,
                input: extent(self.plan, place),
                output,
                start: part.start,
                grid: part.grid,
            };
            let parts: Vec<_> = plan.parts().map(part).collect();
            if place > 0 && self.plan.layers[place - 1].method == Method::Rows {
                self.fused(place, &parts[0], count, to)?;
            } else {
                let source = self.source(place, count);
                if plan.by_kernels {
                    self.by_kernels(&parts, source, count, to)?;
                } else {
                    self.by_tiles(&parts, source, count, to)?;
                }
            }
        } else {
            self.direct(place, count, to)?;
        }
        self.seconds[place] += start.elapsed().as_secs_f64();
        Ok(())
    }

    /// The maps of the first `count` images before a layer.
    fn input(&self, place: usize, count: usize) -> &'a [f32] {
        let len = extent(self.plan, place).len() * count;
        // SAFETY: only the layer before writes to these maps, and it has ended.
        unsafe { std::slice::from_raw_parts(self.maps[place].place(0, len), len) }
    }

    /// Direct convolution: a task takes some rows of one block of output channels.
    fn direct(&self, place: usize, count: usize, to: Shared<'_>) -> Result<(), Error> {
        let plan = &self.plan.layers[place];
        let (input, output) = (extent(self.plan, place), extent(self.plan, place + 1));
        let (from, path) = (self.input(place, count), self.stack.path());
        let convolution = &self.layers[place].convolution;
        let strips = output.height.div_ceil(ROWS);
        self.tasks(count * output.blocks() * strips, |task, scratch| {
            let (image, rest) = (task / (output.blocks() * strips), task % (output.blocks() * strips));
            let (block, strip) = (rest / strips, rest % strips);
            let from = &from[image * input.len()..][..input.len()];
            for y in strip * ROWS..output.height.min((strip + 1) * ROWS) {
                let len = output.width * output.lanes();
                let at = image * output.len() + output.row(block, y);
                // SAFETY: no other task has this row of this block.
                let row = unsafe { std::slice::from_raw_parts_mut(to.place(at, len), len) };
                if plan.pooled {
                    convolution.pooled_row(path, from, input, block, y, &mut scratch.rows, row);
                } else {
                    convolution.row(path, from, input, block, y, row);
                }
            }
            Ok(())
        })
    }

    /// Tiles whose input is a strip of rows that the layer before makes for them: a task takes some rows of tiles,
    /// and keeps what two rows have in common.
    fn fused(
        &self,
        place: usize,
        layer: &winograd::Layer<'_>,
        count: usize,
        to: Shared<'_>,
    ) -> Result<(), Error> {
        let (before, path) = (self.layers[place - 1], layer.path);
        let kernels = before.row_kernels();
        let from = self.input(place - 1, count);
        let (image_extent, extent) = (extent(self.plan, place - 1), layer.input);
        let (row_stride, rows) = (extent.row_stride(), layer.tile[0].inputs());
        let (block_stride, common) = (rows * row_stride, rows - layer.tile[0].outputs());
        let inner = LANES..LANES * (extent.width + 1);
        let down = layer.grid[0];
        let tasks = down.div_ceil(FUSED_ROWS);
        self.tasks(count * tasks, |task, scratch| {
            let (image, task) = (task / tasks, task % tasks);
            let pixels = &from[image * image_extent.len()..][..image_extent.len()];
            reserve(&mut scratch.strip, extent.blocks() * block_stride)?;
            let strip = &mut scratch.strip[..extent.blocks() * block_stride];
            let input = &mut scratch.input;
            let first = task * down / tasks;
            input.begin(extent.width, (first * layer.tile[0].outputs()).saturating_sub(1))?;
            for tile_row in first..(task + 1) * down / tasks {
                let kept = if tile_row == first { 0 } else { common };
                for strip in strip.chunks_exact_mut(block_stride) {
                    strip.copy_within((rows - kept) * row_stride.., 0);
                }
                for in_strip in kept..rows {
                    // The first row of the strip is the one above the tiles; it and those below may be padding.
                    let y = (tile_row * layer.tile[0].outputs() + in_strip).checked_sub(1);
                    let y = y.filter(|y| *y < extent.height);
                    if let Some(y) = y {
                        input.transform(path, pixels, image_extent, y);
                    }
                    for (block, strip) in strip.chunks_exact_mut(block_stride).enumerate() {
                        let row = &mut strip[in_strip * row_stride..][..row_stride];
                        if let Some(y) = y {
                            row[..inner.start].fill(0.0);
                            row[inner.end..].fill(0.0);
                            let (bias, row) = (before.convolution.bias(block), &mut row[inner.clone()]);
                            input.multiply(path, kernels, bias, block, y, row);
                        } else {
                            row.fill(0.0);
                        }
                    }
                }
                layer.places_in_strip(image, tile_row, &mut scratch.places);
                let source = Source { values: strip, row_stride, block_stride };
                all_steps(&Block::new(layer, &scratch.places), source, &mut scratch.v, &mut scratch.m, to)?;
            }
            Ok(())
        })
    }

    /// A task takes a block of tiles through all steps; each reads all kernels.
    fn by_tiles(
        &self,
        parts: &[winograd::Layer<'_>],
        source: Source<'_>,
        count: usize,
        to: Shared<'_>,
    ) -> Result<(), Error> {
        let mut blocks = Vec::new();
        // The largest part is the first. Its tasks are as many for each thread, those of the others fill gaps.
        let mut multiple = rayon::current_num_threads().min(4);
        for part in parts {
            let tiles = count * part.tiles();
            let tasks = tiles.div_ceil(BLOCK).next_multiple_of(multiple).min(tiles);
            blocks.extend((0..tasks).map(|task| (part, task * tiles / tasks..(task + 1) * tiles / tasks)));
            multiple = 1;
        }
        self.tasks(blocks.len(), |task, scratch| {
            let (part, tiles) = &blocks[task];
            part.places(tiles.clone(), &mut scratch.places);
            all_steps(&Block::new(part, &scratch.places), source, &mut scratch.v, &mut scratch.m, to)
        })
    }

    /// All tiles are transformed first; then a task takes a block of output channels, whose kernels only it reads.
    fn by_kernels(
        &mut self,
        parts: &[winograd::Layer<'_>],
        source: Source<'_>,
        count: usize,
        to: Shared<'_>,
    ) -> Result<(), Error> {
        let places = |part: &winograd::Layer<'_>| {
            let mut places = Vec::new();
            part.places(0..count * part.tiles(), &mut places);
            places
        };
        let places: Vec<_> = parts.iter().map(places).collect();
        let mut blocks = Vec::new();
        let mut end = 0;
        for (part, places) in parts.iter().zip(&places) {
            let block = Block::new(part, places);
            let start = end;
            end += block.v_len();
            blocks.push((block, start..end));
        }
        reserve(self.v, end)?;
        let v = Shared::new(self.v);
        let groups =
            blocks.iter().flat_map(|(block, v)| (0..block.groups()).map(move |group| (block, v, group)));
        groups.collect::<Vec<_>>().into_par_iter().for_each(|(block, at, group)| {
            block.transform(source, group, v.part(at.start, at.len()));
        });
        let v: &[f32] = self.v;
        self.tasks(parts[0].output.blocks(), |out_block, scratch| {
            for (block, at) in &blocks {
                reserve(&mut scratch.m, block.m_len())?;
                block.multiply(out_block, &v[at.clone()], &mut scratch.m, to);
                // SAFETY: no other task has this block of output channels.
                unsafe { block.finish(out_block, &scratch.m, to) };
            }
            Ok(())
        })
    }

    /// The maps before a layer as tiles are read from them.
    fn source(&self, place: usize, count: usize) -> Source<'a> {
        let input = extent(self.plan, place);
        Source {
            values: self.input(place, count),
            row_stride: input.row_stride(),
            block_stride: input.block_stride(),
        }
    }

    /// Runs tasks on the threads of the pool, each with scratch memory of its own.
    fn tasks(
        &self,
        count: usize,
        task: impl Fn(usize, &mut Scratch) -> Result<(), Error> + Sync,
    ) -> Result<(), Error> {
        let next = AtomicUsize::new(0);
        let threads = rayon::current_num_threads().min(count);
        (0..threads).into_par_iter().with_max_len(1).try_for_each(|_| {
            let pool = || self.scratch.lock().unwrap_or_else(PoisonError::into_inner);
            let kept = pool().pop();
            let mut scratch = kept.map_or_else(Scratch::new, Ok)?;
            let mut indices = std::iter::from_fn(|| {
                Some(next.fetch_add(1, Ordering::Relaxed)).filter(|index| *index < count)
            });
            let result = indices.try_for_each(|index| task(index, &mut scratch));
            pool().push(scratch);
            result
        })
    }
}

/// Takes a block of tiles through all steps, for all output channels.
fn all_steps(
    block: &Block<'_>,
    source: Source<'_>,
    v: &mut Buffer,
    m: &mut Buffer,
    to: Shared<'_>,
) -> Result<(), Error> {
    reserve(v, block.v_len())?;
    reserve(m, block.m_len())?;
    for group in 0..block.groups() {
        block.transform(source, group, Shared::new(v));
    }
    for out_block in 0..block.out_blocks() {
        block.multiply(out_block, v, m, to);
        // SAFETY: no other task has these tiles.
        unsafe { block.finish(out_block, m, to) };
    }
    Ok(())
}

/// Makes a buffer at least so long; what it held is lost where it was shorter.
fn reserve(buffer: &mut Buffer, len: usize) -> Result<(), Error> {
    if buffer.len() < len {
        *buffer = Buffer::zeroed(len)?;
    }
    Ok(())
}
