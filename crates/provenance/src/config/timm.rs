//! timm's `config.json`: the `pretrained_cfg` of a model, as `timm.models.push_to_hf_hub` writes it.
//!
//! Keys and defaults are those of timm 1.0 (`timm/data/config.py`). Size and `crop_pct` are the usual ones, which timm takes
//! itself, and not those of `test_input_size`.

use serde_json::{Map, Value};

use super::fields::{Fields, expected_side, side};
use super::{Config, Stated, fraction};
use crate::{Error, Fit, Interpolation};

/// What timm divides levels by.
const LEVELS: f32 = 255.0;

/// Channels, height and width.
const INPUT_SIZE: &str = "[3, height, width]";

/// None if it is not a configuration of timm.
pub(super) fn read(object: &Map<String, Value>) -> Result<Option<Config>, Error> {
    let whole = Fields::new(object);
    let about = match whole.inner("pretrained_cfg", "pretrained_cfg.") {
        Some(inner) => inner,
        // Older files have its keys beside the name of the network.
        None if whole.has("architecture") && whole.has("input_size") => whole,
        None => return Ok(None),
    };
    let architecture = whole.text("architecture")?.or(about.text("architecture")?);
    let tag = about.text("tag")?.filter(|tag| !tag.is_empty());
    let name = match (architecture, tag) {
        (Some(architecture), Some(tag)) => format!("{architecture}.{tag}"),
        (Some(architecture), None) => architecture.to_owned(),
        (None, _) => Config::FILES[0].to_owned(),
    };
    let size = size(&about)?;
    let stated = Stated {
        size,
        fit: fit(&about, size[0].max(size[1]))?,
        interpolation: interpolation(&about)?,
        scale: 1.0 / LEVELS,
        mean: about.of_channels("mean")?,
        std: about.divisors("std")?,
    };
    let preprocessing = stated.preprocessing(name)?;
    Ok(Some(Config { preprocessing, architecture: architecture.map(str::to_owned) }))
}

fn size(about: &Fields<'_>) -> Result<[usize; 2], Error> {
    let expected = format!("{INPUT_SIZE} with sides of {}", expected_side());
    let wrong = || about.wrong("input_size", &expected);
    let Some(Value::Array(sides)) = about.get("input_size") else { return Err(wrong()) };
    let [channels, height, width] = sides.as_slice() else { return Err(wrong()) };
    let size = [side(height).ok_or_else(wrong)?, side(width).ok_or_else(wrong)?];
    match channels.as_u64() {
        Some(3) => Ok(size),
        Some(_) => Err(about.unsupported("input_size", INPUT_SIZE)),
        None => Err(wrong()),
    }
}

fn interpolation(about: &Fields<'_>) -> Result<Interpolation, Error> {
    let known = Interpolation::ALL.map(Interpolation::name).join(", ");
    match about.text("interpolation")? {
        Some(name) => name.parse().map_err(|_| about.unsupported("interpolation", &known)),
        None => Err(about.wrong("interpolation", &known)),
    }
}

fn fit(about: &Fields<'_>, side: usize) -> Result<Fit, Error> {
    if about.number("crop_border_pixels")?.is_some_and(|pixels| pixels != 0.0) {
        return Err(about.unsupported("crop_border_pixels", "0"));
    }
    let fraction = fraction(about, "crop_pct", side)?.unwrap_or(Fit::USUAL_FRACTION);
    let whole = |fit, mode: &str| match fraction {
        1.0 => Ok(fit),
        _ => Err(about.unsupported("crop_pct", &format!("1 with the crop_mode {mode}"))),
    };
    match about.text("crop_mode")? {
        None | Some("center") => Ok(Fit::Crop { fraction }),
        Some("squash") => whole(Fit::Stretch, "squash"),
        Some("border") => whole(Fit::Pad, "border"),
        Some(_) => Err(about.unsupported("crop_mode", "center, squash or border")),
    }
}
