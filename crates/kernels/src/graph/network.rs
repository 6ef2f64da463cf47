//! A graph that runs: its kernels are packed, and its memory is kept from one call to the next.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::layout::View;
use super::plan::Plan;
use super::pointwise::{self, Pointwise, clear_border};
use super::step::{Step, Work};
use super::{Graph, Maps, Shape, convolution, depthwise, pool, tiled};
use crate::buffer::{Buffer, Shared};
use crate::error::Error;
use crate::feature_maps::size;
use crate::path::Path;
use crate::queue::{Queue, Turns, workers};
use crate::stack::LayerTime;

/// A [`Graph`] with packed kernels.
///
/// An image's results are the same to the bit for any batch and any number of threads.
pub struct Network {
    graph: Graph,
    steps: Vec<Step>,
    output: Maps,
    path: Path,
    plans: Mutex<HashMap<[usize; 2], Arc<Plan>>>,
    memory: Mutex<Vec<Memory>>,
}

/// Memory of one thread: for maps of images, and for the tiles of a convolution.
#[derive(Default)]
struct Memory {
    maps: Buffer,
    tiles: tiled::Scratch,
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network")
            .field("steps", &self.steps.len())
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl Network {
    /// Packs what is needed for the last operation's result, for the path that [`Path::detect`] chooses.
    ///
    /// # Errors
    /// The environment forces a path that this CPU can't run.
    pub fn new(graph: Graph) -> Result<Self, Error> {
        let output = graph.last();
        Self::with_path(graph, output, Path::detect()?)
    }

    /// Packs what is needed for some maps, for a given path.
    ///
    /// # Errors
    /// [`Error::UnsupportedPath`] if this CPU can't run it.
    pub fn with_path(graph: Graph, output: Maps, path: Path) -> Result<Self, Error> {
        if !path.is_supported() {
            return Err(Error::UnsupportedPath(path));
        }
        let steps = Step::of(&graph, &[output]);
        Ok(Self { graph, steps, output, path, plans: Mutex::default(), memory: Mutex::default() })
    }

    /// The instructions that run it.
    #[must_use]
    pub fn path(&self) -> Path {
        self.path
    }

    /// The shape of its result for images of a size.
    ///
    /// # Errors
    /// Images that are too small.
    pub fn output_shape(&self, height: usize, width: usize) -> Result<Shape, Error> {
        self.graph.shape(self.output, height, width)
    }

    /// Runs it on a batch of images, on the threads of the current rayon pool.
    ///
    /// # Shapes
    ///
    /// `images` is `N x C x H x W`, as `shape` states; `output` is `N x` [`output_shape`](Self::output_shape).
    ///
    /// # Errors
    /// A length, the channels or the size do not fit, or the system has too little memory.
    pub fn forward(&self, images: &[f32], shape: [usize; 4], output: &mut [f32]) -> Result<(), Error> {
        self.run(images, shape, output).map(drop)
    }

    /// Runs it and measures: the time of each step, summed over the threads.
    ///
    /// # Shapes
    /// As [`forward`](Self::forward).
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn profile(
        &self,
        images: &[f32],
        shape: [usize; 4],
        output: &mut [f32],
    ) -> Result<Vec<LayerTime>, Error> {
        let seconds = self.run(images, shape, output)?;
        let plan = self.plan(shape[2], shape[3])?;
        let count = shape[0] as f64;
        let time = |(step, seconds): (&Step, f64)| {
            let [multiply_adds, direct_multiply_adds] = step.multiply_adds(&plan).map(|adds| adds * count);
            let (name, method) = (step.name.clone(), step.method(&plan));
            LayerTime { name, method, seconds, multiply_adds, direct_multiply_adds }
        };
        Ok(self.steps.iter().zip(seconds).map(time).collect())
    }

    /// Runs it; returns the seconds of each step, summed over the threads.
    fn run(&self, images: &[f32], shape: [usize; 4], output: &mut [f32]) -> Result<Vec<f64>, Error> {
        let [count, channels, height, width] = shape;
        let expected = self.graph.channels(self.graph.input());
        if channels != expected {
            return Err(Error::Channels { what: "images".to_owned(), expected, found: channels });
        }
        let plan = self.plan(height, width)?;
        Error::check_length("images", size(&shape), images.len())?;
        let result = plan.layouts[self.output.0].shape;
        Error::check_length("output", count.saturating_mul(result.len()), output.len())?;
        if count == 0 {
            return Ok(vec![0.0; self.steps.len()]);
        }
        let schedule = Schedule::new(self, &plan, count, workers());
        let run = Run { network: self, plan: &plan, images, output: Shared::new(output), schedule };
        let queue = Queue::new(run.schedule.tasks.len());
        let done = Mutex::new((Ok(()), vec![0.0; self.steps.len()]));
        let mut shared = self.take_memory();
        shared.maps.reserve(plan.len)?;
        let common = Shared::new(&mut shared.maps);
        let work = || {
            let found = run.tasks(queue.turns(), common);
            let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
            match found {
                Ok(found) => done.1.iter_mut().zip(found).for_each(|(all, found)| *all += found),
                Err(error) => done.0 = Err(error),
            }
        };
        rayon::scope(|scope| {
            for _ in 1..workers().min(run.schedule.tasks.len()) {
                scope.spawn(|_| work());
            }
            work();
        });
        self.keep_memory(shared);
        let (result, seconds) = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        result.map(|()| seconds)
    }

    fn plan(&self, height: usize, width: usize) -> Result<Arc<Plan>, Error> {
        let plans = || self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(plan) = plans().get(&[height, width]) {
            return Ok(Arc::clone(plan));
        }
        let plan = Arc::new(Plan::new(&self.graph, &self.steps, &[self.output], height, width)?);
        plans().insert([height, width], Arc::clone(&plan));
        Ok(plan)
    }

    fn take_memory(&self) -> Memory {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    fn keep_memory(&self, memory: Memory) {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).push(memory);
    }
}

/// One thing that a thread does.
#[derive(Clone, Copy)]
struct Task {
    kind: Kind,
    /// The number of tasks, from the first on, that must have ended before it begins.
    after: usize,
}

#[derive(Clone, Copy)]
enum Kind {
    /// Some images through all steps.
    Images { first: usize, count: usize },
    /// A part of a step of one image, in memory that all threads share. The step before the first one packs the image, and
    /// that after the last one gives the result.
    Part { image: usize, step: usize, part: usize, parts: usize },
}

/// The tasks of a batch. Whole images go to one thread each. Those that would leave threads idle are divided.
struct Schedule {
    tasks: Vec<Task>,
}

/// The most images that go through a step together: their kernels are then read once for all of them.
const TOGETHER: usize = 4;

impl Schedule {
    fn new(network: &Network, plan: &Plan, images: usize, workers: usize) -> Self {
        let divided = if workers > 1 { images % workers } else { 0 };
        let mut tasks = Vec::new();
        for image in 0..divided {
            for step in 0..network.steps.len() + 2 {
                let after = tasks.len();
                let parts = network.parts(plan, step, workers);
                let part = |part| Task { kind: Kind::Part { image, step, part, parts }, after };
                tasks.extend((0..parts).map(part));
            }
        }
        let whole = images - divided;
        let each = (whole / workers).clamp(1, TOGETHER);
        for first in (divided..images).step_by(each) {
            let count = each.min(images - first);
            tasks.push(Task { kind: Kind::Images { first, count }, after: 0 });
        }
        Self { tasks }
    }
}

impl Network {
    /// In how many parts a step of one image is divided.
    fn parts(&self, plan: &Plan, step: usize, workers: usize) -> usize {
        let Some(step) = step.checked_sub(1).and_then(|step| self.steps.get(step)) else { return 1 };
        let [rows, units] = step.units(plan);
        let most = workers * 2;
        if rows >= most { most } else { most.min(units) }
    }
}

impl Step {
    /// The rows of its result, and the blocks of channels that can be computed apart from each other.
    fn units(&self, plan: &Plan) -> [usize; 2] {
        let layout = plan.layouts[self.result.0];
        let Shape { height, width, .. } = layout.shape;
        match &self.work {
            Work::Concatenate => [height, 1],
            // Tiles are of several rows.
            Work::Tiled(packed) => [1, tiled::units(&packed.plan(height, width))],
            _ => [height, layout.blocks()],
        }
    }

