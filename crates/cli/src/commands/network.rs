//! The network that the flags name, and how images become its input.

use headstart::{Backbone, Input, InputChoice, Observer, Preprocessing, WeightsSearch};

use crate::flags::{NetworkFlags, fit};

/// Where weights are looked for that no flag names.
pub(super) fn search() -> WeightsSearch {
    WeightsSearch::by_environment(|name| std::env::var_os(name))
}

/// The network with its weights; none where neither is named.
pub(super) fn backbone(flags: &NetworkFlags) -> Result<Option<Backbone>, headstart::Error> {
    let backbone = match (&flags.weights, flags.backbone) {
        (Some(weights), Some(network)) => Backbone::named(network, weights),
        (Some(weights), None) => Backbone::open(weights)?,
        (None, Some(network)) => search().of_network(network)?,
        (None, None) => match search().named_file()? {
            Some(backbone) => backbone,
            None => return Ok(None),
        },
    };
    Ok(Some(backbone.with_kernels(flags.kernels.into()).with_precision(flags.precision.into())))
}

/// How images become its input. `otherwise` is taken where neither a flag nor a file beside the weights says it.
pub(super) fn preprocessing(
    flags: &NetworkFlags,
    backbone: &Backbone,
    otherwise: Option<Input>,
    observer: &mut dyn Observer,
) -> anyhow::Result<Preprocessing> {
    let choice = InputChoice {
        preset: flags.preset,
        size: flags.size.map(|size| [size.height, size.width]),
        fit: fit(flags.resize, flags.crop_pct)?,
        interpolation: flags.interpolation,
        otherwise,
    };
    let preprocessing = backbone.preprocessing_with(&choice, observer)?;
    preprocessing.validate().map_err(headstart::Error::from)?;
    // Refused before the folder is scanned.
    let shape = backbone.architecture().feature_shape(preprocessing.height, preprocessing.width);
    shape.map_err(headstart::Error::from)?;
    Ok(preprocessing)
}
