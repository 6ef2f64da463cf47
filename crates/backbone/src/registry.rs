//! The registry of networks.

use crate::network::Network;
use crate::{efficientnet_lite, mobilenet_v2, mobilenet_v3, repvgg, resnet, vgg};

/// Every network, family by family. A new family is chained to them here.
pub(crate) fn networks() -> impl Iterator<Item = &'static dyn Network> {
    let described = efficientnet_lite::NETWORKS
        .iter()
        .chain(&mobilenet_v2::NETWORKS)
        .chain(&mobilenet_v3::NETWORKS)
        .chain(&repvgg::NETWORKS)
        .chain(&resnet::NETWORKS)
        .map(|network| network as &dyn Network);
    vgg::NETWORKS.iter().map(|network| network as &dyn Network).chain(described)
}
