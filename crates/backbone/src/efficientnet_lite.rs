//! EfficientNet-Lite: EfficientNet (M. Tan and Q. Le, 2019) without squeeze and excitation, with ReLU6, and with a stem and
//! a last convolution that are not scaled. The tables are those of TensorFlow's `efficientnet_lite_builder.py`, the names in
//! files timm's `tf_efficientnet_lite0` to `4`.

use headstart_kernels::graph::Window;
use headstart_provenance::{Input, Interpolation, Preset};

use crate::convolutional::Table;
use crate::description::Description;
use crate::inverted::{STAGES, Style, mobilenet_v2, timm};

/// The networks, the smallest first, with the sides of the images that they were trained on.
pub(crate) static NETWORKS: [Table; 5] = [
    Table {
        describe: || describe([16, 24, 40, 80, 112, 192, 320], [1, 2, 2, 3, 3, 4, 1]),
        ..network("efficientnet_lite0", &["tf_efficientnet_lite0"], 224, 0.875, Interpolation::Bicubic)
    },
    Table {
        describe: || describe([16, 24, 40, 80, 112, 192, 320], [1, 3, 3, 4, 4, 5, 1]),
        ..network("efficientnet_lite1", &["tf_efficientnet_lite1"], 240, 0.882, Interpolation::Bicubic)
    },
    Table {
        describe: || describe([16, 24, 48, 88, 120, 208, 352], [1, 3, 3, 4, 4, 5, 1]),
        ..network("efficientnet_lite2", &["tf_efficientnet_lite2"], 260, 0.89, Interpolation::Bicubic)
    },
    Table {
        describe: || describe([24, 32, 48, 96, 136, 232, 384], [1, 3, 3, 5, 5, 6, 1]),
        ..network("efficientnet_lite3", &["tf_efficientnet_lite3"], 280, 0.897, Interpolation::Bilinear)
    },
    Table {
        describe: || describe([24, 32, 56, 112, 160, 272, 448], [1, 4, 4, 6, 6, 8, 1]),
        ..network("efficientnet_lite4", &["tf_efficientnet_lite4"], 300, 0.904, Interpolation::Bilinear)
    },
];

/// TensorFlow's networks see the middle of an image whose short side has 32 pixels more: side / (side + 32), in timm's
/// three digits. The interpolations are timm's.
///
/// timm's networks without `tf_` have the same parameters, but they pad images on all sides and have another epsilon.
const fn network(
    name: &'static str,
    published: &'static [&'static str],
    side: usize,
    fraction: f64,
    interpolation: Interpolation,
) -> Table {
    let input = Input::new(Preset::Inception, side).crop(fraction).interpolation(interpolation);
    let presets = &[Preset::Inception];
    Table { name, published, forms: &[], presets, input, describe: Description::default }
}

const SIDES: [usize; STAGES] = [3, 3, 5, 3, 5, 5, 3];

const STYLE: Style = Style { window: Window::same, epsilon: 1e-3, names: &[timm] };

/// The output channels of each stage and its number of blocks.
fn describe(channels: [usize; STAGES], blocks: [usize; STAGES]) -> Description {
    mobilenet_v2(STYLE, SIDES, channels, blocks)
}
