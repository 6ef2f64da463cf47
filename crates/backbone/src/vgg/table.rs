//! The four networks as one table.

use candle_core::Device;
use headstart_kernels::graph::{Activation, Window};
use headstart_provenance::{Input, Pooling, Preset};
use headstart_weights::{LayerParameters, LayerSlot};

use super::{Vgg, folded};
use crate::description::{Convolution, Description, Maps};
use crate::images::IMAGE_CHANNELS;
use crate::network::Network;
use crate::on_device::BATCHES;
use crate::stored::Folded;
use crate::{Architecture, Backbone, Engine, Error};

pub(super) const BLOCKS: usize = 5;

/// Output channels of each block's convolutions, the same in all four networks.
const CHANNELS: [usize; BLOCKS] = [64, 128, 256, 512, 512];

/// Height and width of every kernel.
const KERNEL_SIZE: usize = 3;

/// A VGG network: configurations A, B, D and E of K. Simonyan and A. Zisserman, "Very Deep Convolutional Networks for
/// Large-Scale Image Recognition" (2014), table 1, without batch normalization.
#[derive(Debug)]
pub(crate) struct Table {
    name: &'static str,
    /// timm's and torchvision's name.
    published: &'static [&'static str],
    /// Convolutions of each block.
    pub(super) convolutions: [usize; BLOCKS],
}

/// The networks, the shallowest first.
pub(crate) static NETWORKS: [Table; 4] = [
    // Configuration A: 8 convolutions.
    Table { name: "vgg11", published: &["vgg11"], convolutions: [1, 1, 2, 2, 2] },
    // B: 10.
    Table { name: "vgg13", published: &["vgg13"], convolutions: [2, 2, 2, 2, 2] },
    // D: 13.
    Table { name: "vgg16", published: &["vgg16"], convolutions: [2, 2, 3, 3, 3] },
    // E: 16.
    Table { name: "vgg19", published: &["vgg19"], convolutions: [2, 2, 4, 4, 4] },
];

impl Table {
    /// The table of a network.
    pub(super) fn of(architecture: Architecture) -> Result<&'static Self, Error> {
        let table = NETWORKS.iter().find(|table| table.name == architecture.name());
        table.ok_or(Error::NotVgg { architecture })
    }

    /// The layers, for what runs described networks. Where their parameters are in files, [`slots`](Network::slots) says.
    pub(super) fn describe(&self) -> Description {
        let mut description = Description::default();
        let mut maps = Maps::IMAGE;
        for (block, (&out_channels, count)) in CHANNELS.iter().zip(self.convolutions).enumerate() {
            for convolution in 0..count {
                let convolution = Convolution {
                    name: format!("block{}_conv{}", block + 1, convolution + 1),
                    in_channels: description.channels(maps),
                    out_channels,
                    groups: 1,
                    window: Window::square(KERNEL_SIZE, 1, 1),
                    activation: Activation::Relu,
                    forms: Vec::new(),
                };
                maps = description.convolution(maps, convolution);
            }
            maps = description.max_pool(maps, Window::square(2, 2, 0));
        }
        description
    }

    /// Layers of the first blocks: 1 to 5. Other numbers are clamped.
    pub(super) fn layers_of(&self, blocks: usize) -> usize {
        self.convolutions.iter().take(blocks.clamp(1, BLOCKS)).map(|convolutions| convolutions + 1).sum()
    }
}

