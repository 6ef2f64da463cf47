//! The tasks of a batch.

use std::ops::Range;

use super::Maps;
use super::chain::rows_read;
use super::plan::{Order, Plan, Stage};
use super::step::Step;

/// One thing that a thread does.
#[derive(Clone, Copy)]
pub(super) struct Task {
    pub(super) kind: Kind,
    /// The number of tasks, from the first on, that must have ended before it begins.
    pub(super) after: usize,
}

#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// Some images through all steps.
    Images { first: usize, count: usize },
    /// A part of one image's stage, in memory that all threads share: one of its rows' and one of its units' shares.
    Part { image: usize, at: At, rows: Share, units: Share },
}

/// One of some equal shares.
#[derive(Clone, Copy)]
pub(super) struct Share {
    pub(super) index: usize,
    pub(super) shares: usize,
}

impl Share {
    /// All of something.
    pub(super) const WHOLE: Self = Self { index: 0, shares: 1 };

    /// The share of `all` things.
    pub(super) fn of(self, all: usize) -> Range<usize> {
        self.index * all / self.shares..(self.index + 1) * all / self.shares
    }
}

/// What is done with an image.
#[derive(Clone, Copy)]
pub(super) enum At {
    /// It is copied into the first maps.
    Input,
    /// A stage of the plan.
    Stage(usize),
    /// Its result is copied out.
    Output,
}

/// The tasks of a batch. Whole images go to one thread each. Those that would leave threads idle are divided.
pub(super) struct Schedule {
    pub(super) tasks: Vec<Task>,
}

/// The most images that go through a step together, in a network with tiles: a step reads its transformed kernels, which are
/// several times as large as others, once for all of them.
const IMAGES_IN_TILES: usize = 8;

/// The same without tiles. With few images a task, fast and slow threads end at nearly the same time.
const IMAGES: usize = 2;

/// Values of the maps of images that go through a step together, at most: 64 MB for each thread.
const MAPS: usize = 16 << 20;

impl Schedule {
    pub(super) fn new(steps: &[Step], plan: &Plan, images: usize, workers: usize) -> Self {
        let divided = if workers > 1 { images % workers } else { 0 };
        let mut tasks = Vec::new();
        for image in 0..divided {
            // All divided images are in the same memory: one begins when the one before has ended.
            let ended = tasks.len();
            let mut before = Before::divide(&mut tasks, image, At::Input, [INPUTS, 1], |_| ended, Maps(0));
            for (at, stage) in plan.stages.iter().enumerate() {
                let of_stage = &steps[stage.steps.clone()];
                let result = of_stage[of_stage.len() - 1].result;
                let after = |rows: Share| before.tasks_for(of_stage, rows, plan);
                let shares = shares(stage, steps, plan, workers);
                before = Before::divide(&mut tasks, image, At::Stage(at), shares, after, result);
            }
            let all = tasks.len();
            Before::divide(&mut tasks, image, At::Output, [1, 1], |_| all, Maps(0));
        }
        let whole = images - divided;
        let together = if steps.iter().any(Step::takes_images) { IMAGES_IN_TILES } else { IMAGES };
        let each = (whole / workers).clamp(1, (MAPS / plan.len).clamp(1, together));
        for first in (divided..images).step_by(each) {
            let count = each.min(images - first);
            tasks.push(Task { kind: Kind::Images { first, count }, after: 0 });
        }
        Self { tasks }
    }
}

/// In how many parts an image is copied.
const INPUTS: usize = 4;

/// The parts of a stage of one image, whose result the next stage reads.
struct Before {
    /// The position of the first among the tasks.
    start: usize,
    /// Shares of its rows and of its units.
    shares: [usize; 2],
    result: Maps,
}

impl Before {
    /// Adds the parts of a stage. `after` gives the number of tasks that the parts with a share of the rows wait for.
    fn divide(
        tasks: &mut Vec<Task>,
        image: usize,
        at: At,
        shares: [usize; 2],
        after: impl Fn(Share) -> usize,
        result: Maps,
    ) -> Self {
        let start = tasks.len();
        let [of_rows, of_units] = shares;
        for part in 0..of_rows * of_units {
            let rows = Share { index: part / of_units, shares: of_rows };
            let units = Share { index: part % of_units, shares: of_units };
            tasks.push(Task { kind: Kind::Part { image, at, rows, units }, after: after(rows) });
        }
        Self { start, shares, result }
    }

    /// How many tasks must have ended before some steps can compute a share of the rows of their result: all before this
    /// stage, and those of its parts that have a row which the steps read.
    fn tasks_for(&self, steps: &[Step], rows: Share, plan: &Plan) -> usize {
        let height = |maps: Maps| plan.layouts[maps.0].shape.height;
        let [of_rows, of_units] = self.shares;
        let end = rows.of(height(steps[steps.len() - 1].result)).end;
        let read = rows_read(steps, self.result, end, &plan.layouts);
        let share = |index| Share { index, shares: of_rows }.of(height(self.result));
        let needed = (0..of_rows).take_while(|index| share(*index).start < read).count();
        self.start + needed * of_units
    }
}

/// Parts of a stage for each thread, because threads are not equally fast: where each reads the same maps or kernels, and where
/// each has kernels of its own.
const SHARED: usize = 4;
const APART: usize = 16;

/// The fewest rows of a chain's result that are worth a part: parts compute some rows twice.
const OF_CHAIN: usize = 16;

/// The fewest multiply-adds that are worth a part: some microseconds.
const WORTH: f64 = 5e5;

/// In how many shares the rows and the units of one image's stage are divided.
fn shares(stage: &Stage, steps: &[Step], plan: &Plan, workers: usize) -> [usize; 2] {
    let [rows, units] = stage.units(steps, plan);
    let of_stage = &steps[stage.steps.clone()];
    let work: f64 = of_stage.iter().map(|step| step.multiply_adds(plan)[0]).sum();
    let most = |parts: usize| (workers * parts).min((work / WORTH) as usize).max(workers);
    let blocks = of_stage[0].blocks_of_tiles(plan);
    match (stage.order, blocks) {
        (Order::Bands(_), _) => {
            [(rows / OF_CHAIN).next_multiple_of(workers).clamp(workers, most(SHARED)).min(rows), 1]
        }
        (Order::Blocks, _) => [1, units.min(most(APART))],
        // A thread that has whole blocks of tiles transforms their input alone.
        (Order::Alone, Some(blocks)) if blocks >= 2 * workers => [1, blocks],
        (Order::Alone, Some(_)) => [1, units.min(most(APART))],
        // What is larger, the maps or the kernels, is divided, so that each thread reads a part of it.
        (Order::Alone, None) if stage.by_kernels => {
            let of_units = units.min(most(APART));
            [(most(SHARED) / of_units).clamp(1, rows), of_units]
        }
        (Order::Alone, None) => {
            let of_rows = rows.min(most(SHARED));
            [of_rows, (most(SHARED) / of_rows).clamp(1, units)]
        }
    }
}
