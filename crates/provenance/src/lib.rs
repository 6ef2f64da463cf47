#![doc = include_str!("../README.md")]
//! # What this crate does not know
//!
//! Images, networks and files. It describes what others do with them, and opens none.

mod config;
mod error;
mod fingerprint;
mod fit;
mod input;
mod interpolation;
mod pooling;
mod preprocessing;
mod preset;
mod provenance;

pub use config::Config;
pub use error::Error;
pub use fingerprint::CODE_VERSION;
pub use fit::Fit;
pub use headstart_files::ErrorKind;
pub use input::Input;
pub use interpolation::Interpolation;
pub use pooling::Pooling;
pub use preprocessing::{ChannelOrder, Grey16, Preprocessing};
pub use preset::Preset;
pub use provenance::{Difference, Provenance, WeightsFile};
