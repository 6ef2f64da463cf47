//! A trained head with all that its file says about it.

mod bundle;

use std::path::{Path, PathBuf};

use candle_core::Device;
use headstart_backbone::BackboneId;
use headstart_files::IfExists;
use headstart_head::evaluation::{Evaluation, EvaluationOptions};
use headstart_head::{Activation, Head, LayerConfig, predict as probabilities};
use headstart_provenance::{Difference, Pooling, Preprocessing, Provenance, WeightsFile};
use headstart_weights::{
    Error as WeightsError, FlattenOrder, HeadFile, HeadLayer, ImportOptions, Model, ModelMetadata, save_model,
};

use crate::labelled::listed;
use crate::shipped::Shipped;
use crate::{Backbone, Error, LabelledFeatures, Part, head_file};

/// What errors call a classifier that is of no file.
const UNNAMED: &str = "the classifier";

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
    /// The head, with what its file leaves open.
    head: HeadFile,
    /// The same in our own order, as far as that is known.
    model: Model,
    /// The file that it was loaded from.
    path: Option<PathBuf>,
}

impl Classifier {
    /// Reads a classifier: headstart's `.safetensors`, or a head of Keras 1, 2 or 3.
    ///
    /// A file of Keras that holds weights alone does not say its activations, nor the order in which feature maps were
    /// flattened for it: use [`load_with`](Self::load_with).
    ///
    /// # Errors
    /// [`Error::NoHead`] for the weights of a network; a file that can't be read, or that holds no head.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::load_with(path, &ImportOptions::default())
    }

    /// [`load`](Self::load), with what the file does not say.
    ///
    /// ```no_run
    /// use headstart::convert::{FlattenOrder, ImportOptions};
    /// use headstart::{Activation, Classifier};
    ///
    /// let mut said = ImportOptions::default();
    /// said.flatten_order = Some(FlattenOrder::ChannelsLast);
    /// said.activations = Some(vec![Activation::Relu, Activation::Sigmoid]);
    /// let classifier = Classifier::load_with("keras.weights.h5", &said)?;
    /// # Ok::<(), headstart::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`load`](Self::load); activations for a file that states its own, or not one for each layer; a shape of rows that
    /// is not the head's.
    pub fn load_with(path: impl AsRef<Path>, said: &ImportOptions) -> Result<Self, Error> {
        let path = path.as_ref();
        let head = head_file::open(path, said)?;
        // Where the order is not clear, that is told once it matters.
        let model = head.imported().map_or_else(|_| head.model().clone(), |imported| imported.model);
        Ok(Self { head, model, path: Some(path.to_path_buf()) })
    }

    /// Writes the classifier. The suffix chooses the layout: `.safetensors`, `.h5` for every Keras, `.weights.h5` for
    /// Keras 3. A file that is there is not replaced.
    ///
    /// # Errors
    /// A name with another suffix, or that is taken; a folder that can't be written; a Keras model of which it is not clear
    /// in which order it flattens feature maps.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        self.save_as(path, IfExists::Refuse)
    }

    /// [`save`](Self::save), with a choice of what happens to a file that is there.
    ///
    /// # Errors
    /// As [`save`](Self::save).
    pub fn save_as(&self, path: impl AsRef<Path>, if_exists: IfExists) -> Result<(), Error> {
        Ok(save_model(path.as_ref(), &self.head.imported()?.model, if_exists)?)
    }

    pub(crate) fn from_model(model: Model) -> Self {
        let head = HeadFile::of_model(Path::new(UNNAMED), model.clone(), FlattenOrder::ChannelsFirst);
        Self { head, model, path: None }
    }

    /// The parameters and the description, as files hold them. The rows of the first kernel are channels, height, width,
    /// unless the order in the file is not clear.
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

    /// The network that makes its features, with the weights that it was trained with, if they are part of this program; see
    /// [`Backbone::shipped`].
    ///
    /// # Errors
    /// [`Error::NoWeights`] if they are not, or if its file does not say which weights these are; a network that is not in the
    /// registry.
    pub fn shipped_backbone(&self) -> Result<Backbone, Error> {
        let (Some(id), Some(provenance)) = (self.backbone()?, self.provenance()) else {
            let weights = format!("the weights that {} was trained with", self.name());
            return Err(Error::NoWeights { weights, feature: None, searched: Vec::new() });
        };
        let WeightsFile { name, blake3 } = &provenance.weights;
        let wanted = || format!("the weights {name}, which {} was trained with", self.name());
        Shipped::same_as(blake3, wanted)?;
        Ok(Backbone::shipped(id.architecture)?.with_kernels(id.kernels))
    }

    /// Checks that weights are those that it was trained with.
    fn check_weights(&self, backbone: &Backbone, expected: &WeightsFile) -> Result<(), Error> {
        let found = backbone.weights_file()?;
        if expected.blake3 == found.blake3 {
            return Ok(());
        }
        let message = format!(
            "is not the file of weights that {} was trained with: expected {} {}, found {}",
            self.name(),
            expected.name,
            expected.blake3,
            found.blake3
        );
        Err(Error::bad_data(backbone.weights(), message))
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
        options.validate()?;
        self.check_features(features)?;
        self.check_inputs(features.features().row_shape())?;
        let classes = self.class_names(features)?;
        let job = || format!("evaluating {} on {}", self.name(), features.path().display());
        features.verify_data().map_err(Error::during(job()))?;
        let head = self.head_for(features, device)?;
        let probabilities = probabilities(&head, features, batch_size).map_err(Error::during(job()))?;
        Evaluation::new(&probabilities, features.labels(), &classes, options).map_err(Error::during(job()))
    }

    /// The head for some features.
    pub(crate) fn head_for(&self, features: &LabelledFeatures, device: &Device) -> Result<Head, Error> {
        let head = self.head(features.features().row_shape(), features.order(), device);
        head.map_err(|error| match error {
            Error::Weights(cause) if matches!(*cause, WeightsError::UnstatedAxes { .. }) => {
                features.unstated_axes()
            }
            error => error,
        })
    }

    /// The head, for rows of a shape. `order` is that of their axes, if they are three and it is known.
    ///
    /// # Errors
    /// [`Error::Unstated`] if the file has parameters only, as Keras writes them, and nobody said what it does not say.
    pub(crate) fn head(
        &self,
        row_shape: &[usize],
        order: Option<FlattenOrder>,
        device: &Device,
    ) -> Result<Head, Error> {
        self.check_inputs(row_shape)?;
        let (classes, named) = (self.class_count(), self.classes().len());
        if named > 0 && named != classes {
            return Err(self.bad_data(format!("has {classes} classes, but names {named}")));
        }
        let mut unstated = Vec::new();
        let described = self.stated_layers();
        let layers = described.map(|described| self.described_layers(&described, row_shape)).transpose()?;
        unstated.extend(layers.is_none().then_some(Part::Activations));
        let suited = match self.head.for_rows(row_shape, order) {
            Err(WeightsError::UnstatedOrder { .. }) => {
                unstated.push(Part::FlattenOrder);
                None
            }
            suited => Some(suited?),
        };
        let (Some(layers), Some(Model { layers: saved, .. })) = (layers, suited) else {
            return Err(Error::Unstated { path: self.path(), parts: unstated });
        };
        self.check_output(&layers)?;
        let job = || format!("the head of {}", self.name());
        let mut head = Head::new(&layers, row_shape, 0, device).map_err(Error::during(job()))?;
        head.set_parameters(&saved).map_err(Error::during(job()))?;
        Ok(head)
    }

    /// The layers that the file states.
    ///
    /// A file that says what its features depend on is headstart's own, so its layers are those that a training makes,
    /// though it should not list them: Flatten, Dense with relu, and at the end one unit with sigmoid or a linear unit a
    /// class.
    pub(crate) fn stated_layers(&self) -> Option<Vec<LayerConfig>> {
        match (&self.metadata().head, self.provenance()) {
            (Some(stated), _) => Some(stated.clone()),
            (None, Some(provenance)) => Some(trained_layers(&self.model.layers, provenance.pooling)),
            (None, None) => None,
        }
    }

    /// How many classes it tells apart: two with one unit at the end.
    fn class_count(&self) -> usize {
        self.model.layers.last().map_or(0, |layer| layer.kernel.shape[1].max(2))
    }

    /// Its last layer must give one probability a class, or their logits.
    fn check_output(&self, layers: &[LayerConfig]) -> Result<(), Error> {
        let Some(&LayerConfig::Dense { units, activation, .. }) = layers.last() else { return Ok(()) };
        let message = match (units, activation) {
            (1, Activation::Sigmoid | Activation::Linear)
            | (2.., Activation::Softmax | Activation::Linear) => return Ok(()),
            (2.., Activation::Sigmoid) => format!(
                "ends in {units} sigmoid units, which answer yes or no for each class apart; expected one class an \
                 image, that is softmax or logits. Heads of many labels an image are not supported"
            ),
            _ => format!(
                "ends in Dense {units} with {activation}, which gives no probabilities; expected one unit with sigmoid, \
                 or several with softmax or linear"
            ),
        };
        Err(self.bad_data(message))
    }

    /// Checks that features are of the kind that it was trained on, as far as it says which.
    fn check_features(&self, features: &LabelledFeatures) -> Result<(), Error> {
        let Some(manifest) = features.manifest() else { return Ok(()) };
        let mut differences = Vec::new();
        if !self.classes().is_empty() {
            let [ours, theirs] = [self.classes(), &manifest.header.classes].map(listed);
            differences.extend(Difference::between("classes", ours, theirs));
        }
        self.check_made_alike(features.path(), &manifest.header.provenance, differences)
    }

    /// Checks that features were made as those that it was trained on, whatever their classes are.
    pub(crate) fn check_provenance(&self, path: &Path, found: &Provenance) -> Result<(), Error> {
        self.check_made_alike(path, found, Vec::new())
    }

    fn check_made_alike(
        &self,
        path: &Path,
        found: &Provenance,
        mut differences: Vec<Difference>,
    ) -> Result<(), Error> {
        let of_rows = found.pooling;
        if let Some(provenance) = self.provenance() {
            differences.extend(provenance.differences(found));
        }
        let of_head = self.pooling();
        if differences.iter().all(|difference| difference.what == "pooling")
            && let Some(expected) = of_head.filter(|&of_head| of_head != of_rows)
        {
            let (path, head) = (path.to_path_buf(), self.path());
            return Err(Error::Pooling { path, head, expected, found: of_rows });
        }
        if differences.is_empty() {
            return Ok(());
        }
        let (path, list) = (path.display(), Difference::list(&differences));
        Err(self.bad_data(format!("was trained on other features than {path}: {list}")))
    }

    /// What became of the maps that it was trained on, as far as it says that. A head that takes maps of more than one
    /// position takes them as they are.
    fn pooling(&self) -> Option<Pooling> {
        let of_maps = matches!(self.metadata().row_shape[..], [_, height, width] if height > 1 || width > 1);
        let stated = self.provenance().map(|provenance| provenance.pooling);
        stated.or(of_maps.then_some(Pooling::None))
    }

    /// Checks that a network makes the features that it was trained on, as far as it says which.
    pub(crate) fn check_backbone(
        &self,
        backbone: &Backbone,
        preprocessing: &Preprocessing,
        pooling: Pooling,
    ) -> Result<(), Error> {
        let Some(expected) = self.provenance() else { return Ok(()) };
        let found = backbone.provenance(preprocessing, pooling)?;
        let differences = expected.differences(&found);
        let weights = backbone.weights();
        self.check_weights(backbone, &expected.weights)?;
        if differences.is_empty() {
            return Ok(());
        }
        let (path, list) = (weights.display(), Difference::list(&differences));
        Err(self.bad_data(format!(
            "was trained on other features than this headstart computes with {path}: {list}; extract and train again"
        )))
    }

    /// The names of the classes: the file's own, else the features', else numbers.
    fn class_names(&self, features: &LabelledFeatures) -> Result<Vec<String>, Error> {
        let (ours, named, theirs) = (self.class_count(), self.classes().len(), features.class_count());
        if named > 0 && named != ours {
            return Err(self.bad_data(format!("has {ours} classes, but names {named}")));
        }
        if ours != theirs {
            let path = features.path().display();
            return Err(self.bad_data(format!("has {ours} classes, but {path} has rows of {theirs}")));
        }
        // If both have names, they are the same.
        Ok(if self.classes().is_empty() { features.class_names() } else { self.classes().to_vec() })
    }

    /// The layers that the file describes. They must be those whose parameters it has, so that a head takes no more memory
    /// than its file.
    fn described_layers(
        &self,
        described: &[LayerConfig],
        row_shape: &[usize],
    ) -> Result<Vec<LayerConfig>, Error> {
        let dense = described.iter().filter_map(|layer| match layer {
            LayerConfig::Dense { units, use_bias, .. } => Some((*units, *use_bias)),
            _ => None,
        });
        let saved = &self.model.layers;
        let parameters = saved.iter().map(|layer| (layer.kernel.shape[1], layer.bias.is_some()));
        if dense.eq(parameters) {
            // A head that was trained on flat rows takes maps that are laid flat in its order.
            let flat = row_shape.len() == 1;
            return Ok(if flat { described.to_vec() } else { LayerConfig::laid_flat(described) });
        }
        let described = serde_json::to_string(described).map_err(Error::encoding("layers"))?;
        Err(self.bad_data(format!("its parameters are not those of its layers, {described}")))
    }

    /// Each layer must take as many values as the layer before it gives.
    fn check_inputs(&self, row_shape: &[usize]) -> Result<(), Error> {
        let stated = self.model.metadata.row_shape.as_slice();
        let product =
            |shape: &[usize]| shape.iter().fold(1_usize, |product, &axis| product.saturating_mul(axis));
        if stated.len() == 3 && row_shape.len() == 3 && product(stated) != product(row_shape) {
            let message = format!("takes rows of shape {stated:?}, but the features have {row_shape:?}");
            return Err(self.bad_data(message));
        }
        let of_row: usize = row_shape.iter().product();
        let mut values = of_row;
        let mut before = format!("the features have rows of shape {row_shape:?}");
        for HeadLayer { name, kernel, .. } in &self.model.layers {
            let [inputs, units] = kernel.shape[..] else { continue };
            if inputs != values {
                // The first layer, on maps.
                let one_a_channel = row_shape.len() == 3 && row_shape[0] == inputs && values == of_row;
                let pooled =
                    if one_a_channel { "; it takes one value a channel, as pooling gives" } else { "" };
                let message = format!(
                    "its layer {name} takes {inputs} values, but {before}, which is {values}{pooled}"
                );
                return Err(self.bad_data(message));
            }
            (values, before) = (units, format!("the layer {name} gives {units}"));
        }
        Ok(())
    }

    /// The file's name in messages.
    pub(crate) fn name(&self) -> String {
        self.path.as_ref().map_or(UNNAMED.to_owned(), |path| path.display().to_string())
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.path.clone().unwrap_or_else(|| UNNAMED.into())
    }

    pub(crate) fn bad_data(&self, message: String) -> Error {
        Error::BadData { path: self.path(), message }
    }
}

/// The layers of a training that has these parameters.
fn trained_layers(saved: &[HeadLayer], pooling: Pooling) -> Vec<LayerConfig> {
    let dense = |(index, layer): (usize, &HeadLayer)| {
        let units = layer.kernel.shape[1];
        let activation = match (index + 1 == saved.len(), units) {
            (false, _) => Activation::Relu,
            (true, 1) => Activation::Sigmoid,
            (true, _) => Activation::Linear,
        };
        LayerConfig::Dense { units, activation, use_bias: layer.bias.is_some() }
    };
    let flatten = pooling.is_none().then_some(LayerConfig::Flatten);
    flatten.into_iter().chain(saved.iter().enumerate().map(dense)).collect()
}
