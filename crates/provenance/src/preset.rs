//! Named, complete choices of preprocessing.

use std::fmt;
use std::str::FromStr;

use crate::{ChannelOrder, Error, Fit, Grey16, Interpolation, Preprocessing};

/// A named choice of resizing and preprocessing constants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Preset {
    /// What the script of the Keras blog's "Building powerful image classification models using very little data"
    /// does: `ImageDataGenerator(rescale=1. / 255)`. RGB times float32(1/255), resized by nearest neighbour
    /// (`load_img`'s default). Like `load_img`, it ignores the EXIF orientation and cuts off 16-bit grey.
    Blog,
    /// What VGG's ImageNet weights were trained for: BGR, 0-255, minus the mean of the training set. The numbers
    /// are `keras.applications.imagenet_utils.preprocess_input(mode="caffe")`, which come from the authors'
    /// Caffe models. Resized by nearest neighbour, `load_img`'s default. The EXIF orientation is applied, and 16-bit grey
    /// becomes its high byte.
    Caffe,
    /// What torchvision's VGG weights were trained for: RGB over 255, minus the mean, over the standard deviation
    /// of ImageNet, as `torchvision.transforms.Normalize` documents them. Resized by the antialiased bilinear filter. The
    /// EXIF orientation is applied, and 16-bit grey becomes its high byte.
    Torchvision,
    /// What TensorFlow's Inception, MobileNet and EfficientNet-Lite weights were trained for: RGB over 255, minus 0.5, over
    /// 0.5, so that -1 is black and 1 is white. timm calls these numbers `IMAGENET_INCEPTION_MEAN` and
    /// `IMAGENET_INCEPTION_STD`. Resized by the antialiased bicubic filter, as timm's `tf_efficientnet_lite0` to `2` state
    /// it. The EXIF orientation is applied, and 16-bit grey becomes its high byte.
    Inception,
}

impl Preset {
    /// Every preset, in the order in which help texts list them.
    pub const ALL: [Self; 4] = [Self::Blog, Self::Caffe, Self::Torchvision, Self::Inception];

    /// The name as it is written on a command line and in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Blog => "blog",
            Self::Caffe => "caffe",
            Self::Torchvision => "torchvision",
            Self::Inception => "inception",
        }
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Preset {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|preset| preset.name() == name)
            .ok_or_else(|| Error::UnknownPreset { found: name.to_owned() })
    }
}

impl Preprocessing {
    /// The preprocessing that a preset stands for, at a size in pixels that images are stretched to.
    ///
    /// [`Preprocessing::validate`] checks the size; this function does not.
    #[must_use]
    pub fn preset(preset: Preset, height: usize, width: usize) -> Self {
        let name = preset.name().to_owned();
        match preset {
            Preset::Blog => Self {
                preset: name,
                height,
                width,
                interpolation: Interpolation::Nearest,
                channel_order: ChannelOrder::Rgb,
                scale: 1.0 / 255.0,
                mean: [0.0; 3],
                std: [1.0; 3],
                apply_exif_orientation: false,
                grey16: Grey16::CutOff,
                fit: Fit::Stretch,
                mirror: false,
            },
            Preset::Caffe => Self {
                preset: name,
                height,
                width,
                interpolation: Interpolation::Nearest,
                channel_order: ChannelOrder::Bgr,
                scale: 1.0,
                mean: [103.939, 116.779, 123.68],
                std: [1.0; 3],
                apply_exif_orientation: true,
                grey16: Grey16::HighByte,
                fit: Fit::Stretch,
                mirror: false,
            },
            Preset::Torchvision => Self {
                preset: name,
                height,
                width,
                interpolation: Interpolation::Bilinear,
                channel_order: ChannelOrder::Rgb,
                scale: 1.0 / 255.0,
                mean: [0.485, 0.456, 0.406],
                std: [0.229, 0.224, 0.225],
                apply_exif_orientation: true,
                grey16: Grey16::HighByte,
                fit: Fit::Stretch,
                mirror: false,
            },
            Preset::Inception => Self {
                preset: name,
                height,
                width,
                interpolation: Interpolation::Bicubic,
                channel_order: ChannelOrder::Rgb,
                scale: 1.0 / 255.0,
                mean: [0.5; 3],
                std: [0.5; 3],
                apply_exif_orientation: true,
                grey16: Grey16::HighByte,
                fit: Fit::Stretch,
                mirror: false,
            },
        }
    }
}
