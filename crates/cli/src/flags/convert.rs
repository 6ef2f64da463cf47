//! The flags of `headstart convert`.

use std::path::PathBuf;

use clap::Args;

use super::described::Described;
use super::head::{HeadFlags, Order};

/// Convert a head between .h5, .weights.h5 and .safetensors, or write it for other programs, network included: ONNX, Keras,
/// PyTorch
///
/// Reads heads of headstart and of Keras 1, 2 and 3: weights alone or whole models (.h5, .weights.h5, .keras). The
/// description of a head is kept, so converting back gives the same file. What a file does not say, such as the activations
/// in a file of weights alone, the file that is written does not say either, unless you give it.
///
/// For ONNX (.onnx) the network goes into the file with the head, and for Keras 3 (.keras) if it is a VGG: the file takes pixels
/// and gives probabilities. docs/export.md shows how to use them.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  headstart convert bottleneck_fc_model.h5 -o model.safetensors\n  \
                        headstart convert keras.weights.h5 -o model.safetensors --from-order tf --row-shape 512x4x4 \
                        --activations relu,sigmoid\n  headstart convert model.safetensors -o model.onnx")]
pub(crate) struct Convert {
    /// The head to read; its content tells its layout
    pub(crate) input: PathBuf,

    /// The file to write: .safetensors for headstart, .h5 for every Keras, .weights.h5 for Keras 3; .onnx and .keras for the whole
    /// model
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,

    /// Order in which feature maps will be flattened for the head that is written
    #[arg(long, value_enum, value_name = "WHICH", default_value_t = Order::Th)]
    pub(crate) to_order: Order,

    /// Write a .safetensors for a module of PyTorch: the state dict of the network and the head
    #[arg(long)]
    pub(crate) pytorch: bool,

    /// The network's weights, for .onnx, .keras and --pytorch. Default: they are found as predict finds them
    #[arg(long, value_name = "FILE")]
    pub(crate) weights: Option<PathBuf>,

    /// Leave out the network's weights that fit, or train --bundle, put into the model; of a .keras, leave out the network
    #[arg(long)]
    pub(crate) no_bundle: bool,

    /// Replace an existing output
    #[arg(long)]
    pub(crate) fresh: bool,

    #[command(flatten)]
    pub(crate) described: Described,

    #[command(flatten)]
    pub(crate) head: HeadFlags,
}
