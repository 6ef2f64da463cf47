#![doc = include_str!("../README.md")]
//! # What this crate does not know
//!
//! Formats. It moves bytes; what they mean is the business of the crate that calls it.

mod error;
mod kind;
mod read;
mod write;

pub use error::Error;
pub use kind::ErrorKind;
pub use read::open;
pub use write::{
    IfExists, check_name, check_writable, create, folder, is_taken, remove, rename, sync_folder, write,
    write_bytes,
};
