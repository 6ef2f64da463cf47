//! Batches in sample order, decoded ahead of whoever consumes them.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::thread::{self, JoinHandle};

use rayon::ThreadPoolBuilder;

use crate::{Batch, Dataset, Error, Limits, Preprocessing};

/// How a [`Loader`] works. None of it changes a pixel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoaderOptions {
    /// Samples in a batch; the last batch holds the remainder. 32 by default. A batch of N images takes N x 12 x
    /// height x width bytes, which is not checked against the machine's memory.
    pub batch_size: usize,
    /// Finished batches that wait for the consumer at most. One more is being made meanwhile, so memory holds
    /// `prefetch` + 2 batches at most, the consumer's included. 2 by default.
    pub prefetch: usize,
    /// Threads that decode. 0, the default, shares rayon's global pool with the rest of the process.
    pub threads: usize,
    /// What one image may cost.
    pub limits: Limits,
}

impl Default for LoaderOptions {
    fn default() -> Self {
        Self { batch_size: 32, prefetch: 2, threads: 0, limits: Limits::default() }
    }
}

/// Iterates over a dataset's batches, in sample order.
///
/// A background thread reads, decodes and resizes, with rayon, so that the next batch is ready when the consumer
/// asks for it; it waits when the consumer is slow, so that memory does not grow with the number of images.
/// Dropping the loader stops it. It may be consumed on a thread of a rayon pool, too: while such a thread waits, it
/// does the pool's work.
#[derive(Debug)]
pub struct Loader {
    /// `None` once the loader is being dropped.
    batches: Option<Receiver<Batch>>,
    worker: Option<JoinHandle<()>>,
    stopped: Arc<AtomicBool>,
    remaining: usize,
}

impl Loader {
    /// Starts loading. Every batch covers `batch_size` consecutive samples, readable or not.
    ///
    /// # Errors
    ///
    /// When the preprocessing is not valid, the batch size is zero, or the threads can't be started.
    pub fn new(
        dataset: impl Into<Arc<Dataset>>,
        preprocessing: Preprocessing,
        options: LoaderOptions,
    ) -> Result<Self, Error> {
        let dataset = dataset.into();
        preprocessing.validate()?;
        let LoaderOptions { batch_size, prefetch, threads, limits } = options;
        if batch_size == 0 {
            return Err(Error::BatchSize);
        }
        let pool = (threads > 0)
            .then(|| ThreadPoolBuilder::new().num_threads(threads).build())
            .transpose()
            .map_err(|error| Error::Threads { reason: error.to_string() })?;

        let remaining = dataset.samples.len().div_ceil(batch_size);
        let stopped = Arc::new(AtomicBool::new(false));
        // The channel takes room for all its slots at once, and more than there are batches are of no use.
        let (sender, batches) = sync_channel(prefetch.min(remaining));
        let worker = thread::Builder::new().name("headstart-dataset".to_owned()).spawn({
            let stopped = Arc::clone(&stopped);
            move || {
                let len = dataset.samples.len();
                for start in (0..len).step_by(batch_size) {
                    let samples = start..len.min(start.saturating_add(batch_size));
                    let load = || Batch::load(&dataset, samples, &preprocessing, &limits, &stopped);
                    let batch = match &pool {
                        Some(pool) => pool.install(load),
                        None => load(),
                    };
                    // Either way the loader was dropped, and nobody waits for more.
                    let Some(batch) = batch else { return };
                    if sender.send(batch).is_err() {
                        return;
                    }
                }
            }
        });
        let worker = worker.map_err(|error| Error::Threads { reason: error.to_string() })?;
        Ok(Self { batches: Some(batches), worker: Some(worker), stopped, remaining })
    }
}

/// Waits for the next batch; `None` once the worker has ended.
fn receive(batches: &Receiver<Batch>) -> Option<Batch> {
    // A thread of the pool that the worker decodes on must not sleep: the worker would wait for it.
    while on_a_pool() {
        match batches.try_recv() {
            Ok(batch) => return Some(batch),
            Err(TryRecvError::Disconnected) => return None,
            Err(TryRecvError::Empty) => help_the_pool(),
        }
    }
    batches.recv().ok()
}

fn on_a_pool() -> bool {
    rayon::current_thread_index().is_some()
}

/// Does a piece of the pool's work, if there is one.
fn help_the_pool() {
    if rayon::yield_now() != Some(rayon::Yield::Executed) {
        thread::yield_now();
    }
}

impl Iterator for Loader {
    type Item = Batch;

    fn next(&mut self) -> Option<Batch> {
        if self.remaining == 0 {
            return None;
        }
        let received = receive(self.batches.as_ref()?);
        match received {
            Some(batch) => {
                self.remaining -= 1;
                Some(batch)
            }
            None => {
                // The worker ended early, which only a bug can make it do; ending the iteration as if all had been
                // read would hide it.
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
            while on_a_pool() && !worker.is_finished() {
                help_the_pool();
            }
            // A panic of the worker is not worth a second one while dropping.
            let _ = worker.join();
        }
    }
}
