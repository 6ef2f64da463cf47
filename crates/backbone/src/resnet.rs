//! ResNet (K. He and others, "Deep Residual Learning for Image Recognition", 2015, table 1).
//!
//! timm and torchvision have the same names, and reduce the resolution in the 3 x 3 convolution of a bottleneck. Keras
//! applications reduces it in the first 1 x 1, as the paper does; its convolutions have biases.

use headstart_kernels::graph::{Activation, Window};
use headstart_provenance::{Input, Interpolation, Preset};

use crate::convolutional::Table;
use crate::description::{Convolution, Description, Maps};
use crate::stored::{Place, Term};

/// The networks, the shallowest first.
pub(crate) static NETWORKS: [Table; 4] = [
    Table {
        describe: || describe(&PYTORCH, Kind::Basic, [2, 2, 2, 2]),
        ..network("resnet18", &["resnet18", "ssl_resnet18", "swsl_resnet18", "gluon_resnet18_v1b"])
    },
    Table {
        describe: || describe(&PYTORCH, Kind::Basic, [3, 4, 6, 3]),
        ..network("resnet34", &["resnet34", "tv_resnet34", "gluon_resnet34_v1b"])
    },
    Table {
        describe: || describe(&PYTORCH, Kind::Bottleneck, [3, 4, 6, 3]),
        ..network(
            "resnet50",
            &["resnet50", "tv_resnet50", "ssl_resnet50", "swsl_resnet50", "gluon_resnet50_v1b"],
        )
    },
    Table {
        name: "keras_resnet50",
        published: &[],
        forms: &[],
        presets: &[Preset::Caffe],
        input: Input::new(Preset::Caffe, 224).crop(0.875).interpolation(Interpolation::Bilinear),
        describe: || describe(&KERAS, Kind::Bottleneck, [3, 4, 6, 3]),
    },
];

/// The other names that a network has are those of older versions of timm.
const fn network(name: &'static str, published: &'static [&'static str]) -> Table {
    let input = Input::new(Preset::Torchvision, 224).crop(0.875);
    let presets = &[Preset::Torchvision];
    Table { name, published, forms: &[], presets, input, describe: Description::default }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Two 3 x 3 convolutions.
    Basic,
    /// A 1 x 1 convolution to a quarter of the channels, a 3 x 3 one, and a 1 x 1 one back.
    Bottleneck,
}

/// What a library does in its own way.
struct Style {
    epsilon: f64,
    is_biased: bool,
    /// The convolution of a bottleneck that moves by the stride.
    strided: usize,
    names: fn(Part) -> [Place; 2],
}

/// A convolution, by where it stands.
#[derive(Clone, Copy)]
enum Part {
    Stem,
    /// Of a stage, a block and the place in the block, all from 0.
    Convolution(usize, usize, usize),
    /// The one beside a block that changes the shape.
    Shortcut(usize, usize),
}

const PYTORCH: Style = Style { epsilon: 1e-5, is_biased: false, strided: 1, names: pytorch };
const KERAS: Style = Style { epsilon: 1.001e-5, is_biased: true, strided: 0, names: keras };

fn describe(style: &Style, kind: Kind, blocks: [usize; 4]) -> Description {
    let mut network = Description::default();
    let stem = Window::square(7, 2, 3);
    let mut maps = convolution(&mut network, style, Maps::IMAGE, Part::Stem, 64, stem, Activation::Relu);
    maps = network.max_pool(maps, Window::square(3, 2, 1));
    for (stage, count) in blocks.into_iter().enumerate() {
        for block in 0..count {
            let stride = if stage > 0 && block == 0 { 2 } else { 1 };
            maps = residual(&mut network, style, kind, maps, (stage, block), stride);
        }
    }
    network
}

fn residual(
    network: &mut Description,
    style: &Style,
    kind: Kind,
    input: Maps,
    (stage, block): (usize, usize),
    stride: usize,
) -> Maps {
    let width = 64 << stage;
    let (sides, channels, strided): (&[usize], usize, usize) = match kind {
        Kind::Basic => (&[3, 3], width, 0),
        Kind::Bottleneck => (&[1, 3, 1], 4 * width, style.strided),
    };
    let (mut maps, mut shortcut) = (input, input);
    for (at, &side) in sides.iter().enumerate() {
        let is_last = at + 1 == sides.len();
        // Keras numbers its layers in this order.
        if is_last && (stride > 1 || network.channels(input) != channels) {
            let (part, window) = (Part::Shortcut(stage, block), Window::square(1, stride, 0));
            shortcut = convolution(network, style, input, part, channels, window, Activation::Linear);
        }
        let stride = if at == strided { stride } else { 1 };
        let (out_channels, activation) =
            if is_last { (channels, Activation::Linear) } else { (width, Activation::Relu) };
        let (part, window) = (Part::Convolution(stage, block, at), Window::square(side, stride, side / 2));
        maps = convolution(network, style, maps, part, out_channels, window, activation);
    }
    network.add(maps, shortcut, Activation::Relu)
}

fn convolution(
    network: &mut Description,
    style: &Style,
    from: Maps,
    part: Part,
    out_channels: usize,
    window: Window,
    activation: Activation,
) -> Maps {
    let [place, norm] = (style.names)(part);
    let name = place.name().to_owned();
    let term = if style.is_biased { Term::biased } else { Term::unbiased };
    let term = term(name.clone(), place, window.size).normalized(norm, style.epsilon);
    let in_channels = network.channels(from);
    let (groups, forms) = (1, vec![vec![term]]);
    let convolution = Convolution { name, in_channels, out_channels, groups, window, activation, forms };
    network.convolution(from, convolution)
}

fn pytorch(part: Part) -> [Place; 2] {
    let names = match part {
        Part::Stem => ["conv1".to_owned(), "bn1".to_owned()],
        Part::Convolution(stage, block, at) => {
            ["conv", "bn"].map(|kind| format!("layer{}.{block}.{kind}{}", stage + 1, at + 1))
        }
        Part::Shortcut(stage, block) => {
            [0, 1].map(|at| format!("layer{}.{block}.downsample.{at}", stage + 1))
        }
    };
    names.map(Place::Module)
}

/// Keras counts the stem as the first stage, and the shortcut as the convolution 0.
fn keras(part: Part) -> [Place; 2] {
    let layer = match part {
        Part::Stem => "conv1".to_owned(),
        Part::Convolution(stage, block, at) => format!("conv{}_block{}_{}", stage + 2, block + 1, at + 1),
        Part::Shortcut(stage, block) => format!("conv{}_block{}_0", stage + 2, block + 1),
    };
    ["conv", "bn"].map(|kind| Place::Keras(format!("{layer}_{kind}")))
}
