//! What a network of the registry gives.

use std::fmt;

use candle_core::Device;
use headstart_provenance::{Input, Pooling, Preset};
use headstart_weights::{LayerParameters, LayerSlot};

use crate::{Backbone, Engine, Error};

/// A network: its table, and how it is built. [`Architecture`](crate::Architecture) documents the methods.
pub(crate) trait Network: fmt::Debug + Sync {
    fn name(&self) -> &'static str;

    fn presets(&self) -> &'static [Preset];

    fn slots(&self) -> Vec<LayerSlot>;

    fn smallest_image(&self) -> usize;

    fn image_side(&self) -> usize;

    /// A table that states more than a preset and a side overrides this.
    fn input(&self) -> Input {
        Input::new(self.presets().first().copied().unwrap_or(Preset::Torchvision), self.image_side())
    }

    /// Only a network that the blog's script runs has one.
    fn blog_input(&self) -> Option<Input> {
        None
    }

    /// The image is at least as large as [`smallest_image`](Self::smallest_image).
    fn feature_shape(&self, height: usize, width: usize) -> [usize; 3];

    /// What becomes of its maps, unless somebody asks for something else: their means, which is what the published networks
    /// hand to their classifiers.
    fn pooling(&self) -> Pooling {
        Pooling::Average
    }

    /// A network that always computes in candle's ops answers [`Engine::Candle`]. What is stored of its features must be
    /// true, and they do not depend on the number of images.
    fn suited_engine(&self, device: &Device, images: usize) -> Engine {
        Engine::suited(device, images)
    }

    /// The parameters are those that [`slots`](Self::slots) asks for.
    fn build(
        &'static self,
        parameters: &[LayerParameters],
        device: &Device,
        engine: Engine,
    ) -> Result<Box<dyn Backbone>, Error>;
}
