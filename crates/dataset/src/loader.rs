//! Batches in sample order, decoded ahead of whoever consumes them.

use std::ops::Range;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::thread::{self, JoinHandle};

use rayon::ThreadPoolBuilder;

use crate::{Batch, Dataset, Error, Limits, Preprocessing};

/// How a [`Loader`] works. No option changes a pixel.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoaderOptions {
    /// Samples in a batch; the last batch holds the remainder. 32 by default. A batch of N images takes N x 12 x
    /// height x width bytes, which is not checked against the machine's memory.
    pub batch_size: usize,
    /// Finished batches that wait for the consumers, at most. One more is in the making and one is with each consumer, so
    /// memory holds at most `prefetch` + `consumers` + 1 batches. 2 by default.
    pub prefetch: usize,
    /// Threads that take batches, each when it has done its last one. If there are several, the last batches get smaller
    /// and smaller, so that all threads are done at about the same time. 1 by default.
    pub consumers: usize,
    /// Threads that decode. 0, the default, means as many as the current rayon pool has: the global pool, unless the
    /// loader is created on another.
    pub threads: usize,
    /// What one image may cost.
    pub limits: Limits,
}

impl Default for LoaderOptions {
    fn default() -> Self {
        Self { batch_size: 32, prefetch: 2, consumers: 1, threads: 0, limits: Limits::default() }
    }
}

impl LoaderOptions {
    /// The options with another [`batch_size`](Self::batch_size).
    #[must_use]
    pub const fn with_batch_size(mut self, batch_size: usize) -> Self {
        self.batch_size = batch_size;
        self
    }

    /// The options with another [`prefetch`](Self::prefetch).
    #[must_use]
    pub const fn with_prefetch(mut self, prefetch: usize) -> Self {
        self.prefetch = prefetch;
        self
    }

    /// The options with another number of [`consumers`](Self::consumers).
    #[must_use]
    pub const fn with_consumers(mut self, consumers: usize) -> Self {
        self.consumers = consumers;
        self
    }

    /// The options with another number of [`threads`](Self::threads).
    #[must_use]
    pub const fn with_threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// The options with other [`limits`](Self::limits).
    #[must_use]
    pub const fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

/// Iterates over a dataset's batches, in sample order.
///
/// A background thread reads, decodes and resizes, so that the next batch is ready when the consumer asks for it. It
/// waits for a slow consumer, so memory does not grow with the number of images. Dropping the loader stops it.
///
/// The decoding threads belong to the loader alone. So a consumer may block on any thread, even one of rayon's global
/// pool, and may keep that pool busy with its network: the loader never waits for it. Sharing the global pool would not
/// be faster. A consumer on it would have to do the pool's other work while it waits, on its own stack and with its
/// locks held.
#[derive(Debug)]
pub struct Loader {
    /// `None` once the loader is being dropped.
    batches: Option<Receiver<Batch>>,
    /// Pixels of earlier batches, whose memory is reused.
    spares: Sender<Vec<f32>>,
    worker: Option<JoinHandle<()>>,
    stopped: Arc<AtomicBool>,
    remaining: usize,
}

impl Loader {
    /// Starts loading. Every batch covers consecutive samples, readable or not: `batch_size` of them, but for the last ones.
    ///
    /// # Errors
    ///
    /// If the preprocessing is not valid, the batch size is zero, or the threads can't be started.
    pub fn new(
        dataset: impl Into<Arc<Dataset>>,
        preprocessing: Preprocessing,
        options: LoaderOptions,
    ) -> Result<Self, Error> {
        let dataset = dataset.into();
        preprocessing.validate()?;
        let LoaderOptions { batch_size, prefetch, consumers, threads, limits } = options;
        if batch_size == 0 {
            return Err(Error::BatchSize);
        }
        let threads = if threads > 0 { threads } else { rayon::current_num_threads() };
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|number| format!("headstart-dataset-{number}"))
            .build()
            .map_err(|error| Error::Threads { reason: error.to_string() })?;
        let ranges = ranges(dataset.samples.len(), batch_size, consumers);
        Self::start(ranges, prefetch, move |samples, pixels, stopped| {
            pool.install(|| Batch::load(&dataset, samples, &preprocessing, &limits, pixels, stopped))
        })
    }

