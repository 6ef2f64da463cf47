//! From features to a head and its figures.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use candle_core::Device;
use headstart_head::evaluation::Evaluation;
use headstart_head::logistic::{
    LearningPoint, LogisticEvent, LogisticModel, LogisticOptions, StrengthChoice, choose_strength, fit,
    learning_curve,
};
use headstart_head::{
    Calibration, CalibrationChoice, ClassWeight, Head, Labelled, Logits, Platt, Samples, Subset, Temperature,
};
use headstart_weights::{Attached, KnownImages, Model};

use super::by_epochs::{ByEpochs, HeldOut};
use super::estimate::{evaluation_options, of_held_out, of_test};
use super::findings::{LikelyLabelError, grouped_images, label_errors};
use super::known::known_images;
use super::model::ModelParts;
use super::outcome::Answers;
use super::recipe::FitRecipe;
use super::record::{Estimate, FitRecord, NearDuplicatesRecord, TestRecord};
use super::split::Split;
use super::{Fitting, Test};
use crate::leaks::marks_of;
use crate::observer::{Observer, Progress, Stage};
use crate::{Error, LabelledFeatures};

/// What an interrupted fitting keeps after the extraction.
const KEPT: &str = "the features are kept; run the same command again to go on from there";

/// One image in so many must share its group for a cross-validation that splits the groups to be worth its time.
const SHARING_GROUPS: usize = 100;

/// The features of a fitting.
pub(super) struct Solver<'a> {
    pub(super) job: &'a Fitting<'a>,
    pub(super) features: &'a LabelledFeatures,
    pub(super) test_features: Option<&'a LabelledFeatures>,
    pub(super) near_duplicates: Option<NearDuplicatesRecord>,
}

/// A head with its figures.
pub(super) struct Solved {
    pub(super) model: Model,
    pub(super) record: FitRecord,
    pub(super) cross_validation: Evaluation,
    pub(super) held_out: Answers,
    pub(super) test: Option<(Evaluation, Answers)>,
    pub(super) label_errors: Vec<LikelyLabelError>,
}

