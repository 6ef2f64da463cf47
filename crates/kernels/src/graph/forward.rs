//! A forward pass: the tasks that threads take, and the stages of an image.

use std::ops::Range;
use std::time::Instant;

use super::Maps;
use super::chain::Chain;
use super::layout::{LANES, View, in_twos};
use super::network::{Memory, Network, Scratch};
use super::plan::{Order, Plan, Section, Stage};
use super::schedule::{At, Kind, Schedule, Share};
use super::{Pooling, Shape, transfer};
use crate::buffer::Shared;
use crate::error::Error;
use crate::queue::Turns;

/// Some images of a task.
#[derive(Clone, Copy)]
struct Images<'a> {
    /// The memory of the task, which has room for so many images.
    memory: Shared<'a>,
    room: usize,
    /// The first of the images, counted from the task's first.
    first: usize,
    count: usize,
}

impl<'a> Images<'a> {
    /// All images of a task.
    fn all(memory: Shared<'a>, count: usize) -> Self {
        Self { memory, room: count, first: 0, count }
    }

    /// At most so many images at a time.
    fn groups(self, of: usize) -> impl Iterator<Item = Self> {
        let group =
            move |first| Self { first: self.first + first, count: of.min(self.count - first), ..self };
        (0..self.count).step_by(of).map(group)
    }

    /// One image at a time.
    fn each(self) -> impl Iterator<Item = Self> {
        self.groups(1)
    }
}

/// What the caller gets of the last maps of an image.
#[derive(Clone, Copy)]
pub(super) enum Outcome {
    /// All values.
    Maps,
    /// A value of each channel.
    Pooled(Pooling),
}

impl Outcome {
    /// Values of an image.
    pub(super) fn len(self, shape: Shape) -> usize {
        match self {
            Self::Maps => shape.len(),
            Self::Pooled(_) => shape.channels,
        }
    }
}

