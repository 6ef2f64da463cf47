//! Images in, their classes out.

mod description;
mod images;
mod in_memory;
pub(crate) mod judge;
mod network;
mod ready;
mod refusal;
mod rows;
mod source;

use std::ops::ControlFlow;
use std::path::Path;

use headstart_dataset::{Batch, Dataset, Limits, LoaderOptions, Skipped};
use headstart_head::argmax;
use headstart_provenance::{Pooling, Preprocessing};
use headstart_weights::FlattenOrder;

use self::images::{Images, Loaded};
use self::judge::Judge;
use crate::mirror::{check_mirror, pooled_features};
use crate::observer::Silent;
use crate::{Backbone, Classifier, Error};

pub use self::description::{Complete, Description};
pub(crate) use self::network::SuitedNetwork;
pub use self::ready::ReadyPredictor;
pub use self::refusal::{AnswerRecord, Ranked, Refusal, UNKNOWN};
pub use self::source::{ImageList, ImagePath, ImageSource};

/// What was found for one image.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Answer {
    /// The image, as it was named.
    pub path: String,
    /// Its class, or why it could not be read.
    pub prediction: Result<Prediction, Skipped>,
}

/// The classes of an image with their probabilities.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Prediction {
    /// The name of the most probable class, the first of equals.
    pub label: String,
    /// Its probability, in [0, 1].
    pub probability: f32,
    /// The probability of each class, in label order.
    pub probabilities: Vec<f32>,
    /// How unlike the image is to those that the classifier was fitted to, in multiples of what it takes to be unknown; none
    /// if the classifier's file does not say which images it knows.
    pub novelty: Option<f32>,
}

impl Prediction {
    /// By the probabilities of the classes; or why there is none, where these are no numbers.
    fn new(classes: &[String], probabilities: &[f32]) -> Result<Self, String> {
        if !probabilities.iter().all(|p| p.is_finite()) {
            return Err(format!("the model gives probabilities that are no numbers: {probabilities:?}"));
        }
        let best = argmax(probabilities);
        Ok(Self {
            label: classes[best].clone(),
            probability: probabilities[best],
            probabilities: probabilities.to_vec(),
            novelty: None,
        })
    }

    /// The answer for an image, by its prediction.
    ///
    /// # Errors
    /// [`Error::BadData`] if there is none.
    fn answer(path: String, prediction: Result<Self, String>) -> Result<Answer, Error> {
        match prediction {
            Ok(prediction) => Ok(Answer { path, prediction: Ok(prediction) }),
            Err(message) => Err(Error::BadData { path: path.into(), message }),
        }
    }

    /// Whether the image is unlike all that the classifier was fitted to: its class is then probably none of the classifier's.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.novelty.is_some_and(|novelty| novelty > 1.0)
    }

    /// The labels (positions of classes) of the `k` most probable classes, the most probable first; of equally probable
    /// ones the first.
    #[must_use]
    pub fn top(&self, k: usize) -> Vec<usize> {
        let mut labels: Vec<usize> = (0..self.probabilities.len()).collect();
        labels.sort_by(|&a, &b| self.probabilities[b].total_cmp(&self.probabilities[a]));
        labels.truncate(k);
        labels
    }
}

/// How many images were answered, and how many of them could not be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answered {
    /// All images.
    pub images: usize,
    /// Those that could not be read.
    pub skipped: usize,
}

/// Predicts the classes of images as they come.
///
/// Answers come in the order of the images. While one batch is computed, the next one is decoded; memory does not grow with
/// the number of images. The network is loaded for the first images and kept for the next call of [`run`](Self::run).
#[derive(Debug)]
pub struct Predictor<'a> {
    classifier: &'a Classifier,
    backbone: &'a Backbone,
    classes: Vec<String>,
    preprocessing: Preprocessing,
    pooling: Pooling,
    batch_size: Option<usize>,
    limits: Limits,
    network: SuitedNetwork,
}

impl<'a> Predictor<'a> {
    /// Predicts with a classifier that states its classes and preprocessing.
    ///
    /// # Errors
    /// [`Error::Unstated`] if it does not.
    pub fn new(classifier: &'a Classifier, backbone: &'a Backbone) -> Result<Self, Error> {
        Self::with_description(classifier, backbone, Description::default())
    }

    /// Predicts with a classifier whose file does not state everything, such as a `.h5` that Keras wrote. The network need
    /// not be given: it is that of `backbone`.
    ///
    /// # Errors
    /// [`Error::Unstated`] if a part is neither stated nor given; [`Error::Stated`] if it is both; preprocessing that can't
    /// be used; a network that is given and is not that of `backbone`.
    pub fn with_description(
        classifier: &'a Classifier,
        backbone: &'a Backbone,
        mut given: Description,
    ) -> Result<Self, Error> {
        if classifier.backbone()?.is_none() {
            let (expected, found) = (*given.backbone.get_or_insert(backbone.id()), backbone.id());
            if expected != found {
                let message = format!("expected {expected}, as given, found weights of {found}");
                return Err(Error::setting("backbone", message));
            }
        }
        let Complete { classes, preprocessing, pooling, .. } = classifier.complete(given)?;
        check_mirror(&preprocessing, pooling)?;
        let (limits, network) = (Limits::default(), SuitedNetwork::default());
        Ok(Self { classifier, backbone, classes, preprocessing, pooling, batch_size: None, limits, network })
    }

    /// Images that are computed at a time. By default
    /// [`Architecture::suited_batch`](crate::Architecture::suited_batch).
    #[must_use]
    pub fn batch_size(mut self, batch_size: usize) -> Self {
        self.batch_size = Some(batch_size);
        self
    }

