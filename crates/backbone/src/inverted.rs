//! Inverted residual blocks, of which EfficientNet-Lite, MobileNetV2 and MobileNetV3 consist: a 1 x 1 convolution to more
//! channels, a depthwise one, perhaps squeeze and excitation, and a 1 x 1 convolution to few channels, which is linear. Where
//! the block keeps the shape, its input is added (M. Sandler and others, "MobileNetV2", 2018; A. Howard and others,
//! "Searching for MobileNetV3", 2019).

use headstart_kernels::graph::{Activation, Window};

use crate::description::{Convolution, Description, Maps};
use crate::stored::{Place, Term};

/// Where a block stands in its network.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Position {
    pub(crate) stage: usize,
    /// Its place in the stage, from 0.
    pub(crate) index: usize,
    /// Its place in the network, from 0.
    pub(crate) number: usize,
}

/// One block.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Block {
    /// Channels between the 1 x 1 convolutions.
    pub(crate) expanded: usize,
    /// Height and width of the depthwise kernel.
    pub(crate) side: usize,
    pub(crate) stride: usize,
    pub(crate) channels: usize,
    /// Whether it begins with a 1 x 1 convolution. Without one, `expanded` are the channels of its input.
    pub(crate) has_expansion: bool,
    /// Channels in the middle of squeeze and excitation.
    pub(crate) squeezed: Option<usize>,
    pub(crate) activation: Activation,
}

/// A layer of a network of such blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Stem,
    Expand,
    Depthwise,
    Squeeze,
    Excite,
    Project,
    /// The convolution behind the blocks.
    Last,
}

/// Where one kind of file holds a layer's convolution and its batch normalization; squeeze and excitation have none.
pub(crate) type Names = fn(Part, Position, &Block) -> [Place; 2];

/// What all layers of a network have in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    /// The window of a kernel's side and stride.
    pub(crate) window: fn(usize, usize) -> Window,
    /// Of the batch normalizations.
    pub(crate) epsilon: f64,
    /// Of each form of its files; the first one's names are the layers' own.
    pub(crate) names: &'static [Names],
}

/// The window of PyTorch's networks: the same padding on all sides.
pub(crate) fn symmetric(side: usize, stride: usize) -> Window {
    Window::square(side, stride, side / 2)
}

/// A network of inverted residual blocks.
pub(crate) struct Builder {
    pub(crate) description: Description,
    pub(crate) maps: Maps,
    style: Style,
    position: Position,
}

impl Builder {
    /// The first convolution: 3 x 3 with stride 2.
    pub(crate) fn new(style: Style, channels: usize, activation: Activation) -> Self {
        let position = Position { stage: 0, index: 0, number: 0 };
        let mut network = Self { description: Description::default(), maps: Maps::IMAGE, style, position };
        let block = Block::plain(channels, activation);
        network.maps = network.normalized(Part::Stem, &block, channels, (style.window)(3, 2), 1, activation);
        network
    }

    /// A stage of blocks.
    pub(crate) fn stage(&mut self, blocks: impl IntoIterator<Item = Block>) {
        self.position.index = 0;
        for block in blocks {
            self.block(&block);
            self.position.index += 1;
            self.position.number += 1;
        }
        self.position.stage += 1;
    }

    fn block(&mut self, block: &Block) {
        let &Block { expanded, side, stride, channels, has_expansion, squeezed, activation } = block;
        let input = self.maps;
        if has_expansion {
            self.maps = self.normalized(Part::Expand, block, expanded, Window::PIXEL, 1, activation);
        }
        let window = (self.style.window)(side, stride);
        self.maps = self.normalized(Part::Depthwise, block, expanded, window, expanded, activation);
        if let Some(squeezed) = squeezed {
            let maps = self.maps;
            self.maps = self.description.global_average(maps);
            self.maps = self.biased(Part::Squeeze, block, squeezed, Activation::Relu);
            let gate = self.biased(Part::Excite, block, expanded, Activation::HardSigmoid);
            self.maps = self.description.multiply(maps, gate);
        }
        self.maps = self.normalized(Part::Project, block, channels, Window::PIXEL, 1, Activation::Linear);
        if stride == 1 && self.description.channels(input) == channels {
            self.maps = self.description.add(self.maps, input, Activation::Linear);
        }
    }

