//! The convolutional bases of VGG11, 13, 16 and 19.
//!
//! [`Vgg`] turns a batch of images into *bottleneck features*, the last pooled maps: `N x 3 x H x W` to
//! `N x 512 x H / 32 x W / 32` (rounded down at each of the five poolings; 4 x 4 for 150 x 150). All four
//! networks come from one table, [`Architecture`]. On the CPU a forward pass is one candle op that runs
//! `headstart-kernels`; on every other device it runs candle's own ops.
//!
//! What this crate does not know: where images come from and how they were preprocessed, how weights are
//! stored, and what is done with the features.
//!
//! # Example
//!
//! ```
//! use candle_core::{Device, Tensor};
//! use headstart_backbone::{Architecture, Vgg};
//! use headstart_weights::{Array, ConvolutionParameters};
//!
//! // Parameters of the right shapes; `Vgg::load` reads them from a file.
//! let parameters: Vec<_> = Architecture::Vgg11
//!     .slots()
//!     .iter()
//!     .map(|slot| ConvolutionParameters {
//!         kernel: Array {
//!             shape: vec![slot.out_channels, slot.in_channels, 3, 3],
//!             values: vec![0.01; slot.out_channels * slot.in_channels * 9],
//!         },
//!         bias: Array { shape: vec![slot.out_channels], values: vec![0.0; slot.out_channels] },
//!     })
//!     .collect();
//! let vgg = Vgg::new(Architecture::Vgg11, &parameters, &Device::Cpu)?;
//! let images = Tensor::zeros((1, 3, 32, 64), candle_core::DType::F32, &Device::Cpu)?;
//! assert_eq!(vgg.forward(&images)?.dims(), [1, 512, 1, 2]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod architecture;
mod error;
mod vgg;

pub use architecture::{Architecture, SMALLEST_IMAGE};
pub use error::Error;
pub use headstart_kernels::{LayerTime, Plan, Strategy, Tile};
pub use vgg::{Engine, FEW_IMAGES, Vgg};
