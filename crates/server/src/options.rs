//! What a server allows its clients.

use std::time::Duration;

/// What a server allows its clients.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// Threads that decode and compute. 0, the default, means as many as the current rayon pool has.
    pub threads: usize,
    /// Most images that are computed at a time. Where each thread computes a batch of its own, it takes its share of them, though
    /// not less than two. See [`DEFAULT_BATCH`](Self::DEFAULT_BATCH).
    pub max_batch: usize,
    /// Most images that wait. A request that brings more is answered with 503.
    pub max_queue: usize,
    /// Most bytes of a request's body.
    pub max_body: usize,
    /// Most bytes of all bodies that are in memory at a time, those that wait included; at least `max_body`. A form counts
    /// twice and JSON almost three times, for as much memory they take.
    pub max_bodies: usize,
    /// Most connections at a time. More wait until one ends.
    pub max_connections: usize,
    /// How long a client may take to send the head of a request, then its body, and to take an answer. An idle connection
    /// is closed after that time, too.
    pub timeout: Duration,
    /// How long requests may take that are being served when the server is asked to stop.
    pub grace: Duration,
    /// Names by which clients may call the server, besides `localhost` and IP addresses. A request with another name in
    /// `Host` is refused: a web page elsewhere may have its own name point to this machine (DNS rebinding).
    pub hosts: Vec<String>,
    /// Origins of web pages elsewhere that may read the answers, such as `https://example.com`; `*` for all.
    pub origins: Vec<String>,
}

impl Options {
    /// Images that are computed at a time at most, by default.
    pub const DEFAULT_BATCH: usize = 8;
}

impl Default for Options {
    fn default() -> Self {
        Self {
            threads: 0,
            max_batch: Self::DEFAULT_BATCH,
            max_queue: 256,
            max_body: 32 << 20,
            max_bodies: 256 << 20,
            max_connections: 1024,
            timeout: Duration::from_secs(30),
            grace: Duration::from_secs(30),
            hosts: Vec::new(),
            origins: Vec::new(),
        }
    }
}
