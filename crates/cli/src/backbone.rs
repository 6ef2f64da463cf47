//! A network and how its weights were read, as manifests and models name them.

use std::fmt;
use std::str::FromStr;

use headstart_backbone::{Architecture, Error};
use headstart_weights::KernelConvention;

/// The same file of weights read another way gives other features, and so another name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Backbone {
    pub(crate) architecture: Architecture,
    pub(crate) kernels: KernelConvention,
}

const CORRELATION: &str = ", kernels as for correlation";
const CONVOLUTION: &str = ", kernels as for convolution";

impl fmt::Display for Backbone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kernels = match self.kernels {
            KernelConvention::Auto => "",
            KernelConvention::Correlation => CORRELATION,
            KernelConvention::Convolution => CONVOLUTION,
        };
        write!(f, "{}{kernels}", self.architecture)
    }
}

impl FromStr for Backbone {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let (architecture, kernels) = if let Some(architecture) = name.strip_suffix(CORRELATION) {
            (architecture, KernelConvention::Correlation)
        } else if let Some(architecture) = name.strip_suffix(CONVOLUTION) {
            (architecture, KernelConvention::Convolution)
        } else {
            (name, KernelConvention::Auto)
        };
        Ok(Self { architecture: architecture.parse()?, kernels })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_was_written() {
        for architecture in Architecture::ALL {
            for kernels in
                [KernelConvention::Auto, KernelConvention::Correlation, KernelConvention::Convolution]
            {
                let backbone = Backbone { architecture, kernels };
                assert_eq!(backbone.to_string().parse::<Backbone>().unwrap(), backbone);
            }
        }
        let error = "vgg16, kernels".parse::<Backbone>().unwrap_err();
        assert!(error.to_string().contains("vgg16, kernels"), "{error}");
    }
}
