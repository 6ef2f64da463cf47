//! The four networks as one table.

use std::fmt;
use std::str::FromStr;

use headstart_weights::ConvolutionSlot;

use crate::error::Error;

/// The smallest height and width: five poolings, each of which halves.
pub const SMALLEST_IMAGE: usize = 1 << BLOCKS;

const BLOCKS: usize = 5;

/// Output channels of each block's convolutions, the same in all four networks.
const CHANNELS: [usize; BLOCKS] = [64, 128, 256, 512, 512];

/// Channels of an image.
const IMAGE_CHANNELS: usize = 3;

/// Height and width of every kernel.
const KERNEL_SIZE: usize = 3;

/// A VGG network: configurations A, B, D and E of K. Simonyan and A. Zisserman, "Very Deep Convolutional
/// Networks for Large-Scale Image Recognition" (2014), table 1, without batch normalisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Architecture {
    /// Configuration A: 8 convolutions.
    Vgg11,
    /// Configuration B: 10 convolutions.
    Vgg13,
    /// Configuration D: 13 convolutions.
    Vgg16,
    /// Configuration E: 16 convolutions.
    Vgg19,
}

impl Architecture {
    /// All four, the shallowest first.
    pub const ALL: [Self; 4] = [Self::Vgg11, Self::Vgg13, Self::Vgg16, Self::Vgg19];

    /// How many convolutions each block has.
    #[must_use]
    pub fn convolutions_per_block(self) -> [usize; BLOCKS] {
        match self {
            Self::Vgg11 => [1, 1, 2, 2, 2],
            Self::Vgg13 => [2, 2, 2, 2, 2],
            Self::Vgg16 => [2, 2, 3, 3, 3],
            Self::Vgg19 => [2, 2, 4, 4, 4],
        }
    }

    /// The network's name as Keras writes it, in lower case.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Vgg11 => "vgg11",
            Self::Vgg13 => "vgg13",
            Self::Vgg16 => "vgg16",
            Self::Vgg19 => "vgg19",
        }
    }

    /// Where each convolution's parameters lie in files of the known layouts, in the order of the network.
    ///
    /// The legacy position counts every layer of the Keras 1 Sequential model: a zero padding before each
    /// convolution, and the poolings. torchvision counts convolutions, ReLUs and poolings.
    #[must_use]
    pub fn slots(self) -> Vec<ConvolutionSlot> {
        let mut slots = Vec::new();
        let (mut legacy, mut torchvision, mut in_channels) = (0, 0, IMAGE_CHANNELS);
        for (block, (&out_channels, count)) in CHANNELS.iter().zip(self.convolutions_per_block()).enumerate()
        {
            for convolution in 0..count {
                slots.push(ConvolutionSlot {
                    name: format!("block{}_conv{}", block + 1, convolution + 1),
                    legacy_layer: legacy + 1,
                    torchvision: format!("features.{torchvision}"),
                    in_channels,
                    out_channels,
                    kernel_size: KERNEL_SIZE,
                });
                in_channels = out_channels;
                legacy += 2;
                torchvision += 2;
            }
            legacy += 1;
            torchvision += 1;
        }
        slots
    }

    /// Channels, height and width of the features of an image of `height x width` pixels.
    ///
    /// # Errors
    ///
    /// [`Error::TooSmall`] below [`SMALLEST_IMAGE`].
    pub fn feature_shape(self, height: usize, width: usize) -> Result<[usize; 3], Error> {
        if height < SMALLEST_IMAGE || width < SMALLEST_IMAGE {
            return Err(Error::TooSmall { height, width });
        }
        Ok([CHANNELS[BLOCKS - 1], height >> BLOCKS, width >> BLOCKS])
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Architecture {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|architecture| architecture.name() == name)
            .ok_or_else(|| Error::UnknownArchitecture { found: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_gives_the_published_depths() {
        for (architecture, convolutions) in Architecture::ALL.into_iter().zip([8, 10, 13, 16]) {
            assert_eq!(architecture.slots().len(), convolutions);
            // Each has three more weight layers, the fully-connected ones, in its name.
            assert_eq!(architecture.name(), format!("vgg{}", convolutions + 3));
            assert_eq!(architecture.name().parse::<Architecture>().unwrap(), architecture);
        }
    }

    #[test]
    fn vgg16_lies_where_the_legacy_file_and_torchvision_have_it() {
        let slots = Architecture::Vgg16.slots();
        let legacy: Vec<_> = slots.iter().map(|slot| slot.legacy_layer).collect();
        assert_eq!(legacy, [1, 3, 6, 8, 11, 13, 15, 18, 20, 22, 25, 27, 29]);
        let torchvision: Vec<_> = slots.iter().map(|slot| slot.torchvision.as_str()).collect();
        let indices = [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28];
        assert_eq!(torchvision, indices.map(|index| format!("features.{index}")));
        assert_eq!(slots[4].name, "block3_conv1");
        assert_eq!((slots[4].in_channels, slots[4].out_channels), (128, 256));
    }

    #[test]
    fn unknown_name_is_told_with_the_known_ones() {
        let error = "resnet50".parse::<Architecture>().unwrap_err();
        assert_eq!(error.to_string(), "backbone resnet50: expected one of vgg11, vgg13, vgg16, vgg19");
    }

    #[test]
    fn features_shrink_five_times() {
        let shape = |height, width| Architecture::Vgg16.feature_shape(height, width).ok();
        assert_eq!(shape(150, 150), Some([512, 4, 4]));
        assert_eq!(shape(224, 320), Some([512, 7, 10]));
        assert_eq!(shape(32, 63), Some([512, 1, 1]));
        assert_eq!(shape(31, 64), None);
    }
}
