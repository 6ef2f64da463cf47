//! The order of a batch's tasks, and what each of them waits for.
//!
//! A task waits for all tasks before one position in the order. When these have ended, the maps that it reads are
//! written, and the maps that it writes are no longer read. That position is usually far back, so threads go from one
//! layer to the next without waiting for each other.

use std::ops::Range;
use std::sync::Arc;

use crate::buffer::Shared;
use crate::plan::{Method, Plan};
use crate::queue::workers;
use crate::winograd::{Block, Layer, Place};
use crate::workspace::layout;

/// The approximate number of tiles for a task, in layers whose tiles are divided among the threads.
const BLOCK: usize = 28;
/// Rows of tiles for a task, in a layer that computes its own input.
const FUSED_ROWS: usize = 5;
/// Stored rows for a task, in a direct layer.
pub(crate) const ROWS: usize = 4;

/// One part of a stage's work.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Task {
    pub(crate) stage: usize,
    pub(crate) part: usize,
    /// The number of tasks, from the first on, that must have ended before it begins.
    pub(crate) after: usize,
}

/// Tasks that do the same for different parts of some images' maps.
pub(crate) struct Stage<'a> {
    /// The layer that its time counts for.
    pub(crate) place: usize,
    pub(crate) work: Work<'a>,
    /// The position of its first image in the maps before the next layer.
    pub(crate) offset: usize,
}

/// What the tasks of a stage do.
pub(crate) enum Work<'a> {
    /// Copy an image into the layout of the first layer.
    Pack(&'a [f32]),
    /// Direct convolution: some rows of one block of output channels. The number is that of tasks for an image.
    Direct(usize),
    /// Some rows of tiles whose input is a strip of rows, which the layer before computes in the same task. The part
    /// that two rows of tiles have in common is kept. The number is that of tasks for an image.
    Strips(usize),
    /// A block of tiles through all steps, for all output channels: the index of the layer's size of tiles, and the
    /// tiles.
    Tiles(Vec<(usize, Range<usize>)>),
    /// The input's transform of all tiles, of one block of channels.
    Transform(Arc<AllTiles>),
    /// The other steps, for all tiles and one block of output channels. Only this task reads its kernels.
    Multiply(Arc<AllTiles>),
    /// Copy the outputs of one block of channels into the caller's layout, for this number of images.
    Unpack(usize, Shared<'a>),
}

/// All tiles of some images of a layer.
pub(crate) struct AllTiles {
    /// For each of the layer's sizes of tiles: their places, and the range of their transformed input.
    pub(crate) places: Vec<(Vec<Place>, Range<usize>)>,
    /// Which of the two buffers has their transformed input.
    pub(crate) buffer: usize,
}

/// All tasks of a batch.
pub(crate) struct Schedule<'a> {
    pub(crate) stages: Vec<Stage<'a>>,
    pub(crate) tasks: Vec<Task>,
    /// The length of each of the two buffers for transformed input.
    pub(crate) transformed: [usize; 2],
}

impl<'a> Schedule<'a> {
    /// The tasks that compute `output` of `images`; `layers` has each layer in each of its sizes of tiles.
    pub(crate) fn new(plan: &Plan, layers: &[Vec<Layer<'_>>], images: &'a [f32], output: Shared<'a>) -> Self {
        let schedule = Self { stages: Vec::new(), tasks: Vec::new(), transformed: [0; 2] };
        let maps = |place| Maps {
            images: vec![0; plan.images()],
            blocks: vec![0; layout(plan, place).blocks()],
            read: 0,
        };
        let maps = (0..=plan.layers.len()).map(maps).collect();
        let mut builder = Builder { plan, layers, schedule, maps, transformed_read: [0; 2], buffer: 0 };
        let end = plan.layers.len();
        let (pixels, values) = (layout(plan, 0).values(), layout(plan, end).values());
        for (index, images) in images.chunks(plan.images() * pixels).enumerate() {
            let count = images.len() / pixels;
            builder.up_to(end - 1, images, 0);
            builder.unpack(count, output.part(index * plan.images() * values, count * values));
        }
        builder.schedule
    }
}

/// Positions in the order of tasks that matter to the maps before a layer.
struct Maps {
    /// For each image, after the last task that writes its maps.
    images: Vec<usize>,
    /// For each block of channels, after the last task that writes it, for any image.
    blocks: Vec<usize>,
    /// After the last task that reads any of them.
    read: usize,
}

/// A schedule in the making.
struct Builder<'a, 'b> {
    plan: &'b Plan,
    layers: &'b [Vec<Layer<'b>>],
    schedule: Schedule<'a>,
    maps: Vec<Maps>,
    /// After the last task that reads each buffer for transformed input.
    transformed_read: [usize; 2],
    /// The buffer that is used next.
    buffer: usize,
}

