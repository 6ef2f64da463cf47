//! A trained head with all that its file says about it.

use std::path::{Path, PathBuf};

use candle_core::Device;
use headstart_backbone::BackboneId;
use headstart_files::IfExists;
use headstart_head::evaluation::{Evaluation, EvaluationOptions};
use headstart_head::{Activation, Head, LayerConfig, predict as probabilities};
use headstart_provenance::{Difference, Preprocessing, Provenance};
use headstart_weights::{HeadLayer, Model, ModelMetadata, load_model, save_model};

use crate::labelled::listed;
use crate::{Backbone, Error, LabelledFeatures};

/// Rows that are evaluated at a time.
const BATCH_SIZE: usize = 32;

/// A trained head: classes, layers and parameters, and what its features must be made of.
///
/// ```no_run
/// use headstart::{Backbone, Classifier};
///
/// let classifier = Classifier::load("photos.safetensors")?;
/// let backbone = Backbone::open("vgg16_weights.h5")?;
/// for answer in classifier.predict(&backbone, ["new.jpg"])? {
///     match &answer.prediction {
///         Ok(prediction) => println!("{}: {} {:.2}", answer.path, prediction.label, prediction.probability),
///         Err(skipped) => println!("{}: {}", answer.path, skipped.reason),
///     }
/// }
/// # Ok::<(), headstart::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Classifier {
    model: Model,
    /// The file that it was loaded from.
    path: Option<PathBuf>,
}

