//! What the file of a head may not say: flags of every command that reads one.

use std::str::FromStr;

use clap::{Args, ValueEnum};
use headstart::Activation;
use headstart::convert::{FlattenOrder, ImportOptions};

/// Of these flags, and of those of `predict` that are for the same files.
pub(super) const HEADING: &str =
    "For a head that does not state these itself, such as a .h5 that Keras wrote";

/// What the file of a head may not say. A file of Keras that holds weights alone says none of it.
#[derive(Debug, Clone, Args)]
pub(crate) struct HeadFlags {
    /// Order in which feature maps were flattened for the head: th is channels, height, width; tf is height, width,
    /// channels
    #[arg(long, help_heading = HEADING, value_enum, value_name = "WHICH")]
    pub(crate) from_order: Option<Order>,

    /// Channels x height x width of a feature map
    #[arg(long, help_heading = HEADING, value_name = "CxHxW")]
    pub(crate) row_shape: Option<RowShape>,

    /// Activations of the Dense layers, first to last: relu,sigmoid
    #[arg(long, help_heading = HEADING, value_name = "NAME,NAME", value_delimiter = ',')]
    pub(crate) activations: Option<Vec<Activation>>,
}

impl HeadFlags {
    /// As the library takes them.
    pub(crate) fn options(&self) -> ImportOptions {
        let mut options = ImportOptions::default();
        options.flatten_order = self.from_order.map(Into::into);
        options.row_shape = self.row_shape.map(|shape| shape.0);
        options.activations.clone_from(&self.activations);
        options
    }
}

/// An order of the axes of feature maps, as Keras 1 names it.
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
