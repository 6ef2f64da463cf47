//! How an image of another shape is brought to that of the network's input.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How an image is brought to the height and width of the network's input.
///
/// The rules are those of timm's transforms for evaluation, so that features are computed as the weights were measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Fit {
    /// Both sides are resized, and the aspect ratio is not kept.
    #[default]
    Stretch,
    /// The image is resized, with its aspect ratio, until it just covers a larger box. The centre of that is taken, and what
    /// lies outside is lost. The box has floor(side / fraction) pixels for each side of the input. (timm: `crop_mode` center)
    ///
    /// For a square input the short side gets the length of the box, and the long one trunc(box x long / short). For any
    /// other input both sides are divided by the smaller of the ratios image / box, and rounded. The centre begins at half
    /// of what is too much. Halves are rounded to even numbers.
    Crop {
        /// The part of the box that is taken, more than 0 and at most 1: timm's `crop_pct`.
        fraction: f64,
    },
    /// The image is resized, with its aspect ratio, until it just fits into the input. Bars on both sides fill the rest.
    /// Their colour is the one that becomes about 0 in the network's input. (timm: `crop_mode` border, `crop_pct` 1)
    ///
    /// Both sides are divided by the larger of the ratios image / input, and rounded, halves to even numbers, but never to
    /// less than one pixel. If the rest is odd, the right or lower bar is one pixel wider.
    Pad,
}

impl Fit {
    /// The fraction that timm takes where a configuration does not state another one.
    pub const USUAL_FRACTION: f64 = 0.875;

    /// The crop from an image whose short side was resized to `resized` pixels.
    #[must_use]
    pub fn crop_from(side: usize, resized: usize) -> Self {
        let mut fraction = side as f64 / resized as f64;
        // The quotient of the rounded fraction may lie just below the whole number.
        if covered(side, fraction) < resized {
            fraction = fraction.next_down();
        }
        Self::Crop { fraction }
    }

    /// Whether the image is stretched. Records of older versions do not state a fit, and nothing else was done then.
    #[must_use]
    pub fn is_stretch(&self) -> bool {
        *self == Self::Stretch
    }
}

/// The side of the box that an image has to cover.
pub(crate) fn covered(side: usize, fraction: f64) -> usize {
    (side as f64 / fraction) as usize
}

impl fmt::Display for Fit {
    /// "stretch", "crop 0.875" or "pad".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stretch => f.write_str("stretch"),
            Self::Crop { fraction } => write!(f, "crop {fraction}"),
            Self::Pad => f.write_str("pad"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_of_a_resized_side_has_its_fraction() {
        for side in [1, 32, 150, 160, 224, 240, 299, 380] {
            for resized in side..=4096 {
                let Fit::Crop { fraction } = Fit::crop_from(side, resized) else { panic!("a crop") };
                assert_eq!(covered(side, fraction), resized, "{side} from {resized}: {fraction}");
                assert!(fraction <= 1.0);
            }
        }
        assert_eq!(Fit::crop_from(224, 256), Fit::Crop { fraction: 0.875 });
    }
}
