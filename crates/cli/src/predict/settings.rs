//! What a prediction needs besides the head: as the model says, or the flags where it does not.

use headstart_dataset::Preprocessing;
use headstart_weights::{KernelConvention, ModelMetadata};

use super::flags::Predict;
use crate::backbone::Backbone;
use crate::outcome::Fault;

pub(super) struct Settings {
    pub(super) classes: Vec<String>,
    pub(super) preprocessing: Preprocessing,
    pub(super) backbone: Backbone,
}

impl Settings {
    pub(super) fn new(command: &Predict, model: &ModelMetadata) -> anyhow::Result<Self> {
        let path = command.model.display();
        let bad_data = |what: &str, reason: String| Fault::BadData(format!("{path}: its {what}: {reason}"));
        let classes = Some(model.classes.clone()).filter(|classes| !classes.is_empty());
        let preprocessing = match &model.preprocessing {
            Some(said) => {
                let said: Result<Preprocessing, _> = serde_json::from_value(said.clone());
                let said = said.map_err(|reason| bad_data("preprocessing", reason.to_string()))?;
                said.validate().map_err(|reason| bad_data("preprocessing", reason.to_string()))?;
                Some(said)
            }
            None => None,
        };
        let backbone = match &model.backbone {
            Some(said) => {
                let said: Result<Backbone, _> = said.parse();
                Some(said.map_err(|reason| bad_data("backbone", reason.to_string()))?)
            }
            None => None,
        };
        refuse_what_is_said(command, classes.is_some(), preprocessing.is_some(), backbone.is_some())?;

        let classes = classes.or_else(|| command.classes.clone());
        let preprocessing = match (preprocessing, command.preset, command.size) {
            (None, Some(preset), Some(size)) => {
                let mut given = Preprocessing::preset(preset, size.height, size.width);
                given.interpolation = command.interpolation.unwrap_or(given.interpolation);
                given.validate()?;
                Some(given)
            }
            (said, ..) => said,
        };
        let kernels = command.kernels.map_or(KernelConvention::Auto, Into::into);
        let backbone = backbone.or(command.backbone.map(|architecture| Backbone { architecture, kernels }));
        match (classes, preprocessing, backbone) {
            (Some(classes), Some(preprocessing), Some(backbone)) => {
                Ok(Self { classes, preprocessing, backbone })
            }
            (classes, preprocessing, backbone) => {
                let missing: Vec<&str> = [
                    ("classes (--classes)", classes.is_none()),
                    ("preprocessing (--preset and --size)", preprocessing.is_none()),
                    ("backbone (--backbone)", backbone.is_none()),
                ]
                .into_iter()
                .filter_map(|(what, missing)| missing.then_some(what))
                .collect();
                let missing = missing.join(", its ");
                Err(Fault::Usage(format!("{path}: does not say its {missing}; give them as flags")).into())
            }
        }
    }
}

/// A flag can't change what a model was trained with.
fn refuse_what_is_said(
    command: &Predict,
    classes: bool,
    preprocessing: bool,
    backbone: bool,
) -> Result<(), Fault> {
    for (flag, given, said) in [
        ("--classes", command.classes.is_some(), classes),
        ("--preset", command.preset.is_some(), preprocessing),
        ("--size", command.size.is_some(), preprocessing),
        ("--interpolation", command.interpolation.is_some(), preprocessing),
        ("--backbone", command.backbone.is_some(), backbone),
        ("--kernels", command.kernels.is_some(), backbone),
    ] {
        if given && said {
            let path = command.model.display();
            return Err(Fault::Usage(format!("{path}: says that itself; leave {flag} out")));
        }
    }
    Ok(())
}
