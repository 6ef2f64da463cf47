//! Images to features in memory: no file is written.

mod pixels;

use std::ops::ControlFlow;
use std::sync::Arc;

use headstart_dataset::{Dataset, Limits, Loader, Skipped};
use headstart_provenance::{Pooling, Preprocessing, Provenance};

use crate::extraction::forward::{Forward, Outcome};
use crate::mirror::check_mirror;
use crate::observer::{Observer, Progress, Stage};
use crate::prediction::SuitedNetwork;
use crate::{Backbone, Classifier, Description, Error, ImageList};

pub use self::pixels::RgbPixels;

/// What an interrupted job keeps.
const KEPT: &str = "nothing is kept";

/// Computes features of images that a program holds or names, and gives them back. [`Extraction`](crate::Extraction) does so
/// for a folder, and keeps them in a file.
///
/// The network is loaded for the first images and kept for the next ones. The features have the same bits as those of an
/// extraction of as many images.
///
/// ```no_run
/// use headstart::{Backbone, Featurizer, ImageList, RgbPixels, Silent};
///
/// let mut featurizer = Featurizer::new(Backbone::open("efficientnet_lite2.safetensors")?)?;
/// let images = ImageList::new(["a.jpg", "b.jpg"], false, &mut Silent)?;
/// let features = featurizer.files(images, false, &mut Silent)?;
/// println!("{} values a row", features.values.len() / 2);
///
/// let grey = [127; 64 * 48 * 3];
/// let features = featurizer.pixels(&[RgbPixels::new(&grey, 48, 64)?], &mut Silent)?;
/// # Ok::<(), headstart::Error>(())
/// ```
#[derive(Debug)]
pub struct Featurizer {
    backbone: Backbone,
    preprocessing: Preprocessing,
    pooling: Pooling,
    row_shape: Vec<usize>,
    batch_size: Option<usize>,
    limits: Limits,
    network: SuitedNetwork,
}

/// Features of images, a row an image.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Featurized {
    /// The rows in the order of the images, each of [`Featurizer::row_shape`]. The row of an image that can't be read is NaN.
    pub values: Vec<f32>,
    /// The images that could not be read, with their positions.
    pub skipped: Vec<Skipped>,
}

impl Featurizer {
    /// With the preprocessing that the weights were trained for ([`Backbone::preprocessing`]) and the network's own pooling
    /// ([`Architecture::pooling`](crate::Architecture::pooling)).
    ///
    /// # Errors
    /// As [`Backbone::preprocessing`].
    pub fn new(backbone: Backbone) -> Result<Self, Error> {
        let preprocessing = backbone.preprocessing()?;
        Self::with(backbone, preprocessing, None)
    }

    /// With another preprocessing, and another pooling if one is given.
    ///
    /// # Errors
    /// A preprocessing that can't be used, or not with the network or the pooling.
    pub fn with(
        backbone: Backbone,
        preprocessing: Preprocessing,
        pooling: Option<Pooling>,
    ) -> Result<Self, Error> {
        preprocessing.validate()?;
        let network = backbone.architecture();
        let pooling = pooling.unwrap_or(network.pooling());
        check_mirror(&preprocessing, pooling)?;
        let Preprocessing { height, width, .. } = preprocessing;
        let row_shape = pooling.row_shape(network.feature_shape(height, width)?);
        let (limits, network) = (Limits::default(), SuitedNetwork::default());
        Ok(Self { backbone, preprocessing, pooling, row_shape, batch_size: None, limits, network })
    }

    /// As the features were made that a classifier was trained on. `given` has what the classifier's file does not state.
    ///
    /// # Errors
    /// As [`Predictor::with_description`](crate::Predictor::with_description); weights that the classifier was not trained
    /// with.
    pub fn of_classifier(
        classifier: &Classifier,
        backbone: Backbone,
        mut given: Description,
    ) -> Result<Self, Error> {
        if classifier.backbone()?.is_none() {
            given.backbone.get_or_insert(backbone.id());
        }
        let complete = classifier.complete(given)?;
        classifier.check_backbone(&backbone, &complete.preprocessing, complete.pooling)?;
        Self::with(backbone, complete.preprocessing, Some(complete.pooling))
    }

