//! How images become the input of a network: what is chosen, what a file beside the weights states, and what is known of the
//! network.

use std::io::Read;
use std::path::Path;

use headstart_backbone::Architecture;
use headstart_files::{ErrorKind, folder, open};
use headstart_provenance::{Config, Fit, Input, Interpolation, Preprocessing, Preset};
use headstart_weights::{Format, Layout, Source, describe};

use crate::observer::{Note, Observer, Silent};
use crate::{Backbone, Error};

/// What is chosen of the preprocessing. What is not comes from the configuration beside the weights, or from the network.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct InputChoice {
    /// The constants. With them no configuration is read.
    pub preset: Option<Preset>,
    /// Height and width in pixels.
    pub size: Option<[usize; 2]>,
    /// How an image of another shape is brought to the size.
    pub fit: Option<FitChoice>,
    /// How it is resized.
    pub interpolation: Option<Interpolation>,
    /// What is taken where nothing is chosen and no configuration is there; none means the input that the weights were
    /// trained for.
    pub otherwise: Option<Input>,
}

/// A choice among the ways to fit an image, of which a crop's fraction may be left to the network.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FitChoice {
    /// [`Fit::Stretch`].
    Stretch,
    /// [`Fit::Crop`].
    Crop {
        /// Its fraction; none means the one of the configuration or of the network, or else [`Fit::USUAL_FRACTION`].
        fraction: Option<f64>,
    },
    /// [`Fit::Pad`].
    Pad,
}

impl FitChoice {
    /// The fit, with the fraction of the first of the others that has one.
    #[must_use]
    pub fn among(self, others: &[Fit]) -> Fit {
        let of_others = others.iter().find_map(|fit| match fit {
            Fit::Crop { fraction } => Some(*fraction),
            Fit::Stretch | Fit::Pad => None,
        });
        match self {
            Self::Stretch => Fit::Stretch,
            Self::Crop { fraction } => {
                Fit::Crop { fraction: fraction.or(of_others).unwrap_or(Fit::USUAL_FRACTION) }
            }
            Self::Pad => Fit::Pad,
        }
    }
}

impl Backbone {
    /// The preprocessing that the weights were trained for or measured with.
    ///
    /// That is what the configuration beside them states ([`Config`]), a `config.json` of timm or a
    /// `preprocessor_config.json` of transformers. If there is none, it is the input of the network
    /// ([`Architecture::input`]), with the constants of the framework whose layout the weights have.
    ///
    /// # Errors
    /// The file of the weights or the configuration can't be read, or the configuration states something that can't be done;
    /// [`Error::OtherArchitecture`] if it names another network, whatever is chosen.
    pub fn preprocessing(&self) -> Result<Preprocessing, Error> {
        self.preprocessing_with(&InputChoice::default(), &mut Silent)
    }

    /// The same with another choice of some of its settings. The observer hears which configuration is taken, and which is
    /// not.
    ///
    /// # Errors
    /// As [`preprocessing`](Self::preprocessing). The result is not validated.
    pub fn preprocessing_with(
        &self,
        choice: &InputChoice,
        observer: &mut dyn Observer,
    ) -> Result<Preprocessing, Error> {
        self.check_named()?;
        let stated = if choice.preset.is_none() { self.stated(observer)? } else { None };
        let mut one = match (stated, choice.otherwise) {
            (Some(stated), _) => stated,
            (None, Some(otherwise)) => otherwise.preprocessing(),
            (None, None) => self.trained()?,
        };
        if let Some(preset) = choice.preset {
            let constants = Preprocessing::preset(preset, one.height, one.width);
            let same = one.preset == preset.name();
            let interpolation = if same { one.interpolation } else { constants.interpolation };
            one = Preprocessing { interpolation, fit: one.fit, ..constants };
        }
        if let Some([height, width]) = choice.size {
            (one.height, one.width) = (height, width);
        }
        if let Some(fit) = choice.fit {
            one.fit = fit.among(&[one.fit, self.architecture().input().fit]);
        }
        one.interpolation = choice.interpolation.unwrap_or(one.interpolation);
        self.note_poor_match(&one, observer);
        Ok(one)
    }

