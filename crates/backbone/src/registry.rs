//! The registry of networks.

use crate::network::Network;
use crate::vgg;

/// Every network, family by family. A new family is chained to them here.
pub(crate) fn networks() -> impl Iterator<Item = &'static dyn Network> {
    vgg::NETWORKS.iter().map(|network| network as &dyn Network)
}
