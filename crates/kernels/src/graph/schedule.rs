//! The tasks of a batch.

use std::ops::Range;

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

/// The most images that go through a step together: their kernels are then read once for all of them.
const TOGETHER: usize = 8;

/// Values of the maps of images that go through a step together, at most: 64 MB for each thread.
const MAPS: usize = 16 << 20;

impl Schedule {
    pub(super) fn new(steps: &[Step], plan: &Plan, images: usize, workers: usize) -> Self {
        let divided = if workers > 1 { images % workers } else { 0 };
        let mut tasks = Vec::new();
        for image in 0..divided {
            let mut divide = |at, [rows, units]: [usize; 2]| {
                let after = tasks.len();
                let share = |index, shares| Share { index, shares };
                let part = |part| {
                    let (rows, units) = (share(part / units, rows), share(part % units, units));
                    Task { kind: Kind::Part { image, at, rows, units }, after }
                };
                tasks.extend((0..rows * units).map(part));
            };
            divide(At::Input, [1, 1]);
            for (at, stage) in plan.stages.iter().enumerate() {
                divide(At::Stage(at), shares(stage, steps, plan, workers));
            }
            divide(At::Output, [1, 1]);
        }
        let whole = images - divided;
        let each = (whole / workers).clamp(1, (MAPS / plan.len).clamp(1, TOGETHER));
        for first in (divided..images).step_by(each) {
            let count = each.min(images - first);
            tasks.push(Task { kind: Kind::Images { first, count }, after: 0 });
        }
        Self { tasks }
    }
}

/// Parts of a stage for each thread: threads are not equally fast.
const PARTS: usize = 4;

/// In how many shares the rows and the units of one image's stage are divided.
fn shares(stage: &Stage, steps: &[Step], plan: &Plan, workers: usize) -> [usize; 2] {
    let [rows, units] = stage.units(steps, plan);
    if let Order::Bands(_) = stage.order {
        // Its parts compute some rows twice.
        return [rows.min(workers), 1];
    }
    let most = workers * PARTS;
    // What is larger, the maps or the kernels, is divided, so that each thread reads a part of it.
    let [first, second] = if stage.by_kernels { [units, rows] } else { [rows, units] };
    let of_first = first.min(most);
    let of_second = (most / of_first).min(second);
    if stage.by_kernels { [of_second, of_first] } else { [of_first, of_second] }
}