    /// Reports an input as in the blog's script for weights that were trained for another. Weights that can't be read are told
    /// when they are needed.
    fn note_poor_match(&self, taken: &Preprocessing, observer: &mut dyn Observer) {
        let blog = Preset::Blog.name();
        if taken.preset != blog {
            return;
        }
        if let Ok(trained) = self.trained()
            && trained.preset != blog
        {
            let (network, taken) = (self.architecture(), taken.clone());
            observer.note(&Note::PoorMatch { network, taken, trained });
        }
    }

    /// The input that the script of the Keras blog gives these weights; none unless they are of its kind: a VGG network in the
    /// layout of the script's own file.
    ///
    /// # Errors
    /// The file of the weights can't be read.
    pub fn script_input(&self) -> Result<Option<Input>, Error> {
        let Some(input) = self.architecture().blog_input() else { return Ok(None) };
        let layout = describe(self.source())?.layout;
        Ok((layout == Some(Layout::LegacySequential)).then_some(input))
    }

    /// The input of the network, with the constants of the framework whose layout the file of the weights has.
    fn trained(&self) -> Result<Preprocessing, Error> {
        let (input, presets) = (self.architecture().input(), self.architecture().presets());
        // Networks in safetensors are those of torchvision and timm, whatever names their tensors have.
        let torchvision = describe(self.source())?.format == Format::Safetensors;
        let suits = |preset: &&Preset| (**preset == Preset::Torchvision) == torchvision;
        let preset = presets.iter().find(suits).copied().unwrap_or(input.preset);
        Ok(input.preset(preset).preprocessing())
    }

    /// What the configuration beside the weights states.
    fn stated(&self, observer: &mut dyn Observer) -> Result<Option<Preprocessing>, Error> {
        // Nothing lies beside weights that are part of the program.
        let Source::File(weights) = self.source() else { return Ok(None) };
        for name in Config::FILES {
            let path = folder(weights).join(name);
            let Some(content) = content(&path)? else { continue };
            let config = Config::read(&content)
                .map_err(|error| Error::Config { path: path.clone(), error: Box::new(error) })?;
            if let Some(Config { preprocessing, .. }) = config {
                observer.note(&Note::Config { path, preprocessing: preprocessing.clone() });
                return Ok(Some(preprocessing));
            }
            let reason = "it is not about preprocessing".to_owned();
            observer.note(&Note::OtherConfig { path, reason });
        }
        Ok(None)
    }

    /// Compares the network with the one that a configuration beside the weights names, if there is one. Networks that
    /// compute something else may have the same parameters. A configuration that can't be read names none.
    pub(crate) fn check_named(&self) -> Result<(), Error> {
        let Source::File(weights) = self.source() else { return Ok(()) };
        let path = folder(weights).join(Config::FILES[0]);
        let Ok(Some(content)) = content(&path) else { return Ok(()) };
        let Some(named) = Config::architecture_of(&content) else { return Ok(()) };
        let has_name = |network: Architecture| network.published_names().contains(&named.as_str());
        let fitting = self.architecture();
        if has_name(fitting) {
            return Ok(());
        }
        let (is_known, weights) = (Architecture::all().any(has_name), weights.to_path_buf());
        Err(Error::OtherArchitecture { path, named, is_known, weights, fitting })
    }
}