/// A batch on its way through a network.
pub(super) struct Run<'a> {
    pub(super) network: &'a Network,
    pub(super) plan: &'a Plan,
    pub(super) images: &'a [f32],
    pub(super) result: Outcome,
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
                    self.pack(image, rows, Images::all(common, 1));
                    Ok(())
                }
                Kind::Part { at: At::Stage(stage), rows, units, .. } => {
                    let (stage, image) = (&self.plan.stages[stage], Images::all(common, 1));
                    self.part(stage, [rows, units], image, &mut memory.scratch, &mut seconds)
                }
                Kind::Part { image, at: At::Output, units, .. } => {
                    self.unpack(image, units, Images::all(common, 1));
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
        maps.reserve(self.plan.len_of(count))?;
        let all = Images::all(Shared::new(maps), count);
        self.sections(&self.plan.sections, first, all, scratch, seconds)?;
        all.each().for_each(|image| self.unpack(first + image.first, Share::WHOLE, image));
        Ok(())
    }

    /// Images through some sections: groups of them through those before the last, and then all through the last one.
    fn sections(
        &self,
        sections: &[Section],
        first: usize,
        images: Images<'_>,
        scratch: &mut Scratch,
        seconds: &mut [f64],
    ) -> Result<(), Error> {
        let Some((section, before)) = sections.split_last() else {
            images.each().for_each(|image| self.pack(first + image.first, Share::WHOLE, image));
            return Ok(());
        };
        let together = before.last().map_or(images.count, |section| section.images);
        for group in images.groups(together) {
            self.sections(before, first, group, scratch, seconds)?;
        }
        for stages in self.plan.stages[section.stages.clone()].chunk_by(|a, b| a.by_kernels == b.by_kernels) {
            let together = if stages[0].by_kernels { images.count } else { 1 };
            for group in images.groups(together) {
                for stage in stages {
                    self.whole(stage, group, scratch, seconds)?;
                }
            }
        }
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
        if rows.is_empty() || units.is_empty() {
            return Ok(());
        }
        match stage.order {
            Order::Alone => self.step(stage.steps.start, rows, units, images, scratch, seconds),
            Order::Blocks => self.pair(stage, units, images, scratch, seconds),
            Order::Bands(band) => images
                .each()
                .try_for_each(|image| self.chain(stage, band, rows.clone(), image, scratch, seconds)),
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
        let count = images.count;
        // SAFETY: maps that are in use at one time do not overlap, and all rows are there. The stages before have ended, and
        // no other part of this stage has these rows of these units. The network holds a path only if it is supported.
        unsafe {
            if step.takes_images() && count > 1 {
                let view = |maps| self.view(maps, images);
                let units = 0..step.units_of(plan, count);
                step.run(self.network.setting(plan), view, rows, units, count, &mut scratch.tiles)?;
            } else {
                // Each image reads some of the kernels, which take a quarter of the cache, before the next ones are read.
                let kernels = step.kernels().saturating_mul(size_of::<f32>());
                let groups = if count == 1 { 1 } else { kernels.div_ceil(plan.cache / 4).max(1) };
                let twos: Vec<_> = in_twos(units).collect();
                for group in twos.chunks(twos.len().div_ceil(groups)) {
                    let units = group[0].start..group[group.len() - 1].end;
                    for image in images.each() {
                        let view = |maps| self.view(maps, image);
                        step.run(
                            self.network.setting(plan),
                            view,
                            rows.clone(),
                            units.clone(),
                            1,
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
        for two in in_twos(units) {
            let of_two = View::blocks(values, layout, two.start);
            for image in images.each() {
                let view = |maps| if maps == between { of_two } else { self.view(maps, image) };
                for at in stage.steps.clone() {
                    let start = Instant::now();
                    // SAFETY: as in `step`; the memory of the unit is this thread's.
                    unsafe {
                        steps[at].run(self.network.setting(plan), view, rows(at), two.clone(), 1, tiles)?
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
        image: Images<'_>,
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
                None => self.view(maps, image),
            };
            let step = &chain.steps[turn.step];
            let [_, units] = step.units(plan);
            // SAFETY: as in `part`; bands do not overlap each other, and hold the rows that are read.
            unsafe {
                step.run(self.network.setting(plan), view, turn.rows, 0..units, 1, &mut scratch.tiles)?
            };
            seconds[stage.steps.start + turn.step] += start.elapsed().as_secs_f64();
        }
        Ok(())
    }

    /// The maps of some images.
    fn view<'m>(&self, maps: Maps, images: Images<'m>) -> View<'m> {
        let Images { memory, room, first, count } = images;
        let layout = self.plan.layouts[maps.0];
        let [start, image_stride] = self.plan.place(maps, first, room);
        let values = memory.part(start, (count - 1) * image_stride + layout.len());
        View { image_stride, ..View::whole(values, layout) }
    }

    /// Copies a share of an image's rows into the first maps.
    fn pack(&self, image: usize, rows: Share, of: Images<'_>) {
        let to = self.view(Maps(0), of);
        let shape = to.layout.shape;
        let image = &self.images[image * shape.len()..][..shape.len()];
        // SAFETY: no other thread uses these rows now. The network holds a path only if it is supported.
        unsafe { transfer::pack(image, to, rows.of(shape.height), self.network.path()) };
    }

    /// Copies a share of the channels of an image's result to the caller, or pools them.
    fn unpack(&self, image: usize, channels: Share, of: Images<'_>) {
        let from = self.view(self.network.output, of);
        let len = self.result.len(from.layout.shape);
        let to = self.output.place(image * len, len);
        let blocks = channels.of(from.layout.blocks());
        // SAFETY: all steps of this image have ended; no other task has these channels of it. The place of the whole result was
        // checked.
        unsafe {
            match self.result {
                Outcome::Maps => transfer::unpack(from, blocks, to),
                Outcome::Pooled(pooling) => {
                    transfer::pool(pooling, from, blocks, self.network.path(), to);
                }
            }
        }
    }
}
