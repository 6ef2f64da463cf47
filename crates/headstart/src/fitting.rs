//! A folder of images in, a classifier out, with an honest number.

mod by_epochs;
mod duplicates;
mod estimate;
mod findings;
mod group_table;
mod groups;
mod known;
mod look;
mod model;
mod outcome;
mod recipe;
mod record;
mod rows;
mod solve;
mod split;

use std::path::{Path, PathBuf};
use std::time::Instant;

use headstart_dataset::{Dataset, Limits};
use headstart_features::Existing;
use headstart_files::IfExists;
use headstart_provenance::{Pooling, Preprocessing};
use headstart_weights::check_model_path;

use self::duplicates::{Duplicates, NEAR};
use self::groups::Grouping;
use self::known::check_unknown_share;
use self::look::Look;
use self::record::NearDuplicatesRecord;
use self::solve::Solver;
use self::split::Split;
use crate::mirror::check_mirror;
use crate::observer::{Note, Observer};
use crate::{
    Backbone, ClassWeights, Classifier, Error, Extracted, Extraction, InputChoice, LabelledFeatures,
    LeakEffect, Leaks,
};

pub use self::findings::{LikelyLabelError, NearPair};
pub use self::outcome::{Answers, Fitted};
pub use self::recipe::FitRecipe;
pub use self::record::{
    ClassRecall, Estimate, FitRecord, NearDuplicatesRecord as NearDuplicates, TestRecord, UnknownRecord,
};
pub use self::rows::{FittedRows, RowFitting};

/// Makes a classifier of a folder of images, and says how good it is on images that it has not seen.
///
/// The head is a logistic regression on pooled, standardized features. Its strength is chosen by cross-validation, which
/// also gives the estimate: each image is judged by a head that has not seen it. Images that belong together are never on
/// both sides: files of the same content, those that are nearly the same by their features
/// ([`near_duplicates`](Self::near_duplicates)), and those that [`group_by`](Self::group_by) or
/// [`groups_from`](Self::groups_from) puts together.
///
/// The features are kept beside the model, so that a second run computes new images alone. A run that was interrupted goes
/// on from there. The same images and seed give the same model to the byte, for any number of threads.
///
/// ```no_run
/// use headstart::{Backbone, Dataset, Fitting, Silent};
///
/// let photos = Dataset::folder("photos")?;
/// let backbone = Backbone::open("efficientnet_lite2.safetensors")?;
/// let fitted = Fitting::new(&photos, &backbone).to("photos.safetensors").run(&mut Silent)?;
/// println!("{}", fitted.cross_validation);
/// for answer in fitted.classifier.predict(&backbone, ["new.jpg"])? {
///     println!("{}: {:?}", answer.path, answer.prediction);
/// }
/// # Ok::<(), headstart::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Fitting<'a> {
    dataset: &'a Dataset,
    backbone: &'a Backbone,
    preprocessing: Option<Preprocessing>,
    pooling: Option<Pooling>,
    test: Option<Test<'a>>,
    group_by: Option<String>,
    groups: Option<PathBuf>,
    near: f64,
    class_weights: ClassWeights,
    unknown_share: f64,
    mirror: bool,
    recipe: FitRecipe,
    calibrate: Option<bool>,
    seed: u64,
    limits: Limits,
    strict: bool,
    existing: Existing,
    output: PathBuf,
    bundle: bool,
}

/// The images that no head is trained on.
#[derive(Debug, Clone, Copy)]
enum Test<'a> {
    Folder(&'a Dataset),
    Share(f64),
}

impl<'a> Fitting<'a> {
    /// A classifier of all images in `model.safetensors` in the current folder, with the preprocessing that the weights were
    /// trained for ([`Backbone::preprocessing`]). Maps that the network does not pool itself are averaged.
    #[must_use]
    pub fn new(dataset: &'a Dataset, backbone: &'a Backbone) -> Self {
        Self {
            dataset,
            backbone,
            preprocessing: None,
            pooling: None,
            test: None,
            group_by: None,
            groups: None,
            near: NEAR,
            class_weights: ClassWeights::None,
            unknown_share: 0.01,
            mirror: false,
            recipe: FitRecipe::Logistic,
            calibrate: None,
            seed: 0,
            limits: Limits::default(),
            strict: false,
            existing: Existing::Reuse,
            output: PathBuf::from("model.safetensors"),
            bundle: false,
        }
    }

