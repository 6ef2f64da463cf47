//! Networks as lists of operations on maps.
//!
//! A [`Graph`] says what is computed: convolutions of any size, stride, padding and groups, poolings, sums and gates. A dense
//! layer is a convolution of maps of one pixel. It knows shapes and parameters, and nothing about how they are computed.
//! [`reference::graph`](crate::reference::graph) computes one in plain loops, and a [`Network`] runs it fast.

mod activation;
mod chain;
mod convolution;
mod cpu;
mod depthwise;
mod forward;
mod layout;
mod network;
mod outline;
mod parameters;
mod plan;
mod pointwise;
mod pool;
mod schedule;
mod shape;
mod step;
mod strip;
mod target;
mod tiled;
mod transfer;
mod work;

use std::borrow::Cow;

use crate::error::Error;
use crate::feature_maps::size;

pub use self::network::Network;
pub use self::outline::{LayerOutline, Outline, StageOutline};
pub use self::plan::Order;
pub use self::shape::Shape;

/// The result of an operation of a [`Graph`]; by default its input.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Maps(pub(crate) usize);

/// What is done with each value after an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Activation {
    /// Nothing.
    #[default]
    Linear,
    /// max(x, 0).
    Relu,
    /// min(max(x, 0), 6).
    Relu6,
    /// x times its sigmoid; also called Swish.
    Silu,
    /// x times [`HardSigmoid`](Self::HardSigmoid) of x (Howard and others 2019, "Searching for MobileNetV3", 5.2).
    HardSwish,
    /// 1 / (1 + exp(-x)).
    Sigmoid,
    /// min(max(x + 3, 0), 6) / 6.
    HardSigmoid,
}

impl Activation {
    /// Its value, in f64.
    #[must_use]
    pub fn of(self, x: f64) -> f64 {
        match self {
            Self::Linear => x,
            Self::Relu => x.max(0.0),
            Self::Relu6 => x.clamp(0.0, 6.0),
            Self::Silu => x / (1.0 + (-x).exp()),
            Self::HardSwish => x * (x + 3.0).clamp(0.0, 6.0) / 6.0,
            Self::Sigmoid => 1.0 / (1.0 + (-x).exp()),
            Self::HardSigmoid => (x + 3.0).clamp(0.0, 6.0) / 6.0,
        }
    }
}

/// How maps are extended by zeros, so that a window at their edge is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    /// Rows above, columns to the left, rows below, columns to the right.
    Explicit([usize; 4]),
    /// As many as give ceil(side / stride) outputs; of an odd number, the larger part is below and to the right. This is
    /// TensorFlow's `SAME`.
    Same,
}

/// A window that moves over maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Its height and width.
    pub size: [usize; 2],
    /// How far it moves down and to the right.
    pub stride: [usize; 2],
    /// The zeros around the maps.
    pub padding: Padding,
}

impl Window {
    /// A square window with the same padding on all four sides.
    #[must_use]
    pub const fn square(side: usize, stride: usize, padding: usize) -> Self {
        Self { size: [side; 2], stride: [stride; 2], padding: Padding::Explicit([padding; 4]) }
    }

    /// A square window with [`Padding::Same`].
    #[must_use]
    pub const fn same(side: usize, stride: usize) -> Self {
        Self { size: [side; 2], stride: [stride; 2], padding: Padding::Same }
    }

    /// The window of a product with each single pixel.
    pub const PIXEL: Self = Self::square(1, 1, 0);
}

/// A convolution with bias, as networks correlate: kernels are not flipped.
#[derive(Debug, Clone)]
pub struct Convolution<'a> {
    /// Channels of its input.
    pub in_channels: usize,
    /// Channels of its output.
    pub out_channels: usize,
    /// Groups of channels that are convolved apart. As many as there are channels make it depthwise.
    pub groups: usize,
    /// Its window.
    pub window: Window,
    /// `out_channels x in_channels / groups x height x width`.
    pub kernel: Cow<'a, [f32]>,
    /// `out_channels` values.
    pub bias: Cow<'a, [f32]>,
    /// What follows.
    pub activation: Activation,
}

/// How the values in a window, or of a whole map, become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooling {
    /// The largest. Padding is never the largest.
    Max,
    /// The mean of those within the maps. Padding does not count.
    Average,
}

/// A network: operations, each of which comes after those whose results it reads.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    pub(crate) nodes: Vec<Node>,
}

/// An operation, what it reads, and what its result is called.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) operation: Operation,
    pub(crate) reads: Vec<Maps>,
    /// Channels of its result.
    pub(crate) channels: usize,
}

/// What a node computes.
#[derive(Debug, Clone)]
pub(crate) enum Operation {
    Input,
    Convolution(Kernel),
    Pool { pooling: Pooling, window: Window },
    PoolGlobally(Pooling),
    Add,
    Multiply,
    Concatenate,
    Activate(Activation),
}

/// The parameters of a convolution.
#[derive(Debug, Clone)]
pub(crate) struct Kernel {
    pub(crate) groups: usize,
    pub(crate) window: Window,
    pub(crate) kernel: Vec<f32>,
    pub(crate) bias: Vec<f32>,
}

impl Graph {
    /// A graph without operations; its input are images of so many channels.
    #[must_use]
    pub fn new(channels: usize) -> Self {
        let input =
            Node { name: "input".to_owned(), operation: Operation::Input, reads: Vec::new(), channels };
        Self { nodes: vec![input] }
    }

