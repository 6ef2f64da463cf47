#![doc = include_str!("../README.md")]
//! # Determinism
//!
//! An image has the same bits in any batch and at any place of it. This crate's own kernels sum in one order. Of cuDNN's, only
//! the one for 3 x 3 taps and the poolings are used. cuDNN does not promise that their order is the same for any batch, so the
//! tests that need a GPU check it (crates/backbone/tests/gpu.rs).

#[cfg(not(feature = "cuda"))]
mod absent;
#[cfg(feature = "cuda")]
mod convolution;
#[cfg(feature = "cuda")]
mod copies;
#[cfg(feature = "cuda")]
mod cudnn;
#[cfg(feature = "cuda")]
mod direct;
#[cfg(feature = "cuda")]
mod functions;
#[cfg(feature = "cuda")]
mod gpu;
mod order;
#[cfg(feature = "cuda")]
mod pointwise;
#[cfg(feature = "cuda")]
mod pool;
#[cfg(feature = "cuda")]
mod tf32;

#[cfg(not(feature = "cuda"))]
pub use absent::{Convolution, Gpu, library, name};
#[cfg(feature = "cuda")]
pub use convolution::Convolution;
#[cfg(feature = "cuda")]
pub use gpu::{Gpu, library, name};
pub use order::Order;

use headstart_kernels::graph::{Activation, Window};

/// A convolution's parameters and what follows it.
#[derive(Debug, Clone, Copy)]
pub struct Parameters<'a> {
    /// `out_channels x in_channels / groups x height x width`.
    pub kernel: &'a [f32],
    /// The kernel's shape.
    pub shape: [usize; 4],
    /// `out_channels` values.
    pub bias: &'a [f32],
    /// One, or as many as there are channels, which makes it depthwise. There are no kernels for other groups.
    pub groups: usize,
    /// Size, stride and padding.
    pub window: Window,
    /// What follows.
    pub activation: Activation,
    /// Computes in TF32, on maps whose channels are last. Depthwise convolutions compute in f32 all the same.
    pub tf32: Option<Rounded>,
}

/// Which maps hold no more than the 10 bits after the point that TF32 reads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rounded {
    /// Those that the convolution reads. If they do not, it rounds what it reads, which takes longer.
    pub input: bool,
    /// Those that it writes: it rounds them, for the next one.
    pub output: bool,
}

/// A size as CUDA's libraries take it. They refuse what is larger.
#[cfg(feature = "cuda")]
fn number(value: usize) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}
