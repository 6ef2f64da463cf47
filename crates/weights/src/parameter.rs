//! What a parameter does in its layer.

use std::fmt;

/// A parameter of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Parameter {
    /// The weights of a convolution (out, in, height, width) or of a dense layer (in, out).
    Kernel,
    /// The weights of a depthwise convolution: (channels, 1, height, width).
    DepthwiseKernel,
    /// What is added to each output.
    Bias,
    /// The factor of a batch normalization.
    Gamma,
    /// The offset of a batch normalization.
    Beta,
    /// The mean that a batch normalization subtracts.
    Mean,
    /// The variance that a batch normalization divides by.
    Variance,
}

impl Parameter {
    /// Whether its values are the kernels of a convolution, if it has four axes.
    pub(crate) fn is_kernel(self) -> bool {
        matches!(self, Self::Kernel | Self::DepthwiseKernel)
    }
}

impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kernel => "kernel",
            Self::DepthwiseKernel => "depthwise kernel",
            Self::Bias => "bias",
            Self::Gamma => "gamma",
            Self::Beta => "beta",
            Self::Mean => "mean",
            Self::Variance => "variance",
        })
    }
}
