//! What a network of the registry gives.

use std::fmt;

use candle_core::Device;
use headstart_kernels::graph::Graph;
use headstart_provenance::{Input, Pooling, Preset};
use headstart_weights::{LayerParameters, LayerSlot};

use crate::description::Description;
use crate::on_device;
use crate::stored::Folded;
use crate::{Backbone, Engine, Error};

/// Of some forms of a network's files the one that has layers of these names; the first one if none has.
pub(crate) fn form_of(forms: &[Vec<LayerSlot>], parameters: &[LayerParameters]) -> usize {
    let has_names = |slots: &Vec<LayerSlot>| {
        let needed = slots.iter().filter(|slot| slot.is_needed);
        needed.map(|slot| &slot.name).eq(parameters.iter().map(|layer| &layer.name))
    };
    forms.iter().position(has_names).unwrap_or_default()
}

/// A network: its table, and how it is built. [`Architecture`](crate::Architecture) documents the methods.
pub(crate) trait Network: fmt::Debug + Sync {
    fn name(&self) -> &'static str;

    /// What libraries of models call it, first the name that is shown.
    fn published_names(&self) -> &'static [&'static str];

    fn presets(&self) -> &'static [Preset];

    fn slots(&self) -> Vec<LayerSlot>;

    /// The slots of each form in which files hold the parameters; [`slots`](Self::slots) is the first. The forms differ in
    /// the names of layers or in nothing else than the places of tensors.
    fn forms(&self) -> Vec<Vec<LayerSlot>> {
        vec![self.slots()]
    }

    /// What tells the [`forms`](Self::forms) apart, each in words; empty if there is only one.
    fn form_names(&self) -> &'static [&'static str] {
        &[]
    }

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

    /// Images of a batch that are enough for the full rate. More only take memory.
    fn batch(&self) -> usize {
        16
    }

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

    /// Kernels take an image through a graph on one thread; at the end of a batch, others would wait for it.
    fn batches_at_once(&self, engine: Engine, threads: usize) -> usize {
        match engine {
            Engine::Kernels(_) => threads,
            Engine::Cuda(_) => on_device::BATCHES,
            Engine::Candle => 1,
        }
    }

    /// The parameters are those that one of the [`forms`](Self::forms) asks for.
    fn build(
        &'static self,
        parameters: Vec<LayerParameters>,
        device: &Device,
        engine: Engine,
    ) -> Result<Box<dyn Backbone>, Error>;

    /// The network as a description, and what the parameters of each of its convolutions add up to; `None` for a network that
    /// no description can say. The parameters are those of a form.
    fn folded(&self, parameters: Vec<LayerParameters>) -> Option<(Description, Vec<Folded>)> {
        let _ = parameters;
        None
    }

    /// The graph that the kernels run; `None` for a network that they do not run as a graph.
    fn graph(&self, parameters: Vec<LayerParameters>) -> Result<Option<Graph>, Error> {
        let _ = parameters;
        Ok(None)
    }
}
