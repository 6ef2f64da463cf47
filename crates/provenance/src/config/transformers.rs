//! `preprocessor_config.json` of Hugging Face's transformers.
//!
//! What a missing key means depends on the class of the image processor. So only defaults that all the classes below share
//! are taken: resizing, rescaling by 1/255 and normalizing are done unless they are switched off.

use serde_json::{Map, Value};

use super::fields::{Fields, expected_side, side};
use super::{Config, Stated, fraction};
use crate::{Error, Fit, Interpolation};

/// Image processors whose keys mean what [`read`] takes them for. Others read some of the same keys in another way: LeViT's
/// `size` is not the size that it resizes to. Their class is the name with `ImageProcessor` or `FeatureExtractor`.
const PROCESSORS: [&str; 11] = [
    "Beit",
    "Bit",
    "CLIP",
    "ConvNext",
    "DeiT",
    "EfficientNet",
    "Image",
    "MobileNetV1",
    "MobileNetV2",
    "Siglip",
    "ViT",
];

/// ConvNext's image processor stretches from this side on, and crops below it.
const CONVNEXT_STRETCHES: usize = 384;

/// Steps that are done or that change no pixel of a photograph.
const KNOWN_STEPS: [&str; 6] =
    ["do_resize", "do_center_crop", "do_rescale", "do_normalize", "do_convert_rgb", "do_reduce_labels"];

/// None if it is not a configuration of an image processor.
pub(super) fn read(object: &Map<String, Value>) -> Result<Option<Config>, Error> {
    let about = Fields::new(object);
    let marks = ["image_processor_type", "feature_extractor_type", "image_mean", "do_resize", "do_normalize"];
    if !marks.iter().any(|mark| about.has(mark)) {
        return Ok(None);
    }
    let processor = processor(&about)?;
    refuse_other_steps(&about)?;
    // EfficientNet's divides by the standard deviation twice unless that is switched off.
    if processor == Some("EfficientNet") && about.flag("include_top")? != Some(false) {
        return Err(about.unsupported("include_top", "false"));
    }
    let (size, fit) = size(&about, processor)?;
    let on = |step| Ok(about.flag(step)?.unwrap_or(true));
    let scale = match (on("do_rescale")?, about.number("rescale_factor")?) {
        (true, Some(factor)) => factor as f32,
        (true, None) => 1.0 / 255.0,
        (false, _) => 1.0,
    };
    let (mean, std) = match on("do_normalize")? {
        true => (about.of_channels("image_mean")?, about.divisors("image_std")?),
        false => ([0.0; 3], [1.0; 3]),
    };
    let stated = Stated { size, fit, interpolation: interpolation(&about)?, scale, mean, std };
    let preprocessing = stated.preprocessing(Config::FILES[1].to_owned())?;
    Ok(Some(Config { preprocessing, architecture: None }))
}

/// The image processor, without the rest of its class's name; none if the file does not say.
fn processor<'a>(about: &Fields<'a>) -> Result<Option<&'a str>, Error> {
    for key in ["image_processor_type", "feature_extractor_type"] {
        let Some(class) = about.text(key)? else { continue };
        let name = ["ImageProcessor", "FeatureExtractor"].iter().find_map(|end| class.find(end));
        let name = name.map_or(class, |end| &class[..end]);
        if !PROCESSORS.contains(&name) {
            return Err(about.unsupported(key, &format!("that of {}", PROCESSORS.join(", "))));
        }
        return Ok(Some(name));
    }
    Ok(None)
}

fn refuse_other_steps(about: &Fields<'_>) -> Result<(), Error> {
    for key in about.keys() {
        let step = key.starts_with("do_") && !KNOWN_STEPS.contains(&key);
        // EfficientNet's.
        let step = step || ["rescale_offset", "include_top"].contains(&key);
        if step && about.flag(key)? == Some(true) {
            return Err(about.unsupported(key, "false"));
        }
        if ["size_divisor", "size_divisibility", "pad_size"].contains(&key) {
            return Err(about.unsupported(key, "none"));
        }
    }
    Ok(())
}