    /// Images that are computed at a time. No value depends on it. By default
    /// [`Architecture::suited_batch`](crate::Architecture::suited_batch).
    #[must_use]
    pub fn batch_size(mut self, batch_size: usize) -> Self {
        self.batch_size = Some(batch_size);
        self
    }

    /// What one image in a file may cost. An image beyond the limits can't be read.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Channels, height and width of a row; channels alone if the maps are pooled.
    #[must_use]
    pub fn row_shape(&self) -> &[usize] {
        &self.row_shape
    }

    /// The network.
    #[must_use]
    pub fn backbone(&self) -> &Backbone {
        &self.backbone
    }

    /// How an image becomes the network's input.
    #[must_use]
    pub fn preprocessing(&self) -> &Preprocessing {
        &self.preprocessing
    }

    /// What the features depend on.
    ///
    /// # Errors
    /// The file of the weights can't be read.
    pub fn provenance(&self) -> Result<Provenance, Error> {
        self.backbone.provenance(&self.preprocessing, self.pooling)
    }

    /// The features of images in files. With `strict` it fails at the first image that can't be read.
    ///
    /// # Errors
    /// Weights that can't be read; with `strict`, an image that can't be read; [`Error::Interrupted`] where the observer ended
    /// it.
    pub fn files(
        &mut self,
        images: ImageList,
        strict: bool,
        observer: &mut dyn Observer,
    ) -> Result<Featurized, Error> {
        let dataset = Arc::new(images.into_dataset("images"));
        let total = dataset.samples.len();
        let batch_size = self.images_at_a_time()?;
        let row_len: usize = self.row_shape.iter().product();
        let mut found = Featurized { values: vec![f32::NAN; total * row_len], skipped: Vec::new() };
        if total == 0 {
            return Ok(found);
        }
        let network = self.network.suited(&self.backbone, Some(total), 0)?;
        let consumers = Forward::consumers(|threads| network.batches_at_once(threads));
        let options = Forward::loading(consumers, batch_size, self.limits);
        let loader = Loader::new(Arc::clone(&dataset), self.preprocessing.clone(), options)?;
        let forward = Forward { network, preprocessing: &self.preprocessing, pooling: self.pooling, row_len };
        let (mut done, mut interrupted) = (0, false);
        forward.run(loader, consumers, &mut |outcome| {
            done += outcome.rows.len() + outcome.skipped.len();
            found.add(outcome, row_len)?;
            if let Some(skipped) = found.skipped.first().filter(|_| strict) {
                return Err(unreadable(&dataset, skipped));
            }
            let flow = observer.progress(&Progress::new(Stage::Extraction, done, total));
            interrupted = flow.is_break() && done < total;
            Ok(if interrupted { flow } else { ControlFlow::Continue(()) })
        })?;
        if interrupted { Err(interruption(done, total)) } else { Ok(found) }
    }

    fn images_at_a_time(&self) -> Result<usize, Error> {
        let Preprocessing { height, width, .. } = self.preprocessing;
        let suited = |device| self.backbone.architecture().suited_batch(device, height, width);
        let batch_size = self.batch_size.map_or_else(|| self.backbone.device().map(suited), Ok)?;
        Error::check_batch_size(batch_size)?;
        Ok(batch_size)
    }
}

impl Featurized {
    /// Adds the rows of a batch, each at the position of its image.
    fn add(&mut self, outcome: Outcome<'_>, row_len: usize) -> Result<(), Error> {
        let Outcome { rows, skipped, features } = outcome;
        if let Some(first) = rows.first().filter(|_| skipped.is_empty()) {
            let start = first.sample * row_len;
            features(&mut self.values[start..start + rows.len() * row_len])?;
        } else {
            let mut values = vec![0.0; rows.len() * row_len];
            features(&mut values)?;
            for (row, values) in rows.iter().zip(values.chunks(row_len.max(1))) {
                self.values[row.sample * row_len..][..row_len].copy_from_slice(values);
            }
        }
        self.skipped.extend(skipped);
        Ok(())
    }
}

fn unreadable(dataset: &Dataset, skipped: &Skipped) -> Error {
    let Skipped { path, reason, limit, .. } = skipped;
    Error::Image { path: dataset.root.join(path), reason: reason.clone(), limit: *limit }
}

fn interruption(done: usize, total: usize) -> Error {
    Error::Interrupted { done, total, unit: Stage::Extraction.unit(), kept: KEPT }
}
