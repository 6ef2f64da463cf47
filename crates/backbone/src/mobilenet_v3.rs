//! MobileNetV3 (A. Howard and others, "Searching for MobileNetV3", 2019, tables 1 and 2).
//!
//! The features are the maps before the global pooling: 960 channels of the large network and 576 of the small one. The
//! convolution after the pooling (timm's `conv_head`) belongs to the classifier. torchvision's networks have other names
//! and another epsilon than timm's.

use headstart_kernels::graph::Activation::{HardSwish, Relu};
use headstart_provenance::{Input, Interpolation, Preset};
use headstart_weights::{LayerSlot, Parameter, ParameterSlot};

use crate::convolutional::Table;
use crate::description::Description;
use crate::inverted::{Block, Builder, Names, Part, Position, Style, symmetric, timm as timm_block};
use crate::stored::Place;

/// The networks of timm and of torchvision.
pub(crate) static NETWORKS: [Table; 4] = [
    Table {
        describe: || large(TIMM),
        ..network(
            "mobilenetv3_large",
            &["mobilenetv3_large_100", "mobilenetv3_large_100_miil"],
            Interpolation::Bicubic,
        )
    },
    Table {
        describe: || small(TIMM),
        ..network("mobilenetv3_small", &["mobilenetv3_small_100"], Interpolation::Bicubic)
    },
    Table {
        describe: || large(TORCHVISION),
        ..network("torchvision_mobilenetv3_large", &["mobilenet_v3_large"], Interpolation::Bilinear)
    },
    Table {
        describe: || small(TORCHVISION),
        ..network("torchvision_mobilenetv3_small", &["mobilenet_v3_small"], Interpolation::Bilinear)
    },
];

/// timm's networks with `tf_` have the same parameters, but they pad images as TensorFlow does and have another epsilon.
const fn network(
    name: &'static str,
    published: &'static [&'static str],
    interpolation: Interpolation,
) -> Table {
    let input = Input::new(Preset::Torchvision, 224).crop(0.875).interpolation(interpolation);
    let presets = &[Preset::Torchvision];
    Table { name, published, forms: &[], presets, input, describe: Description::default }
}

const TIMM: Style = Style { window: symmetric, epsilon: 1e-5, names: &[timm as Names] };
const TORCHVISION: Style = Style { window: symmetric, epsilon: 1e-3, names: &[torchvision as Names] };

/// A stage's blocks: side of the kernel, expanded channels, channels, squeeze and excitation, hard-swish.
type Row = (usize, usize, usize, bool, bool);

fn large(style: Style) -> Description {
    const STAGES: [(usize, &[Row]); 6] = [
        (1, &[(3, 16, 16, false, false)]),
        (2, &[(3, 64, 24, false, false), (3, 72, 24, false, false)]),
        (2, &[(5, 72, 40, true, false), (5, 120, 40, true, false), (5, 120, 40, true, false)]),
        (
            2,
            &[
                (3, 240, 80, false, true),
                (3, 200, 80, false, true),
                (3, 184, 80, false, true),
                (3, 184, 80, false, true),
            ],
        ),
        (1, &[(3, 480, 112, true, true), (3, 672, 112, true, true)]),
        (2, &[(5, 672, 160, true, true), (5, 960, 160, true, true), (5, 960, 160, true, true)]),
    ];
    describe(style, &STAGES, 960, 1280)
}

fn small(style: Style) -> Description {
    const STAGES: [(usize, &[Row]); 5] = [
        (2, &[(3, 16, 16, true, false)]),
        (2, &[(3, 72, 24, false, false), (3, 88, 24, false, false)]),
        (2, &[(5, 96, 40, true, true), (5, 240, 40, true, true), (5, 240, 40, true, true)]),
        (1, &[(5, 120, 48, true, true), (5, 144, 48, true, true)]),
        (2, &[(5, 288, 96, true, true), (5, 576, 96, true, true), (5, 576, 96, true, true)]),
    ];
    describe(style, &STAGES, 576, 1024)
}

/// Stages with the strides of their first blocks, the channels of the last convolution, and those of the one behind the
/// pooling.
fn describe(style: Style, stages: &[(usize, &[Row])], last: usize, hidden: usize) -> Description {
    let mut network = Builder::new(style, 16, HardSwish);
    for (at, (stride, rows)) in stages.iter().enumerate() {
        let block = |(index, row): (usize, &Row)| {
            let &(side, expanded, channels, has_squeeze, is_swish) = row;
            Block {
                expanded,
                side,
                stride: if index == 0 { *stride } else { 1 },
                channels,
                has_expansion: at > 0,
                squeezed: has_squeeze.then(|| quarter(expanded)),
                activation: if is_swish { HardSwish } else { Relu },
            }
        };
        network.stage(rows.iter().enumerate().map(block));
    }
    let mut description = network.last(last, HardSwish);
    let head = ParameterSlot::new(Parameter::Kernel, [hidden, last, 1, 1]).safetensors("conv_head.weight");
    let bias = ParameterSlot::new(Parameter::Bias, [hidden]).safetensors("conv_head.bias");
    description.behind.push(LayerSlot::behind("conv_head", vec![head, bias]));
    description
}

/// A quarter of the channels as a multiple of 8, and at least 0.9 quarters.
fn quarter(channels: usize) -> usize {
    let rounded = ((channels + 16) / 32 * 8).max(8);
    if rounded * 40 < channels * 9 { rounded + 8 } else { rounded }
}

/// The last convolution is the only block of its stage.
fn timm(part: Part, position: Position, block: &Block) -> [Place; 2] {
    match part {
        Part::Last => {
            ["conv", "bn1"].map(|name| Place::Module(format!("blocks.{}.0.{name}", position.stage)))
        }
        _ => timm_block(part, position, block),
    }
}

/// torchvision counts the stem, the blocks and the last convolution in one list, and the parts of a block in another.
fn torchvision(part: Part, position: Position, block: &Block) -> [Place; 2] {
    let depthwise = usize::from(block.has_expansion);
    let project = depthwise + 1 + usize::from(block.squeezed.is_some());
    let paired = |module: String| [format!("{module}.0"), format!("{module}.1")];
    let block = format!("features.{}.block", position.number + 1);
    let names = match part {
        Part::Stem => paired("features.0".to_owned()),
        Part::Expand => paired(format!("{block}.0")),
        Part::Depthwise => paired(format!("{block}.{depthwise}")),
        Part::Squeeze => [format!("{block}.{}.fc1", depthwise + 1), String::new()],
        Part::Excite => [format!("{block}.{}.fc2", depthwise + 1), String::new()],
        Part::Project => paired(format!("{block}.{project}")),
        Part::Last => paired(format!("features.{}", position.number + 1)),
    };
    names.map(Place::Module)
}