fn interpolation(about: &Fields<'_>) -> Result<Interpolation, Error> {
    // The numbers are Pillow's.
    const EXPECTED: &str = "0 (nearest), 1 (lanczos), 2 (bilinear) or 3 (bicubic)";
    match about.typed("resample", EXPECTED, Value::as_u64)? {
        Some(0) => Ok(Interpolation::Nearest),
        Some(1) => Ok(Interpolation::Lanczos),
        Some(2) => Ok(Interpolation::Bilinear),
        Some(3) => Ok(Interpolation::Bicubic),
        Some(_) => Err(about.unsupported("resample", EXPECTED)),
        None => Err(about.wrong("resample", EXPECTED)),
    }
}

/// What `size` or `crop_size` asks for.
enum Size {
    /// One number, whose meaning depends on what is done with it.
    Number(usize),
    ShortestEdge(usize),
    Both([usize; 2]),
}

fn size_at(about: &Fields<'_>, key: &'static str, place: &'static str) -> Result<Size, Error> {
    let expected = format!("a height and a width or the shortest_edge, of {}", expected_side());
    if let Some(inner) = about.inner(key, place) {
        return match inner.keys().as_slice() {
            ["height", "width"] => Ok(Size::Both([inner.side("height")?, inner.side("width")?])),
            ["shortest_edge"] => Ok(Size::ShortestEdge(inner.side("shortest_edge")?)),
            _ => Err(about.unsupported(key, &expected)),
        };
    }
    let number = about.typed(key, &expected, side)?;
    number.map(Size::Number).ok_or_else(|| about.wrong(key, &expected))
}

/// The size of the network's input, and how an image is brought to it.
fn size(about: &Fields<'_>, processor: Option<&str>) -> Result<([usize; 2], Fit), Error> {
    if about.flag("do_resize")? == Some(false) {
        return Err(about.unsupported("do_resize", "true"));
    }
    let resized = size_at(about, "size", "size.")?;
    let crop = match about.flag("do_center_crop")? {
        Some(crop) => crop,
        None if about.has("crop_size") => return Err(about.wrong("do_center_crop", "true or false")),
        None => false,
    };
    if crop {
        return cropped(about, resized);
    }
    let convnext = processor == Some("ConvNext") || (processor.is_none() && about.has("crop_pct"));
    match resized {
        Size::Number(side) | Size::ShortestEdge(side) if convnext => {
            let fraction = fraction(about, "crop_pct", side)?.unwrap_or(Fit::USUAL_FRACTION);
            let fit = if side < CONVNEXT_STRETCHES { Fit::Crop { fraction } } else { Fit::Stretch };
            Ok(([side; 2], fit))
        }
        Size::Number(side) => Ok(([side; 2], Fit::Stretch)),
        Size::Both(size) => Ok((size, Fit::Stretch)),
        Size::ShortestEdge(_) => {
            Err(about.unsupported("size", "a height and a width, or do_center_crop with a crop_size"))
        }
    }
}

/// A crop of images whose short side was resized.
fn cropped(about: &Fields<'_>, resized: Size) -> Result<([usize; 2], Fit), Error> {
    if about.has("crop_pct") {
        return Err(about.unsupported("crop_pct", "none beside do_center_crop"));
    }
    let crop = match size_at(about, "crop_size", "crop_size.")? {
        Size::Number(side) => [side; 2],
        Size::Both(size) => size,
        Size::ShortestEdge(_) => return Err(about.unsupported("crop_size", "a height and a width")),
    };
    let square = crop[0] == crop[1];
    match resized {
        // Stretched, and nothing is left to cut off.
        Size::Both(size) if size == crop => Ok((crop, Fit::Stretch)),
        Size::Number(short) | Size::ShortestEdge(short) if square && short >= crop[0] => {
            Ok((crop, Fit::crop_from(crop[0], short)))
        }
        _ => {
            Err(about.unsupported("crop_size", "a square that is not larger than the shortest_edge of size"))
        }
    }
}