    /// Multiplications for one image, of this method and of sums over windows.
    fn multiply_adds(&self, plan: &Plan) -> [f64; 2] {
        let Shape { channels, height, width } = plan.layouts[self.result.0].shape;
        let pixels = (height * width) as f64;
        match &self.work {
            Work::Convolution { packed, .. } => [pixels * packed.multiplications() as f64; 2],
            Work::Depthwise { packed, .. } => [pixels * packed.multiplications(channels) as f64; 2],
            Work::Tiled(packed) => {
                let plan = packed.plan(height, width);
                [plan.multiplications(), plan.direct_multiplications()]
            }
            _ => [0.0; 2],
        }
    }

    /// How it is computed, in words.
    fn method(&self, plan: &Plan) -> String {
        let Shape { height, width, .. } = plan.layouts[self.result.0].shape;
        match &self.work {
            Work::Convolution { .. } => "direct".to_owned(),
            Work::Depthwise { .. } => "depthwise".to_owned(),
            Work::Tiled(packed) => packed.plan(height, width).method.to_string(),
            Work::Pool { .. } => "pooling".to_owned(),
            Work::Add(_) => "addition".to_owned(),
            Work::Multiply => "gate".to_owned(),
            Work::Concatenate => "copy".to_owned(),
            Work::Activate(_) => "activation".to_owned(),
        }
    }
}

struct Run<'a> {
    network: &'a Network,
    plan: &'a Plan,
    images: &'a [f32],
    output: Shared<'a>,
    schedule: Schedule,
}

