//! A predictor whose network is in memory, for images that are in memory.

use std::path::PathBuf;

use headstart_backbone::Backbone as Network;
use headstart_dataset::{DecodeError, Limits, load};
use headstart_provenance::{Pooling, Preprocessing};
use rayon::prelude::*;

use super::judge::Judge;
use super::{Prediction, Predictor};
use crate::mirror::pooled_features;
use crate::{Backbone, Error};

/// A predictor whose network is in memory. Any number of threads may use it at a time.
///
/// An image is the bytes of a file in one of the formats that are read. The same image gets the same prediction to the bit,
/// whatever comes with it. It is that of [`Predictor::run`] for more than a few images; see
/// [`Engine::suited`](headstart_backbone::Engine::suited).
///
/// ```no_run
/// use headstart::{Backbone, Classifier, Predictor};
///
/// let classifier = Classifier::load("photos.safetensors")?;
/// let backbone = Backbone::open("efficientnet_lite2.safetensors")?;
/// let predictor = Predictor::new(&classifier, &backbone)?.ready()?;
/// let image = std::fs::read("new.jpg")?;
/// for prediction in predictor.predict(&[image])? {
///     match prediction {
///         Ok(prediction) => println!("{} {:.2}", prediction.label, prediction.probability),
///         Err(reason) => println!("{reason}"),
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ReadyPredictor {
    judge: Judge,
    network: Box<dyn Network>,
    preprocessing: Preprocessing,
    pooling: Pooling,
    limits: Limits,
    path: PathBuf,
}

impl Predictor<'_> {
    /// Loads the network, with the engine that suits many images.
    ///
    /// # Errors
    /// Weights that the classifier was not trained with, or that can't be read.
    pub fn ready(&self) -> Result<ReadyPredictor, Error> {
        let judge = self.judge()?;
        self.classifier.check_backbone(self.backbone, &self.preprocessing, self.pooling)?;
        let backbone: &Backbone = self.backbone;
        let (network, _) = backbone.load(backbone.engine(usize::MAX)?)?;
        let (preprocessing, pooling, limits) = (self.preprocessing.clone(), self.pooling, self.limits);
        Ok(ReadyPredictor { judge, network, preprocessing, pooling, limits, path: self.classifier.path() })
    }
}

impl ReadyPredictor {
    /// Class names, in label order.
    #[must_use]
    pub fn classes(&self) -> &[String] {
        self.judge.classes()
    }

    /// How an image becomes the network's input.
    #[must_use]
    pub fn preprocessing(&self) -> &Preprocessing {
        &self.preprocessing
    }

    /// How many calls of [`predict_pixels`](Self::predict_pixels) this number of threads should make at a time, each in a
    /// rayon pool of one thread. If it is one, they get more done if they share one call after the other.
    #[must_use]
    pub fn batches_at_once(&self, threads: usize) -> usize {
        self.network.batches_at_once(threads).clamp(1, threads.max(1))
    }

    /// Decodes an image and makes the network's input of it.
    ///
    /// # Shapes
    /// The result is appended to `pixels`: 3 x height x width of the preprocessing. After an error `pixels` is as it was.
    ///
    /// # Errors
    /// It is no image, or one that is damaged, not supported, or beyond the limits.
    pub fn decode(&self, image: &[u8], pixels: &mut Vec<f32>) -> Result<(), DecodeError> {
        let before = pixels.len();
        pixels.resize(before + self.preprocessing.len(), 0.0);
        let decoded = load(image, &self.preprocessing, &self.limits, &mut pixels[before..]);
        if decoded.is_err() {
            pixels.truncate(before);
        }
        decoded
    }

    /// The predictions of decoded images, computed in the current rayon pool. An image whose probabilities are no numbers has
    /// an error of its own.
    ///
    /// # Shapes
    /// `pixels` is N x 3 x height x width, as [`decode`](Self::decode) makes them.
    ///
    /// # Errors
    /// Another number of values; the network can't be computed.
    pub fn predict_pixels(&self, pixels: &[f32]) -> Result<Vec<Result<Prediction, Error>>, Error> {
        // A part of an image is refused by the network.
        let images = pixels.len().div_ceil(self.preprocessing.len().max(1));
        let mut features = vec![0.0; images * self.judge.row_len()];
        if images > 0 {
            let (network, preprocessing) = (&*self.network, &self.preprocessing);
            pooled_features(network, pixels, images, preprocessing, self.pooling, &mut features)?;
        }
        let bad_data = |message| Error::BadData { path: self.path.clone(), message };
        let predictions = self.judge.predictions(&features)?;
        Ok(predictions.into_iter().map(|prediction| prediction.map_err(bad_data)).collect())
    }

    /// The predictions of some images, in their order, or why they have none. They are decoded and computed together in the
    /// current rayon pool.
    ///
    /// # Errors
    /// The network can't be computed, or gives no numbers.
    pub fn predict<I: AsRef<[u8]> + Sync>(
        &self,
        images: &[I],
    ) -> Result<Vec<Result<Prediction, DecodeError>>, Error> {
        let len = self.preprocessing.len();
        let mut pixels = vec![0.0; images.len() * len];
        let each = pixels.par_chunks_exact_mut(len.max(1)).zip(images);
        let decode = |(pixels, image): (&mut [f32], &I)| {
            load(image.as_ref(), &self.preprocessing, &self.limits, pixels)
        };
        let decoded: Vec<Result<(), DecodeError>> = each.map(decode).collect();
        // Those that can be read go together.
        let mut readable = 0;
        for (index, _) in decoded.iter().enumerate().filter(|(_, decoded)| decoded.is_ok()) {
            if index > readable {
                pixels.copy_within(index * len..(index + 1) * len, readable * len);
            }
            readable += 1;
        }
        let mut predictions = self.predict_pixels(&pixels[..readable * len])?.into_iter();
        let mut answers = Vec::with_capacity(images.len());
        for image in decoded {
            match image {
                Err(error) => answers.push(Err(error)),
                Ok(()) => answers.extend(predictions.next().transpose()?.map(Ok)),
            }
        }
        Ok(answers)
    }
}
