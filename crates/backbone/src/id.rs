//! A network and how its weights were read, as manifests and models name them.

use std::fmt;
use std::str::FromStr;

use headstart_weights::KernelConvention;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Architecture, Error};

/// A network and how its weights were read. The same file of weights read another way gives other features, so it has
/// another name.
///
/// # Examples
/// ```
/// use headstart_backbone::BackboneId;
/// use headstart_weights::KernelConvention;
///
/// let id: BackboneId = "vgg16, kernels as for correlation".parse()?;
/// assert_eq!(id.kernels, KernelConvention::Correlation);
/// assert_eq!(BackboneId::new(id.architecture, KernelConvention::Auto).to_string(), "vgg16");
/// # Ok::<(), headstart_backbone::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BackboneId {
    /// The network.
    pub architecture: Architecture,
    /// How the kernels of the file of its weights were understood.
    pub kernels: KernelConvention,
}

const CORRELATION: &str = ", kernels as for correlation";
const CONVOLUTION: &str = ", kernels as for convolution";

impl BackboneId {
    /// A network whose weights were read in this way.
    #[must_use]
    pub fn new(architecture: Architecture, kernels: KernelConvention) -> Self {
        Self { architecture, kernels }
    }
}

impl fmt::Display for BackboneId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kernels = match self.kernels {
            KernelConvention::Auto => "",
            KernelConvention::Correlation => CORRELATION,
            KernelConvention::Convolution => CONVOLUTION,
        };
        write!(f, "{}{kernels}", self.architecture)
    }
}

impl FromStr for BackboneId {
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

impl Serialize for BackboneId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for BackboneId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_was_written() {
        for architecture in Architecture::all() {
            for kernels in
                [KernelConvention::Auto, KernelConvention::Correlation, KernelConvention::Convolution]
            {
                let id = BackboneId { architecture, kernels };
                assert_eq!(id.to_string().parse::<BackboneId>().unwrap(), id);
                let json = serde_json::to_string(&id).unwrap();
                assert_eq!(serde_json::from_str::<BackboneId>(&json).unwrap(), id);
            }
        }
        let error = "vgg16, kernels".parse::<BackboneId>().unwrap_err();
        assert!(error.to_string().contains("vgg16, kernels"), "{error}");
    }
}
