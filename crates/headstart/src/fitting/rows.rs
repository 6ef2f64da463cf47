//! Rows of features in, a classifier out, with an honest number.

use std::collections::BTreeSet;

use candle_core::Device;
use headstart_head::analysis::Probabilities;
use headstart_head::evaluation::Evaluation;
use headstart_head::logistic::{LogisticOptions, StrengthChoice};
use headstart_head::{InMemory, Labelled, Temperature};
use headstart_provenance::Provenance;
use headstart_weights::Attached;

use super::estimate::of_held_out;
use super::known::{check_unknown_share, known_images};
use super::model::ModelParts;
use super::recipe::FitRecipe;
use super::record::{Estimate, FitRecord};
use super::solve::{Calibrated, Rows};
use crate::observer::Observer;
use crate::{ClassWeights, Classifier, Error};

/// Makes a classifier of rows of features in memory, as [`Fitting`](crate::Fitting) does of a folder of images: a logistic
/// regression on standardized features, its strength chosen by a cross-validation that also gives the estimate.
///
/// It does not look for near-duplicates and has no files of images to compare: say with [`groups`](Self::groups) which rows
/// belong together.
///
/// ```
/// use headstart::{RowFitting, Silent};
///
/// let values: Vec<f32> = (0..80).map(|i| if i % 4 < 2 { 1.0 } else { 0.0 } + i as f32 / 100.0).collect();
/// let labels: Vec<u32> = (0..40).map(|row| row % 2).collect();
/// let classes = ["cats".to_owned(), "dogs".to_owned()];
/// let fitted = RowFitting::new(&values, &[2], &labels, &classes).run(&mut Silent)?;
/// assert_eq!(fitted.classifier.predict_values(&[1.0, 1.0], &[2], None)?[0].label, "cats");
/// # Ok::<(), headstart::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct RowFitting<'a> {
    values: &'a [f32],
    row_shape: &'a [usize],
    labels: &'a [u32],
    classes: &'a [String],
    groups: Option<&'a [usize]>,
    provenance: Option<Provenance>,
    class_weights: ClassWeights,
    unknown_share: f64,
    strength: Option<f64>,
    calibrate: bool,
    seed: u64,
}

/// What a [`RowFitting`] made, and how good it is.
#[derive(Debug)]
#[non_exhaustive]
pub struct FittedRows {
    /// The classifier, fitted to all rows.
    pub classifier: Classifier,
    /// What it says about the fitting.
    pub record: FitRecord,
    /// Each row judged by a head that had not seen it.
    pub cross_validation: Evaluation,
    /// The answers that the cross-validation judges, a row each.
    pub held_out: Probabilities,
}

impl<'a> RowFitting<'a> {
    /// A classifier of these rows.
    ///
    /// # Shapes
    /// `values` has a row of `row_shape` for each label; maps are channels, height, width. A label is a position in
    /// `classes`.
    #[must_use]
    pub fn new(values: &'a [f32], row_shape: &'a [usize], labels: &'a [u32], classes: &'a [String]) -> Self {
        Self {
            values,
            row_shape,
            labels,
            classes,
            groups: None,
            provenance: None,
            class_weights: ClassWeights::None,
            unknown_share: 0.01,
            strength: None,
            calibrate: true,
            seed: 0,
        }
    }

    /// Keeps the rows of a group together: a number a row.
    #[must_use]
    pub fn groups(mut self, groups: &'a [usize]) -> Self {
        self.groups = Some(groups);
        self
    }

    /// What the features depend on. The classifier then states it, so that it can predict images.
    #[must_use]
    pub fn provenance(mut self, provenance: Provenance) -> Self {
        self.provenance = Some(provenance);
        self
    }

    /// How much the rows of each class count. By default all count the same.
    #[must_use]
    pub fn class_weights(mut self, weights: ClassWeights) -> Self {
        self.class_weights = weights;
        self
    }