impl Network for Table {
    fn name(&self) -> &'static str {
        self.name
    }

    fn published_names(&self) -> &'static [&'static str] {
        self.published
    }

    fn presets(&self) -> &'static [Preset] {
        &[Preset::Caffe, Preset::Torchvision, Preset::Blog]
    }

    /// The legacy position counts every layer of the Keras 1 Sequential model: a zero padding before each convolution, and
    /// the poolings. torchvision counts convolutions, ReLUs and poolings.
    fn slots(&self) -> Vec<LayerSlot> {
        let mut slots = Vec::new();
        let (mut legacy, mut torchvision, mut in_channels) = (0, 0, IMAGE_CHANNELS);
        for (block, (&out_channels, count)) in CHANNELS.iter().zip(self.convolutions).enumerate() {
            for convolution in 0..count {
                slots.push(LayerSlot::convolution(
                    format!("block{}_conv{}", block + 1, convolution + 1),
                    [out_channels, in_channels, KERNEL_SIZE, KERNEL_SIZE],
                    legacy + 1,
                    &format!("features.{torchvision}"),
                ));
                in_channels = out_channels;
                legacy += 2;
                torchvision += 2;
            }
            legacy += 1;
            torchvision += 1;
        }
        slots
    }

    /// Five poolings, each of which halves.
    fn smallest_image(&self) -> usize {
        1 << BLOCKS
    }

    fn image_side(&self) -> usize {
        224
    }

    /// `img_width, img_height = 150, 150`, and `ImageDataGenerator(rescale=1. / 255)`.
    fn blog_input(&self) -> Option<Input> {
        Some(Input::new(Preset::Blog, 150))
    }

    fn feature_shape(&self, height: usize, width: usize) -> [usize; 3] {
        [CHANNELS[BLOCKS - 1], height >> BLOCKS, width >> BLOCKS]
    }

    /// Its classifier takes the maps as they are.
    fn batch(&self) -> usize {
        32
    }

    fn pooling(&self) -> Pooling {
        Pooling::None
    }

    /// The threads share the kernels of a batch, which are larger than its maps.
    fn batches_at_once(&self, engine: Engine, _: usize) -> usize {
        if matches!(engine, Engine::Cuda(_)) { BATCHES } else { 1 }
    }

    fn folded(&self, parameters: Vec<LayerParameters>) -> Option<(Description, Vec<Folded>)> {
        Some((self.describe(), folded(&parameters)))
    }

    fn build(
        &'static self,
        parameters: Vec<LayerParameters>,
        device: &Device,
        engine: Engine,
    ) -> Result<Box<dyn Backbone>, Error> {
        Ok(Box::new(Vgg::with_engine(Architecture(self), &parameters, device, engine)?))
    }
}

#[cfg(test)]
mod tests {
    use headstart_weights::Parameter;

    use super::*;

    fn vgg16() -> Architecture {
        "vgg16".parse().unwrap()
    }

    #[test]
    fn the_table_gives_the_published_depths() {
        for (network, convolutions) in NETWORKS.iter().zip([8, 10, 13, 16]) {
            assert_eq!(network.slots().len(), convolutions);
            // Each has three more weight layers, the fully connected ones, in its name.
            assert_eq!(network.name(), format!("vgg{}", convolutions + 3));
        }
    }

    #[test]
    fn vgg16_lies_where_the_legacy_file_and_torchvision_have_it() {
        let slots = vgg16().slots();
        let legacy: Vec<_> = slots.iter().map(|slot| slot.parameters[0].legacy.unwrap().0).collect();
        assert_eq!(legacy, [1, 3, 6, 8, 11, 13, 15, 18, 20, 22, 25, 27, 29]);
        let torchvision: Vec<_> =
            slots.iter().map(|slot| slot.parameters[0].safetensors.clone().unwrap()).collect();
        let indices = [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28];
        assert_eq!(torchvision, indices.map(|index| format!("features.{index}.weight")));
        assert_eq!(slots[4].name, "block3_conv1");
        assert_eq!(slots[4].shape(Parameter::Kernel), Some(&[256, 128, 3, 3][..]));
    }

    #[test]
    fn the_scripts_input_is_not_the_one_that_the_weights_were_trained_for() {
        assert_eq!(vgg16().input().preprocessing().to_string(), "caffe 224x224");
        let script = vgg16().blog_input().map(|input| input.preprocessing().to_string());
        assert_eq!(script.as_deref(), Some("blog 150x150"));
    }

    #[test]
    fn features_shrink_five_times() {
        let shape = |height, width| vgg16().feature_shape(height, width).ok();
        assert_eq!(shape(150, 150), Some([512, 4, 4]));
        assert_eq!(shape(224, 320), Some([512, 7, 10]));
        assert_eq!(shape(32, 63), Some([512, 1, 1]));
        assert_eq!(shape(31, 64), None);
    }
}
