//! How images are resized, by name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Error;

/// How an image of another size is brought to the network's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Interpolation {
    /// The pixel under the centre of each target pixel.
    Nearest,
    /// Triangle filter, widened when shrinking (antialiased).
    Bilinear,
    /// Cubic convolution with a = -0.5, widened when shrinking.
    Bicubic,
    /// Lanczos with three lobes, widened when shrinking.
    Lanczos,
}

impl Interpolation {
    /// Every interpolation, in the order in which help texts list them.
    pub const ALL: [Self; 4] = [Self::Nearest, Self::Bilinear, Self::Bicubic, Self::Lanczos];

    /// The name as it is written on a command line and in files. Keras uses the same names.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Nearest => "nearest",
            Self::Bilinear => "bilinear",
            Self::Bicubic => "bicubic",
            Self::Lanczos => "lanczos",
        }
    }
}

impl fmt::Display for Interpolation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Interpolation {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|interpolation| interpolation.name() == name)
            .ok_or_else(|| Error::UnknownInterpolation { found: name.to_owned() })
    }
}
