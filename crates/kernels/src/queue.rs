//! Tasks in a fixed order, in which threads take them one by one. A task waits only for the earlier tasks that it
//! depends on, so no thread is idle at the end of a layer while another finishes it.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

/// How often a waiting thread looks again before it gives its core to others.
const SPINS: u32 = 1 << 10;

/// The number of threads of the current rayon pool that work on a run: no more than this process has CPUs. More threads
/// would take turns on them, and each would fill the caches with its own values.
pub(crate) fn workers() -> usize {
    // If the system does not say, all threads of the pool.
    static CPUS: LazyLock<usize> =
        LazyLock::new(|| thread::available_parallelism().map_or(usize::MAX, usize::from));
    #[cfg(test)]
    if let Some(workers) = tests::WORKERS.get() {
        return workers;
    }
    rayon::current_num_threads().min(*CPUS)
}

/// The tasks of one run, identified by their positions in the order.
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

    /// Works on the tasks, on the thread that calls and on others of the current rayon pool, until all have ended.
    ///
    /// A thread outside the pool does not wait for one of the pool to begin: it takes tasks like the others. To wake a thread twice,
    /// for the first task and after the last, takes as long as some layers of a small network.
    pub(crate) fn share(&self, work: impl Fn(Turns<'_>) + Sync) {
        let tasks = self.ended.len();
        rayon::in_place_scope(|scope| {
            for _ in 1..workers().min(tasks) {
                scope.spawn(|_| work(self.turns()));
            }
            work(self.turns());
            self.turns().wait(tasks);
        });
    }

    /// The turns of one thread.
    fn turns(&self) -> Turns<'_> {
        Turns { queue: self, following: None, seen: 0 }
    }
}

/// The tasks that one thread takes.
pub(crate) struct Turns<'a> {
    queue: &'a Queue,
    /// A task that it took while it was still busy with another.
    following: Option<Turn<'a>>,
    /// It knows that this many tasks, from the first on, have ended.
    seen: usize,
}

impl<'a> Turns<'a> {
    /// The next task; `None` if all are taken.
    pub(crate) fn take(&mut self) -> Option<Turn<'a>> {
        self.following();
        self.following.take()
    }

    /// The task that [`take`](Self::take) will return next. From now on no other thread gets it.
    pub(crate) fn following(&mut self) -> Option<usize> {
        if self.following.is_none() {
            let task = self.queue.next.fetch_add(1, Ordering::Relaxed);
            self.following = (task < self.queue.ended.len()).then(|| Turn { queue: self.queue, task });
        }
        self.following.as_ref().map(|turn| turn.task)
    }

    /// Whether the first `count` tasks have ended. If so, their results can be read.
    pub(crate) fn have_ended(&mut self, count: usize) -> bool {
        let ended = |task: &AtomicBool| task.load(Ordering::Acquire);
        while self.seen < count && ended(&self.queue.ended[self.seen]) {
            self.seen += 1;
        }
        self.seen >= count
    }

    /// Waits until the first `count` tasks have ended. Returns false if a task has failed, so that the others are
    /// pointless.
    ///
    /// The wait ends: the waiting thread holds a later task, and each of the first `count` tasks is held by a thread
    /// that waits only for still earlier ones.
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

/// A task that a thread has taken. It ends when this is dropped.
pub(crate) struct Turn<'a> {
    queue: &'a Queue,
    /// Its position in the order.
    pub(crate) task: usize,
}

impl Turn<'_> {
    /// Keeps all threads from beginning further tasks.
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
pub(crate) mod tests {
    use std::cell::Cell;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Mutex;

    use super::*;

    thread_local! {
        /// As many threads work on a run that this thread begins, whatever the number of CPUs.
        pub(crate) static WORKERS: Cell<Option<usize>> = const { Cell::new(None) };
    }

    const TASKS: usize = 200;

    /// Runs the tasks on four threads; each waits for as many earlier tasks as `after` says. Returns the tasks that
    /// were done, in the order of their ends.
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
