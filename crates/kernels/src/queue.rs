//! Tasks in an order in which threads take them one by one. A task waits for those before it that it depends on, and
//! for no other, so no thread stands idle at the end of a layer while another finishes it.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

/// How often a thread that waits looks again before it lets others have its core.
const SPINS: u32 = 1 << 10;

/// How many threads of the current rayon pool work on a run: no more than there are CPUs for this process. Others would
/// take turns with them, each with a cache's worth of values of its own.
pub(crate) fn workers() -> usize {
    // Where the system doesn't say, as many as there are.
    static CPUS: LazyLock<usize> =
        LazyLock::new(|| thread::available_parallelism().map_or(usize::MAX, usize::from));
    rayon::current_num_threads().min(*CPUS)
}

/// The tasks of one run, told apart by their places in the order.
pub(crate) struct Queue {
    next: AtomicUsize,
    ended: Vec<AtomicBool>,
    failed: AtomicBool,
}

impl Queue {
    pub(crate) fn new(tasks: usize) -> Self {
        let ended = (0..tasks).map(|_| AtomicBool::new(false)).collect();
        Self { next: AtomicUsize::new(0), ended, failed: AtomicBool::new(false) }
    }

    /// The tasks that a thread will have.
    pub(crate) fn turns(&self) -> Turns<'_> {
        Turns { queue: self, following: None, seen: 0 }
    }
}

/// The tasks that one thread takes.
pub(crate) struct Turns<'a> {
    queue: &'a Queue,
    /// The one that it has taken while it was still busy with another.
    following: Option<Turn<'a>>,
    /// So many tasks, from the first on, it knows to have ended.
    seen: usize,
}

impl<'a> Turns<'a> {
    /// The next task; none where all are taken.
    pub(crate) fn take(&mut self) -> Option<Turn<'a>> {
        self.following();
        self.following.take()
    }

    /// The task that [`take`](Self::take) will give next; from now on no other thread gets it.
    pub(crate) fn following(&mut self) -> Option<usize> {
        if self.following.is_none() {
            let task = self.queue.next.fetch_add(1, Ordering::Relaxed);
            self.following = (task < self.queue.ended.len()).then(|| Turn { queue: self.queue, task });
        }
        self.following.as_ref().map(|turn| turn.task)
    }

    /// Whether the first `count` tasks have ended; what they wrote can be read then.
    pub(crate) fn have_ended(&mut self, count: usize) -> bool {
        let ended = |task: &AtomicBool| task.load(Ordering::Acquire);
        while self.seen < count && ended(&self.queue.ended[self.seen]) {
            self.seen += 1;
        }
        self.seen >= count
    }

    /// Waits until the first `count` tasks have ended; false where a task has failed and the others have no sense.
    ///
    /// Who waits holds a task behind those, and each of them is in the hands of a thread that waits for still earlier
    /// ones at most, so it comes to an end.
    pub(crate) fn wait(&mut self, count: usize) -> bool {
        let mut spins = 0;
        while !self.have_ended(count) {
            if spins < SPINS {
                spins += 1;
                std::hint::spin_loop();
            } else {
                thread::yield_now();
            }
        }
        !self.queue.failed.load(Ordering::Relaxed)
    }
}

/// A task that a thread has taken; it ends when this is dropped.
pub(crate) struct Turn<'a> {
    queue: &'a Queue,
    /// Its place in the order.
    pub(crate) task: usize,
}

impl Turn<'_> {
    /// Keeps other threads from beginning anything more.
    pub(crate) fn fail(&self) {
        self.queue.failed.store(true, Ordering::Relaxed);
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.fail();
        }
        self.queue.ended[self.task].store(true, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Mutex;

    use super::*;

    const TASKS: usize = 200;

    /// Runs the tasks on four threads, each as far before its end as `after` says; gives those that were done in the order
    /// of their ends.
    fn done(after: fn(usize) -> usize, task: impl Fn(usize, &Turn<'_>) + Sync) -> Vec<usize> {
        let (queue, done) = (Queue::new(TASKS), Mutex::new(Vec::new()));
        let work = || {
            let mut turns = queue.turns();
            while let Some(turn) = turns.take() {
                assert!(turns.following().is_none_or(|following| following > turn.task));
                if turns.wait(after(turn.task)) {
                    task(turn.task, &turn);
                    done.lock().unwrap().push(turn.task);
                }
            }
        };
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| catch_unwind(AssertUnwindSafe(work)));
            }
        });
        assert!(queue.turns().have_ended(TASKS));
        done.into_inner().unwrap_or_else(|poison| poison.into_inner())
    }

    #[test]
    fn a_task_waits_for_those_that_it_depends_on() {
        assert!(done(|task| task, |_, _| ()).is_sorted());
        let order = done(|task| task / 10 * 10, |_, _| thread::yield_now());
        assert!(order.iter().map(|task| task / 10).is_sorted());
        assert_eq!(order.len(), TASKS);
    }

    #[test]
    fn nothing_begins_after_a_failure_and_all_threads_end() {
        let order = done(
            |task| task,
            |task, turn| {
                if task == 50 {
                    turn.fail()
                }
            },
        );
        assert_eq!(order, (0..=50).collect::<Vec<_>>());
        let order = done(|task| task, |task, _| assert!(task != 50, "this panic belongs to the test"));
        assert_eq!(order, (0..50).collect::<Vec<_>>());
    }
}
