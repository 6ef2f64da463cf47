//! Fast CPU inference of a stack of 3 x 3 convolutions, and training of dense layers, on plain slices.
//!
//! A [`ConvolutionStack`] is the convolutional base of a VGG-like network: blocks of 3 x 3 convolutions
//! (stride 1, zero padding 1, bias, ReLU), each block closed by a 2 x 2 max pooling of stride 2. It takes
//! images as `N x C x H x W` and gives the last pooled maps in the same order.
//!
//! A [`Dense`] layer takes rows, gives their products with its kernel, and is updated by any [`Optimizer`].
//!
//! What this crate does not know: tensors of any framework, files, and what a network is called. It holds
//! all `unsafe` of the workspace, behind an API of slices.
//!
//! - [`dense`] the layer, its update and its input's gradient
//! - [`stack`] the packed network and its forward pass
//! - [`plan`] how each layer is computed, chosen by its shape, and [`tile`] the sizes of tile it chooses from
//! - [`path`] which instructions run it: chosen once, at run time, or forced with `HEADSTART_KERNELS`
//! - [`peak`] the most multiply-adds that the CPU can do, to measure against
//! - [`reference`](mod@reference) the seven-loop convolution that every path is held against
//!
//! # Determinism
//!
//! An output element is always summed in the same order, whatever the batch and the number of threads, so
//! an image's features are the same to the bit on one path, and so are a layer's parameters after training. Features
//! are the same on AVX2 and AVX-512 as well ([`Path::rounding`]). Else results of different paths differ by rounding, and
//! so do features between one [`Strategy`] and another.
//!
//! # Example
//!
//! ```
//! use headstart_kernels::{Convolution, ConvolutionStack, Strategy};
//!
//! // One block of one convolution, 1 -> 2 channels: the centre tap copies, then negates, the image.
//! let mut kernel = vec![0.0; 2 * 9];
//! kernel[4] = 1.0;
//! kernel[9 + 4] = -1.0;
//! let block = vec![Convolution { in_channels: 1, out_channels: 2, kernel: &kernel, bias: &[0.0, 0.0] }];
//! let stack = ConvolutionStack::new(&[block], Strategy::default())?;
//!
//! let image = [1.0, 2.0, 3.0, 4.0]; // 1 x 1 x 2 x 2
//! let mut pooled = [0.0; 2]; // 1 x 2 x 1 x 1
//! stack.forward(&image, [1, 1, 2, 2], &mut pooled)?;
//! assert_eq!(pooled, [4.0, 0.0]);
//! # Ok::<(), headstart_kernels::Error>(())
//! ```

mod activations;
mod buffer;
pub mod dense;
mod direct;
mod error;
mod kernels;
mod lanes;
mod lines;
mod panel;
pub mod path;
pub mod peak;
pub mod plan;
mod points;
mod products;
mod queue;
pub mod reference;
mod rows;
mod run;
mod schedule;
pub mod stack;
mod stored;
pub mod tile;
mod transform;
mod vector;
mod winograd;
mod workspace;

pub use dense::Dense;
pub use error::Error;
pub use lanes::Lanes;
pub use panel::{MAX_SLOTS, Optimizer};
pub use path::Path;
pub use plan::{Method, Plan, Strategy};
pub use stack::{Convolution, ConvolutionStack, LayerTime};
pub use tile::Tile;
