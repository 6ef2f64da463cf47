//! Settings as Python gives them.

use std::path::Path;
use std::str::FromStr;

use headstart::{
    Architecture, Backbone, ClassWeights, DeviceChoice, Existing, FitChoice, IfExists, InputChoice, Pooling,
    WeightsSearch,
};
use pyo3::prelude::*;

use crate::errors::{exception, usage};

/// A value that is named by a text.
pub(crate) fn parsed<T: FromStr>(setting: &str, text: &str) -> PyResult<T>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error| usage(format!("{setting}: {error}")))
}

/// Where weights are looked for that nobody names.
pub(crate) fn search() -> WeightsSearch {
    WeightsSearch::by_environment(|name| std::env::var_os(name))
}

/// A network by its name, or by the file of its weights.
pub(crate) fn backbone(network: &str, weights: Option<&Path>, device: &str) -> PyResult<Backbone> {
    let device: DeviceChoice = parsed("device", device)?;
    let backbone = match (network.parse::<Architecture>(), weights) {
        (Ok(network), Some(weights)) => Backbone::named(network, weights),
        (Ok(network), None) => search().of_network(network).map_err(exception)?,
        (Err(_), None) if Path::new(network).exists() => Backbone::open(network).map_err(exception)?,
        (Err(unknown), None) => {
            return Err(usage(format!("network: {unknown}; and there is no file {network}")));
        }
        (Err(unknown), Some(_)) => return Err(usage(format!("network: {unknown}"))),
    };
    Ok(backbone.on(device.open().map_err(exception)?))
}

/// What is chosen of the preprocessing.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Input {
    preset: Option<String>,
    size: Option<(usize, usize)>,
    resize: Option<String>,
    crop_pct: Option<f64>,
    interpolation: Option<String>,
    pub(crate) mirror: bool,
}

impl Input {
    /// All of it but the mirror image.
    pub(crate) fn choice(&self) -> PyResult<InputChoice> {
        let interpolation = self.interpolation.as_deref();
        Ok(InputChoice {
            preset: self.preset.as_deref().map(|name| parsed("preset", name)).transpose()?,
            size: self.size.map(|(height, width)| [height, width]),
            fit: self.fit()?,
            interpolation: interpolation.map(|name| parsed("interpolation", name)).transpose()?,
            otherwise: None,
        })
    }

    fn fit(&self) -> PyResult<Option<FitChoice>> {
        match (self.resize.as_deref(), self.crop_pct) {
            (None, None) => Ok(None),
            (None | Some("crop"), fraction) => Ok(Some(FitChoice::Crop { fraction })),
            (Some("stretch"), None) => Ok(Some(FitChoice::Stretch)),
            (Some("pad"), None) => Ok(Some(FitChoice::Pad)),
            (Some("stretch" | "pad"), Some(_)) => {
                Err(usage("crop_pct: goes with resize=\"crop\"; leave one of them out".to_owned()))
            }
            (Some(other), _) => Err(usage(format!("resize: expected stretch, crop or pad, found {other}"))),
        }
    }
}

/// What becomes of the network's maps, if it is chosen.
pub(crate) fn pooling(name: Option<&str>) -> PyResult<Option<Pooling>> {
    name.map(|name| parsed("pool", name)).transpose()
}

/// The weights of classes: `None`, "balanced", or pairs of a class's name and its weight.
#[derive(FromPyObject)]
pub(crate) enum Weights {
    Named(String),
    Given(Vec<(String, f32)>),
}

/// How much the rows of each class count.
pub(crate) fn class_weights(weights: Option<Weights>) -> PyResult<ClassWeights> {
    match weights {
        None => Ok(ClassWeights::None),
        Some(Weights::Given(given)) => Ok(ClassWeights::Given(given)),
        Some(Weights::Named(name)) if name == "balanced" => Ok(ClassWeights::Balanced),
        Some(Weights::Named(name)) => {
            Err(usage(format!("class_weight: expected balanced or a dictionary, found {name}")))
        }
    }
}

/// Whether what is at an output is replaced.
pub(crate) fn existing(fresh: bool) -> Existing {
    if fresh { Existing::Replace } else { Existing::Reuse }
}

/// Whether a file that is there is replaced.
pub(crate) fn if_exists(overwrite: bool) -> IfExists {
    if overwrite { IfExists::Replace } else { IfExists::Refuse }
}