    /// The model to write. The features are kept beside it, in `model.features.npy` for `model.safetensors`, and those of a
    /// test folder in `model.test.features.npy`.
    ///
    /// A model that an earlier fitting wrote there is replaced. No other file is.
    #[must_use]
    pub fn to(mut self, output: impl AsRef<Path>) -> Self {
        self.output = output.as_ref().to_path_buf();
        self
    }

    /// How an image becomes the network's input.
    #[must_use]
    pub fn preprocessing(mut self, preprocessing: Preprocessing) -> Self {
        self.preprocessing = Some(preprocessing);
        self
    }

    /// What becomes of the network's maps.
    #[must_use]
    pub fn pooling(mut self, pooling: Pooling) -> Self {
        self.pooling = Some(pooling);
        self
    }

    /// Measures the classifier on another folder, which has the same classes. No head is trained on its images: an image
    /// that is in both folders, or whose group is, is left out of the training.
    #[must_use]
    pub fn test_on(mut self, test: &'a Dataset) -> Self {
        self.test = Some(Test::Folder(test));
        self
    }

    /// Measures the classifier on a share of the images, in (0, 1), that no head is trained on: whole groups, and about the
    /// share of each class.
    #[must_use]
    pub fn test_share(mut self, share: f64) -> Self {
        self.test = Some(Test::Share(share));
        self
    }

    /// Keeps images together whose paths below the folder agree in a part: that of the first group of a regular expression,
    /// or of the whole expression where it has none. `"patient-([0-9]+)"` keeps the images of a patient together.
    #[must_use]
    pub fn group_by(mut self, pattern: impl Into<String>) -> Self {
        self.group_by = Some(pattern.into());
        self
    }

    /// Keeps images together that a table gives the same group: a file of comma-separated or tab-separated values, whose
    /// first line names the columns, `path` (below the folder) and `group` among them.
    #[must_use]
    pub fn groups_from(mut self, table: impl AsRef<Path>) -> Self {
        self.groups = Some(table.as_ref().to_path_buf());
        self
    }

    /// Keeps images together whose standardized features are within a cosine distance, from 0 to 2. By default 0.15; 0 takes
    /// equal features only.
    #[must_use]
    pub fn near_duplicates(mut self, distance: f64) -> Self {
        self.near = distance;
        self
    }

    /// How much the rows of each class count. By default all count the same.
    #[must_use]
    pub fn class_weights(mut self, weights: ClassWeights) -> Self {
        self.class_weights = weights;
        self
    }

    /// The share of images of the known classes that the classifier may refuse as unknown, in [0, 1), for refusing images of
    /// others. By default 0.01; with 0 it refuses none.
    #[must_use]
    pub fn unknown_share(mut self, share: f64) -> Self {
        self.unknown_share = share;
        self
    }

    /// Averages the features of each image and of its mirror image, at twice the cost. The classifier's predictions do the same.
    #[must_use]
    pub fn mirror(mut self, mirror: bool) -> Self {
        self.mirror = mirror;
        self
    }

    /// What kind of head is made. The blog's takes maps as they are, and images as the script read them, where the network has
    /// both and nothing else is chosen.
    #[must_use]
    pub fn recipe(mut self, recipe: FitRecipe) -> Self {
        self.recipe = recipe;
        self
    }

    /// Whether the probabilities are calibrated by the held-out answers. By default they are, except with the blog's recipe.
    #[must_use]
    pub fn calibrate(mut self, calibrate: bool) -> Self {
        self.calibrate = Some(calibrate);
        self
    }

    /// The seed of the folds, of the share to test on and of the draws for the intervals. By default 0.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// What one image may cost. An image beyond the limits is skipped.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Fails at an image that can't be read, and at images that are in the test folder and in the other, instead of leaving
    /// them out.
    #[must_use]
    pub fn strict(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }

    /// What to do with what is at the output: use its features again (the default), or start over and replace any model.
    #[must_use]
    pub fn existing(mut self, existing: Existing) -> Self {
        self.existing = existing;
        self
    }

    /// Puts the network's weights into the model, so that it is all that a prediction needs. A model in Keras's form has no
    /// place for them.
    #[must_use]
    pub fn bundle(mut self, bundle: bool) -> Self {
        self.bundle = bundle;
        self
    }

    /// Runs it, and writes the model.
    ///
    /// # Errors
    /// Before any feature is computed: settings, weights or an output that can't be used; fewer than two classes, or a class
    /// whose images are all of one group; a test folder with other classes, or that is the folder itself or a part of it;
    /// with [`strict`](Self::strict), an image that is in both folders. Later: an image that can't be read, with `strict`.
    /// [`Error::Interrupted`] where the observer ended it; all features so far are kept for the next run.
    pub fn run(self, observer: &mut dyn Observer) -> Result<Fitted, Error> {
        let started = Instant::now();
        let if_exists = self.if_exists();
        check_model_path(&self.output, if_exists)?;
        let grouping = Grouping::new(self.group_by.as_deref(), self.groups.as_deref())?;
        self.check_test()?;
        self.check_ranges()?;
        let mut preprocessing = match &self.preprocessing {
            Some(given) => given.clone(),
            None => {
                let blog =
                    (self.recipe == FitRecipe::Blog).then(|| self.backbone.architecture().blog_input());
                let choice = InputChoice { otherwise: blog.flatten(), ..InputChoice::default() };
                self.backbone.preprocessing_with(&choice, observer)?
            }
        };
        preprocessing.mirror |= self.mirror;
        check_mirror(&preprocessing, self.pooling_or_mean())?;

        let look = Look::at(&self, observer)?;
        let split = Split::of_images(&self, &look, &grouping)?;
        split.check(&self)?;
        self.tell(&split, observer)?;

        let extracted = self.extract(self.dataset, "features.npy", &preprocessing, observer)?;
        let tested = match self.test {
            Some(Test::Folder(test)) => {
                Some(self.extract(test, "test.features.npy", &preprocessing, observer)?)
            }
            _ => None,
        };
        let features = extracted.features()?;
        let test_features = tested.as_ref().map(Extracted::features).transpose()?;
        for features in std::iter::once(&features).chain(&test_features) {
            features.verify_data()?;
        }
        if let Some(test) = &test_features {
            features.check_pair(test)?;
        }
        let duplicates = Duplicates::find(&features, test_features.as_ref(), self.near, observer)?;
        let (split, near_duplicates) =
            self.split(&features, test_features.as_ref(), &grouping, &duplicates, observer)?;

        let near_pairs = findings::near_pairs(&features, test_features.as_ref(), &duplicates);
        let test_features = test_features.as_ref();
        let solver = Solver { job: &self, features: &features, test_features, near_duplicates };
        let solved = solver.solve(&split, observer)?;
        let mut classifier = Classifier::from_model(solved.model);
        if self.bundle {
            classifier = classifier.with_backbone(self.backbone)?;
        }
        // No other file has a place for them.
        if self.output.extension().is_some_and(|suffix| suffix.eq_ignore_ascii_case("safetensors")) {
            classifier = classifier.with_recorded_answers(self.backbone)?;
        }
        classifier.save_as(&self.output, if_exists)?;
        let (test, answers) = solved.test.unzip();
        Ok(Fitted {
            classifier,
            output: self.output.clone(),
            record: solved.record,
            cross_validation: solved.cross_validation,
            test,
            held_out: solved.held_out,
            tested: answers,
            images: self.dataset.root.clone(),
            test_images: match self.test {
                Some(Test::Folder(test)) => Some(test.root.clone()),
                _ => None,
            },
            diagnosis: look.diagnosis,
            leaks: split.leaks,
            label_errors: solved.label_errors,
            near_pairs,
            extracted,
            test_extracted: tested,
            seconds: started.elapsed().as_secs_f64(),
        })
    }