impl Solver<'_> {
    pub(super) fn solve(&self, split: &Split, observer: &mut dyn Observer) -> Result<Solved, Error> {
        let mut options = LogisticOptions::default();
        options.seed = self.job.seed;
        let names = &self.job.dataset.classes;
        options.class_weight = self.job.class_weights.resolve(Some(names), names.len())?;
        let (labels, groups) = (split.labels_of(&split.training), split.groups_of(&split.training));
        let subset = Subset { samples: self.features, indices: &split.training };
        let rows = Rows {
            data: Labelled { samples: &subset, labels: &labels },
            classes: &self.job.dataset.classes,
            groups: &groups,
            options: &options,
        };
        let shared = grouped_images(split) * SHARING_GROUPS >= labels.len();
        let by_epochs = self.by_epochs(&options.class_weight);
        let learned = match &by_epochs {
            None => self.logistic(&rows, shared, observer),
            Some(by_epochs) => self.trained(&rows, by_epochs, shared, observer),
        };
        let Learned { held_out, fold_of, folds, mut head, strength, at_the_end, converged, curve, ungrouped } =
            learned.map_err(|error| self.named(error))?;
        let calibrates = self.calibrates();
        let Calibrated { temperature, platt, held_out } = if calibrates {
            Calibrated::choose(&held_out, &labels, &fold_of, folds, &mut head)?
        } else {
            Calibrated { temperature: Temperature::new(1.0)?, platt: None, held_out }
        };

        let (cross_validation, probabilities) = of_held_out(&held_out, &rows)?;
        let label_errors = label_errors(self.features, &split.training, &labels, &probabilities);
        let test = of_test(self, split, &head)?;
        let held_back = Subset { samples: self.features, indices: &split.held_back };
        let tested: Option<&dyn Samples> = match self.test_features {
            Some(test) => Some(test),
            None => (!split.held_back.is_empty()).then_some(&held_back),
        };
        let share = self.job.unknown_share;
        let (known, unknown) = known_images(share, &rows, &fold_of, folds, tested)?.unzip();
        let share = match self.job.test {
            Some(Test::Share(share)) => Some(share),
            _ => None,
        };
        let record = FitRecord {
            recipe: self.job.recipe.name().to_owned(),
            rows: labels.len(),
            groups: groups.iter().collect::<BTreeSet<_>>().len(),
            group_by: self.job.group_by.clone(),
            standardized: self.job.recipe.is_standardized(),
            strength,
            strength_at_the_end: at_the_end,
            folds,
            seed: self.job.seed,
            temperature,
            solver: self.job.recipe.solver().to_owned(),
            tolerance: options.tolerance,
            converged,
            cross_validation: Estimate::of(&cross_validation),
            test: test.as_ref().map(|(test, _)| TestRecord { share, estimate: Estimate::of(test) }),
            learning_curve: curve,
            platt,
            groups_file: self.job.groups.as_ref().map(|table| table.display().to_string()),
            class_weight: options.class_weight.clone(),
            near_duplicates: self.near_duplicates.clone(),
            ungrouped,
            unknown,
            calibrated: calibrates,
            training: by_epochs.map(|by_epochs| by_epochs.options),
        };
        let model = self.model(&head, &record, known, split)?;
        let held_out = Answers { rows: split.training.clone(), groups, probabilities };
        Ok(Solved { model, record, cross_validation, held_out, test, label_errors })
    }

    fn calibrates(&self) -> bool {
        self.job.calibrate.unwrap_or(self.job.recipe != FitRecipe::Blog)
    }

    /// How the heads are trained by epochs; none where they are solved.
    fn by_epochs(&self, class_weight: &ClassWeight) -> Option<ByEpochs> {
        let recipe = self.job.recipe.by_epochs(self.job.seed)?;
        let layers = recipe.layers_for(self.features);
        let mut options = recipe.options;
        options.class_weight = class_weight.clone();
        Some(ByEpochs { layers, options, standardized: self.job.recipe.is_standardized() })
    }

    fn logistic(&self, rows: &Rows<'_>, shared: bool, observer: &mut dyn Observer) -> Result<Learned, Error> {
        let choice = rows.choose(Some(rows.groups), observer)?;
        let ungrouped = if shared {
            let StrengthChoice { held_out, fold_of, folds, .. } = rows.choose(None, observer)?;
            Some(self.claimed(rows, &HeldOut { logits: held_out, fold_of, folds })?)
        } else {
            None
        };
        let curve = rows.curve(&choice, observer)?;
        let fitted = rows.fit(&choice, observer)?;
        let head = fitted.to_head(&Device::Cpu)?;
        let StrengthChoice { strength, at_the_end, folds, fold_of, held_out, .. } = choice;
        let converged = fitted.convergence().converged;
        Ok(Learned { held_out, fold_of, folds, head, strength, at_the_end, converged, curve, ungrouped })
    }

    fn trained(
        &self,
        rows: &Rows<'_>,
        by_epochs: &ByEpochs,
        shared: bool,
        observer: &mut dyn Observer,
    ) -> Result<Learned, Error> {
        let HeldOut { logits, fold_of, folds } = by_epochs.held_out(rows, Some(rows.groups), observer)?;
        let ungrouped =
            if shared { Some(self.claimed(rows, &by_epochs.held_out(rows, None, observer)?)?) } else { None };
        let head = by_epochs.fit(rows, observer)?;
        let (strength, at_the_end, converged, curve) = (0.0, false, true, Vec::new());
        let held_out = logits;
        Ok(Learned { held_out, fold_of, folds, head, strength, at_the_end, converged, curve, ungrouped })
    }

    /// What a cross-validation claims that does not know of the groups.
    fn claimed(&self, rows: &Rows<'_>, found: &HeldOut) -> Result<Estimate, Error> {
        let HeldOut { logits, fold_of, folds } = found;
        let labels = rows.data.labels;
        let calibrated = Calibration::choose(logits, labels, fold_of, *folds)?.held_out;
        let each: Vec<usize> = (0..labels.len()).collect();
        let rows = Rows { data: rows.data, classes: rows.classes, groups: &each, options: rows.options };
        Ok(Estimate::of(&of_held_out(if self.calibrates() { &calibrated } else { logits }, &rows)?.0))
    }

    /// The head with all that a prediction needs.
    fn model(
        &self,
        head: &Head,
        record: &FitRecord,
        known: Option<KnownImages>,
        split: &Split,
    ) -> Result<Model, Error> {
        let trained_on = marks_of(self.features, split.training.iter().copied());
        let parts = ModelParts {
            classes: &self.job.dataset.classes,
            row_shape: self.features.features().row_shape(),
            provenance: self.features.manifest().map(|manifest| manifest.header.provenance.clone()),
            record,
            known,
            attached: Attached { trained_on, ..Attached::default() },
        };
        let by_epochs = self.job.recipe.by_epochs(0).map(|recipe| recipe.layers_for(self.features));
        let layers = by_epochs.unwrap_or_else(|| parts.single_layer());
        parts.model(head, layers)
    }

    /// An error about a class, with the class's name.
    fn named(&self, error: Error) -> Error {
        let classes = &self.job.dataset.classes;
        match error {
            Error::Head(headstart_head::Error::ClassInOneFold { class, folds, .. })
                if class < classes.len() =>
            {
                let message = format!(
                    "class {}: its groups are so large that all of its images are in one of {folds} folds, so no head \
                     could learn it; make smaller groups, or add images of others",
                    classes[class]
                );
                Error::bad_data(&self.job.dataset.root, message)
            }
            Error::Head(error) => {
                Error::during(format!("fitting to {}", self.features.path().display()))(error)
            }
            error => error,
        }
    }
}

