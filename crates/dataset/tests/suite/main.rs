//! The crate's tests from outside, in one binary: goldens of Pillow and Keras, hostile files, and properties.

#![allow(
    clippy::unwrap_used,
    reason = "in a test, a panic is the message; clippy only knows it within #[test] functions"
)]

mod decode;
mod diagnosis;
mod examine;
mod fit;
mod golden;
mod hostile;
mod jpeg;
mod loader;
mod preprocess;
mod resize;
mod scan;
mod unread;
