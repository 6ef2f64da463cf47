//! The network of a prediction, with the engine that suits the number of images.

use std::fmt;

use headstart_backbone::{Backbone as Network, Engine, FEW_IMAGES};

use crate::{Backbone, Error};

/// A network that is loaded when images come, and kept for the next ones.
///
/// If it is not known how many images will come, it begins with the engine for few images and changes to the one for many
/// when that many have come: the number of images decides which engine computes an image, not when they come.
#[derive(Default)]
pub(crate) struct SuitedNetwork {
    loaded: Option<(Engine, Box<dyn Network>)>,
}

impl SuitedNetwork {
    /// The network for an image that comes after `seen` others, of a number of images that may be known.
    pub(crate) fn suited(
        &mut self,
        backbone: &Backbone,
        images: Option<usize>,
        seen: usize,
    ) -> Result<&dyn Network, Error> {
        let many = if seen < FEW_IMAGES { 0 } else { usize::MAX };
        let engine = backbone.engine(images.unwrap_or(many))?;
        let loaded = match self.loaded.take() {
            Some((found, network)) if found == engine => network,
            // The memory of another engine's network is released first.
            other => {
                drop(other);
                backbone.load(engine)?.0
            }
        };
        Ok(&*self.loaded.insert((engine, loaded)).1)
    }
}

impl fmt::Debug for SuitedNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SuitedNetwork").field(&self.loaded.as_ref().map(|(engine, _)| engine)).finish()
    }
}
