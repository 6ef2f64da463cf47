//! How a feature map becomes one value, by name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Error;

/// What becomes of the maps that a network gives for an image.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Pooling {
    /// They are the features: channels x height x width.
    #[default]
    #[serde(rename = "none")]
    None,
    /// The mean of each map is its feature: one value a channel.
    #[serde(rename = "avg")]
    Average,
    /// The largest value of each map is its feature: one value a channel.
    #[serde(rename = "max")]
    Max,
}

impl Pooling {
    /// Every pooling, in the order in which help texts list them.
    pub const ALL: [Self; 3] = [Self::None, Self::Average, Self::Max];

    /// The name as it is written on a command line and in files. Keras uses the same names.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Average => "avg",
            Self::Max => "max",
        }
    }

    /// Whether the maps are kept as they are.
    #[must_use]
    pub fn is_none(self) -> bool {
        self == Self::None
    }

    /// The shape of a row of features, for maps of channels, height and width: the same, or the channels alone.
    ///
    /// ```
    /// use headstart_provenance::Pooling;
    ///
    /// assert_eq!(Pooling::None.row_shape([512, 4, 4]), [512, 4, 4]);
    /// assert_eq!(Pooling::Average.row_shape([512, 4, 4]), [512]);
    /// ```
    #[must_use]
    pub fn row_shape(self, maps: [usize; 3]) -> Vec<usize> {
        match self {
            Self::None => maps.to_vec(),
            Self::Average | Self::Max => vec![maps[0]],
        }
    }
}

impl fmt::Display for Pooling {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Pooling {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|pooling| pooling.name() == name)
            .ok_or_else(|| Error::UnknownPooling { found: name.to_owned() })
    }
}