    /// The 1 x 1 convolution behind the blocks.
    pub(crate) fn last(mut self, channels: usize, activation: Activation) -> Description {
        let block = Block::plain(channels, activation);
        self.normalized(Part::Last, &block, channels, Window::PIXEL, 1, activation);
        self.description
    }

    fn normalized(
        &mut self,
        part: Part,
        block: &Block,
        out_channels: usize,
        window: Window,
        groups: usize,
        activation: Activation,
    ) -> Maps {
        let epsilon = self.style.epsilon;
        let term = |name: &str, [convolution, norm]: [Place; 2]| {
            Term::unbiased(name, convolution, window.size).normalized(norm, epsilon)
        };
        self.convolution(part, block, (out_channels, groups, window, activation), term)
    }

    fn biased(&mut self, part: Part, block: &Block, out_channels: usize, activation: Activation) -> Maps {
        let term = |name: &str, [convolution, _]: [Place; 2]| Term::biased(name, convolution, [1, 1]);
        self.convolution(part, block, (out_channels, 1, Window::PIXEL, activation), term)
    }

    fn convolution(
        &mut self,
        part: Part,
        block: &Block,
        (out_channels, groups, window, activation): (usize, usize, Window, Activation),
        term: impl Fn(&str, [Place; 2]) -> Term,
    ) -> Maps {
        let places = self.style.names.iter().map(|names| names(part, self.position, block));
        let places: Vec<[Place; 2]> = places.collect();
        let name = places.first().map(|[place, _]| place.name().to_owned()).unwrap_or_default();
        let forms = places.into_iter().map(|places| vec![term(&name, places)]).collect();
        let in_channels = self.description.channels(self.maps);
        let convolution = Convolution { name, in_channels, out_channels, groups, window, activation, forms };
        self.description.convolution(self.maps, convolution)
    }
}

impl Block {
    /// What names need to know of the convolutions before and behind the blocks.
    fn plain(channels: usize, activation: Activation) -> Self {
        let (expanded, side, stride, has_expansion, squeezed) = (channels, 1, 1, false, None);
        Self { expanded, side, stride, channels, has_expansion, squeezed, activation }
    }
}

/// timm's names. A network whose last convolution is a stage of its own gives its names itself.
pub(crate) fn timm(part: Part, position: Position, block: &Block) -> [Place; 2] {
    let Position { stage, index, .. } = position;
    let within = |convolution: &str, norm: usize| {
        let block = format!("blocks.{stage}.{index}");
        [format!("{block}.{convolution}"), format!("{block}.bn{norm}")]
    };
    // Batch normalizations are counted.
    let first = usize::from(block.has_expansion);
    let names = match part {
        Part::Stem => ["conv_stem".to_owned(), "bn1".to_owned()],
        Part::Expand => within("conv_pw", 1),
        Part::Depthwise => within("conv_dw", first + 1),
        Part::Squeeze => within("se.conv_reduce", 0),
        Part::Excite => within("se.conv_expand", 0),
        Part::Project if block.has_expansion => within("conv_pwl", 3),
        Part::Project => within("conv_pw", 2),
        Part::Last => ["conv_head".to_owned(), "bn2".to_owned()],
    };
    names.map(Place::Module)
}

/// Stages of MobileNetV2 and EfficientNet-Lite.
pub(crate) const STAGES: usize = 7;
const STRIDES: [usize; STAGES] = [1, 2, 2, 2, 1, 2, 1];
const EXPANSIONS: [usize; STAGES] = [1, 6, 6, 6, 6, 6, 6];

/// MobileNetV2 (M. Sandler and others, 2018, table 2) with these sides of depthwise kernels, output channels and numbers of
/// blocks in its stages.
pub(crate) fn mobilenet_v2(
    style: Style,
    sides: [usize; STAGES],
    channels: [usize; STAGES],
    blocks: [usize; STAGES],
) -> Description {
    let activation = Activation::Relu6;
    let mut network = Builder::new(style, 32, activation);
    let mut in_channels = 32;
    for stage in 0..STAGES {
        let channels = channels[stage];
        let blocks = (0..blocks[stage]).map(|index| Block {
            expanded: EXPANSIONS[stage] * if index == 0 { in_channels } else { channels },
            side: sides[stage],
            stride: if index == 0 { STRIDES[stage] } else { 1 },
            channels,
            has_expansion: EXPANSIONS[stage] > 1,
            squeezed: None,
            activation,
        });
        network.stage(blocks);
        in_channels = channels;
    }
    network.last(1280, activation)
}
