//! A forward pass: the tasks that threads take, and the stages of an image.

use std::ops::Range;
use std::time::Instant;

use super::Maps;
use super::chain::Chain;
use super::layout::{LANES, View};
use super::network::{Memory, Network, Scratch};
use super::plan::{Order, Plan, Stage};
use super::pointwise::clear_border;
use super::schedule::{At, Kind, Schedule, Share};
use crate::buffer::Shared;
use crate::error::Error;
use crate::queue::Turns;

/// A single image, wherever the next would be.
const ONE: [usize; 2] = [1, 0];

/// The memory of some images, one after the other.
#[derive(Clone, Copy)]
struct Images<'a> {
    memory: Shared<'a>,
    count: usize,
    /// Values of each.
    len: usize,
}

impl<'a> Images<'a> {
    fn one(memory: Shared<'a>) -> Self {
        Self { memory, count: 1, len: 0 }
    }

    fn memory_of(self, image: usize) -> Shared<'a> {
        if self.count == 1 { self.memory } else { self.memory.part(image * self.len, self.len) }
    }
}

/// A batch on its way through a network.
pub(super) struct Run<'a> {
    pub(super) network: &'a Network,
    pub(super) plan: &'a Plan,
    pub(super) images: &'a [f32],
    pub(super) output: Shared<'a>,
    pub(super) schedule: Schedule,
}

