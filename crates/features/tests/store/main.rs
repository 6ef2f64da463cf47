//! The store seen from outside: files, the writer's promises, hostile input.
#![allow(clippy::unwrap_used, reason = "clippy excuses #[test] functions, but not what they share")]

mod common;
#[cfg(unix)]
mod full_disk;
mod golden;
mod hostile;
mod merge;
mod pair;
mod pooled;
mod resume;
mod round_trip;
#[cfg(unix)]
mod special;
mod versions;