    /// The images.
    #[must_use]
    pub fn input(&self) -> Maps {
        Maps(0)
    }

    /// The result of the last operation.
    #[must_use]
    pub fn last(&self) -> Maps {
        Maps(self.nodes.len() - 1)
    }

    /// Channels of some maps.
    #[must_use]
    pub fn channels(&self, maps: Maps) -> usize {
        self.nodes[maps.0].channels
    }

    /// Drops kernels and biases, once they are packed; shapes stay.
    pub(crate) fn forget_parameters(&mut self) {
        for node in &mut self.nodes {
            if let Operation::Convolution(kernel) = &mut node.operation {
                (kernel.kernel, kernel.bias) = (Vec::new(), Vec::new());
            }
        }
    }

    /// A convolution, and its activation.
    ///
    /// # Errors
    /// Channels that are not those of `from`, or that the groups do not divide; a kernel or bias of another length; an empty
    /// window or one that does not move.
    pub fn convolution(
        &mut self,
        name: &str,
        from: Maps,
        convolution: Convolution<'_>,
    ) -> Result<Maps, Error> {
        let Convolution { in_channels, out_channels, groups, window, kernel, bias, activation } = convolution;
        let expected = self.channels(from);
        if in_channels != expected {
            return Err(Error::Channels { what: name.to_owned(), expected, found: in_channels });
        }
        let divides = |channels: usize| channels > 0 && groups > 0 && channels.is_multiple_of(groups);
        if !divides(in_channels) || !divides(out_channels) {
            return Err(Error::Groups {
                what: name.to_owned(),
                groups,
                channels: [in_channels, out_channels],
            });
        }
        window.check(name)?;
        let taps = size(&[out_channels, in_channels / groups, window.size[0], window.size[1]]);
        Error::check_length(&format!("{name}: kernel"), taps, kernel.len())?;
        Error::check_length(&format!("{name}: bias"), out_channels, bias.len())?;
        let operation = Operation::Convolution(Kernel {
            groups,
            window,
            kernel: kernel.into_owned(),
            bias: bias.into_owned(),
        });
        let maps = self.push(name, operation, vec![from], out_channels);
        Ok(self.activate(name, maps, activation))
    }

    /// Each value becomes its activation.
    pub fn activate(&mut self, name: &str, from: Maps, activation: Activation) -> Maps {
        if activation == Activation::Linear {
            return from;
        }
        self.push(name, Operation::Activate(activation), vec![from], self.channels(from))
    }

    /// A pooling over windows.
    ///
    /// # Errors
    /// An empty window or one that does not move; padding as large as the window.
    pub fn pool(&mut self, name: &str, from: Maps, pooling: Pooling, window: Window) -> Result<Maps, Error> {
        window.check(name)?;
        if let Padding::Explicit([top, left, bottom, right]) = window.padding
            && (top.max(bottom) >= window.size[0] || left.max(right) >= window.size[1])
        {
            return Err(Error::Window { what: name.to_owned() });
        }
        Ok(self.push(name, Operation::Pool { pooling, window }, vec![from], self.channels(from)))
    }

    /// A pooling of each whole map to one value.
    pub fn pool_globally(&mut self, name: &str, from: Maps, pooling: Pooling) -> Maps {
        self.push(name, Operation::PoolGlobally(pooling), vec![from], self.channels(from))
    }

    /// The sum of maps of one shape, and its activation.
    ///
    /// # Errors
    /// Different numbers of channels.
    pub fn add(&mut self, name: &str, a: Maps, b: Maps, activation: Activation) -> Result<Maps, Error> {
        self.check_channels(name, a, b)?;
        let maps = self.push(name, Operation::Add, vec![a, b], self.channels(a));
        Ok(self.activate(name, maps, activation))
    }

    /// Maps times a gate: one value for each channel, such as squeeze and excitation computes.
    ///
    /// # Errors
    /// Different numbers of channels.
    pub fn multiply(&mut self, name: &str, maps: Maps, gate: Maps) -> Result<Maps, Error> {
        self.check_channels(name, maps, gate)?;
        Ok(self.push(name, Operation::Multiply, vec![maps, gate], self.channels(maps)))
    }

    /// The channels of several maps, one after the other.
    ///
    /// # Errors
    /// No maps.
    pub fn concatenate(&mut self, name: &str, maps: &[Maps]) -> Result<Maps, Error> {
        if maps.is_empty() {
            return Err(Error::Empty(format!("{name}: maps")));
        }
        let channels = maps.iter().map(|maps| self.channels(*maps)).sum();
        Ok(self.push(name, Operation::Concatenate, maps.to_vec(), channels))
    }

    fn check_channels(&self, name: &str, a: Maps, b: Maps) -> Result<(), Error> {
        let (expected, found) = (self.channels(a), self.channels(b));
        if expected == found {
            Ok(())
        } else {
            Err(Error::Channels { what: name.to_owned(), expected, found })
        }
    }

    fn push(&mut self, name: &str, operation: Operation, reads: Vec<Maps>, channels: usize) -> Maps {
        self.nodes.push(Node { name: name.to_owned(), operation, reads, channels });
        self.last()
    }
}

impl Window {
    fn check(&self, name: &str) -> Result<(), Error> {
        let fits = self.size.into_iter().chain(self.stride).all(|side| side > 0);
        if fits { Ok(()) } else { Err(Error::Window { what: name.to_owned() }) }
    }
}