/// The bytes of a file; none if it is not there.
fn content(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    let file = match open(path) {
        // Where the weights have no folder, the error is about the weights.
        Err(error) if error.kind() == ErrorKind::Missing || !folder(path).is_dir() => return Ok(None),
        file => file?,
    };
    let mut content = Vec::new();
    let read = file.take(Config::MAX_BYTES as u64 + 1).read_to_end(&mut content);
    read.map_err(headstart_files::Error::io(path, "read it"))?;
    if content.len() > Config::MAX_BYTES {
        let expected = format!("expected a configuration of at most {} bytes, found more", Config::MAX_BYTES);
        return Err(Error::bad_data(path, expected));
    }
    Ok(Some(content))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use headstart_backbone::Engine;

    use super::*;

    const CROP: Fit = Fit::Crop { fraction: 0.9 };

    #[test]
    fn a_crop_takes_the_fraction_of_who_states_one_first() {
        let crop = |fraction| FitChoice::Crop { fraction };
        assert_eq!(crop(Some(0.5)).among(&[CROP]), Fit::Crop { fraction: 0.5 });
        assert_eq!(crop(None).among(&[Fit::Pad, CROP, Fit::Crop { fraction: 0.5 }]), CROP);
        assert_eq!(crop(None).among(&[Fit::Stretch]), Fit::Crop { fraction: 0.875 });
        assert_eq!(FitChoice::Stretch.among(&[CROP]), Fit::Stretch);
        assert_eq!(FitChoice::Pad.among(&[CROP]), Fit::Pad);
    }

    #[test]
    fn a_network_is_refused_where_a_configuration_names_another_one() {
        let folder = tempfile::tempdir().unwrap();
        let named = |ours: &str, named: &str| {
            let config = format!(r#"{{"architecture": "{named}"}}"#);
            fs::write(folder.path().join("config.json"), config).unwrap();
            let backbone = Backbone::named(ours.parse().unwrap(), folder.path().join("model.safetensors"));
            backbone.check_named().map_err(|error| (error.kind(), error.to_string()))
        };
        for (ours, theirs) in [
            ("efficientnet_lite0", "tf_efficientnet_lite0"),
            ("efficientnet_lite0", "tf_efficientnet_lite0.in1k"),
            ("mobilenetv2", "mobilenetv2_100"),
            ("resnet50", "tv_resnet50"),
        ] {
            assert_eq!(named(ours, theirs), Ok(()), "{theirs}");
        }
        for (ours, theirs, text) in [
            (
                "efficientnet_lite0",
                "efficientnet_lite0",
                "which is supported, but efficientnet_lite0 may compute",
            ),
            (
                "mobilenetv3_large",
                "tf_mobilenetv3_large_100",
                "names and shapes of mobilenetv3_large_100, which is",
            ),
            ("mobilenetv2", "mobilenetv2_140", "mobilenetv2_140, which is not supported"),
            ("resnet18", "resnet50", "of resnet50, but "),
            ("keras_resnet50", "resnet50", "has the parameters of keras_resnet50"),
        ] {
            let (kind, error) = named(ours, theirs).unwrap_err();
            assert_eq!(kind, ErrorKind::BadData);
            assert!(error.contains(text) && error.contains("config.json: says"), "{error}");
        }
        // It is not computed either, however the input was chosen.
        let backbone = Backbone::named("resnet18".parse().unwrap(), folder.path().join("model.safetensors"));
        let error = backbone.load(Engine::Candle).map(drop).unwrap_err();
        assert!(matches!(error, Error::OtherArchitecture { .. }), "{error}");
    }

    #[test]
    fn a_configuration_beside_the_weights_goes_before_the_network() {
        let folder = tempfile::tempdir().unwrap();
        let backbone = Backbone::named("vgg16".parse().unwrap(), folder.path().join("vgg16.h5"));
        assert_eq!(backbone.preprocessing().unwrap_err().kind(), ErrorKind::Missing, "the weights");
        let config = r#"{"architecture": "vgg16", "pretrained_cfg": {"input_size": [3, 96, 64],
            "interpolation": "bilinear", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}}"#;
        fs::write(folder.path().join("config.json"), config).unwrap();
        assert_eq!(backbone.preprocessing().unwrap().to_string(), "torchvision 96x64 crop 0.875");
        // What a caller would take otherwise comes after it, and a preset before.
        let choice = InputChoice { otherwise: backbone.architecture().blog_input(), ..Default::default() };
        let with = |choice| backbone.preprocessing_with(&choice, &mut Silent).unwrap().to_string();
        assert_eq!(with(choice), "torchvision 96x64 crop 0.875");
        assert_eq!(with(InputChoice { preset: Some(Preset::Caffe), ..choice }), "caffe 150x150");
    }
}
