//! Threads that decode and compute.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use headstart::ReadyPredictor;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::Error;
use crate::metrics::{Fate, Metrics};
use crate::queue::{Batch, Image, Job, Outcome, Queue};

/// What the threads share.
struct Shared {
    queue: Arc<Queue>,
    metrics: Arc<Metrics>,
    predictor: ReadyPredictor,
    /// Most images that a thread takes.
    share: usize,
    /// All threads together, for an image that comes alone.
    all: ThreadPool,
}

/// Threads that take batches from a queue until it is closed.
#[derive(Debug)]
pub(crate) struct Workers {
    queue: Arc<Queue>,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    /// Starts them: as many as the network has batches at a time, each with its share of the threads.
    pub(crate) fn start(
        predictor: ReadyPredictor,
        threads: usize,
        max_batch: usize,
        queue: Arc<Queue>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, Error> {
        let at_once = predictor.batches_at_once(threads);
        let all = pool(threads)?;
        let pools = (0..at_once).map(|_| pool(threads / at_once)).collect::<Result<Vec<_>, _>>()?;
        // Two images together are faster than one after the other. More of them are hardly faster, and take more memory.
        let share = max_batch.div_ceil(at_once).max(max_batch.min(2));
        let shared = Arc::new(Shared { queue: Arc::clone(&queue), metrics, predictor, share, all });
        let mut workers = Self { queue, threads: Vec::new() };
        for pool in pools {
            let shared = Arc::clone(&shared);
            let thread = thread::Builder::new().name("headstart-server".to_owned());
            workers.threads.push(thread.spawn(move || shared.work(&pool)).map_err(Error::threads)?);
        }
        Ok(workers)
    }
}

impl Drop for Workers {
    /// Waits until all images are computed.
    fn drop(&mut self) {
        self.queue.close();
        for thread in self.threads.drain(..) {
            // It has told its panic, and its clients have an answer.
            let _ = thread.join();
        }
    }
}

fn pool(threads: usize) -> Result<ThreadPool, Error> {
    let pool = ThreadPoolBuilder::new().num_threads(threads.max(1));
    pool.thread_name(|_| "headstart-network".to_owned()).build().map_err(Error::threads)
}

impl Shared {
    /// What one of the threads does.
    fn work(&self, pool: &ThreadPool) {
        while let Some(Batch { jobs, is_alone }) = self.queue.take(self.share) {
            let (images, replies): (Vec<Image>, Vec<_>) =
                jobs.into_iter().map(|Job { image, reply }| (image, reply)).unzip();
            self.metrics.batch(images.len());
            let pool = if is_alone { &self.all } else { pool };
            let outcomes = pool.install(|| self.outcomes(&images));
            drop(images);
            for (reply, outcome) in replies.into_iter().zip(outcomes) {
                self.metrics.image(match outcome {
                    Outcome::Predicted(_) => Fate::Answered,
                    Outcome::Unreadable(_) => Fate::Unreadable,
                    Outcome::Failed(_) => Fate::Failed,
                });
                // It fails where the client went away meanwhile.
                let _ = reply.send(outcome);
            }
            self.queue.done();
        }
    }

    /// What comes of each image. If the network fails on them together, each is computed alone.
    fn outcomes(&self, images: &[Image]) -> Vec<Outcome> {
        // A panic changes nothing that is used again.
        let predicted = catch_unwind(AssertUnwindSafe(|| self.predictor.predict(images)));
        let failure = match predicted {
            Ok(Ok(predictions)) => {
                let outcome = |prediction| match prediction {
                    Ok(prediction) => Outcome::Predicted(prediction),
                    Err(error) => Outcome::Unreadable(error),
                };
                return predictions.into_iter().map(outcome).collect();
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the network failed on this image".to_owned(),
        };
        match images {
            [_] => vec![Outcome::Failed(failure)],
            images => images.chunks(1).flat_map(|image| self.outcomes(image)).collect(),
        }
    }
}