impl Run<'_> {
    /// Takes tasks until there are none; returns the seconds of each step.
    pub(super) fn tasks(&self, mut turns: Turns<'_>, common: Shared<'_>) -> Result<Vec<f64>, Error> {
        let mut memory = self.network.take_memory();
        let mut seconds = vec![0.0; self.network.steps.len()];
        let mut result = Ok(());
        let mut before = None;
        while let Some(turn) = turns.take() {
            let task = self.schedule.tasks[turn.task];
            if !turns.wait(task.after) {
                continue;
            }
            // Parts of one stage may share what they compute of its input.
            let now = match task.kind {
                Kind::Part { image, at: At::Stage(stage), .. } => Some((image, stage)),
                _ => None,
            };
            if before != now {
                memory.scratch.tiles.forget();
            }
            before = now;
            let done = match task.kind {
                Kind::Images { first, count } => self.images(first, count, &mut memory, &mut seconds),
                Kind::Part { image, at: At::Input, rows, .. } => {
                    self.pack(image, rows, common);
                    Ok(())
                }
                Kind::Part { at: At::Stage(stage), rows, units, .. } => {
                    let (stage, images) = (&self.plan.stages[stage], Images::one(common));
                    self.part(stage, [rows, units], images, &mut memory.scratch, &mut seconds)
                }
                Kind::Part { image, at: At::Output, .. } => {
                    self.unpack(image, common);
                    Ok(())
                }
            };
            if let Err(error) = done {
                turn.fail();
                result = Err(error);
            }
        }
        self.network.keep_memory(memory);
        result.map(|()| seconds)
    }

    /// Some images through all steps, in memory of this thread.
    fn images(
        &self,
        first: usize,
        count: usize,
        memory: &mut Memory,
        seconds: &mut [f64],
    ) -> Result<(), Error> {
        let Memory { maps, scratch } = memory;
        maps.reserve(self.plan.len.saturating_mul(count))?;
        let all = Images { memory: Shared::new(maps), count, len: self.plan.len };
        (0..count).for_each(|image| self.pack(first + image, Share::WHOLE, all.memory_of(image)));
        for stages in self.plan.stages.chunk_by(|a, b| a.by_kernels == b.by_kernels) {
            if stages[0].by_kernels {
                for stage in stages {
                    self.whole(stage, all, scratch, seconds)?;
                }
            } else {
                for image in 0..count {
                    for stage in stages {
                        self.whole(stage, Images::one(all.memory_of(image)), scratch, seconds)?;
                    }
                }
            }
        }
        (0..count).for_each(|image| self.unpack(first + image, all.memory_of(image)));
        Ok(())
    }

    /// A stage of images that are not those before.
    fn whole(
        &self,
        stage: &Stage,
        images: Images<'_>,
        scratch: &mut Scratch,
        seconds: &mut [f64],
    ) -> Result<(), Error> {
        scratch.tiles.forget();
        self.part(stage, [Share::WHOLE; 2], images, scratch, seconds)
    }

    /// A part of a stage.
    fn part(
        &self,
        stage: &Stage,
        shares: [Share; 2],
        images: Images<'_>,
        scratch: &mut Scratch,
        seconds: &mut [f64],
    ) -> Result<(), Error> {
        let [rows, units] = stage.units(&self.network.steps, self.plan);
        let (rows, units) = (shares[0].of(rows), shares[1].of(units));
        match stage.order {
            Order::Alone => self.step(stage.steps.start, rows, units, images, scratch, seconds),
            Order::Blocks => self.pair(stage, units, images, scratch, seconds),
            Order::Bands(band) => (0..images.count).try_for_each(|image| {
                self.chain(stage, band, rows.clone(), images.memory_of(image), scratch, seconds)
            }),
        }
    }

    /// Some rows of some units of a step.
    fn step(
        &self,
        at: usize,
        rows: Range<usize>,
        units: Range<usize>,
        images: Images<'_>,
        scratch: &mut Scratch,
        seconds: &mut [f64],
    ) -> Result<(), Error> {
        let Self { network: Network { steps, .. }, plan, .. } = *self;
        let step = &steps[at];
        let start = Instant::now();
        let Images { memory, count, len } = images;
        // SAFETY: maps that are in use at one time do not overlap, and all rows are there. The stages before have ended, and
        // no other part of this stage has these rows of these units. The network holds a path only if it is supported.
        unsafe {
            if step.takes_images() && count > 1 {
                let view = |maps: Maps| View::whole(memory.from(plan.starts[maps.0]), plan.layouts[maps.0]);
                step.run(
                    self.network.setting(plan),
                    view,
                    rows,
                    0..step.units_of(plan, count),
                    [count, len],
                    &mut scratch.tiles,
                )?;
            } else {
                // Each image reads some of the kernels, which take a quarter of the cache, before the next ones are read.
                let kernels = step.kernels().saturating_mul(size_of::<f32>());
                let groups =
                    if count == 1 { 1 } else { kernels.div_ceil(plan.cache / 4).clamp(1, units.len()) };
                for group in 0..groups {
                    let bound = |group| units.start + group * units.len() / groups;
                    for image in 0..count {
                        let view = |maps| self.view(maps, images.memory_of(image));
                        let units = bound(group)..bound(group + 1);
                        step.run(
                            self.network.setting(plan),
                            view,
                            rows.clone(),
                            units,
                            ONE,
                            &mut scratch.tiles,
                        )?;
                    }
                }
            }
        };
        seconds[at] += start.elapsed().as_secs_f64();
        Ok(())
    }

    /// Some units of a convolution and of the depthwise one after it.
    fn pair(
        &self,
        stage: &Stage,
        units: Range<usize>,
        images: Images<'_>,
        scratch: &mut Scratch,
        seconds: &mut [f64],
    ) -> Result<(), Error> {
        let Self { network: Network { steps, .. }, plan, .. } = *self;
        let Scratch { bands, tiles } = scratch;
        let between = steps[stage.steps.start].result;
        let layout = plan.layouts[between.0];
        bands.reserve(2 * (layout.len() / layout.blocks()) + LANES)?;
        let values = Shared::new(bands);
        let rows = |step: usize| 0..plan.layouts[steps[step].result.0].shape.height;
        for unit in units {
            let of_unit = View::blocks(values, layout, layout.blocks_of(unit..unit + 1).start);
            for image in 0..images.count {
                let view = |maps| {
                    if maps == between { of_unit } else { self.view(maps, images.memory_of(image)) }
                };
                for at in stage.steps.clone() {
                    let start = Instant::now();
                    // SAFETY: as in `step`; the memory of the unit is this thread's.
                    unsafe {
                        steps[at].run(
                            self.network.setting(plan),
                            view,
                            rows(at),
                            unit..unit + 1,
                            ONE,
                            tiles,
                        )?
                    };
                    seconds[at] += start.elapsed().as_secs_f64();
                }
            }
        }
        Ok(())
    }

    /// Some rows of a chain's last result.
    fn chain(
        &self,
        stage: &Stage,
        band: usize,
        rows: Range<usize>,
        memory: Shared<'_>,
        scratch: &mut Scratch,
        seconds: &mut [f64],
    ) -> Result<(), Error> {
        let Self { network: Network { steps, .. }, plan, .. } = *self;
        let chain = Chain { steps: &steps[stage.steps.clone()], layouts: &plan.layouts, cache: plan.cache };
        let (turns, room) = chain.turns(rows, band);
        let mut bands = chain.memory(&room, &mut scratch.bands)?;
        for turn in turns {
            let start = Instant::now();
            if let Some(band) = bands.get_mut(turn.step) {
                // SAFETY: the memory is this thread's.
                unsafe { band.advance(&turn) };
            }
            let view = |maps| match chain.producer(maps).and_then(|step| bands.get(step)) {
                Some(band) => band.view(),
                None => self.view(maps, memory),
            };
            let step = &chain.steps[turn.step];
            let [_, units] = step.units(plan);
            // SAFETY: as in `part`; bands do not overlap each other, and hold the rows that are read.
            unsafe {
                step.run(self.network.setting(plan), view, turn.rows, 0..units, ONE, &mut scratch.tiles)?
            };
            seconds[stage.steps.start + turn.step] += start.elapsed().as_secs_f64();
        }
        Ok(())
    }

    fn view<'m>(&self, maps: Maps, memory: Shared<'m>) -> View<'m> {
        let layout = self.plan.layouts[maps.0];
        View::whole(memory.part(self.plan.starts[maps.0], layout.len()), layout)
    }

    /// Copies a share of an image's rows into the layout of the first maps.
    fn pack(&self, image: usize, rows: Share, memory: Shared<'_>) {
        let to = self.view(Maps(0), memory);
        let shape = to.layout.shape;
        let lanes = to.layout.lanes();
        let rows = rows.of(shape.height);
        // SAFETY: no other thread uses these rows now.
        unsafe { clear_border(to, rows.clone(), 0..to.layout.blocks()) };
        let pixels = shape.height * shape.width;
        let image = &self.images[image * shape.len()..][..shape.len()];
        for (channel, map) in image.chunks_exact(pixels).enumerate() {
            for (y, line) in map.chunks_exact(shape.width).enumerate().take(rows.end).skip(rows.start) {
                let place = to.place(channel / lanes, y as isize, 0) + channel % lanes;
                let row = to.values.place(place, (shape.width - 1) * lanes + 1);
                for (x, value) in line.iter().enumerate() {
                    // SAFETY: as above; the place of the whole row was checked.
                    unsafe { row.add(x * lanes).write(*value) };
                }
            }
        }
    }

    /// Copies an image's result into the caller's layout.
    fn unpack(&self, image: usize, memory: Shared<'_>) {
        let from = self.view(self.network.output, memory);
        let (shape, lanes) = (from.layout.shape, from.layout.lanes());
        let to = self.output.place(image * shape.len(), shape.len());
        let mut at = 0;
        for channel in 0..shape.channels {
            for y in 0..shape.height {
                let place = from.place(channel / lanes, y as isize, 0) + channel % lanes;
                let row = from.values.place(place, (shape.width - 1) * lanes + 1);
                for x in 0..shape.width {
                    // SAFETY: all steps of this image have ended; no other task has this part of the output. The places of
                    // the whole row and of the whole result were checked.
                    unsafe { to.add(at).write(*row.add(x * lanes)) };
                    at += 1;
                }
            }
        }
    }
}
