//! Whether a classifier still gives the answers that it gave when it was made: here, on a GPU, or in another program.
//!
//! The images are of a formula, so that a model's file does not grow with them: of image k, pixel (x, y) of plane c (red, green,
//! blue) has the level
//!
//! ```text
//! ((k + 1) (x + 2 y) + 50 c + floor(x y / (7 + k))) mod 256
//! ```
//!
//! They have the size of the network's input, so nothing is decoded or resized.

use std::path::Path;

use headstart_dataset::{RgbImage, preprocess};
use headstart_features::{Features, write_array};
use headstart_files::IfExists;
use headstart_provenance::{Fit, Preprocessing};
use headstart_weights::RecordedAnswers;
use serde::Serialize;

use crate::mirror::pooled_features;
use crate::{Backbone, Classifier, Error, Predictor};

/// The formula above.
const FORMULA: u32 = 1;

/// Images of the formula that are recorded.
const IMAGES: usize = 4;

/// Features of an image that are recorded, if it has as many.
const FEATURES: usize = 8;

/// How far answers are from the recorded ones.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Verification {
    /// Recorded images.
    pub images: usize,
    /// The largest difference of a probability.
    pub probabilities: f64,
    /// The largest difference of a recorded feature, relative to the largest recorded one of its image; none where no features
    /// are compared.
    pub features: Option<f64>,
}

impl Verification {
    /// Whether no probability differs by more than the tolerance, and no feature by more than ten times as much.
    #[must_use]
    pub fn is_within(&self, tolerance: f64) -> bool {
        self.probabilities <= tolerance && self.features.is_none_or(|features| features <= 10.0 * tolerance)
    }
}

/// What a classifier says of the images of the formula.
struct Answers {
    probabilities: Vec<Vec<f32>>,
    features: Vec<Vec<f32>>,
}

impl Classifier {
    /// What it said of a few images when it was made.
    ///
    /// # Errors
    /// A classifier without recorded answers, or with those for images of a formula that this headstart does not know.
    pub fn recorded_answers(&self) -> Result<&RecordedAnswers, Error> {
        match &self.model().recorded {
            Some(recorded) if recorded.formula == FORMULA && !recorded.probabilities.is_empty() => Ok(recorded),
            Some(RecordedAnswers { formula, .. }) => Err(self.bad_data(format!(
                "has answers for images of formula {formula}, and this headstart knows formula {FORMULA} alone; take a newer \
                 headstart"
            ))),
            None => Err(self.bad_data(
                "has no recorded answers to compare with. Only a .safetensors has them, of a fit or of a training that puts the \
                 network's weights into the model; fit again, or train again with the weights"
                    .to_owned(),
            )),
        }
    }

    /// The classifier with its answers for a few images, computed here. Only a `.safetensors` can hold them. [`Fitting`]
    /// records them by itself.
    ///
    /// # Errors
    /// Weights that it was not trained with, or that can't be read; a classifier that does not state what a prediction needs.
    ///
    /// [`Fitting`]: crate::Fitting
    pub fn with_recorded_answers(self, backbone: &Backbone) -> Result<Self, Error> {
        let Answers { probabilities, features } = Predictor::new(&self, backbone)?.answers_to_formula()?;
        Ok(self.with_recorded(RecordedAnswers { formula: FORMULA, probabilities, features }))
    }

    /// Writes the images whose answers are recorded as a `.npy`, for another program: f32, N x 3 x height x width, RGB, 0 to
    /// 255, as an exported ONNX file takes them.
    ///
    /// # Errors
    /// A classifier without recorded answers, or that does not state its preprocessing; a name that is taken or can't be
    /// written.
    pub fn write_recorded_images(&self, path: impl AsRef<Path>, if_exists: IfExists) -> Result<(), Error> {
        let count = self.recorded_answers()?.probabilities.len();
        let Some(Preprocessing { height, width, .. }) = self.preprocessing() else {
            return Err(Error::Unstated { path: self.path(), parts: vec![crate::Part::Preprocessing] });
        };
        let (height, width) = (*height, *width);
        let mut values = Vec::with_capacity(count * 3 * height * width);
        for image in 0..count {
            for plane in 0..3 {
                let levels = (0..height).flat_map(|y| (0..width).map(move |x| level(image, plane, x, y)));
                values.extend(levels.map(f32::from));
            }
        }
        Ok(write_array(path.as_ref(), count, &[3, height, width], &values, if_exists)?)
    }

