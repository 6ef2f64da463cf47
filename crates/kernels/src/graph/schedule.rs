//! The tasks of a batch.

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
    /// A part of one image's stage, in memory that all threads share.
    Part { image: usize, at: At, part: usize, parts: usize },
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
            let mut divide = |at, parts: usize| {
                let after = tasks.len();
                let part = |part| Task { kind: Kind::Part { image, at, part, parts }, after };
                tasks.extend((0..parts).map(part));
            };
            divide(At::Input, 1);
            for (at, stage) in plan.stages.iter().enumerate() {
                divide(At::Stage(at), parts(stage, steps, plan, workers));
            }
            divide(At::Output, 1);
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

/// In how many parts a stage of one image is divided.
fn parts(stage: &Stage, steps: &[Step], plan: &Plan, workers: usize) -> usize {
    let [rows, units] = stage.units(steps, plan);
    // The parts of a chain compute some rows twice.
    let most = if let Order::Bands(_) = stage.order { workers } else { workers * 2 };
    if rows >= most { most } else { most.min(units) }
}