impl<'a> Builder<'a, '_> {
    /// All layers up to `place`, for the images that it computes together. They are images `offset ..` of the next
    /// layer.
    ///
    /// The layer before it computes as many together, or fewer, several times.
    fn up_to(&mut self, place: usize, images: &'a [f32], offset: usize) {
        let pixels = layout(self.plan, 0).values();
        let count = images.len() / pixels;
        match place.checked_sub(1) {
            None => self.pack(count, images),
            Some(before) => {
                let at_a_time = self.plan.layers[before].images;
                for (index, images) in images.chunks(at_a_time * pixels).enumerate() {
                    self.up_to(before, images, index * at_a_time);
                }
            }
        }
        let plan = &self.plan.layers[place];
        let output = layout(self.plan, place + 1);
        match plan.method {
            // The next layer's tasks compute its rows.
            Method::Rows => {}
            Method::Direct => {
                let tasks = output.blocks() * output.height.div_ceil(ROWS);
                self.stage(place, offset, Work::Direct(tasks));
                self.within_images(place, place + 1, count, tasks);
            }
            Method::Tiles { .. } if place > 0 && self.plan.layers[place - 1].method == Method::Rows => {
                let tasks = self.layers[place][0].grid[0].div_ceil(FUSED_ROWS);
                self.stage(place, offset, Work::Strips(tasks));
                self.within_images(place - 1, place + 1, count, tasks);
            }
            Method::Tiles { .. } if plan.by_kernels => self.by_kernels(place, count, offset),
            Method::Tiles { .. } => self.by_tiles(place, count, offset),
        }
    }

    fn stage(&mut self, place: usize, offset: usize, work: Work<'a>) {
        self.schedule.stages.push(Stage { place, work, offset });
    }

    /// Adds a task of the last stage; returns the position after it.
    fn task(&mut self, part: usize, after: usize) -> usize {
        let stage = self.schedule.stages.len() - 1;
        self.schedule.tasks.push(Task { stage, part, after });
        self.schedule.tasks.len()
    }

    fn pack(&mut self, count: usize, images: &'a [f32]) {
        self.stage(0, 0, Work::Pack(images));
        for image in 0..count {
            self.maps[0].images[image] = self.task(image, self.maps[0].read);
        }
        let end = self.schedule.tasks.len();
        self.maps[0].blocks.fill(end);
    }

    /// [`by_images`](Self::by_images) for `count` images, each of which is divided among `tasks` tasks.
    fn within_images(&mut self, from: usize, to: usize, count: usize, tasks: usize) {
        self.by_images(from, to, (0..count * tasks).map(|task| task / tasks..task / tasks + 1));
    }

    /// The tasks of a stage in which each reads and writes the maps of some images only.
    fn by_images(&mut self, from: usize, to: usize, tasks: impl Iterator<Item = Range<usize>>) {
        let offset = self.schedule.stages[self.schedule.stages.len() - 1].offset;
        let read = self.maps[to].read;
        for (part, images) in tasks.enumerate() {
            let written = self.maps[from].images[images.clone()].iter().fold(read, |a, b| a.max(*b));
            let behind = self.task(part, written);
            self.maps[to].images[offset + images.start..offset + images.end].fill(behind);
        }
        let end = self.schedule.tasks.len();
        self.maps[from].read = end;
        self.maps[to].blocks.fill(end);
    }

    /// A task takes a block of tiles through all steps; each reads all kernels.
    fn by_tiles(&mut self, place: usize, count: usize, offset: usize) {
        let mut blocks = Vec::new();
        // The first part is the largest, and is computed last, so that the next layer's first images do not wait. Its
        // tasks are a multiple of the threads; those of the others fill gaps.
        let parts = &self.layers[place];
        for (part, layer) in parts.iter().enumerate().rev() {
            let multiple = if part == 0 { workers().min(4) } else { 1 };
            let tiles = count * layer.tiles();
            let tasks = tiles.div_ceil(BLOCK).next_multiple_of(multiple).min(tiles);
            blocks.extend((0..tasks).map(|task| (part, task * tiles / tasks..(task + 1) * tiles / tasks)));
        }
        let images = |(part, tiles): &(usize, Range<usize>)| {
            let of_image = parts[*part].tiles();
            tiles.start / of_image..tiles.end.div_ceil(of_image)
        };
        let images: Vec<_> = blocks.iter().map(images).collect();
        self.stage(place, offset, Work::Tiles(blocks));
        self.by_images(place, place + 1, images.into_iter());
    }

    /// First all tiles are transformed. Then each task computes one block of output channels.
    fn by_kernels(&mut self, place: usize, count: usize, offset: usize) {
        let mut end = 0;
        let parts = self.layers[place].iter().map(|layer| {
            let mut places = Vec::new();
            layer.places(0..count * layer.tiles(), &mut places);
            let start = end;
            end += Block::new(layer, &places).v_len();
            (places, start..end)
        });
        let tiles = Arc::new(AllTiles { places: parts.collect(), buffer: self.buffer });
        let values = &mut self.schedule.transformed[self.buffer];
        *values = end.max(*values);

        self.stage(place, offset, Work::Transform(tiles.clone()));
        for block in 0..self.maps[place].blocks.len() {
            let after = self.maps[place].blocks[block].max(self.transformed_read[self.buffer]);
            self.task(block, after);
        }
        let transformed = self.schedule.tasks.len();
        self.maps[place].read = transformed;

        self.stage(place, offset, Work::Multiply(tiles));
        let after = transformed.max(self.maps[place + 1].read);
        for block in 0..self.maps[place + 1].blocks.len() {
            self.maps[place + 1].blocks[block] = self.task(block, after);
        }
        let end = self.schedule.tasks.len();
        self.maps[place + 1].images[offset..offset + count].fill(end);
        self.transformed_read[self.buffer] = end;
        self.buffer = 1 - self.buffer;
    }

    fn unpack(&mut self, count: usize, output: Shared<'a>) {
        let place = self.plan.layers.len();
        self.stage(place - 1, 0, Work::Unpack(count, output));
        for block in 0..self.maps[place].blocks.len() {
            self.task(block, self.maps[place].blocks[block]);
        }
        self.maps[place].read = self.schedule.tasks.len();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::plan::Strategy;
    use crate::run::tiled;
    use crate::stack::{Convolution, ConvolutionStack};
    use crate::tile::Tile;

    /// Memory that one task may write, or several may read, at a time: a block of an image's maps before a layer, or a
    /// buffer for transformed input.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
    enum Cell {
        Maps { place: usize, image: usize, block: usize },
        Transformed(usize),
    }

    /// The memory that a task reads, and the memory that it writes.
    fn cells(
        plan: &Plan,
        layers: &[Vec<Layer<'_>>],
        schedule: &Schedule<'_>,
        task: Task,
    ) -> [BTreeSet<Cell>; 2] {
        let Stage { place, ref work, offset } = schedule.stages[task.stage];
        let some = |place, images: Range<usize>, blocks: Range<usize>| -> BTreeSet<Cell> {
            let of = |image| blocks.clone().map(move |block| Cell::Maps { place, image, block });
            images.flat_map(of).collect()
        };
        let all = |place, images| some(place, images, 0..layout(plan, place).blocks());
        let moved = |images: Range<usize>| offset + images.start..offset + images.end;
        let count = |tiles: &AllTiles| tiles.places[0].0.len() / layers[place][0].tiles();
        let (part, block) = (task.part, task.part..task.part + 1);
        let none = BTreeSet::new;
        match work {
            Work::Pack(_) => [none(), all(0, block)],
            Work::Direct(tasks) => {
                let images = part / tasks..part / tasks + 1;
                [all(place, images.clone()), all(place + 1, moved(images))]
            }
            Work::Strips(tasks) => {
                let images = part / tasks..part / tasks + 1;
                [all(place - 1, images.clone()), all(place + 1, moved(images))]
            }
            Work::Tiles(blocks) => {
                let (layer, tiles) = &blocks[part];
                let of_image = layers[place][*layer].tiles();
                let images = tiles.start / of_image..(tiles.end - 1) / of_image + 1;
                [all(place, images.clone()), all(place + 1, moved(images))]
            }
            Work::Transform(tiles) => {
                [some(place, 0..count(tiles), block), [Cell::Transformed(tiles.buffer)].into()]
            }
            Work::Multiply(tiles) => {
                let written = some(place + 1, moved(0..count(tiles)), block);
                [[Cell::Transformed(tiles.buffer)].into(), written]
            }
            Work::Unpack(count, _) => [some(place + 1, 0..*count, block), none()],
        }
    }

    /// The number of pairs of tasks that may run at the same time although one writes what the other uses.
    fn conflicts(plan: &Plan, layers: &[Vec<Layer<'_>>], schedule: &Schedule<'_>) -> usize {
        let cells: Vec<_> = schedule.tasks.iter().map(|task| cells(plan, layers, schedule, *task)).collect();
        let mut conflicts = 0;
        for (index, task) in schedule.tasks.iter().enumerate() {
            assert!(task.after <= index, "it would wait for itself");
            let [read, written] = &cells[index];
            let concurrent = schedule.tasks[..index].iter().zip(&cells).skip(task.after);
            for (before, [read_before, written_before]) in concurrent {
                // Tasks of one stage work on different parts.
                let apart = before.stage == task.stage
                    || written_before.is_disjoint(read)
                        && written_before.is_disjoint(written)
                        && read_before.is_disjoint(written);
                conflicts += usize::from(!apart);
            }
        }
        conflicts
    }

    #[test]
    fn no_task_begins_before_what_it_uses_is_free() {
        let mut before = 3;
        let channels: &[&[usize]] = &[&[33, 40], &[64], &[96, 40, 70]];
        let kernels = vec![0.0; 96 * 96 * 9];
        let layers = |block: &&[usize]| {
            let layer = |&out_channels: &usize| {
                let in_channels = std::mem::replace(&mut before, out_channels);
                let kernel = &kernels[..out_channels * in_channels * 9];
                Convolution { in_channels, out_channels, kernel, bias: &kernels[..out_channels] }
            };
            block.iter().map(layer).collect::<Vec<_>>()
        };
        let blocks: Vec<_> = channels.iter().map(layers).collect();
        let (height, width, count) = (72, 68, 37);
        let images = vec![0.0; count * 3 * height * width];
        let mut seen = [false; 7];
        for strategy in [
            Strategy::Throughput,
            Strategy::Unprepared,
            Strategy::Forced { tile: Tile::Four, last: Tile::Two },
        ] {
            let stack = ConvolutionStack::new(&blocks, strategy).unwrap();
            let plan = stack.plan(3, height, width);
            let tiled = stack.layers().enumerate().map(|(place, layer)| tiled(&stack, &plan, layer, place));
            let tiled: Vec<_> = tiled.collect::<Result<_, _>>().unwrap();
            let mut output = vec![0.0; count * layout(&plan, plan.layers.len()).values()];
            let mut schedule = Schedule::new(&plan, &tiled, &images, Shared::new(&mut output));
            assert_eq!(conflicts(&plan, &tiled, &schedule), 0, "{plan}");
            for stage in &schedule.stages {
                seen[match stage.work {
                    Work::Pack(_) => 0,
                    Work::Direct(_) => 1,
                    Work::Strips(_) => 2,
                    Work::Tiles(_) => 3,
                    Work::Transform(_) => 4,
                    Work::Multiply(_) => 5,
                    Work::Unpack(..) => 6,
                }] = true;
            }
            schedule.tasks.iter_mut().for_each(|task| task.after = task.after.saturating_sub(1));
            assert!(
                conflicts(&plan, &tiled, &schedule) > 0,
                "tasks that begin too early are not found: {plan}"
            );
        }
        assert_eq!(seen, [true; 7]);
    }
}
