#![doc = include_str!("../README.md")]
//! # How a request is answered
//!
//! One thread moves the bytes of all connections. Images wait in a bounded queue for the threads that decode and compute: each
//! takes what waits when it is free, up to a maximum, and computes it together. An image that comes alone is computed by all
//! threads.
//!
//! # What this crate does not know
//!
//! Flags, signals, terminals and files. It never prints and never exits.

mod app;
mod bodies;
mod connection;
mod error;
mod hosts;
mod images;
mod metrics;
mod model;
mod options;
mod page;
mod predict;
mod problem;
mod queue;
mod server;
mod workers;

pub use error::Error;
pub use model::ModelRecord;
pub use options::Options;
pub use server::{Server, Stop};
