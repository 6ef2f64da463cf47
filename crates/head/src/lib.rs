//! A small dense network, the *head*, trained on stored features with Keras's semantics.
//!
//! The default head is that of the bottleneck-features script: Flatten, Dense 256 relu, Dropout 0.5,
//! Dense 1 sigmoid, trained by RMSprop on binary cross-entropy; for more than two classes it ends in a Dense layer of
//! logits, trained on softmax cross-entropy ([`LayerConfig::head_for`]). A head is a list of layers
//! ([`LayerConfig`]), not a fixed struct, and [`Dense`] is a layer of its own.
//!
//! What this crate does not know: images, the network that made the features, and files. Rows come from
//! any [`Samples`]; parameters leave as [`headstart_weights::HeadLayer`].
//!
//! - [`dense`], [`dropout`], [`activation`], [`initializer`] the parts of a head
//! - [`head`] a list of layers with parameters
//! - [`loss`], [`class_weight`], [`optimizer`], [`schedule`], [`metrics`] what training needs
//! - [`samples`], [`training`] rows in, epochs out
//! - [`predict`], [`evaluation`] probabilities, and how good they are
//! - [`random`] every random number of a run, from one seed
//! - [`analysis`] likely label errors and near-duplicates
//! - [`sweep`] which kind of head is best, and whether that is more than noise
//!
//! On the CPU a head is trained and evaluated by the dense kernels of [`headstart_kernels`], on other devices through
//! candle's gradients.
//!
//! # Determinism
//!
//! The same rows, options and seed give the same parameters to the bit on one kind of CPU, for any number
//! of threads.
//!
//! # Example
//!
//! ```
//! use candle_core::Device;
//! use headstart_head::{Head, InMemory, Labelled, LayerConfig, TrainOptions, train};
//!
//! // Eight rows of two features; the label is whether the first is larger.
//! let values: Vec<f32> = (0..8).flat_map(|i| if i % 2 == 0 { [1.0, 0.0] } else { [0.0, 1.0] }).collect();
//! let labels: Vec<u32> = (0..8).map(|i| u32::from(i % 2 == 0)).collect();
//! let rows = InMemory::new(&values, &[2])?;
//!
//! let mut head = Head::new(&LayerConfig::default_head(), &[2], 1, &Device::Cpu)?;
//! let options = TrainOptions { epochs: 20, batch_size: 4, seed: 1, ..TrainOptions::default() };
//! let data = Labelled { samples: &rows, labels: &labels };
//! let history = train(&mut head, data, Some(data), &options, &mut |_| ())?;
//! assert_eq!(history.epochs.last().and_then(|epoch| epoch.val_accuracy), Some(1.0));
//! # Ok::<(), headstart_head::Error>(())
//! ```

pub mod activation;
pub mod analysis;
pub mod class_weight;
mod cosine;
pub mod dense;
pub mod dropout;
mod engine;
mod error;
pub mod evaluation;
pub mod head;
pub mod initializer;
pub mod loss;
pub mod metrics;
mod network;
#[cfg(test)]
mod network_tests;
pub mod optimizer;
mod pointwise;
mod prediction;
pub mod random;
pub mod samples;
pub mod schedule;
pub mod sweep;
mod tensors;
pub mod training;

pub use activation::Activation;
pub use class_weight::ClassWeight;
pub use dense::Dense;
pub use dropout::{Dropout, Mode};
pub use error::Error;
pub use head::{Head, Layer, LayerConfig};
pub use loss::Loss;
pub use metrics::{EpochMetrics, History, Monitor};
pub use optimizer::{Adam, AdamW, EpsilonPlacement, OptimizerConfig, RmsProp, Sgd};
pub use prediction::predict;
pub use samples::{InMemory, Labelled, Samples, Subset};
pub use schedule::{Schedule, Warmup};
pub use training::{EarlyStopping, TrainOptions, evaluate, train, train_best_and_last};
