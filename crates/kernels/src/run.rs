//! A plan is carried out on a batch: what each task of the schedule does.
//!
//! Tasks write to different parts of the same maps, so they share these as [`Shared`]. The schedule makes sure that no
//! task reads what another is still writing.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::buffer::{Buffer, Shared};
use crate::direct::Direct;
use crate::error::Error;
use crate::feature_maps::{self, LANES, MapLayout};
use crate::kernels::Kernels;
use crate::plan::{Method, Part, Plan};
use crate::queue::{Queue, Turns};
use crate::schedule::{AllTiles, ROWS, Schedule, Stage, Task, Work};
use crate::stack::{ConvolutionStack, Layer};
use crate::winograd::{self, Block, Place, Source};
use crate::workspace::{Scratch, Workspace, layout};

/// Carries out a plan on a batch of images; returns the seconds of each layer.
pub(crate) fn run(
    stack: &ConvolutionStack,
    plan: &Plan,
    workspace: &mut Workspace,
    images: &[f32],
    output: &mut [f32],
) -> Result<Vec<f64>, Error> {
    let layers: Vec<_> = stack.layers().take(plan.layers.len()).collect();
    let tiled = (0..plan.layers.len()).map(|place| tiled(stack, plan, layers[place], place));
    let tiled: Vec<_> = tiled.collect::<Result<_, _>>()?;
    let schedule = Schedule::new(plan, &tiled, images, Shared::new(output));
    let Workspace { maps, transformed, scratch, .. } = workspace;
    for (buffer, len) in transformed.iter_mut().zip(schedule.transformed) {
        buffer.reserve(len)?;
    }
    let run = Run {
        stack,
        plan,
        layers,
        tiled,
        schedule,
        maps: maps.iter_mut().map(|maps| Shared::new(maps)).collect(),
        transformed: transformed.each_mut().map(|buffer| Shared::new(buffer)),
        scratch,
        seconds: Mutex::new(Ok(vec![0.0; plan.layers.len()])),
    };
    let start = Instant::now();
    let queue = Queue::new(run.schedule.tasks.len());
    queue.share(|turns| run.tasks(turns));
    let mut seconds = run.seconds.into_inner().unwrap_or_else(PoisonError::into_inner)?;
    // The threads' times add up to more than the clock's: each layer gets its share of that.
    let sum: f64 = seconds.iter().sum();
    let share = start.elapsed().as_secs_f64() / sum;
    seconds.iter_mut().for_each(|seconds| *seconds *= share);
    Ok(seconds)
}

/// A layer in each of its sizes of tiles; empty if its method is not [`Method::Tiles`].
pub(crate) fn tiled<'a>(
    stack: &ConvolutionStack,
    plan: &Plan,
    layer: &'a Layer,
    place: usize,
) -> Result<Vec<winograd::Layer<'a>>, Error> {
    let Method::Tiles { tile, .. } = plan.layers[place].method else { return Ok(Vec::new()) };
    let kernels = layer.kernels(tile, stack.path())?;
    let part = |part: Part| winograd::Layer {
        path: stack.path(),
        kernels: kernels.form,
        tile: part.tile,
        places: tile.places(part.tile),
        bias: layer.convolution.bias(),
        pooled: plan.layers[place].pooled,
        relu: true,
        input: layout(plan, place),
        output: layout(plan, place + 1),
        start: part.start,
        grid: part.grid,
    };
    Ok(plan.layers[place].parts().map(part).collect())
}

/// The data that the tasks of a batch work on.
struct Run<'a> {
    stack: &'a ConvolutionStack,
    plan: &'a Plan,
    layers: Vec<&'a Layer>,
    /// Each layer in each of its sizes of tiles.
    tiled: Vec<Vec<winograd::Layer<'a>>>,
    schedule: Schedule<'a>,
    /// The maps that each layer reads, and those that the last layer writes.
    maps: Vec<Shared<'a>>,
    transformed: [Shared<'a>; 2],
    scratch: &'a Mutex<Vec<Scratch>>,
    /// The seconds of each layer, of all threads together.
    seconds: Mutex<Result<Vec<f64>, Error>>,
}