    /// A model of an earlier fitting may be replaced, any other file only on request.
    fn if_exists(&self) -> IfExists {
        let of_fitting = || Classifier::load(&self.output).is_ok_and(|model| FitRecord::of(&model).is_some());
        match self.existing {
            Existing::Replace => IfExists::Replace,
            Existing::Reuse if self.output.is_file() && of_fitting() => IfExists::Replace,
            Existing::Reuse => IfExists::Refuse,
        }
    }

    fn check_ranges(&self) -> Result<(), Error> {
        if !(0.0..=2.0).contains(&self.near) {
            let message = format!("expected a distance from 0 to 2, found {}", self.near);
            return Err(Error::setting("near_duplicates", message));
        }
        check_unknown_share(self.unknown_share)?;
        let classes = &self.dataset.classes;
        self.class_weights.resolve(Some(classes), classes.len()).map(|_| ())
    }

    /// Divides the rows; images that could not be decoded have none. Near-duplicates stay together unless a class had a single
    /// group then, or one group most of the images: in a folder of pictures that are all alike, that says nothing.
    fn split(
        &self,
        features: &LabelledFeatures,
        test: Option<&LabelledFeatures>,
        grouping: &Grouping,
        duplicates: &Duplicates,
        observer: &mut dyn Observer,
    ) -> Result<(Split, Option<NearDuplicatesRecord>), Error> {
        let apart = Split::of_rows(self, features, test, grouping, &[])?;
        apart.check(self)?;
        let images = duplicates.images();
        if images == 0 {
            return Ok((apart, None));
        }
        let split = Split::of_rows(self, features, test, grouping, &duplicates.positions())?;
        let together = split.check(self).is_ok() && (apart.is_lumped() || !split.is_lumped());
        let split = if together { split } else { apart };
        observer.note(&Note::NearDuplicates { folder: self.dataset.root.clone(), images, together });
        Ok((split, Some(NearDuplicatesRecord { distance: self.near, images, together })))
    }

    /// Checks the test set as far as the scans tell.
    fn check_test(&self) -> Result<(), Error> {
        match self.test {
            None => Ok(()),
            Some(Test::Share(share)) if share > 0.0 && share < 1.0 => Ok(()),
            Some(Test::Share(share)) => {
                let message = format!("expected a folder, or a share above 0 and below 1, found {share}");
                Err(Error::setting("test", message))
            }
            Some(Test::Folder(test)) => split::check_folders(self.dataset, test),
        }
    }

    /// Tells what the split found.
    fn tell(&self, split: &Split, observer: &mut dyn Observer) -> Result<(), Error> {
        if split.unmatched > 0 {
            let (pattern, images) = (self.group_by.clone().unwrap_or_default(), split.unmatched);
            observer.note(&Note::Ungrouped { pattern, images });
        }
        if let (Some(table), true) = (&self.groups, split.unlisted > 0) {
            observer.note(&Note::Unlisted { table: table.clone(), images: split.unlisted });
        }
        let Some(Test::Folder(test)) = self.test else { return Ok(()) };
        let leaks = Leaks {
            source: self.dataset.root.clone(),
            other: test.root.clone(),
            effect: LeakEffect::LeftOut,
            images: split.leaks.clone(),
        };
        leaks.tell(self.strict, observer)
    }

    /// What becomes of the network's maps: their mean, unless another pooling is asked for.
    fn pooling_or_mean(&self) -> Pooling {
        self.pooling.unwrap_or(match self.backbone.architecture().pooling() {
            Pooling::None if self.recipe != FitRecipe::Blog => Pooling::Average,
            pooling => pooling,
        })
    }

    /// Computes what is missing of a folder's features.
    fn extract(
        &self,
        dataset: &Dataset,
        suffix: &str,
        preprocessing: &Preprocessing,
        observer: &mut dyn Observer,
    ) -> Result<Extracted, Error> {
        let extraction = Extraction::new(dataset, self.backbone)
            .to(self.output.with_extension(suffix))
            .preprocessing(preprocessing.clone())
            .pooling(self.pooling_or_mean())
            .limits(self.limits)
            .strict(self.strict)
            .existing(self.existing);
        extraction.run(observer)
    }
}
