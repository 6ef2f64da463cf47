//! What an exported model does not do itself.

use headstart_provenance::{Fit, Grey16, Interpolation, Preprocessing};
use serde::Serialize;

/// What must become of an image before an exported model takes it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Outside<'a> {
    preset: &'a str,
    /// Height and width.
    size: [usize; 2],
    /// "stretch", "crop" or "pad".
    resize: &'static str,
    /// The part of the resized image that a crop keeps.
    #[serde(skip_serializing_if = "Option::is_none")]
    crop_fraction: Option<f64>,
    /// Red, green and blue of the bars beside a padded image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pad_colour: Option<[u8; 3]>,
    interpolation: Interpolation,
    /// Whether photos are turned as their EXIF orientation says.
    apply_exif_orientation: bool,
    /// How 16-bit grey becomes 8 bits.
    grey16: Grey16,
}

impl<'a> Outside<'a> {
    pub(super) fn of(preprocessing: &'a Preprocessing) -> Self {
        let (resize, crop_fraction, pad_colour) = match preprocessing.fit {
            Fit::Stretch => ("stretch", None, None),
            Fit::Crop { fraction } => ("crop", Some(fraction), None),
            Fit::Pad => ("pad", None, Some(preprocessing.padding_colour())),
        };
        Self {
            preset: &preprocessing.preset,
            size: [preprocessing.height, preprocessing.width],
            resize,
            crop_fraction,
            pad_colour,
            interpolation: preprocessing.interpolation,
            apply_exif_orientation: preprocessing.apply_exif_orientation,
            grey16: preprocessing.grey16,
        }
    }
}

#[cfg(test)]
mod tests {
    use headstart_provenance::Preset;

    use super::*;

    #[test]
    fn what_is_left_to_do_is_said_as_documented() {
        let mut one = Preprocessing::preset(Preset::Inception, 260, 240);
        let json = |one: &Preprocessing| serde_json::to_string(&Outside::of(one)).unwrap();
        let rest = r#""interpolation":"bicubic","apply_exif_orientation":true,"grey16":"high_byte"}"#;
        let start = r#"{"preset":"inception","size":[260,240],"resize":"#;
        assert_eq!(json(&one), format!(r#"{start}"stretch",{rest}"#));
        one.fit = Fit::Crop { fraction: 0.89 };
        assert_eq!(json(&one), format!(r#"{start}"crop","crop_fraction":0.89,{rest}"#));
        one.fit = Fit::Pad;
        assert_eq!(json(&one), format!(r#"{start}"pad","pad_colour":[128,128,128],{rest}"#));
    }
}
