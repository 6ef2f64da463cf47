//! RepVGG (X. Ding and others, "RepVGG: Making VGG-style ConvNets Great Again", 2021): 3 x 3 convolutions with ReLU.
//!
//! While it is trained, each is the sum of a 3 x 3 convolution, a 1 x 1 convolution and, where the shape is kept, the maps
//! themselves, each with a batch normalization. Files hold this form, or the sum as one convolution with a bias, as timm's
//! `reparameterize_model` writes it.

use headstart_kernels::graph::{Activation, Window};
use headstart_provenance::{Input, Preset};

use crate::convolutional::Table;
use crate::description::{Convolution, Description, Maps};
use crate::stored::{Place, Term};

/// The networks, as table 2 of the paper has them.
pub(crate) static NETWORKS: [Table; 5] = [
    Table { describe: || describe([48, 96, 192, 1280], A), ..network("repvgg_a0", &["repvgg_a0"]) },
    Table { describe: || describe([64, 128, 256, 1280], A), ..network("repvgg_a1", &["repvgg_a1"]) },
    Table { describe: || describe([96, 192, 384, 1408], A), ..network("repvgg_a2", &["repvgg_a2"]) },
    Table { describe: || describe([64, 128, 256, 1280], B), ..network("repvgg_b0", &["repvgg_b0"]) },
    Table { describe: || describe([128, 256, 512, 2048], B), ..network("repvgg_b1", &["repvgg_b1"]) },
];

const fn network(name: &'static str, published: &'static [&'static str]) -> Table {
    let input = Input::new(Preset::Torchvision, 224).crop(0.875);
    let (forms, presets) = (&["as it is trained", "fused"], &[Preset::Torchvision]);
    Table { name, published, forms, presets, input, describe: Description::default }
}

const STAGES: usize = 4;

/// Layers of the stages after the first convolution.
const A: [usize; STAGES] = [2, 4, 14, 1];
const B: [usize; STAGES] = [4, 6, 16, 1];

const EPSILON: f64 = 1e-5;

fn describe(channels: [usize; STAGES], layers: [usize; STAGES]) -> Description {
    let mut network = Description::default();
    let mut maps = layer(&mut network, Maps::IMAGE, "stem", channels[0].min(64), 2);
    for stage in 0..STAGES {
        for index in 0..layers[stage] {
            let stride = if index == 0 { 2 } else { 1 };
            maps = layer(&mut network, maps, &format!("stages.{stage}.{index}"), channels[stage], stride);
        }
    }
    network
}

fn layer(network: &mut Description, from: Maps, name: &str, out_channels: usize, stride: usize) -> Maps {
    let in_channels = network.channels(from);
    let module = |part: &str| Place::Module(format!("{name}.{part}"));
    let branch = |part: &str, side: usize| {
        Term::unbiased(format!("{name}.{part}"), module(&format!("{part}.conv")), [side; 2])
            .normalized(module(&format!("{part}.bn")), EPSILON)
    };
    let mut trained = vec![branch("conv_kxk", 3), branch("conv_1x1", 1)];
    if stride == 1 && in_channels == out_channels {
        let name = format!("{name}.identity");
        trained.push(Term::identity(name).normalized(module("identity"), EPSILON));
    }
    let fused = vec![Term::biased(name, module("reparam_conv"), [3; 2])];
    let convolution = Convolution {
        name: name.to_owned(),
        in_channels,
        out_channels,
        groups: 1,
        window: Window::square(3, stride, 1),
        activation: Activation::Relu,
        forms: vec![trained, fused],
    };
    network.convolution(from, convolution)
}