/// What makes probabilities as sure as they are right.
pub(super) struct Calibrated {
    pub(super) temperature: Temperature,
    pub(super) platt: Option<Platt>,
    /// The logits of rows by heads that have not seen them, calibrated by the other folds.
    pub(super) held_out: Logits,
}

impl Calibrated {
    /// Chooses it by held-out logits, and puts it into the head.
    pub(super) fn choose(
        held_out: &Logits,
        labels: &[u32],
        fold_of: &[usize],
        folds: usize,
        head: &mut Head,
    ) -> Result<Self, Error> {
        let CalibrationChoice { calibration, held_out, .. } =
            Calibration::choose(held_out, labels, fold_of, folds)?;
        calibration.apply(head)?;
        let (temperature, platt) = match calibration {
            Calibration::Temperature(temperature) => (temperature, None),
            Calibration::Platt(platt) => (Temperature::new(1.0 / platt.slope)?, Some(platt)),
        };
        Ok(Self { temperature, platt, held_out })
    }
}

/// What was learned of the rows.
struct Learned {
    /// The logits of heads that have not seen the rows, with their folds.
    held_out: Logits,
    fold_of: Vec<usize>,
    folds: usize,
    /// Of all rows, not yet calibrated.
    head: Head,
    strength: f64,
    at_the_end: bool,
    converged: bool,
    curve: Vec<LearningPoint>,
    ungrouped: Option<Estimate>,
}

/// The rows that are trained on.
pub(super) struct Rows<'a> {
    pub(super) data: Labelled<'a>,
    pub(super) classes: &'a [String],
    pub(super) groups: &'a [usize],
    pub(super) options: &'a LogisticOptions,
}

impl Rows<'_> {
    pub(super) fn choose(
        &self,
        groups: Option<&[usize]>,
        observer: &mut dyn Observer,
    ) -> Result<StrengthChoice, Error> {
        let Self { data, classes, options, .. } = self;
        let mut counter =
            Counter::new(Stage::CrossValidation, options.strengths.len() * options.folds, observer);
        let choice = choose_strength(*data, classes.len(), groups, options, &mut |event| counter.hear(event));
        choice.map_err(|error| counter.ended(error))
    }

    fn curve(
        &self,
        choice: &StrengthChoice,
        observer: &mut dyn Observer,
    ) -> Result<Vec<LearningPoint>, Error> {
        let Self { data, classes, groups, options } = self;
        let mut counter = Counter::new(Stage::LearningCurve, options.shares.len() * choice.folds, observer);
        let evaluation = evaluation_options(options.seed);
        let curve =
            learning_curve(*data, classes.len(), Some(groups), choice, options, &evaluation, &mut |event| {
                counter.hear(event)
            });
        curve.map_err(|error| counter.ended(error))
    }

    pub(super) fn fit(
        &self,
        choice: &StrengthChoice,
        observer: &mut dyn Observer,
    ) -> Result<LogisticModel, Error> {
        let Self { data, classes, options, .. } = self;
        let mut counter = Counter::new(Stage::Fit, options.steps, observer);
        let fitted =
            fit(*data, classes.len(), choice.strength, options, None, &mut |event| counter.hear(event));
        fitted.map_err(|error| counter.ended(error))
    }
}

/// Tells an observer how far a stage is.
pub(super) struct Counter<'a> {
    stage: Stage,
    done: usize,
    total: usize,
    observer: &'a mut dyn Observer,
}

impl<'a> Counter<'a> {
    pub(super) fn new(stage: Stage, total: usize, observer: &'a mut dyn Observer) -> Self {
        Self { stage, done: 0, total, observer }
    }

    /// One more.
    pub(super) fn count(&mut self) {
        self.done += 1;
    }

    /// An epoch is done, which counts where epochs are counted.
    pub(super) fn epoch(&mut self, epoch: usize) {
        if self.stage == Stage::Training {
            self.done = epoch;
        }
    }

    /// Tells how far the stage is.
    pub(super) fn tell(&mut self) -> ControlFlow<()> {
        self.observer.progress(&Progress::new(self.stage, self.done, self.total))
    }

    fn hear(&mut self, event: &LogisticEvent) -> ControlFlow<()> {
        match event {
            LogisticEvent::Step { step, .. } if self.stage == Stage::Fit => self.done = *step,
            LogisticEvent::HeldOut { .. } | LogisticEvent::Learning { .. } => self.done += 1,
            _ => {}
        }
        self.tell()
    }

    /// The error of a stage, with how far it came if the observer ended it.
    pub(super) fn ended(&self, error: headstart_head::Error) -> Error {
        match error {
            headstart_head::Error::Interrupted => {
                let Self { stage, done, total, .. } = *self;
                Error::Interrupted { done, total, unit: stage.unit(), kept: KEPT }
            }
            error => error.into(),
        }
    }
}
