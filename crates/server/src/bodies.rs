//! Bodies of requests, and how much memory they take together.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;

use crate::problem::Problem;

/// Memory that is reserved for a body before its bytes come, at most: a client can announce more than it sends.
const FIRST: usize = 1 << 20;

/// How long the rest of a body is read that nobody wants. A client that is still sending reads its answer afterwards only.
const REST: Duration = Duration::from_secs(5);

/// Reads bodies.
#[derive(Debug, Clone)]
pub(crate) struct Bodies {
    /// Most bytes of one.
    most: usize,
    timeout: Duration,
    room: Arc<Room>,
}

/// Memory for all bodies.
#[derive(Debug)]
struct Room {
    bytes: usize,
    taken: AtomicUsize,
}

impl Room {
    fn take(&self, bytes: usize) -> Result<(), Problem> {
        let taken = self.taken.fetch_add(bytes, Ordering::Relaxed);
        if taken.saturating_add(bytes) > self.bytes {
            self.taken.fetch_sub(bytes, Ordering::Relaxed);
            return Err(Problem::busy("the images that wait fill the memory that is set aside; try again"));
        }
        Ok(())
    }
}

/// A part of the memory for all bodies, which is given back in the end.
#[derive(Debug)]
pub(crate) struct Share {
    room: Arc<Room>,
    bytes: usize,
}

impl Share {
    /// Takes more.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), Problem> {
        self.room.take(bytes)?;
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.room.taken.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Bodies {
    pub(crate) fn new(most: usize, all: usize, timeout: Duration) -> Self {
        Self { most, timeout, room: Arc::new(Room { bytes: all, taken: AtomicUsize::new(0) }) }
    }

    /// The whole body of a request, and its share of the memory.
    pub(crate) async fn read(&self, headers: &HeaderMap, mut body: Body) -> Result<(Bytes, Share), Problem> {
        let announced = body.size_hint().exact().unwrap_or(0);
        if announced > self.most as u64 {
            // A client that asks first sends nothing of it.
            if !headers.contains_key(header::EXPECT) {
                tokio::spawn(drain(body));
            }
            return Err(self.too_large());
        }
        let mut share = Share { room: Arc::clone(&self.room), bytes: 0 };
        let whole = self.collect(&mut body, announced as usize, &mut share);
        let found = match tokio::time::timeout(self.timeout, whole).await {
            Ok(found) => found,
            Err(_) => {
                let seconds = self.timeout.as_secs_f64();
                let detail = format!("the body did not arrive within {seconds} seconds");
                return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, detail));
            }
        };
        match found {
            Ok(bytes) => Ok((bytes, share)),
            Err(problem) => {
                tokio::spawn(drain(body));
                Err(problem)
            }
        }
    }

    async fn collect(&self, body: &mut Body, announced: usize, share: &mut Share) -> Result<Bytes, Problem> {
        let mut bytes = Vec::with_capacity(announced.min(FIRST));
        while let Some(data) = next_data(body).await {
            let data = data.map_err(|error| {
                Problem::new(StatusCode::BAD_REQUEST, format!("the body can't be read: {error}"))
            })?;
            if bytes.len() + data.len() > self.most {
                return Err(self.too_large());
            }
            share.grow(data.len())?;
            bytes.extend_from_slice(&data);
        }
        Ok(bytes.into())
    }

    fn too_large(&self) -> Problem {
        let most = self.most;
        Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the body is larger than the limit of {most} bytes"),
        )
    }
}

/// The next bytes of a body.
async fn next_data(body: &mut Body) -> Option<Result<Bytes, axum::Error>> {
    loop {
        let frame = std::future::poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await?;
        match frame.map(hyper::body::Frame::into_data) {
            Ok(Ok(data)) => return Some(Ok(data)),
            // Trailers.
            Ok(Err(_)) => {}
            Err(error) => return Some(Err(error)),
        }
    }
}

/// Reads the rest of a body for some time, so that the client gets its answer.
async fn drain(mut body: Body) {
    let rest = async { while let Some(Ok(_)) = next_data(&mut body).await {} };
    let _ = tokio::time::timeout(REST, rest).await;
}
