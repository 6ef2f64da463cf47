//! Images that wait for the threads that compute.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use headstart::Prediction;
use headstart::errors::DecodeError;
use tokio::sync::oneshot::{self, Receiver, Sender};

use crate::bodies::Share;
use crate::metrics::{Fate, Metrics};
use crate::problem::Problem;

/// What came of an image.
#[derive(Debug)]
pub(crate) enum Outcome {
    Predicted(Prediction),
    Unreadable(DecodeError),
    Failed(String),
}

/// An image in memory.
#[derive(Debug, Clone)]
pub(crate) struct Image {
    bytes: Bytes,
    /// The memory that its request takes, until it is dropped.
    _share: Arc<Share>,
}

impl Image {
    pub(crate) fn new(bytes: Bytes, share: Arc<Share>) -> Self {
        Self { bytes, _share: share }
    }
}

impl AsRef<[u8]> for Image {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// An image whose client waits.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) image: Image,
    pub(crate) reply: Sender<Outcome>,
}

/// Images in the order in which they came.
#[derive(Debug)]
pub(crate) struct Queue {
    most: usize,
    metrics: Arc<Metrics>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    jobs: VecDeque<Job>,
    /// Threads that compute.
    busy: usize,
    /// Threads that wait for jobs.
    idle: usize,
    is_closed: bool,
}

/// Jobs that are computed together.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) jobs: Vec<Job>,
    /// Whether nothing else is computed.
    pub(crate) is_alone: bool,
}

impl Queue {
    /// Room for so many images.
    pub(crate) fn new(most: usize, metrics: Arc<Metrics>) -> Self {
        Self { most, metrics, state: Mutex::default(), changed: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many images wait.
    pub(crate) fn len(&self) -> usize {
        self.state().jobs.len()
    }

    /// Drops the images whose clients went away.
    fn drop_abandoned(&self, state: &mut State) {
        let all = state.jobs.len();
        state.jobs.retain(|job| !job.reply.is_closed());
        (state.jobs.len()..all).for_each(|_| self.metrics.image(Fate::Abandoned));
    }

    /// Adds the images of a request, all or none. Those that nobody waits for any more make room.
    pub(crate) fn add(&self, images: Vec<Image>) -> Result<Vec<Receiver<Outcome>>, Problem> {
        let mut state = self.state();
        if state.jobs.len() + images.len() > self.most {
            self.drop_abandoned(&mut state);
        }
        if state.is_closed || state.jobs.len() + images.len() > self.most {
            let (waiting, most) = (state.jobs.len(), self.most);
            let detail = format!("{waiting} images wait, of at most {most}; try again");
            return Err(Problem::busy(detail));
        }
        let mut receivers = Vec::with_capacity(images.len());
        for image in images {
            let (reply, receiver) = oneshot::channel();
            state.jobs.push_back(Job { image, reply });
            receivers.push(receiver);
        }
        drop(state);
        self.changed.notify_all();
        Ok(receivers)
    }

    /// Waits for images, and takes those that wait, at most so many; where several threads are idle, a fair share. None
    /// when the queue is closed and empty. [`done`](Self::done) follows each batch.
    pub(crate) fn take(&self, most: usize) -> Option<Batch> {
        let mut state = self.state();
        state.idle += 1;
        loop {
            self.drop_abandoned(&mut state);
            if !state.jobs.is_empty() || state.is_closed {
                break;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let share = state.jobs.len().div_ceil(state.idle).min(most);
        state.idle -= 1;
        if share == 0 {
            return None;
        }
        let jobs = state.jobs.drain(..share).collect();
        let is_alone = state.busy == 0 && state.jobs.is_empty();
        state.busy += 1;
        Some(Batch { jobs, is_alone })
    }

    /// A batch was computed.
    pub(crate) fn done(&self) {
        self.state().busy -= 1;
    }

    /// Takes no more images. Those that wait are still computed.
    pub(crate) fn close(&self) {
        self.state().is_closed = true;
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::body::Body;
    use axum::http::HeaderMap;

    use super::*;
    use crate::bodies::Bodies;

    fn queue(most: usize) -> Queue {
        Queue::new(most, Arc::new(Metrics::new()))
    }

    fn images(count: usize) -> Vec<Image> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let bodies = Bodies::new(8, 8, Duration::from_secs(1));
        let (bytes, share) = runtime.block_on(bodies.read(&HeaderMap::new(), Body::from("image"))).unwrap();
        vec![Image::new(bytes, Arc::new(share)); count]
    }

    #[test]
    fn all_that_wait_go_together_up_to_a_maximum() {
        let queue = queue(8);
        let receivers = queue.add(images(5)).unwrap();
        assert_eq!(receivers.len(), 5);
        let batch = queue.take(4).unwrap();
        assert_eq!((batch.jobs.len(), batch.is_alone), (4, false), "another one waits");
        assert_eq!(queue.take(4).unwrap().jobs.len(), 1);
        queue.done();
        queue.done();
        let _receivers = queue.add(images(1)).unwrap();
        assert!(queue.take(4).unwrap().is_alone);
    }

    #[test]
    fn a_full_queue_takes_none_of_a_request() {
        let queue = queue(3);
        let _receivers = queue.add(images(2)).unwrap();
        assert_eq!(queue.add(images(2)).unwrap_err().status, 503);
        assert_eq!(queue.len(), 2);
        let _receivers = queue.add(images(1)).unwrap();
    }

    #[test]
    fn images_whose_clients_went_away_take_no_room_and_are_not_computed() {
        let queue = queue(3);
        let gone = queue.add(images(2)).unwrap();
        let _receivers = queue.add(images(1)).unwrap();
        drop(gone);
        let gone = queue.add(images(2)).unwrap();
        assert_eq!(queue.len(), 3);
        drop(gone);
        assert_eq!(queue.take(8).unwrap().jobs.len(), 1);
        assert!(queue.metrics.text(0).contains("headstart_images_total{outcome=\"abandoned\"} 4\n"));
    }

    #[test]
    fn a_closed_queue_gives_what_waits_and_then_ends() {
        let queue = queue(3);
        let _receivers = queue.add(images(2)).unwrap();
        queue.close();
        assert!(queue.add(images(1)).is_err());
        assert_eq!(queue.take(8).unwrap().jobs.len(), 2);
        assert!(queue.take(8).is_none());
    }
}
