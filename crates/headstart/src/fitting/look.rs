//! A look at all images before the network runs.

use std::ops::ControlFlow;

use headstart_dataset::diagnosis::{Diagnosis, Folder, Split, diagnose};
use headstart_dataset::survey::{Survey, SurveyOptions, survey};
use headstart_dataset::{Dataset, LeftOut};

use super::{Fitting, Test};
use crate::Error;
use crate::observer::{Observer, Progress, Stage};

/// Images that are looked at between two calls of the observer.
const AT_A_TIME: usize = 512;

/// What the images are, mostly without decoding them.
pub(super) struct Look {
    pub(super) diagnosis: Diagnosis,
    /// Of each readable image of the folder: path, label and content.
    pub(super) images: Vec<Seen>,
    /// The same of a test folder.
    pub(super) test: Vec<Seen>,
}

/// An image that can be read.
pub(super) struct Seen {
    pub(super) path: String,
    pub(super) label: u32,
    /// Hash of its content.
    pub(super) hash: [u8; 32],
}

impl Look {
    /// Looks at the folder, and at a test folder.
    pub(super) fn at(job: &Fitting<'_>, observer: &mut dyn Observer) -> Result<Self, Error> {
        let test = match job.test {
            Some(Test::Folder(test)) => Some(test),
            _ => None,
        };
        let total = job.dataset.samples.len() + test.map_or(0, |test| test.samples.len());
        let options = SurveyOptions::default().with_limits(job.limits);
        let mut done = 0;
        let mut folders = Vec::new();
        let (mut images, mut of_test) = (Vec::new(), Vec::new());
        for (split, dataset) in
            [(Split::Images, Some(job.dataset)), (Split::Validation, test)].into_iter().filter_map(present)
        {
            let survey = in_parts(dataset, &options, &mut |images| {
                done += images;
                observer.progress(&Progress::new(Stage::Look, done, total))
            })
            .ok_or(Error::Interrupted {
                done,
                total,
                unit: Stage::Look.unit(),
                kept: "nothing was begun",
            })?;
            if split == Split::Images { &mut images } else { &mut of_test }.extend(seen(&survey));
            folders.push(Folder { split, survey: Ok(survey) });
        }
        Ok(Self { diagnosis: diagnose(&folders), images, test: of_test })
    }
}

fn present((split, dataset): (Split, Option<&Dataset>)) -> Option<(Split, &Dataset)> {
    Some((split, dataset?))
}

/// A survey by parts, so that it can be ended between them; none if it was.
fn in_parts(
    dataset: &Dataset,
    options: &SurveyOptions,
    on_images: &mut dyn FnMut(usize) -> ControlFlow<()>,
) -> Option<Survey> {
    let positions: Vec<usize> = (0..dataset.samples.len()).collect();
    let mut whole = survey(dataset.subset(&[]), options, || {});
    // What was left out is looked at once.
    let bare = Dataset { left_out: LeftOut::default(), ..dataset.clone() };
    for part in positions.chunks(AT_A_TIME) {
        whole.images.extend(survey(bare.subset(part), options, || {}).images);
        if on_images(part.len()).is_break() {
            return None;
        }
    }
    whole.dataset = dataset.clone();
    Some(whole)
}

fn seen(survey: &Survey) -> impl Iterator<Item = Seen> {
    survey.dataset.samples.iter().zip(&survey.images).filter_map(|(sample, image)| {
        let hash = image.as_ref().ok()?.content_hash;
        Some(Seen { path: sample.path.clone(), label: sample.label, hash })
    })
}