impl Run<'_> {
    /// Takes tasks until there are none; returns the seconds of each step.
    fn tasks(&self, mut turns: Turns<'_>, common: Shared<'_>) -> Result<Vec<f64>, Error> {
        let mut memory = self.network.take_memory();
        let mut seconds = vec![0.0; self.network.steps.len()];
        let mut result = Ok(());
        while let Some(turn) = turns.take() {
            let task = self.schedule.tasks[turn.task];
            if !turns.wait(task.after) {
                continue;
            }
            let done = match task.kind {
                Kind::Images { first, count } => self.images(first, count, &mut memory, &mut seconds),
                Kind::Part { image, step, part, parts } => {
                    let start = Instant::now();
                    let done = self.part(image, step, (part, parts), common, &mut memory.tiles);
                    if let Some(seconds) = step.checked_sub(1).and_then(|step| seconds.get_mut(step)) {
                        *seconds += start.elapsed().as_secs_f64();
                    }
                    done
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
        let Memory { maps, tiles } = memory;
        maps.reserve(self.plan.len.saturating_mul(count))?;
        let memory = Shared::new(maps);
        let of = |image: usize| memory.part(image * self.plan.len, self.plan.len);
        (0..count).for_each(|image| self.pack(first + image, of(image)));
        for (step, seconds) in self.network.steps.iter().zip(seconds) {
            let [rows, units] = step.units(self.plan);
            let start = Instant::now();
            for image in 0..count {
                self.step(step, of(image), 0..rows, 0..units, tiles)?;
            }
            *seconds += start.elapsed().as_secs_f64();
        }
        (0..count).for_each(|image| self.unpack(first + image, of(image)));
        Ok(())
    }

    /// A part of one step of an image.
    fn part(
        &self,
        image: usize,
        step: usize,
        (part, parts): (usize, usize),
        memory: Shared<'_>,
        tiles: &mut tiled::Scratch,
    ) -> Result<(), Error> {
        let Some(step) = step.checked_sub(1) else {
            self.pack(image, memory);
            return Ok(());
        };
        let Some(step) = self.network.steps.get(step) else {
            self.unpack(image, memory);
            return Ok(());
        };
        let [rows, units] = step.units(self.plan);
        let share = |all: usize| part * all / parts..(part + 1) * all / parts;
        if rows >= parts {
            self.step(step, memory, share(rows), 0..units, tiles)
        } else {
            self.step(step, memory, 0..rows, share(units), tiles)
        }
    }

    fn view<'m>(&self, maps: Maps, memory: Shared<'m>) -> View<'m> {
        let layout = self.plan.layouts[maps.0];
        View::whole(memory.part(self.plan.starts[maps.0], layout.len()), layout)
    }

    /// Some rows of some units of a step.
    ///
    /// # Errors
    /// The system has too little memory.
    fn step(
        &self,
        step: &Step,
        memory: Shared<'_>,
        rows: Range<usize>,
        units: Range<usize>,
        tiles: &mut tiled::Scratch,
    ) -> Result<(), Error> {
        let (path, to) = (self.network.path, self.view(step.result, memory));
        let from = |index: usize| self.view(step.reads[index], memory);
        let shape = from(0).layout.shape;
        let padding = |window: &super::Window| {
            let [top, left, ..] = window.padding(shape.height, shape.width);
            [top, left]
        };
        let blocks = match &step.work {
            Work::Concatenate => 0..to.layout.blocks(),
            // The border is that of the first unit.
            Work::Tiled(_) if units.start > 0 => 0..0,
            Work::Tiled(_) => 0..to.layout.blocks(),
            _ => units.clone(),
        };
        let border = if let Work::Tiled(_) = &step.work { 0..to.layout.shape.height } else { rows.clone() };
        // SAFETY: maps that are in use at one time do not overlap. The steps before have ended, and no other part of this
        // step has these rows of these blocks. All rows are there.
        unsafe {
            clear_border(to, border, blocks);
            match &step.work {
                Work::Convolution { packed, window } => {
                    let residual = step.residual.map(|maps| self.view(maps, memory));
                    let (from, padding) = (from(0), padding(window));
                    convolution::Job { packed, path, from, padding, to, residual }.run(rows, units);
                }
                Work::Tiled(packed) => {
                    let residual = step.residual.map(|maps| self.view(maps, memory));
                    let plan = packed.plan(shape.height, shape.width);
                    tiled::Job { packed, path, from: from(0), to, residual }.run(&plan, units, tiles)?;
                }
                Work::Depthwise { packed, window } => {
                    let (from, padding) = (from(0), padding(window));
                    depthwise::Job { packed, path, from, padding, to }.run(rows, units);
                }
                Work::Pool { pooling, window } => {
                    let (pooling, window) = (*pooling, *window);
                    pool::Job { pooling, window, path, from: from(0), to }.run(rows, units);
                }
                Work::Concatenate => {
                    let mut first = 0;
                    for index in 0..step.reads.len() {
                        let from = from(index);
                        pointwise::copy(from, to, first, rows.clone());
                        first += from.layout.shape.channels;
                    }
                }
                Work::Add(activation) => {
                    let operation = Pointwise::Add(from(1), *activation);
                    pointwise::Job { operation, path, from: from(0), to }.run(rows, units);
                }
                Work::Multiply => {
                    let operation = Pointwise::Multiply(from(1));
                    pointwise::Job { operation, path, from: from(0), to }.run(rows, units);
                }
                Work::Activate(activation) => {
                    let operation = Pointwise::Activate(*activation);
                    pointwise::Job { operation, path, from: from(0), to }.run(rows, units);
                }
            }
        }
        Ok(())
    }

    /// Copies an image into the layout of the first maps.
    fn pack(&self, image: usize, memory: Shared<'_>) {
        let to = self.view(Maps(0), memory);
        let shape = to.layout.shape;
        let lanes = to.layout.lanes();
        // SAFETY: no other thread uses these maps now.
        unsafe { clear_border(to, 0..shape.height, 0..to.layout.blocks()) };
        let pixels = shape.height * shape.width;
        let image = &self.images[image * shape.len()..][..shape.len()];
        for (channel, map) in image.chunks_exact(pixels).enumerate() {
            for (y, line) in map.chunks_exact(shape.width).enumerate() {
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
