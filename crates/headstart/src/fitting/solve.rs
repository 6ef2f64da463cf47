//! From features to a head and its figures.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use candle_core::Device;
use headstart_head::evaluation::Evaluation;
use headstart_head::logistic::{
    LearningPoint, LogisticEvent, LogisticModel, LogisticOptions, StrengthChoice, choose_strength, fit,
    learning_curve,
};
use headstart_head::{Head, Labelled, Subset, Temperature};
use headstart_weights::{Attached, LayerConfig, Model, ModelMetadata, TrainingRecord};

use super::estimate::{evaluation_options, of_held_out, of_test};
use super::outcome::Answers;
use super::record::{Estimate, FitRecord, LOGISTIC, TestRecord};
use super::split::Split;
use super::{Fitting, Test};
use crate::leaks::marks_of;
use crate::observer::{Observer, Progress, Stage};
use crate::{Error, LabelledFeatures};

/// What an interrupted fitting keeps after the extraction.
const KEPT: &str = "the features are kept; run the same command again to go on from there";

/// The features of a fitting.
pub(super) struct Solver<'a> {
    pub(super) job: &'a Fitting<'a>,
    pub(super) features: &'a LabelledFeatures,
    pub(super) test_features: Option<&'a LabelledFeatures>,
}

/// A head with its figures.
pub(super) struct Solved {
    pub(super) model: Model,
    pub(super) record: FitRecord,
    pub(super) cross_validation: Evaluation,
    pub(super) held_out: Answers,
    pub(super) test: Option<(Evaluation, Answers)>,
}

impl Solver<'_> {
    pub(super) fn solve(&self, split: &Split, observer: &mut dyn Observer) -> Result<Solved, Error> {
        let mut options = LogisticOptions::default();
        options.seed = self.job.seed;
        let (labels, groups) = (split.labels_of(&split.training), split.groups_of(&split.training));
        let subset = Subset { samples: self.features, indices: &split.training };
        let rows = Rows {
            data: Labelled { samples: &subset, labels: &labels },
            classes: &self.job.dataset.classes,
            groups: &groups,
            options: &options,
        };
        let choice = rows.choose(observer).map_err(|error| self.named(error))?;
        let temperature = Temperature::fit(&choice.held_out, &labels)?;
        let curve = rows.curve(&choice, observer).map_err(|error| self.named(error))?;
        let fitted = rows.fit(&choice, observer).map_err(|error| self.named(error))?;
        let mut head = fitted.to_head(&Device::Cpu)?;
        temperature.apply(&mut head)?;

        let (cross_validation, probabilities) = of_held_out(&choice, temperature, &rows)?;
        let test = of_test(self, split, &head)?;
        let share = match self.job.test {
            Some(Test::Share(share)) => Some(share),
            _ => None,
        };
        let record = FitRecord {
            recipe: LOGISTIC.to_owned(),
            rows: labels.len(),
            groups: groups.iter().collect::<BTreeSet<_>>().len(),
            group_by: self.job.group_by.clone(),
            standardized: true,
            strength: choice.strength,
            strength_at_the_end: choice.at_the_end,
            folds: choice.folds,
            seed: self.job.seed,
            temperature,
            solver: "newton".to_owned(),
            tolerance: options.tolerance,
            converged: fitted.convergence().converged,
            cross_validation: Estimate::of(&cross_validation),
            test: test.as_ref().map(|(test, _)| TestRecord { share, estimate: Estimate::of(test) }),
            learning_curve: curve,
        };
        let model = self.model(&head, &record, split)?;
        let held_out = Answers { rows: split.training.clone(), groups, probabilities };
        Ok(Solved { model, record, cross_validation, held_out, test })
    }

    /// The head with all that a prediction needs.
    fn model(&self, head: &Head, record: &FitRecord, split: &Split) -> Result<Model, Error> {
        let row_shape = self.features.features().row_shape().to_vec();
        let mut layers = LayerConfig::head_for(self.job.dataset.classes.len(), 0, 0.0);
        if row_shape.len() == 1 {
            layers.retain(|layer| *layer != LayerConfig::Flatten);
        }
        let metadata = ModelMetadata {
            classes: self.job.dataset.classes.clone(),
            head: Some(layers),
            row_shape,
            provenance: self.features.manifest().map(|manifest| manifest.header.provenance.clone()),
            training: Some(TrainingRecord::new(record)?),
            headstart_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        };
        let layers = head.to_saved().map_err(headstart_head::Error::from)?;
        let trained_on = marks_of(self.features, split.training.iter().copied());
        let attached = Attached { trained_on, ..Attached::default() };
        Ok(Model { layers, layer_names: head.layer_names().to_vec(), metadata, attached })
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

/// The rows that are trained on.
pub(super) struct Rows<'a> {
    pub(super) data: Labelled<'a>,
    pub(super) classes: &'a [String],
    pub(super) groups: &'a [usize],
    pub(super) options: &'a LogisticOptions,
}

impl Rows<'_> {
    fn choose(&self, observer: &mut dyn Observer) -> Result<StrengthChoice, Error> {
        let Self { data, classes, groups, options } = self;
        let mut counter =
            Counter::new(Stage::CrossValidation, options.strengths.len() * options.folds, observer);
        let choice =
            choose_strength(*data, classes.len(), Some(groups), options, &mut |event| counter.hear(event));
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

    fn fit(&self, choice: &StrengthChoice, observer: &mut dyn Observer) -> Result<LogisticModel, Error> {
        let Self { data, classes, options, .. } = self;
        let mut counter = Counter::new(Stage::Fit, options.steps, observer);
        let fitted =
            fit(*data, classes.len(), choice.strength, options, None, &mut |event| counter.hear(event));
        fitted.map_err(|error| counter.ended(error))
    }
}

/// Tells an observer how far a stage is.
struct Counter<'a> {
    stage: Stage,
    done: usize,
    total: usize,
    observer: &'a mut dyn Observer,
}

impl<'a> Counter<'a> {
    fn new(stage: Stage, total: usize, observer: &'a mut dyn Observer) -> Self {
        Self { stage, done: 0, total, observer }
    }

    fn hear(&mut self, event: &LogisticEvent) -> ControlFlow<()> {
        match event {
            LogisticEvent::Step { step, .. } if self.stage == Stage::Fit => self.done = *step,
            LogisticEvent::HeldOut { .. } | LogisticEvent::Learning { .. } => self.done += 1,
            _ => {}
        }
        self.observer.progress(&Progress::new(self.stage, self.done, self.total))
    }

    /// The error of a stage, with how far it came if the observer ended it.
    fn ended(&self, error: headstart_head::Error) -> Error {
        match error {
            headstart_head::Error::Interrupted => {
                let Self { stage, done, total, .. } = *self;
                Error::Interrupted { done, total, unit: stage.unit(), kept: KEPT }
            }
            error => error.into(),
        }
    }
}
