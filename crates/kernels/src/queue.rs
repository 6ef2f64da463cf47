//! Tasks in an order in which threads take them one by one. A task waits for those before it that it depends on, and
//! for no other, so no thread stands idle at the end of a layer while another finishes it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

/// How often a thread that waits looks again before it lets others have its core.
const SPINS: u32 = 1 << 10;

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
    /// The task that it has taken while it was still busy with another.
    following: Option<usize>,
    /// So many tasks, from the first on, it knows to have ended.
    seen: usize,
}

impl<'a> Turns<'a> {
    fn claim(&self) -> usize {
        self.queue.next.fetch_add(1, Ordering::Relaxed)
    }

    /// The next task; none where all are taken.
    pub(crate) fn take(&mut self) -> Option<Turn<'a>> {
        let task = self.following.take().unwrap_or_else(|| self.claim());
        (task < self.queue.ended.len()).then(|| Turn { queue: self.queue, task })
    }

    /// The task that [`take`](Self::take) will give next; from now on no other thread gets it.
    pub(crate) fn following(&mut self) -> Option<usize> {
        let task = *self.following.get_or_insert_with(|| self.queue.next.fetch_add(1, Ordering::Relaxed));
        (task < self.queue.ended.len()).then_some(task)
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
