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

/// How something is divided.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shares {
    count: usize,
    /// Whether they get smaller and smaller, so that all threads end at nearly the same time, however fast they are.
    taper: bool,
}

impl Shares {
    const fn even(count: usize) -> Self {
        Self { count, taper: false }
    }

    /// Shares for a number of threads. Few do not taper: the first one would be too large for its thread.
    fn tapering(count: usize, workers: usize) -> Self {
        Self { count, taper: count >= 2 * workers }
    }

    /// How many of `all` things the first shares have.
    fn first(self, all: usize, shares: usize) -> usize {
        let Self { count, taper } = self;
        if !taper || shares == 0 {
            return all * shares / count;
        }
        let rest = count - shares;
        let left = all * rest * rest / (count * count);
        // Channels are computed in twos, but for the last few.
        all - if left < FEW_LEFT { left } else { (left + 1) & !1 }
    }
}

/// So few things are divided one by one.
const FEW_LEFT: usize = 4;

/// One of some shares.
#[derive(Clone, Copy)]
pub(super) struct Share {
    pub(super) index: usize,
    pub(super) shares: Shares,
}

impl Share {
    /// All of something.
    pub(super) const WHOLE: Self = Self { index: 0, shares: Shares::even(1) };

    /// The share of `all` things.
    pub(super) fn of(self, all: usize) -> Range<usize> {
        self.shares.first(all, self.index)..self.shares.first(all, self.index + 1)
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

impl Schedule {
    pub(super) fn new(steps: &[Step], plan: &Plan, images: usize, workers: usize) -> Self {
        let divided = if workers > 1 { images % workers } else { 0 };
        let mut tasks = Vec::new();
        for image in 0..divided {
            // All divided images are in the same memory: one begins when the one before has ended.
            let ended = tasks.len();
            let mut before = Before::divide(
                &mut tasks,
                image,
                At::Input,
                [INPUTS, 1].map(Shares::even),
                |_| ended,
                Maps(0),
            );
            for (at, stage) in plan.stages.iter().enumerate() {
                let of_stage = &steps[stage.steps.clone()];
                let result = of_stage[of_stage.len() - 1].result;
                let after = |rows: Share| before.tasks_for(of_stage, rows, plan);
                let shares = shares(stage, steps, plan, workers);
                before = Before::divide(&mut tasks, image, At::Stage(at), shares, after, result);
            }
            let all = tasks.len();
            Before::divide(&mut tasks, image, At::Output, [1, workers].map(Shares::even), |_| all, Maps(0));
        }
        let whole = images - divided;
        // Tasks of equal length, as many for each thread: a longer or an odd one would let the others wait.
        let shares = Shares::even(workers * whole.div_ceil(workers * plan.together()));
        for index in 0..shares.count {
            let share = Share { index, shares }.of(whole);
            let (first, count) = (divided + share.start, share.len());
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
    shares: [Shares; 2],
    result: Maps,
}

impl Before {
    /// Adds the parts of a stage. `after` gives the number of tasks that the parts with a share of the rows wait for.
    fn divide(
        tasks: &mut Vec<Task>,
        image: usize,
        at: At,
        shares: [Shares; 2],
        after: impl Fn(Share) -> usize,
        result: Maps,
    ) -> Self {
        let start = tasks.len();
        let [of_rows, of_units] = shares;
        for part in 0..of_rows.count * of_units.count {
            let rows = Share { index: part / of_units.count, shares: of_rows };
            let units = Share { index: part % of_units.count, shares: of_units };
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
        let needed = (0..of_rows.count).take_while(|index| share(*index).start < read).count();
        self.start + needed * of_units.count
    }
}

/// Parts of a stage for each thread. If they taper, the last ones are short, and no thread waits long for another.
const PARTS: usize = 8;

/// The fewest rows of a chain's result that are worth a part: parts compute some rows twice.
const OF_CHAIN: usize = 16;

/// The fewest multiply-adds that are worth a part: some microseconds.
const WORTH: f64 = 5e5;

/// In how many shares the rows and the units of one image's stage are divided.
fn shares(stage: &Stage, steps: &[Step], plan: &Plan, workers: usize) -> [Shares; 2] {
    let [rows, units] = stage.units(steps, plan);
    let of_stage = &steps[stage.steps.clone()];
    let work: f64 = of_stage.iter().map(|step| step.multiply_adds(plan)[0]).sum();
    let most = (workers * PARTS).min((work / WORTH) as usize).max(workers);
    let tapering = |count: usize| Shares::tapering(count, workers);
    let one = Shares::even(1);
    let blocks = of_stage[0].blocks_of_tiles(plan);
    match (stage.order, blocks) {
        (Order::Bands(_), _) => {
            let parts = (rows / OF_CHAIN).next_multiple_of(workers).clamp(workers, most).min(rows);
            [Shares::even(parts), one]
        }
        // A thread that has whole blocks of tiles transforms their input alone.
        (Order::Alone, Some(blocks)) if blocks >= 2 * workers => [one, Shares::even(blocks)],
        (Order::Blocks, _) | (Order::Alone, Some(_)) => [one, tapering(most)],
        // What is larger, the maps or the kernels, is divided, so that each thread reads a part of it. If there are few units or
        // rows, one thread would have one more than another: then both are divided.
        (Order::Alone, None) if stage.by_kernels && units >= 4 * workers => [one, tapering(most)],
        (Order::Alone, None) if stage.by_kernels => {
            [Shares::even((most / units).clamp(1, rows)), Shares::even(units.min(most))]
        }
        (Order::Alone, None) if rows >= 4 * workers => [tapering(most), one],
        (Order::Alone, None) => [Shares::even(rows.min(most)), Shares::even((most / rows).clamp(1, units))],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers of things in the shares of a number of things.
    fn sizes(shares: Shares, all: usize) -> Vec<usize> {
        let mut next = 0;
        let size = |index| {
            let Range { start, end } = Share { index, shares }.of(all);
            assert_eq!(start, next, "share {index} of {all} in {shares:?}");
            next = end;
            end - start
        };
        let sizes = (0..shares.count).map(size).collect();
        assert_eq!(next, all);
        sizes
    }

    #[test]
    fn shares_are_all_of_it_in_order() {
        for count in 1..=40 {
            for all in 0..=70 {
                for workers in [1, 2, 3, 16] {
                    let sizes =
                        [Shares::even(count), Shares::tapering(count, workers)].map(|of| sizes(of, all));
                    assert!(sizes[0].iter().all(|size| size.abs_diff(all / count) <= 1));
                }
            }
        }
    }

    #[test]
    fn threads_of_any_speed_end_within_a_fifteenth_of_a_stage() {
        for workers in [2, 3, 4, 8] {
            for slower in [1.0, 1.3, 2.0] {
                let all = 64 * workers;
                let sizes = sizes(Shares::tapering(8 * workers, workers), all);
                // The thread that is ready first takes the next share; the first one is slower than the others.
                let mut ends = vec![0.0; workers];
                for size in sizes {
                    let speed = |thread: usize| if thread == 0 { slower } else { 1.0 };
                    let first = (0..workers).min_by(|a, b| f64::total_cmp(&ends[*a], &ends[*b])).unwrap();
                    ends[first] += size as f64 * speed(first);
                }
                let last = ends.iter().copied().fold(0.0, f64::max);
                let least = ends.iter().copied().fold(f64::INFINITY, f64::min);
                assert!(last - least <= last / 15.0, "{workers} threads, {slower} times: {ends:?}");
            }
        }
    }

    #[test]
    fn channels_are_divided_in_twos_but_for_the_last_few() {
        assert_eq!(sizes(Shares::tapering(8, 2), 40), [10, 8, 6, 6, 4, 4, 2, 0]);
        assert_eq!(sizes(Shares::tapering(8, 2), 9).iter().sum::<usize>(), 9);
        // Few shares are even: a half would be too much for one of two threads.
        assert_eq!(sizes(Shares::tapering(3, 2), 9), [3, 3, 3]);
    }
}