    /// Takes back the pixels of a batch that is no longer needed, so that a later batch can reuse their memory.
    pub fn recycle(&self, pixels: Vec<f32>) {
        // It fails if the worker has ended, which then needs none.
        let _ = self.spares.send(pixels);
    }

    /// Starts the thread that calls `load` for one batch after the other, until it returns `None`.
    fn start(
        ranges: impl Iterator<Item = Range<usize>> + Clone + Send + 'static,
        prefetch: usize,
        load: impl Fn(Range<usize>, Vec<f32>, &AtomicBool) -> Option<Batch> + Send + 'static,
    ) -> Result<Self, Error> {
        let remaining = ranges.clone().count();
        let stopped = Arc::new(AtomicBool::new(false));
        // The channel allocates all its slots at once, so it gets no more of them than there are batches.
        let (sender, batches) = sync_channel(prefetch.min(remaining));
        let (spares, spare) = channel();
        let worker = thread::Builder::new().name("headstart-dataset".to_owned()).spawn({
            let stopped = Arc::clone(&stopped);
            move || {
                for samples in ranges {
                    let pixels = spare.try_recv().unwrap_or_default();
                    // The loader was dropped, and nobody waits for more.
                    let Some(batch) = load(samples, pixels, &stopped) else { return };
                    if sender.send(batch).is_err() {
                        return;
                    }
                }
            }
        });
        let worker = worker.map_err(|error| Error::Threads { reason: error.to_string() })?;
        Ok(Self { batches: Some(batches), spares, worker: Some(worker), stopped, remaining })
    }
}

/// The samples of each batch. None of several consumers gets more than its share of those that are left.
fn ranges(
    samples: usize,
    batch_size: usize,
    consumers: usize,
) -> impl Iterator<Item = Range<usize>> + Clone + Send + 'static {
    let mut start = 0;
    std::iter::from_fn(move || {
        let left = samples - start;
        let share = left.div_ceil(consumers.max(1));
        let range = start..start + batch_size.min(share);
        start = range.end;
        (left > 0).then_some(range)
    })
}

impl Iterator for Loader {
    type Item = Batch;