impl Classifier {
    /// Reads a classifier: headstart's `.safetensors`, or a head of Keras 1, 2 or 3.
    ///
    /// # Errors
    /// A file that can't be read, or that holds no head.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        Ok(Self { model: load_model(path)?, path: Some(path.to_path_buf()) })
    }

    /// Writes the classifier. The suffix chooses the layout: `.safetensors`, `.h5` for every Keras, `.weights.h5` for
    /// Keras 3. A file that is there is not replaced.
    ///
    /// # Errors
    /// A name with another suffix, or that is taken; a folder that can't be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        self.save_as(path, IfExists::Refuse)
    }

    /// [`save`](Self::save), with a choice of what happens to a file that is there.
    ///
    /// # Errors
    /// As [`save`](Self::save).
    pub fn save_as(&self, path: impl AsRef<Path>, if_exists: IfExists) -> Result<(), Error> {
        Ok(save_model(path.as_ref(), &self.model, if_exists)?)
    }

    pub(crate) fn from_model(model: Model, path: Option<PathBuf>) -> Self {
        Self { model, path }
    }

    /// The parameters and the description, as files hold them.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// What is known about it. Everything may be absent: a file of weights that Keras wrote has only parameters.
    #[must_use]
    pub fn metadata(&self) -> &ModelMetadata {
        &self.model.metadata
    }

    /// Class names, in label order; empty if they are not known.
    #[must_use]
    pub fn classes(&self) -> &[String] {
        &self.model.metadata.classes
    }

    /// The epoch (from 1) that the parameters are of, if the file says so.
    #[must_use]
    pub fn epoch(&self) -> Option<usize> {
        #[derive(serde::Deserialize)]
        struct Training {
            metrics: Metrics,
        }
        #[derive(serde::Deserialize)]
        struct Metrics {
            epoch: usize,
        }
        Some(self.model.metadata.training.as_ref()?.read::<Training>()?.metrics.epoch)
    }

    /// How an image becomes the network's input, if the file says so.
    #[must_use]
    pub fn preprocessing(&self) -> Option<&Preprocessing> {
        Some(&self.provenance()?.preprocessing)
    }

    /// What the features that it was trained on depend on, if the file says so.
    #[must_use]
    pub fn provenance(&self) -> Option<&Provenance> {
        self.model.metadata.provenance.as_ref()
    }

    /// The network that makes its features, if the file says so.
    ///
    /// # Errors
    /// The file names a network that is not in the registry.
    pub fn backbone(&self) -> Result<Option<BackboneId>, Error> {
        let Some(provenance) = self.provenance() else { return Ok(None) };
        let id = provenance.backbone.parse();
        id.map(Some).map_err(|reason| self.bad_data(format!("its backbone: {reason}")))
    }

    /// How good it is on features: accuracy, F1, ROC AUC, loss and calibration, with 95 % intervals of 1000 draws.
    ///
    /// # Errors
    /// Features that it was not trained for, or that can't be read.
    pub fn evaluate(&self, features: &LabelledFeatures) -> Result<Evaluation, Error> {
        self.evaluate_with(features, &EvaluationOptions::default(), BATCH_SIZE, &Device::Cpu)
    }

    /// [`evaluate`](Self::evaluate) with other options, by so many rows at a time, on another device.
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate); an option out of its range.
    pub fn evaluate_with(
        &self,
        features: &LabelledFeatures,
        options: &EvaluationOptions,
        batch_size: usize,
        device: &Device,
    ) -> Result<Evaluation, Error> {
        self.check_features(features)?;
        let head = self.head(features.features().row_shape(), device)?;
        let classes = self.class_names(&head, features)?;
        features.verify_data()?;
        let job = || format!("evaluating {} on {}", self.name(), features.path().display());
        let probabilities = probabilities(&head, features, batch_size).map_err(Error::during(job()))?;
        Evaluation::new(&probabilities, features.labels(), &classes, options).map_err(Error::during(job()))
    }

    /// The head, for rows of a shape.
    ///
    /// If the file has parameters only, as Keras writes them, the layers are those that a training makes: Flatten, Dense
    /// with relu, and at the end one unit with sigmoid or a linear unit a class.
    pub(crate) fn head(&self, row_shape: &[usize], device: &Device) -> Result<Head, Error> {
        let Model { layers: saved, metadata, .. } = &self.model;
        self.check_inputs(row_shape)?;
        let layers = match &metadata.head {
            Some(described) => self.described_layers(described)?,
            None => layers_of(saved),
        };
        let job = || format!("the head of {}", self.name());
        let mut head = Head::new(&layers, row_shape, 0, device).map_err(Error::during(job()))?;
        head.set_parameters(saved).map_err(Error::during(job()))?;
        let (classes, named) = (head.classes(), metadata.classes.len());
        if named > 0 && named != classes {
            return Err(self.bad_data(format!("has {classes} classes, but names {named}")));
        }
        Ok(head)
    }

    /// Checks that features are of the kind that it was trained on, as far as it says which.
    fn check_features(&self, features: &LabelledFeatures) -> Result<(), Error> {
        let Some(manifest) = features.manifest() else { return Ok(()) };
        let mut differences = Vec::new();
        if !self.classes().is_empty() {
            let [ours, theirs] = [self.classes(), &manifest.header.classes].map(listed);
            differences.extend(Difference::between("classes", ours, theirs));
        }
        if let Some(provenance) = self.provenance() {
            differences.extend(provenance.differences(&manifest.header.provenance));
        }
        if differences.is_empty() {
            return Ok(());
        }
        let (path, list) = (features.path().display(), Difference::list(&differences));
        Err(self.bad_data(format!("was trained on other features than {path}: {list}")))
    }

    /// Checks that a network makes the features that it was trained on, as far as it says which.
    pub(crate) fn check_backbone(
        &self,
        backbone: &Backbone,
        preprocessing: &Preprocessing,
    ) -> Result<(), Error> {
        let Some(expected) = self.provenance() else { return Ok(()) };
        let found = backbone.provenance(preprocessing)?;
        let differences = expected.differences(&found);
        let weights = backbone.weights();
        if expected.weights.blake3 != found.weights.blake3 {
            let (expected, found) = (&expected.weights, &found.weights);
            let message = format!(
                "is not the file of weights that {} was trained with: expected {} {}, found {}",
                self.name(),
                expected.name,
                expected.blake3,
                found.blake3
            );
            return Err(Error::bad_data(weights, message));
        }
        if differences.is_empty() {
            return Ok(());
        }
        let (path, list) = (weights.display(), Difference::list(&differences));
        Err(self.bad_data(format!(
            "was trained on other features than this headstart computes with {path}: {list}; extract and train again"
        )))
    }

    /// The names of the classes: the file's own, else the features', else numbers.
    fn class_names(&self, head: &Head, features: &LabelledFeatures) -> Result<Vec<String>, Error> {
        let (ours, theirs) = (head.classes(), features.class_count());
        if ours != theirs {
            let path = features.path().display();
            return Err(self.bad_data(format!("has {ours} classes, but {path} has rows of {theirs}")));
        }
        // If both have names, they are the same.
        Ok(if self.classes().is_empty() { features.class_names() } else { self.classes().to_vec() })
    }

    /// The layers that the file describes. They must be those whose parameters it has, so that a head takes no more memory
    /// than its file.
    fn described_layers(&self, described: &[LayerConfig]) -> Result<Vec<LayerConfig>, Error> {
        let dense = described.iter().filter_map(|layer| match layer {
            LayerConfig::Dense { units, use_bias, .. } => Some((*units, *use_bias)),
            _ => None,
        });
        let saved = &self.model.layers;
        let parameters = saved.iter().map(|layer| (layer.kernel.shape[1], layer.bias.is_some()));
        if dense.eq(parameters) {
            return Ok(described.to_vec());
        }
        let described = serde_json::to_string(described).map_err(Error::encoding("layers"))?;
        Err(self.bad_data(format!("its parameters are not those of its layers, {described}")))
    }

    /// Each layer must take as many values as the layer before it gives, and the first one rows of the shape that the file
    /// says.
    fn check_inputs(&self, row_shape: &[usize]) -> Result<(), Error> {
        let stated = self.model.metadata.row_shape.as_slice();
        // Flat rows are only counted.
        if stated.len() == 3 && row_shape.len() == 3 && stated != row_shape {
            let message = format!("takes rows of shape {stated:?}, but the features have {row_shape:?}");
            return Err(self.bad_data(message));
        }
        let mut values: usize = row_shape.iter().product();
        let mut before = format!("the features have rows of shape {row_shape:?}");
        for HeadLayer { name, kernel, .. } in &self.model.layers {
            let [inputs, units] = kernel.shape[..] else { continue };
            if inputs != values {
                let message =
                    format!("its layer {name} takes {inputs} values, but {before}, which is {values}");
                return Err(self.bad_data(message));
            }
            (values, before) = (units, format!("the layer {name} gives {units}"));
        }
        Ok(())
    }

    /// The file's name in messages.
    pub(crate) fn name(&self) -> String {
        self.path.as_ref().map_or("the classifier".to_owned(), |path| path.display().to_string())
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.path.clone().unwrap_or_else(|| "the classifier".into())
    }

    pub(crate) fn bad_data(&self, message: String) -> Error {
        Error::BadData { path: self.path(), message }
    }
}

/// The layers whose parameters these are.
fn layers_of(saved: &[HeadLayer]) -> Vec<LayerConfig> {
    let dense = |(index, layer): (usize, &HeadLayer)| {
        let units = layer.kernel.shape[1];
        let activation = match (index + 1 == saved.len(), units) {
            (false, _) => Activation::Relu,
            (true, 1) => Activation::Sigmoid,
            (true, _) => Activation::Linear,
        };
        LayerConfig::Dense { units, activation, use_bias: layer.bias.is_some() }
    };
    std::iter::once(LayerConfig::Flatten).chain(saved.iter().enumerate().map(dense)).collect()
}
