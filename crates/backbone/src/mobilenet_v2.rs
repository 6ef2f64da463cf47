//! MobileNetV2 (M. Sandler and others, 2018, table 2).
//!
//! timm's `mobilenetv2_100` and torchvision's `mobilenet_v2` compute the same and have other names. Keras's pads images as
//! TensorFlow does and has another epsilon.

use headstart_kernels::graph::Window;
use headstart_provenance::{Input, Interpolation, Preset};

use crate::convolutional::Table;
use crate::description::Description;
use crate::inverted::{Block, Names, Part, Position, STAGES, Style, mobilenet_v2, symmetric, timm};
use crate::stored::Place;

/// The network of PyTorch's libraries, and that of Keras applications.
pub(crate) static NETWORKS: [Table; 2] = [
    Table {
        name: "mobilenetv2",
        published: &["mobilenetv2_100", "mobilenet_v2"],
        forms: &["timm's names", "torchvision's names"],
        presets: &[Preset::Torchvision],
        input: Input::new(Preset::Torchvision, 224).crop(0.875).interpolation(Interpolation::Bicubic),
        describe: || describe(Style { window: symmetric, epsilon: 1e-5, names: PYTORCH }),
    },
    Table {
        name: "keras_mobilenetv2",
        published: &[],
        forms: &[],
        presets: &[Preset::Inception],
        input: Input::new(Preset::Inception, 224).crop(0.875),
        describe: || describe(Style { window: Window::same, epsilon: 1e-3, names: &[keras] }),
    },
];

const PYTORCH: &[Names] = &[timm, torchvision];

const CHANNELS: [usize; STAGES] = [16, 24, 32, 64, 96, 160, 320];
const BLOCKS: [usize; STAGES] = [1, 2, 3, 4, 3, 3, 1];

fn describe(style: Style) -> Description {
    mobilenet_v2(style, [3; STAGES], CHANNELS, BLOCKS)
}

/// torchvision counts the stem, the blocks and the last convolution in one list. The last convolution of a block and its
/// normalization are not in a list of their own.
fn torchvision(part: Part, position: Position, block: &Block) -> [Place; 2] {
    let depthwise = usize::from(block.has_expansion);
    let paired = |module: String| [format!("{module}.0"), format!("{module}.1")];
    let block = format!("features.{}.conv", position.number + 1);
    let names = match part {
        Part::Stem => paired("features.0".to_owned()),
        Part::Expand => paired(format!("{block}.0")),
        Part::Project => [format!("{block}.{}", depthwise + 1), format!("{block}.{}", depthwise + 2)],
        Part::Last => paired(format!("features.{}", position.number + 1)),
        Part::Depthwise | Part::Squeeze | Part::Excite => paired(format!("{block}.{depthwise}")),
    };
    names.map(Place::Module)
}

fn keras(part: Part, position: Position, _: &Block) -> [Place; 2] {
    let block = match position.number {
        0 => "expanded_conv".to_owned(),
        number => format!("block_{number}"),
    };
    let within = |layer: &str| [format!("{block}_{layer}"), format!("{block}_{layer}_BN")];
    let names = match part {
        Part::Stem => ["Conv1".to_owned(), "bn_Conv1".to_owned()],
        Part::Expand => within("expand"),
        Part::Project => within("project"),
        Part::Last => ["Conv_1".to_owned(), "Conv_1_bn".to_owned()],
        Part::Depthwise | Part::Squeeze | Part::Excite => within("depthwise"),
    };
    names.map(Place::Keras)
}