    /// Compares the recorded answers with those of another program for the images that
    /// [`write_recorded_images`](Self::write_recorded_images) wrote: a `.npy`, or JSON, an array of numbers for each image. They
    /// are probabilities, one a class; of two classes that of the second one is enough.
    ///
    /// # Errors
    /// A classifier without recorded answers; a file that can't be read, or that holds other numbers.
    pub fn verify_outputs(&self, outputs: impl AsRef<Path>) -> Result<Verification, Error> {
        let path = outputs.as_ref();
        let recorded = &self.recorded_answers()?.probabilities;
        let mut found = read_rows(path)?;
        let classes = recorded.first().map_or(0, Vec::len);
        for row in &mut found {
            if let (&[second], 2) = (&row[..], classes) {
                *row = vec![1.0 - second, second];
            }
        }
        let fits = found.len() == recorded.len() && found.iter().all(|row| row.len() == classes);
        if !fits {
            let (images, found_classes) = (recorded.len(), found.first().map_or(0, Vec::len));
            let message = format!(
                "expected the probabilities of {classes} classes for each of {images} images, found {found_classes} for \
                 each of {}",
                found.len()
            );
            return Err(Error::bad_data(path, message));
        }
        if !found.iter().flatten().all(|value| value.is_finite()) {
            return Err(Error::bad_data(path, "expected probabilities, found values that are no numbers"));
        }
        Ok(Verification { images: found.len(), probabilities: largest(recorded, &found), features: None })
    }
}

impl Predictor<'_> {
    /// Computes the recorded images here, on the device of the network, and compares the answers with the recorded ones. On the
    /// kind of machine that made the model they are the same to the bit.
    ///
    /// # Errors
    /// A classifier without recorded answers; weights that it was not trained with, or that can't be read.
    pub fn verify(&self) -> Result<Verification, Error> {
        let recorded = self.classifier().recorded_answers()?;
        let found = self.answers_to_formula()?;
        if recorded.probabilities.len() != found.probabilities.len() {
            let (expected, found) = (IMAGES, recorded.probabilities.len());
            let message = format!("expected recorded answers for {expected} images, found {found}");
            return Err(self.classifier().bad_data(message));
        }
        let images = found.probabilities.len();
        let probabilities = largest(&recorded.probabilities, &found.probabilities);
        let of_image = |(recorded, found): (&Vec<f32>, &Vec<f32>)| {
            let scale =
                recorded.iter().fold(f64::MIN_POSITIVE, |most, value| most.max(f64::from(value.abs())));
            largest(std::slice::from_ref(recorded), std::slice::from_ref(found)) / scale
        };
        let features = recorded.features.iter().zip(&found.features).map(of_image).fold(0.0, f64::max);
        Ok(Verification { images, probabilities, features: Some(features) })
    }

    /// What the classifier says of the images of the formula.
    fn answers_to_formula(&self) -> Result<Answers, Error> {
        let (backbone, preprocessing) = (self.checked_backbone()?, self.preprocessing());
        let judge = self.judge()?;
        let row = judge.row_len().max(1);
        // The images have the size that others are brought to.
        let sized = Preprocessing { fit: Fit::Stretch, ..preprocessing.clone() };
        let mut pixels = vec![0.0; IMAGES * sized.len()];
        for (image, pixels) in pixels.chunks_mut(sized.len().max(1)).enumerate() {
            let pixel =
                |x: u32, y: u32| [0, 1, 2].map(|plane| level(image, plane, x as usize, y as usize)).into();
            let image = RgbImage::from_fn(sized.width as u32, sized.height as u32, pixel);
            preprocess(&image, &sized, pixels)
                .map_err(|reason| self.classifier().bad_data(reason.to_string()))?;
        }
        let network = backbone.load(backbone.engine(IMAGES)?)?.0;
        let mut features = vec![0.0; IMAGES * row];
        pooled_features(&*network, &pixels, IMAGES, preprocessing, self.pooling(), &mut features)?;
        let probabilities = judge.probabilities(&features)?;
        let step = row.div_ceil(FEATURES);
        Ok(Answers {
            probabilities: probabilities.chunks(judge.classes().len().max(1)).map(<[f32]>::to_vec).collect(),
            features: features.chunks(row).map(|row| row.iter().step_by(step).copied().collect()).collect(),
        })
    }
}

/// The level of a pixel of the formula.
fn level(image: usize, plane: usize, x: usize, y: usize) -> u8 {
    (((image + 1) * (x + 2 * y) + 50 * plane + x * y / (7 + image)) % 256) as u8
}

/// The largest difference.
fn largest(ours: &[Vec<f32>], theirs: &[Vec<f32>]) -> f64 {
    let differences = ours.iter().flatten().zip(theirs.iter().flatten());
    let differences = differences.map(|(ours, theirs)| (f64::from(*ours) - f64::from(*theirs)).abs());
    // What is no number is told as the largest.
    differences.fold(0.0, |most, value| if value.is_nan() { f64::INFINITY } else { most.max(value) })
}

/// The numbers of a `.npy` or of JSON, an array a row.
fn read_rows(path: &Path) -> Result<Vec<Vec<f32>>, Error> {
    if path.extension().is_some_and(|suffix| suffix.eq_ignore_ascii_case("npy")) {
        let array = Features::open(path)?;
        let row = array.row_len().max(1);
        return Ok(array.read_all()?.chunks(row).map(<[f32]>::to_vec).collect());
    }
    let file = headstart_files::open(path)?;
    serde_json::from_reader(std::io::BufReader::new(file)).map_err(|cause| {
        if cause.is_io() {
            return headstart_files::Error::io(path, "read it")(cause.into()).into();
        }
        Error::bad_data(
            path,
            format!("expected a .npy, or JSON with an array of numbers for each image: {cause}"),
        )
    })
}