    /// The share of rows of the known classes that the classifier may refuse as unknown, in [0, 1). By default 0.01; with 0 it
    /// refuses none.
    #[must_use]
    pub fn unknown_share(mut self, share: f64) -> Self {
        self.unknown_share = share;
        self
    }

    /// The strength C, above 0, instead of the best by cross-validation.
    #[must_use]
    pub fn strength(mut self, strength: f64) -> Self {
        self.strength = Some(strength);
        self
    }

    /// Whether the probabilities are calibrated by the held-out answers. By default they are.
    #[must_use]
    pub fn calibrate(mut self, calibrate: bool) -> Self {
        self.calibrate = calibrate;
        self
    }

    /// The seed of the folds and of the draws for the intervals. By default 0.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Runs it.
    ///
    /// # Errors
    /// Values or labels that do not fit each other; NaN or infinity; a class without rows, or whose rows are all of one
    /// group; a setting out of its range. [`Error::Interrupted`] where the observer ended it.
    pub fn run(self, observer: &mut dyn Observer) -> Result<FittedRows, Error> {
        let mut options = LogisticOptions::default();
        options.seed = self.seed;
        options.class_weight = self.class_weights.resolve(Some(self.classes), self.classes.len())?;
        options.strengths = self.strength.map_or(options.strengths, |strength| vec![strength]);
        self.check()?;
        let samples = InMemory::new(self.values, self.row_shape)?;
        let each: Vec<usize> = (0..self.labels.len()).collect();
        let rows = Rows {
            data: Labelled { samples: &samples, labels: self.labels },
            classes: self.classes,
            groups: self.groups.unwrap_or(&each),
            options: &options,
        };
        let choice = rows.choose(Some(rows.groups), observer)?;
        let fitted = rows.fit(&choice, observer)?;
        let mut head = fitted.to_head(&Device::Cpu)?;
        let StrengthChoice { strength, at_the_end, folds, fold_of, held_out, .. } = choice;
        let Calibrated { temperature, platt, held_out } = if self.calibrate {
            Calibrated::choose(&held_out, self.labels, &fold_of, folds, &mut head)?
        } else {
            Calibrated { temperature: Temperature::new(1.0)?, platt: None, held_out }
        };
        let (cross_validation, held_out) = of_held_out(&held_out, &rows)?;
        let (known, unknown) = known_images(self.unknown_share, &rows, &fold_of, folds, None)?.unzip();
        let recipe = FitRecipe::Logistic;
        let record = FitRecord {
            recipe: recipe.name().to_owned(),
            rows: self.labels.len(),
            groups: rows.groups.iter().collect::<BTreeSet<_>>().len(),
            group_by: None,
            standardized: recipe.is_standardized(),
            strength,
            strength_at_the_end: at_the_end && self.strength.is_none(),
            folds,
            seed: self.seed,
            temperature,
            solver: recipe.solver().to_owned(),
            tolerance: options.tolerance,
            converged: fitted.convergence().converged,
            cross_validation: Estimate::of(&cross_validation),
            test: None,
            learning_curve: Vec::new(),
            platt,
            groups_file: None,
            class_weight: options.class_weight.clone(),
            near_duplicates: None,
            ungrouped: None,
            unknown,
            calibrated: self.calibrate,
            training: None,
        };
        let parts = ModelParts {
            classes: self.classes,
            row_shape: self.row_shape,
            provenance: self.provenance,
            record: &record,
            known,
            attached: Attached::default(),
        };
        let layers = parts.single_layer();
        let model = parts.model(&head, layers)?;
        Ok(FittedRows { classifier: Classifier::from_model(model), record, cross_validation, held_out })
    }

    /// What the head's own checks do not see.
    fn check(&self) -> Result<(), Error> {
        check_unknown_share(self.unknown_share)?;
        let (rows, groups) = (self.labels.len(), self.groups.map_or(self.labels.len(), <[usize]>::len));
        if groups != rows {
            let message = format!("expected a group for each of {rows} rows, found {groups}");
            return Err(Error::setting("groups", message));
        }
        Ok(())
    }
}
