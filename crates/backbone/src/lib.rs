#![doc = include_str!("../README.md")]
//! # What this crate does not know
//!
//! Where images come from and how they were preprocessed, how files store weights, and what the features are used for.

mod architecture;
mod backbone;
mod convolutional;
mod description;
mod efficientnet_lite;
mod engine;
mod error;
mod folded;
mod id;
mod images;
mod inverted;
mod kernel_op;
mod mobilenet_v2;
mod mobilenet_v3;
mod network;
mod on_device;
mod pooling;
mod registry;
mod repvgg;
mod resnet;
mod stored;
mod tensors;
mod vgg;

pub use architecture::Architecture;
pub use backbone::Backbone;
pub use engine::{Engine, FEW_IMAGES, Precision};
pub use error::Error;
pub use folded::{FoldedConvolution, FoldedLayer, FoldedNetwork, FoldedOperation};
pub use headstart_files::ErrorKind;
pub use headstart_kernels::graph::{Activation, Padding, Window};
pub use headstart_kernels::{LayerTime, Plan, Strategy, Tile};
pub use id::BackboneId;
pub use vgg::Vgg;