impl Run<'_> {
    /// Takes tasks until none is left.
    fn tasks(&self, mut turns: Turns<'_>) {
        let scratches = || self.scratch.lock().unwrap_or_else(PoisonError::into_inner);
        let seconds = || self.seconds.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = scratches().pop();
        let mut scratch = kept.unwrap_or_default();
        let mut taken = vec![0.0; self.plan.layers.len()];
        let mut start = Instant::now();
        while let Some(turn) = turns.take() {
            let task = self.schedule.tasks[turn.task];
            if turns.wait(task.after)
                && let Err(error) = self.task(task, &mut turns, &mut scratch)
            {
                turn.fail();
                *seconds() = Err(error);
            }
            drop(turn);
            let end = Instant::now();
            taken[self.schedule.stages[task.stage].place] += (end - start).as_secs_f64();
            start = end;
        }
        scratches().push(scratch);
        if let Ok(seconds) = &mut *seconds() {
            seconds.iter_mut().zip(taken).for_each(|(seconds, taken)| *seconds += taken);
        }
    }

    fn task(&self, task: Task, turns: &mut Turns<'_>, scratch: &mut Scratch) -> Result<(), Error> {
        let Stage { place, ref work, offset } = self.schedule.stages[task.stage];
        let output = layout(self.plan, place + 1);
        let to = self.maps[place + 1].from(offset * output.len());
        let layers = &self.tiled[place];
        match work {
            Work::Pack(images) => self.pack(images, task.part),
            Work::Direct(tasks) => self.direct(place, task.part / tasks, task.part % tasks, scratch, to),
            Work::Strips(tasks) => {
                self.strips(place, task.part / tasks, (task.part % tasks, *tasks), scratch, to)?;
            }
            Work::Tiles(blocks) => {
                let (layer, tiles) = &blocks[task.part];
                let layer = &layers[*layer];
                let Scratch { v, m, places, following, .. } = scratch;
                layer.places(tiles.clone(), places);
                let block = Block::new(layer, places);
                all_steps(
                    &block,
                    self.kernels(place)?,
                    self.source(place),
                    || self.following(turns, following),
                    v,
                    m,
                    to,
                )?;
            }
            Work::Transform(tiles) => {
                let AllTiles { places, buffer } = &**tiles;
                for (layer, (places, at)) in layers.iter().zip(places) {
                    let block = Block::new(layer, places);
                    let v = self.transformed[*buffer].part(at.start, at.len());
                    for group in 0..block.groups() {
                        block.transform(self.source(place), task.part..task.part + 1, group, v, true);
                    }
                }
            }
            Work::Multiply(tiles) => {
                let AllTiles { places, buffer } = &**tiles;
                let kernels = self.kernels(place)?;
                for (layer, (places, at)) in layers.iter().zip(places) {
                    let block = Block::new(layer, places);
                    scratch.m.reserve(block.m_len())?;
                    let v = self.transformed[*buffer].place(at.start, at.len());
                    // SAFETY: the tasks that write it have ended, and no such task begins before this one ends.
                    let v = unsafe { std::slice::from_raw_parts(v, at.len()) };
                    block.multiply(kernels.panel(task.part), task.part, v, &mut scratch.m, to, None);
                    // SAFETY: no other task has this block of output channels.
                    unsafe { block.finish(task.part, &scratch.m, to) };
                }
            }
            Work::Unpack(images, output) => self.unpack(*images, task.part, *output),
        }
        Ok(())
    }

    /// The transformed kernels of a layer in tiles.
    fn kernels(&self, place: usize) -> Result<&Kernels, Error> {
        self.layers[place].kernels(self.tiled[place][0].kernels.tile, self.stack.path())
    }

    /// Copies an image into the layout of the first layer.
    fn pack(&self, images: &[f32], image: usize) {
        let layout = layout(self.plan, 0);
        let image_len = layout.values();
        let blocked = self.maps[0].place(image * layout.len(), layout.len());
        // SAFETY: each image has its own maps, and no task reads them now.
        let blocked = unsafe { std::slice::from_raw_parts_mut(blocked, layout.len()) };
        feature_maps::pack(&images[image * image_len..][..image_len], layout, blocked);
    }

    /// Copies the outputs of one block of channels into the caller's layout.
    fn unpack(&self, images: usize, block: usize, output: Shared<'_>) {
        let place = self.plan.layers.len();
        let layout = layout(self.plan, place);
        let pixels = layout.height * layout.width;
        let channels = LANES.min(layout.channels - block * LANES);
        for image in 0..images {
            let at = image * layout.len() + block * layout.block_stride();
            let maps = self.maps[place].place(at, layout.block_stride());
            let to = output.place(image * layout.values() + block * LANES * pixels, channels * pixels);
            // SAFETY: the tasks that write these maps have ended; no other task has this part of the output.
            let (maps, to) = unsafe {
                (
                    std::slice::from_raw_parts(maps, layout.block_stride()),
                    std::slice::from_raw_parts_mut(to, channels * pixels),
                )
            };
            feature_maps::unpack(maps, layout, to);
        }
    }

    /// The maps of one image before a layer.
    fn input(&self, place: usize, image: usize) -> (&[f32], MapLayout) {
        let layout = layout(self.plan, place);
        let maps = self.maps[place].place(image * layout.len(), layout.len());
        // SAFETY: the tasks that write this image's maps have ended, and no such task begins before this one ends.
        (unsafe { std::slice::from_raw_parts(maps, layout.len()) }, layout)
    }

    /// The maps before a layer, as the source of tiles.
    fn source(&self, place: usize) -> Source<'_> {
        let input = layout(self.plan, place);
        Source {
            values: self.maps[place],
            row_stride: input.row_stride(),
            block_stride: input.block_stride(),
        }
    }

    /// The tiles of this thread's next task, if their input can be fetched already.
    fn following<'p>(
        &'p self,
        turns: &mut Turns<'_>,
        places: &'p mut Vec<Place>,
    ) -> Option<(Block<'p>, Source<'p>)> {
        let task = self.schedule.tasks[turns.following()?];
        let Stage { place, work: Work::Tiles(blocks), .. } = &self.schedule.stages[task.stage] else {
            return None;
        };
        if !turns.have_ended(task.after) {
            return None;
        }
        let (layer, tiles) = &blocks[task.part];
        let layer = &self.tiled[*place][*layer];
        layer.places(tiles.clone(), places);
        Some((Block::new(layer, places), self.source(*place)))
    }

    /// Direct convolution of some rows of one block of an image's output channels.
    fn direct(&self, place: usize, image: usize, task: usize, scratch: &mut Scratch, to: Shared<'_>) {
        let output = layout(self.plan, place + 1);
        let strips = output.height.div_ceil(ROWS);
        let (block, strip) = (task / strips, task % strips);
        let (from, input) = self.input(place, image);
        let (convolution, path) = (&self.layers[place].convolution, self.stack.path());
        let direct = Direct::new(convolution, path, from, input);
        for y in strip * ROWS..output.height.min((strip + 1) * ROWS) {
            let len = output.width * output.lanes();
            let row = to.place(image * output.len() + output.row(block, y), len);
            // SAFETY: no other task has this row of this block.
            let row = unsafe { std::slice::from_raw_parts_mut(row, len) };
            if self.plan.layers[place].pooled {
                direct.pooled_row(block, y, &mut scratch.rows, row);
            } else {
                direct.row(block, y, row);
            }
        }
    }

    /// Some rows of tiles of an image: task `task` of `tasks`. Their input is a strip of rows, which the layer before
    /// computes here.
    fn strips(
        &self,
        place: usize,
        image: usize,
        (task, tasks): (usize, usize),
        scratch: &mut Scratch,
        to: Shared<'_>,
    ) -> Result<(), Error> {
        let layer = &self.tiled[place][0];
        let (before, path) = (self.layers[place - 1], layer.path);
        let kernels = before.row_kernels();
        let (pixels, image_layout) = self.input(place - 1, image);
        let layout = layer.input;
        let (row_stride, rows) = (layout.row_stride(), layer.tile[0].inputs());
        let (block_stride, common) = (rows * row_stride, rows - layer.tile[0].outputs());
        let inner = LANES..LANES * (layout.width + 1);
        let down = layer.grid[0];
        scratch.strip.reserve(layout.blocks() * block_stride)?;
        let strip = &mut scratch.strip[..layout.blocks() * block_stride];
        let input = &mut scratch.input;
        let first = task * down / tasks;
        input.begin(layout.width, (first * layer.tile[0].outputs()).saturating_sub(1))?;
        for tile_row in first..(task + 1) * down / tasks {
            let kept = if tile_row == first { 0 } else { common };
            for strip in strip.chunks_exact_mut(block_stride) {
                strip.copy_within((rows - kept) * row_stride.., 0);
            }
            for in_strip in kept..rows {
                // The strip's first row is the row above the tiles. It may be padding, and so may the last rows.
                let y = (tile_row * layer.tile[0].outputs() + in_strip).checked_sub(1);
                let y = y.filter(|y| *y < layout.height);
                if let Some(y) = y {
                    input.transform(path, pixels, image_layout, y);
                }
                for (block, strip) in strip.chunks_exact_mut(block_stride).enumerate() {
                    let row = &mut strip[in_strip * row_stride..][..row_stride];
                    if let Some(y) = y {
                        row[..inner.start].fill(0.0);
                        row[inner.end..].fill(0.0);
                        input.multiply(path, kernels, block, y, &mut row[inner.clone()]);
                    } else {
                        row.fill(0.0);
                    }
                }
            }
            layer.places_in_strip(image, tile_row, &mut scratch.places);
            let source = Source { values: Shared::new(strip), row_stride, block_stride };
            let block = Block::new(layer, &scratch.places);
            all_steps(&block, self.kernels(place)?, source, || None, &mut scratch.v, &mut scratch.m, to)?;
        }
        Ok(())
    }
}

/// Takes a block of tiles through all steps. During the last of these the input of the `following` tiles is fetched.
fn all_steps<'a>(
    block: &Block<'_>,
    kernels: &Kernels,
    source: Source<'_>,
    following: impl FnOnce() -> Option<(Block<'a>, Source<'a>)>,
    v: &mut Buffer,
    m: &mut Buffer,
    to: Shared<'_>,
) -> Result<(), Error> {
    v.reserve(block.v_len())?;
    m.reserve(block.m_len())?;
    for group in 0..block.groups() {
        block.transform(source, 0..block.in_blocks(), group, Shared::new(v), false);
    }
    let last = block.out_blocks() - 1;
    let mut step = |out_block, following: Option<&(Block<'_>, Source<'_>)>| {
        block.multiply(kernels.panel(out_block), out_block, v, m, to, following);
        // SAFETY: no other task has these tiles.
        unsafe { block.finish(out_block, m, to) };
    };
    (0..last).for_each(|out_block| step(out_block, None));
    step(last, following().as_ref());
    Ok(())
}
