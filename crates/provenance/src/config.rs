//! The preprocessing that a configuration beside weights states: timm's `config.json`, or the `preprocessor_config.json` of
//! Hugging Face's transformers.

mod fields;
mod timm;
mod transformers;

use serde_json::Value;

use self::fields::Fields;
use crate::fit::covered;
use crate::{ChannelOrder, Error, Fit, Grey16, Interpolation, Preprocessing, Preset};

/// What a configuration says about the weights beside it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Config {
    /// How an image becomes the network's input. EXIF orientation and 16-bit grey, of which no configuration speaks, are
    /// handled as in preset torchvision.
    ///
    /// Its preset has the name of the one with these constants. If there is none, it has the name of the network and its
    /// training (`resnet34.ra4_e3600_r224_in1k`), or else of the file.
    pub preprocessing: Preprocessing,
    /// The network, as timm names it.
    pub architecture: Option<String>,
}

impl Config {
    /// Names of the files, in the order in which they are looked for. The first that is about preprocessing counts.
    pub const FILES: [&str; 2] = ["config.json", "preprocessor_config.json"];

    /// The most bytes that such a file has. The largest that timm writes hold the descriptions of 21,841 classes.
    pub const MAX_BYTES: usize = 16 << 20;

    /// Reads the content of a file with one of these names. Its keys tell whose it is. None if it is about something else.
    ///
    /// # Errors
    /// [`Error::NoJson`], [`Error::Config`] if a value is missing or wrong, and [`Error::UnsupportedConfig`] if it states
    /// something that can't be done.
    pub fn read(content: &[u8]) -> Result<Option<Self>, Error> {
        let value: Value =
            serde_json::from_slice(content).map_err(|e| Error::NoJson { reason: e.to_string() })?;
        let Value::Object(object) = value else { return Ok(None) };
        if let Some(found) = timm::read(&object)? {
            return Ok(Some(found));
        }
        transformers::read(&object)
    }

    /// The network that a `config.json` names, as timm names it and without its training. None if it names none, whatever
    /// else is in the file.
    #[must_use]
    pub fn architecture_of(content: &[u8]) -> Option<String> {
        let Ok(Value::Object(object)) = serde_json::from_slice(content) else { return None };
        let whole = Fields::new(&object);
        let about = whole.inner("pretrained_cfg", "pretrained_cfg.").unwrap_or(whole);
        let named = [whole, about].iter().find_map(|fields| fields.text("architecture").ok().flatten())?;
        let name = named.split('.').next().unwrap_or(named);
        Some(name.to_owned()).filter(|name| !name.is_empty())
    }
}

/// What all configurations have to say.
struct Stated {
    size: [usize; 2],
    fit: Fit,
    interpolation: Interpolation,
    scale: f32,
    mean: [f32; 3],
    std: [f32; 3],
}

impl Stated {
    /// The preprocessing under the name of the preset that has these constants, or under another one.
    fn preprocessing(self, otherwise: String) -> Result<Preprocessing, Error> {
        let Self { size: [height, width], fit, interpolation, scale, mean, std } = self;
        let mut stated = Preprocessing {
            preset: otherwise,
            height,
            width,
            interpolation,
            channel_order: ChannelOrder::Rgb,
            scale,
            mean,
            std,
            apply_exif_orientation: true,
            grey16: Grey16::HighByte,
            fit,
            mirror: false,
        };
        let same = |preset: &Preset| {
            let preset = Preprocessing::preset(*preset, height, width);
            Preprocessing { preset: stated.preset.clone(), interpolation, fit, ..preset } == stated
        };
        if let Some(preset) = Preset::ALL.iter().find(|preset| same(preset)) {
            stated.preset = preset.name().to_owned();
        }
        stated.validate()?;
        Ok(stated)
    }
}

/// What timm calls `crop_pct`: the part of a resized image that is taken for an input with this side.
fn fraction(fields: &Fields<'_>, key: &'static str, side: usize) -> Result<Option<f64>, Error> {
    let Some(fraction) = fields.number(key)? else { return Ok(None) };
    let largest = Preprocessing::MAX_SIDE;
    if fraction > 0.0 && fraction <= 1.0 && covered(side, fraction) <= largest {
        return Ok(Some(fraction));
    }
    let expected =
        format!("a number above 0, at most 1, so that images are resized to {largest} pixels at most");
    Err(fields.wrong(key, &expected))
}