    fn next(&mut self) -> Option<Batch> {
        if self.remaining == 0 {
            return None;
        }
        match self.batches.as_ref()?.recv() {
            Ok(batch) => {
                self.remaining -= 1;
                Some(batch)
            }
            Err(_) => {
                // The worker ended early, which only a bug can cause. Ending the iteration quietly would hide it.
                self.remaining = 0;
                if let Some(Err(panic)) = self.worker.take().map(JoinHandle::join) {
                    resume_unwind(panic);
                }
                None
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.remaining, Some(self.remaining))
    }
}

impl ExactSizeIterator for Loader {}

impl Drop for Loader {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        // Without a receiver, a send that waits for room returns.
        self.batches = None;
        if let Some(worker) = self.worker.take() {
            // A panic of the worker must not cause a second one here.
            let _ = worker.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::time::{Duration, Instant};

    use super::*;

    const EMPTY: Batch = Batch { pixels: Vec::new(), rows: Vec::new(), skipped: Vec::new() };
    const SAMPLES: usize = 20;

    /// Long enough for any machine. Only a broken loader takes that long.
    const PATIENCE: Duration = Duration::from_secs(60);

    fn soon(reached: impl Fn() -> bool) -> bool {
        let start = Instant::now();
        while !reached() {
            if start.elapsed() > PATIENCE {
                return false;
            }
            thread::sleep(Duration::from_millis(1));
        }
        true
    }

    /// A loader of batches of one that counts how many it began.
    fn counting(prefetch: usize) -> (Loader, Arc<AtomicUsize>) {
        let begun = Arc::new(AtomicUsize::new(0));
        let loader = Loader::start(ranges(SAMPLES, 1, 1), prefetch, {
            let begun = Arc::clone(&begun);
            move |_, _, _| {
                begun.fetch_add(1, Ordering::SeqCst);
                Some(EMPTY)
            }
        });
        (loader.unwrap(), begun)
    }

    #[test]
    fn the_batches_ahead_are_as_many_as_prefetch_and_the_one_being_made() {
        for prefetch in [0, 1, 3] {
            let (mut loader, begun) = counting(prefetch);
            for taken in 1..=SAMPLES {
                assert!(loader.next().is_some());
                let most = SAMPLES.min(taken + prefetch + 1);
                assert!(soon(|| begun.load(Ordering::SeqCst) == most), "prefetch {prefetch}, {taken} taken");
            }
            assert!(loader.next().is_none());
        }
    }

    #[test]
    fn the_last_batches_are_shared_out() {
        let sizes = |samples, batch_size, consumers| -> Vec<usize> {
            let ranges: Vec<_> = ranges(samples, batch_size, consumers).collect();
            let follow = ranges.windows(2).all(|pair| pair[0].end == pair[1].start);
            assert!(follow && ranges.first().is_none_or(|first| first.start == 0));
            ranges.into_iter().map(|range| range.len()).collect()
        };
        assert_eq!(sizes(20, 8, 1), [8, 8, 4]);
        assert_eq!(sizes(35, 8, 2), [8, 8, 8, 6, 3, 1, 1]);
        assert_eq!(sizes(5, 8, 4), [2, 1, 1, 1]);
        assert_eq!(sizes(3, usize::MAX, 1), [3]);
        assert!(sizes(0, 8, 2).is_empty());
    }

    #[test]
    fn memory_is_used_again() {
        // One batch at a time: the worker gets a batch's memory back before it begins the next but one.
        let mut loader = Loader::start(ranges(SAMPLES, 1, 1), 0, |_, mut pixels, _| {
            let fresh = pixels.capacity() == 0;
            pixels.resize(1, f32::from(u8::from(fresh)));
            Some(Batch { pixels, ..EMPTY })
        })
        .unwrap();
        let mut fresh = 0.0;
        while let Some(Batch { mut pixels, .. }) = loader.next() {
            fresh += pixels[0];
            pixels.clear();
            loader.recycle(pixels);
        }
        assert!((1.0..=4.0).contains(&fresh), "{fresh} of {SAMPLES} batches took new memory");
    }

    #[test]
    fn dropping_ends_the_work_ahead() {
        let (mut loader, begun) = counting(2);
        loader.next();
        drop(loader);
        assert!(begun.load(Ordering::SeqCst) <= 1 + 2 + 1, "{begun:?}");
        assert_eq!(Arc::strong_count(&begun), 1, "the worker goes on");
    }

    #[test]
    fn dropping_interrupts_the_batch_that_is_being_made() {
        let (begun, has_begun) = channel();
        let interrupted = Arc::new(AtomicBool::new(false));
        let loader = Loader::start(ranges(SAMPLES, SAMPLES, 1), 1, {
            let interrupted = Arc::clone(&interrupted);
            move |_, _, stopped| {
                begun.send(()).unwrap();
                interrupted.store(soon(|| stopped.load(Ordering::Relaxed)), Ordering::SeqCst);
                None
            }
        });
        has_begun.recv().unwrap();
        drop(loader);
        assert!(interrupted.load(Ordering::SeqCst));
    }

    #[test]
    #[should_panic(expected = "a bug")]
    fn a_panic_of_the_worker_reaches_the_consumer() {
        let mut loader = Loader::start(ranges(SAMPLES, 1, 1), 0, |_, _, _| panic!("a bug")).unwrap();
        loader.next();
    }
}
