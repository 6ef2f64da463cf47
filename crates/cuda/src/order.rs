//! The order of axes of maps.

use candle_core::{Result, Tensor};

/// Which axes of maps come first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// `N x C x H x W`.
    #[default]
    ChannelsFirst,
    /// `N x H x W x C`.
    ChannelsLast,
}

impl Order {
    /// The axes of height and width.
    #[must_use]
    pub fn sides(self) -> [usize; 2] {
        match self {
            Self::ChannelsFirst => [2, 3],
            Self::ChannelsLast => [1, 2],
        }
    }

    /// Images, channels, height and width of maps in this order.
    ///
    /// # Errors
    /// If there are not four axes.
    pub fn dims(self, maps: &Tensor) -> Result<[usize; 4]> {
        let (count, a, b, c) = maps.dims4()?;
        Ok(match self {
            Self::ChannelsFirst => [count, a, b, c],
            Self::ChannelsLast => [count, c, a, b],
        })
    }

    /// The shape of maps in this order, from images, channels, height and width.
    #[must_use]
    pub fn shape(self, [count, channels, height, width]: [usize; 4]) -> [usize; 4] {
        match self {
            Self::ChannelsFirst => [count, channels, height, width],
            Self::ChannelsLast => [count, height, width, channels],
        }
    }
}
