//! What a network asks of a file, and what it gets.

use crate::Array;

/// One convolution of a network, and the names under which the known layouts store it.
///
/// The network's own table hands in a slice of these, in the order in which the network applies them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConvolutionSlot {
    /// The Keras name: `block1_conv1`.
    pub name: String,
    /// The k of `layer_{k}` in a legacy file, which counts padding and pooling layers too.
    pub legacy_layer: usize,
    /// The module's name in torchvision and timm: `features.0`.
    pub torchvision: String,
    /// Channels of the input.
    pub in_channels: usize,
    /// Channels of the output: the number of filters.
    pub out_channels: usize,
    /// Height and width of the kernel, 3 in every VGG.
    pub kernel_size: usize,
}

/// The parameters of one convolution, ready for a framework that correlates.
#[derive(Clone, Debug, PartialEq)]
pub struct ConvolutionParameters {
    /// Shape (out, in, kh, kw), for correlation: `y[o] = sum x[i, y + dy, x + dx] * kernel[o, i, dy, dx]`,
    /// which is what candle, PyTorch and TensorFlow call a convolution.
    pub kernel: Array,
    /// Shape (out).
    pub bias: Array,
}
