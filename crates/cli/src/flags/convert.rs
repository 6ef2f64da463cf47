//! The flags of `headstart convert`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use headstart::Activation;
use headstart::convert::FlattenOrder;

/// Convert a head between .h5, .weights.h5 and .safetensors
///
/// Reads heads of headstart and of Keras 1, 2 and 3: weights alone or whole models (.h5, .weights.h5, .keras). The
/// description of a head is kept, so converting back gives the same file.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  headstart convert bottleneck_fc_model.h5 -o model.safetensors\n  \
                        headstart convert keras.weights.h5 -o model.safetensors --from-order tf --row-shape 512x4x4 \
                        --activations relu,sigmoid")]
pub(crate) struct Convert {
    /// The head to read; its content tells its layout
    pub(crate) input: PathBuf,

    /// The head to write: .safetensors for headstart, .h5 for every Keras, .weights.h5 for Keras 3
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,

    /// Order in which feature maps were flattened for the head: th is channels, height, width; tf is height, width,
    /// channels. Default: what the file says, else th
    #[arg(long, value_enum, value_name = "WHICH")]
    pub(crate) from_order: Option<Order>,

    /// Order in which feature maps will be flattened for the head that is written
    #[arg(long, value_enum, value_name = "WHICH", default_value_t = Order::Th)]
    pub(crate) to_order: Order,

    /// Channels x height x width of a feature map, if the file does not state them
    #[arg(long, value_name = "CxHxW")]
    pub(crate) row_shape: Option<RowShape>,

    /// Activations of the Dense layers, first to last, if the file does not state them: relu,sigmoid
    #[arg(long, value_name = "NAME,NAME", value_delimiter = ',')]
    pub(crate) activations: Option<Vec<Activation>>,

    /// Replace an existing output
    #[arg(long)]
    pub(crate) fresh: bool,
}

/// An order of flattening, as Keras 1 names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Order {
    /// Channels, height, width
    Th,
    /// Height, width, channels
    Tf,
}

impl From<Order> for FlattenOrder {
    fn from(order: Order) -> Self {
        match order {
            Order::Th => Self::ChannelsFirst,
            Order::Tf => Self::ChannelsLast,
        }
    }
}

/// Channels, height and width, written 512x4x4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RowShape(pub(crate) [usize; 3]);

impl FromStr for RowShape {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let axes: Option<Vec<usize>> = text.split(['x', 'X']).map(|axis| axis.trim().parse().ok()).collect();
        let shape =
            axes.and_then(|axes| axes.try_into().ok()).filter(|shape: &[usize; 3]| !shape.contains(&0));
        shape.map(Self).ok_or_else(|| format!("expected CHANNELSxHEIGHTxWIDTH such as 512x4x4, found {text}"))
    }
}
