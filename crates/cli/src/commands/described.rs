//! What a model states of images and their network, with what the flags say besides.

use std::path::Path;

use headstart::{
    Backbone, BackboneId, Classifier, Description, KernelConvention, Note, Observer, Preprocessing,
};

use super::network::search;
use crate::fault::Fault;
use crate::flags::{Described, fit};

/// What the flags say of the model. A flag can't change what the model states.
pub(super) fn given(flags: &Described, model: &Path, classifier: &Classifier) -> anyhow::Result<Description> {
    let classes = !classifier.classes().is_empty();
    let (preprocessing, backbone) = (classifier.preprocessing().is_some(), classifier.backbone()?.is_some());
    for (flag, given, stated) in [
        ("--classes", flags.classes.is_some(), classes),
        ("--preset", flags.preset.is_some(), preprocessing),
        ("--size", flags.size.is_some(), preprocessing),
        ("--resize", flags.resize.is_some(), preprocessing),
        ("--crop-pct", flags.crop_pct.is_some(), preprocessing),
        ("--interpolation", flags.interpolation.is_some(), preprocessing),
        ("--backbone", flags.backbone.is_some(), backbone),
        ("--kernels", flags.kernels.is_some(), backbone),
        ("--pool", flags.pool.is_some(), classifier.provenance().is_some()),
    ] {
        if given && stated {
            let path = model.display();
            return Err(Fault::Usage(format!("{path}: says that itself; leave {flag} out")).into());
        }
    }
    let fit = fit(flags.resize, flags.crop_pct)?;
    let preprocessing = flags.preset.zip(flags.size).map(|(preset, size)| {
        let mut preprocessing = Preprocessing::preset(preset, size.height, size.width);
        preprocessing.interpolation = flags.interpolation.unwrap_or(preprocessing.interpolation);
        preprocessing.fit = fit.map_or(preprocessing.fit, |fit| fit.among(&[]));
        preprocessing
    });
    let pooling = flags.pool;
    let kernels = flags.kernels.map_or(KernelConvention::Auto, Into::into);
    let backbone = flags.backbone.map(|architecture| BackboneId { architecture, kernels });
    Ok(Description { classes: flags.classes.clone(), preprocessing, backbone, pooling })
}

/// The network with its weights: the given file, those that the model holds, or those that are found.
pub(super) fn backbone(
    weights: Option<&Path>,
    model: &Path,
    classifier: &Classifier,
    id: BackboneId,
    observer: &mut dyn Observer,
) -> Result<Backbone, headstart::Error> {
    let stated = classifier.provenance().is_some();
    let backbone = match weights {
        Some(weights) => Backbone::named(id.architecture, weights),
        None if stated => return search().beside(model).of_classifier(classifier),
        None => search().beside(model).of_network(id.architecture)?,
    };
    if !stated {
        let (model, weights) = (model.to_path_buf(), backbone.weights().to_path_buf());
        observer.note(&Note::UnknownWeights { model, weights });
    }
    Ok(backbone.with_kernels(id.kernels))
}
