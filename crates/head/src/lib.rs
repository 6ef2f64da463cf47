#![doc = include_str!("../README.md")]
//! # Modules
//!
//! They form layers. Each layer uses only those above it.
//!
//! - errors: [`Error`], [`SamplesError`]
//! - data: [`random`], [`Samples`], [`History`], [`ClassWeight`], [`Schedule`], [`OptimizerConfig`]; [`LayerConfig`] and
//!   [`Activation`] come from `headstart_weights`
//! - computing: [`activation`], [`loss`], [`evaluation`], [`Logits`], [`Dense`], [`Dropout`], [`Head`]
//! - two engines: one for the CPU, one on candle's gradients for other devices
//! - jobs: [`train`], [`evaluate`], [`predict`]
//! - [`logistic`] fits a linear head exactly, and says how good it is; [`Calibration`] makes its probabilities
//!   as sure as they are right
//! - [`analysis`] finds likely label errors and near-duplicates
//! - [`sweep`] finds the best kind of head
//!
//! # Determinism
//!
//! The same rows, options and seed give the same parameters to the bit on one kind of CPU, for any number of threads.

pub mod activation;
pub mod analysis;
mod argmax;
mod calibration;
mod class_weight;
mod cosine;
mod dense;
mod dropout;
mod engine;
mod error;
pub mod evaluation;
mod groups;
mod head;
mod head_loss;
mod history;
mod initializer;
pub mod logistic;
mod logits;
pub mod loss;
mod metrics;
mod nested_subsets;
mod novelty;
mod optimizer;
mod platt;
mod pointwise;
mod prediction;
pub mod random;
mod rows;
mod samples;
mod schedule;
pub mod sweep;
mod temperature;
mod training;

pub use argmax::argmax;
pub use calibration::{Calibration, CalibrationChoice};
pub use class_weight::ClassWeight;
pub use dense::Dense;
pub use dropout::{Dropout, Mode};
pub use error::{Error, SamplesError};
pub use head::{Head, Layer};
pub use head_loss::Loss;
pub use headstart_files::ErrorKind;
pub use headstart_weights::{Activation, LayerConfig, UnknownActivation};
pub use history::{EpochMetrics, History, Monitor};
pub use initializer::glorot_uniform;
pub use logits::Logits;
pub use metrics::top_k_accuracy;
pub use nested_subsets::stratified_share;
pub use novelty::{ClassMeans, distance_refusing, held_out_distances};
pub use optimizer::{Adam, AdamW, EpsilonPlacement, OptimizerConfig, RmsProp, Sgd};
pub use platt::Platt;
pub use prediction::{evaluate, logits, predict};
pub use samples::{InMemory, Labelled, Samples, Subset};
pub use schedule::{Schedule, Warmup};
pub use temperature::Temperature;
pub use training::{EarlyStopping, TrainOptions, TrainingEvent, train, train_and_keep, train_best_and_last};
