//! Answers for stored features: the network is not needed.

use std::ops::ControlFlow;
use std::path::Path;

use headstart_dataset::Skipped;
use headstart_features::{Existing, Features};
use headstart_weights::FlattenOrder;

use super::judge::Judge;
use super::{Answer, Answered, Prediction, Predictor};
use crate::observer::{Note, Observer, Progress};
use crate::{Classifier, Error, Extraction, ImageList, LabelledFeatures, SkippedImage};

/// Rows that are answered at a time.
const BATCH_SIZE: usize = 32;

impl Classifier {
    /// Answers each row of stored features, in order. A row is named by its image, or "row 0" where there is no manifest.
    /// `Break` ends it after that answer. `classes` are the names, for a classifier that does not state them.
    ///
    /// # Errors
    /// Features that it was not trained for, or that can't be read; [`Error::Unstated`] and [`Error::Stated`] for classes
    /// that nobody states, or that are given though they are stated; probabilities that are no numbers.
    pub fn predict_rows(
        &self,
        features: &Features,
        classes: Option<Vec<String>>,
        on_answer: &mut dyn FnMut(Answer) -> ControlFlow<()>,
    ) -> Result<Answered, Error> {
        let classes = self.classes_or(classes)?;
        if let Some(manifest) = features.manifest() {
            self.check_provenance(features.path(), &manifest.header.provenance)?;
        }
        let order = features.manifest().map(|_| FlattenOrder::ChannelsFirst);
        let judge = Judge::new(self, order, classes, features.row_shape().to_vec())?;
        features.verify_data()?;
        features.check_finite()?;
        let mut answered = Answered::default();
        let rows: Vec<usize> = (0..features.rows()).collect();
        let mut values = Vec::new();
        for rows in rows.chunks(BATCH_SIZE) {
            values.resize(rows.len() * features.row_len(), 0.0);
            features.read_rows(rows, &mut values)?;
            let job = || format!("{} on {}", self.name(), features.path().display());
            let found = judge.predictions(&values).map_err(Error::during(job()))?;
            for (row, prediction) in rows.iter().zip(found) {
                let image = features.manifest().map(|manifest| manifest.rows[*row].path.clone());
                let path = image.unwrap_or_else(|| format!("row {row}"));
                answered.images += 1;
                let answer = Prediction::answer(path, prediction)?;
                if on_answer(answer).is_break() {
                    return Ok(answered);
                }
            }
        }
        Ok(answered)
    }
}

impl Predictor<'_> {
    /// Answers each image of a list, and keeps its features in a `.npy` with a manifest: a second run with the same cache
    /// computes images of new content alone. The cache then holds these images and no others.
    ///
    /// # Errors
    /// As [`run`](Self::run); a cache whose features were made in another way, or that can't be written; none of the images
    /// can be read. [`Error::Interrupted`] where the observer ended it: the cache then goes on from there.
    pub fn run_cached(
        &self,
        images: ImageList,
        cache: &Path,
        observer: &mut dyn Observer,
        on_answer: &mut dyn FnMut(Answer) -> ControlFlow<()>,
    ) -> Result<Answered, Error> {
        let dataset = images.into_dataset("images");
        self.judge()?;
        self.checked_backbone()?;
        let mut extraction = Extraction::new(&dataset, self.backbone)
            .to(cache)
            .preprocessing(self.preprocessing.clone())
            .pooling(self.pooling)
            .limits(self.limits)
            .existing(Existing::Reuse);
        if let Some(batch_size) = self.batch_size {
            extraction = extraction.batch_size(batch_size);
        }
        let extracted = extraction.run(&mut Quieter(observer))?;
        let features = LabelledFeatures::open(&extracted.summary.npy)?;
        let classes = self.classifier.classes().is_empty().then(|| self.classes.clone());
        let mut found = Vec::new();
        self.classifier.predict_rows(features.features(), classes, &mut |answer| {
            found.push(answer);
            ControlFlow::Continue(())
        })?;
        // Both are in the order of the images, and each image is in one of them.
        let (mut found, mut skipped) = (found.into_iter(), extracted.skipped.into_iter().peekable());
        let mut answered = Answered::default();
        for (position, sample) in dataset.samples.iter().enumerate() {
            let answer = match skipped.next_if(|next| next.path == sample.path) {
                Some(image) => Some(skipped_answer(position, image)),
                None => found.next(),
            };
            let Some(answer) = answer else { break };
            answered.images += 1;
            answered.skipped += usize::from(answer.prediction.is_err());
            if on_answer(answer).is_break() {
                break;
            }
        }
        Ok(answered)
    }
}

/// The answer of an image that could not be read.
fn skipped_answer(sample: usize, image: SkippedImage) -> Answer {
    let SkippedImage { path, reason, limit } = image;
    Answer { path: path.clone(), prediction: Err(Skipped { sample, path, reason, limit }) }
}

/// Hears of a job on a list of images what is not about classes, and not of the images that are skipped: their answers say it.
struct Quieter<'a>(&'a mut dyn Observer);

impl Observer for Quieter<'_> {
    fn progress(&mut self, progress: &Progress) -> ControlFlow<()> {
        self.0.progress(progress)
    }

    fn note(&mut self, note: &Note) {
        let of_classes =
            matches!(note, Note::Images { .. } | Note::EmptyClass { .. } | Note::NestedClasses { .. });
        if !of_classes && !matches!(note, Note::Skipped { .. }) {
            self.0.note(note);
        }
    }
}
