#![doc = include_str!("../README.md")]
//! # Where to start
//!
//! A [`ConvolutionStack`] is a stack of 3 x 3 convolutions: blocks of convolutions (stride 1, zero padding 1, bias,
//! ReLU), each block closed by a 2 x 2 max pooling of stride 2. It takes images as `N x C x H x W` and gives the last
//! pooled maps in the same order. A [`Plan`] says how each layer is computed, and a [`Path`] which instructions compute
//! it.
//!
//! A [`graph::Graph`] is a network of any other kind: convolutions of any size, stride, padding and groups, poolings, sums and
//! gates. A [`graph::Network`] runs it.
//!
//! A [`Dense`] layer takes rows, gives their products with its kernel, and is updated by any [`Optimizer`].
//!
//! [`peak`] measures the most multiply-adds that the CPU can do. [`reference`](mod@reference) has the plain loops
//! that the tests compare every path with.
//!
//! # Determinism
//!
//! An output element is always summed in the same order, for any batch and any number of threads. So an image's
//! features are the same to the bit on one path, and so are a layer's parameters after training. AVX2 and AVX-512 give
//! the same features ([`Path::rounding`]). Otherwise the results of two paths differ by rounding, and so do features of
//! two [`Strategy`]s.
//!
//! # What this crate does not know
//!
//! Tensors of any framework, files, and the names of networks. All `unsafe` for the CPU is here, behind an API of
//! slices.

mod blocks;
mod buffer;
mod dense;
mod direct;
mod error;
mod feature_maps;
pub mod graph;
mod kernels;
mod lanes;
mod lines;
mod paired;
mod panel;
mod path;
pub mod peak;
mod plan;
mod points;
mod products;
mod queue;
pub mod reference;
mod rows;
mod run;
mod schedule;
mod stack;
mod stored;
mod strided;
mod taps;
mod tile;
mod transform;
mod vector;
mod winograd;
mod workspace;

pub use dense::Dense;
pub use error::Error;
pub use headstart_files::ErrorKind;
pub use lanes::Lanes;
pub use panel::{MAX_SLOTS, Optimizer};
pub use path::{PATH_VARIABLE, Path};
pub use plan::{LayerPlan, Method, Part, Plan, Strategy};
pub use stack::{Convolution, ConvolutionStack, LayerTime};
pub use tile::Tile;