    /// What one image may cost. An image beyond the limits is answered with that reason.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Class names, in label order.
    #[must_use]
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The classifier.
    pub(crate) fn classifier(&self) -> &Classifier {
        self.classifier
    }

    /// The network.
    pub(crate) fn backbone(&self) -> &Backbone {
        self.backbone
    }

    /// The network, once it is known to be the one that the classifier was trained with.
    pub(crate) fn checked_backbone(&self) -> Result<&Backbone, Error> {
        self.classifier.check_backbone(self.backbone, &self.preprocessing, self.pooling)?;
        Ok(self.backbone)
    }

    /// How images become the network's input.
    pub(crate) fn preprocessing(&self) -> &Preprocessing {
        &self.preprocessing
    }

    /// What becomes of the network's maps.
    pub(crate) fn pooling(&self) -> Pooling {
        self.pooling
    }

    /// Answers each image of a source. `Break` ends it after that answer.
    ///
    /// # Errors
    /// Weights that the classifier was not trained with, or that can't be read; a source that fails; probabilities that
    /// are no numbers.
    pub fn run(
        &mut self,
        images: impl ImageSource + 'static,
        on_answer: &mut dyn FnMut(Answer) -> ControlFlow<()>,
    ) -> Result<Answered, Error> {
        let mut network = std::mem::take(&mut self.network);
        let answered = self.run_with(&mut network, images, on_answer);
        self.network = network;
        answered
    }

    fn run_with(
        &self,
        network: &mut SuitedNetwork,
        images: impl ImageSource + 'static,
        on_answer: &mut dyn FnMut(Answer) -> ControlFlow<()>,
    ) -> Result<Answered, Error> {
        let Preprocessing { height, width, .. } = self.preprocessing;
        let suited = |device| self.backbone.architecture().suited_batch(device, height, width);
        let batch_size = self.batch_size.map_or_else(|| self.backbone.device().map(suited), Ok)?;
        Error::check_batch_size(batch_size)?;
        let judge = self.judge()?;
        let count = images.count();
        // Images are decoded while the weights are read.
        let images = Images::load(images, self.preprocessing.clone(), self.loader_options(batch_size))?;
        self.checked_backbone()?;
        network.suited(self.backbone, count, 0)?;
        let mut answered = Answered::default();
        let mut features = Vec::new();
        for loaded in images {
            let Loaded { dataset, batch } = loaded?;
            let rows = batch.rows.len();
            features.resize(rows * judge.row_len(), 0.0);
            if rows > 0 {
                let network = network.suited(self.backbone, count, answered.images)?;
                let (preprocessing, pooling) = (&self.preprocessing, self.pooling);
                pooled_features(network, &batch.pixels, rows, preprocessing, pooling, &mut features)?;
            }
            for answer in answers(&dataset, batch, judge.predictions(&features)?) {
                let answer = answer?;
                answered.images += 1;
                answered.skipped += usize::from(answer.prediction.is_err());
                if on_answer(answer).is_break() {
                    return Ok(answered);
                }
            }
        }
        Ok(answered)
    }

    /// The shape of a row of features.
    pub(crate) fn row_shape(&self) -> Result<Vec<usize>, Error> {
        let Preprocessing { height, width, .. } = self.preprocessing;
        Ok(self.pooling.row_shape(self.backbone.architecture().feature_shape(height, width)?))
    }

    fn loader_options(&self, batch_size: usize) -> LoaderOptions {
        LoaderOptions::default().with_batch_size(batch_size).with_limits(self.limits)
    }

    /// The head, always on the CPU: on a GPU an answer's last bits would depend on how many images come with it.
    pub(crate) fn judge(&self) -> Result<Judge, Error> {
        // A network's feature maps are channels, height, width.
        Judge::new(
            self.classifier,
            Some(FlattenOrder::ChannelsFirst),
            self.classes.clone(),
            self.row_shape()?,
        )
    }
}

/// The answers of a batch, in the order of its images.
fn answers(
    dataset: &Dataset,
    batch: Batch,
    predictions: Vec<Result<Prediction, String>>,
) -> impl Iterator<Item = Result<Answer, Error>> {
    let path = |sample: usize| dataset.samples[sample].path.clone();
    let mut answers: Vec<(usize, Result<Answer, Error>)> = Vec::new();
    for (row, prediction) in batch.rows.iter().zip(predictions) {
        answers.push((row.sample, Prediction::answer(path(row.sample), prediction)));
    }
    for skipped in batch.skipped {
        answers.push((skipped.sample, Ok(Answer { path: path(skipped.sample), prediction: Err(skipped) })));
    }
    answers.sort_by_key(|(sample, _)| *sample);
    answers.into_iter().map(|(_, answer)| answer)
}

impl Classifier {
    /// What the images of a folder are, or single images: an answer an image, in order. [`Predictor`]
    /// answers while images are still coming, and has more choices.
    ///
    /// # Errors
    /// A classifier that does not state its classes or preprocessing; weights that it was not trained with; weights or
    /// images that can't be listed. An image that can't be read is no error: its answer says why.
    pub fn predict<P: AsRef<Path>>(
        &self,
        backbone: &Backbone,
        images: impl IntoIterator<Item = P>,
    ) -> Result<Vec<Answer>, Error> {
        let images = ImageList::new(images, false, &mut Silent)?;
        let mut answers = Vec::new();
        Predictor::new(self, backbone)?.run(images, &mut |answer| {
            answers.push(answer);
            ControlFlow::Continue(())
        })?;
        Ok(answers)
    }
}
