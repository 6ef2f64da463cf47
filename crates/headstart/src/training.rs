//! Features in, a trained classifier out.

use std::iter;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use candle_core::Device;
use headstart_files::IfExists;
use headstart_head::{
    EpochMetrics, Head, History, LayerConfig, Loss, Monitor, TrainOptions, TrainingEvent, train_and_keep,
};
use headstart_weights::{Attached, FlattenOrder, Model, ModelMetadata, TrainingRecord};
use serde::Serialize;

use crate::leaks::marks_of;
use crate::observer::{Observer, Progress, Stage};
use crate::run::{DataSettings, RunFolder, RunSettings, Timings};
use crate::{ChosenOn, Classifier, CrossValidated, Error, LabelledFeatures, Leaks, Recipe, device_name};

/// Trains a head on features, with everything that a training can be asked for.
///
/// [`Classifier::train`] is the short form.
///
/// ```no_run
/// use headstart::{LabelledFeatures, Recipe, Silent, Training};
///
/// let train = LabelledFeatures::open("train.npy")?;
/// let validation = LabelledFeatures::open("validation.npy")?;
/// let recipe = Recipe::default();
/// let trained = Training::new(&train, &recipe).validate_on(&validation).run(&mut Silent)?;
/// println!("{:?}", trained.history.epochs.last());
/// # Ok::<(), headstart::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Training<'a> {
    features: &'a LabelledFeatures,
    validation: Option<&'a LabelledFeatures>,
    recipe: &'a Recipe,
    device: Device,
    run: Option<(&'a Path, IfExists)>,
    monitor: Monitor,
    strict: bool,
    cross_validated: Option<CrossValidated>,
}

/// What a training gave.
#[derive(Debug)]
#[non_exhaustive]
pub struct Trained {
    /// The classifier of the epoch that the recipe keeps: the last, or the best by the monitored metric.
    pub classifier: Classifier,
    /// The figures of each epoch, which of them is kept, and whether training ended before its last epoch.
    pub history: History,
    /// The layers of the head.
    pub layers: Vec<LayerConfig>,
    /// The loss that was minimized.
    pub loss: Loss,
    /// How many numbers the head learned.
    pub parameters: usize,
    /// The options, class weights by label.
    pub options: TrainOptions,
    /// Figures of the last epoch.
    pub last: EpochMetrics,
    /// Figures of the epoch that is kept.
    pub kept: EpochMetrics,
    /// "cpu" or "cuda".
    pub device: &'static str,
    /// Threads of the pool.
    pub threads: usize,
    /// Seconds that the epochs took.
    pub train_seconds: f64,
    /// The images that the epochs are measured on and that are trained on, too.
    pub leaks: Vec<String>,
    /// What the epoch of the classifier was chosen on, if it was chosen.
    pub chosen_on: Option<ChosenOn>,
}

impl<'a> Training<'a> {
    /// A training on the CPU, without validation and without a record.
    #[must_use]
    pub fn new(features: &'a LabelledFeatures, recipe: &'a Recipe) -> Self {
        let monitor = Monitor::ValLoss;
        Self {
            features,
            validation: None,
            recipe,
            device: Device::Cpu,
            run: None,
            monitor,
            strict: false,
            cross_validated: None,
        }
    }

    /// Measures each epoch on these features.
    #[must_use]
    pub fn validate_on(mut self, validation: &'a LabelledFeatures) -> Self {
        self.validation = Some(validation);
        self
    }

    /// Trains on another device.
    #[must_use]
    pub fn on(mut self, device: Device) -> Self {
        self.device = device;
        self
    }

    /// Keeps a record in a folder: settings, the figures of each epoch, the best and the last head, and timings.
    #[must_use]
    pub fn record_in(mut self, folder: &'a Path, if_exists: IfExists) -> Self {
        self.run = Some((folder, if_exists));
        self
    }

    /// The metric by which the record's best head is chosen: by default the validation loss. A recipe that keeps the best
    /// epoch names its metric itself.
    #[must_use]
    pub fn monitor(mut self, monitor: Monitor) -> Self {
        self.monitor = monitor;
        self
    }

    /// Fails where an image that is validated on is trained on, too, instead of telling it.
    #[must_use]
    pub fn strict(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }

    /// What the cross-validation of a sweep says of such a head: the model keeps it.
    #[must_use]
    pub fn cross_validated(mut self, figures: CrossValidated) -> Self {
        self.cross_validated = Some(figures);
        self
    }

    /// Runs it.
    ///
    /// Where the observer ends it, the record keeps the best and the last head so far, and [`History::interrupted`] is
    /// true.
    ///
    /// # Errors
    /// Options, features or a folder that can't be used, the same file to train and to validate on: before the first epoch.
    /// With [`strict`](Self::strict), images that are in both. A loss that leaves the range of f32: then
    /// the record has the epochs before, with their best and last head.
    /// [`Error::Interrupted`] where the observer ended it before the first epoch was complete.
    pub fn run(self, observer: &mut dyn Observer) -> Result<Trained, Error> {
        let started = Instant::now();
        let mut prepared = self.prepare()?;
        for features in iter::once(self.features).chain(self.validation) {
            features.note_classes(observer);
        }
        for note in self.recipe.class_weights.notes(self.features.classes(), self.features.class_count()) {
            observer.note(&note);
        }
        if let Some(leaks) = &prepared.leaks {
            leaks.tell(self.strict, observer)?;
        }
        let mut record = self.begin_record(&prepared)?;
        let prepare_seconds = started.elapsed().as_secs_f64();

        let started = Instant::now();
        let (history, failure) = self.fit(&mut prepared, record.as_mut(), observer)?;
        let train_seconds = started.elapsed().as_secs_f64();

        let models = self.models(&prepared, &history)?;
        if let Some(record) = record {
            let best = self.validation.is_some().then_some(&models.best);
            record.finish(best, &models.last, &Timings { prepare_seconds, train_seconds })?;
        }
        if let Some(failure) = failure {
            let kept = self.run.map(|(folder, _)| {
                let epochs = history.epochs.len();
                format!("; {} keeps the heads and figures of the {epochs} epochs before", folder.display())
            });
            return Err(Error::during(self.job() + &kept.unwrap_or_default())(failure));
        }
        Ok(models.into_trained(prepared, history, device_name(&self.device), train_seconds))
    }

    /// Checks everything, the cheapest first; what reads all features comes last.
    fn prepare(&self) -> Result<Prepared, Error> {
        let Self { features, validation, recipe, .. } = self;
        recipe.options.validate(validation.is_some())?;
        features.check_classes(features.class_count())?;
        if let Some(validation) = validation {
            validation.check_other_file(features)?;
            features.check_pair(validation)?;
            validation.check_classes(2)?;
        }
        let options = recipe.options_for(features)?;
        let order = features.order_for_training()?;
        if let Some(validation) = validation {
            validation.order_for_training()?;
        }
        let layers = recipe.layers_for(features);
        let heads = Heads { kept: self.new_head(&layers)?, last: self.new_head(&layers)? };
        let loss = Loss::of(&heads.kept)?;
        features.verify_data()?;
        if let Some(validation) = validation {
            validation.verify_data()?;
        }
        let leaks = validation.map(|validation| validation.leaks_of(features));
        Ok(Prepared { options, layers, loss, heads, order, leaks })
    }

    fn new_head(&self, layers: &[LayerConfig]) -> Result<Head, Error> {
        let row_shape = self.features.features().row_shape();
        Ok(Head::new(layers, row_shape, self.recipe.options.seed, &self.device)?)
    }

    fn begin_record(&self, prepared: &Prepared) -> Result<Option<RunFolder>, Error> {
        let Some((folder, if_exists)) = self.run else { return Ok(None) };
        let settings = RunSettings {
            headstart_version: env!("CARGO_PKG_VERSION").to_owned(),
            training: DataSettings::of(self.features)?,
            validation: self.validation.map(DataSettings::of).transpose()?,
            layers: prepared.layers.clone(),
            loss: prepared.loss,
            options: prepared.options.clone(),
            seed: prepared.options.seed,
            device: device_name(&self.device).to_owned(),
        };
        RunFolder::create(folder, &settings, if_exists).map(Some)
    }

    /// The epochs.
    fn fit(
        &self,
        prepared: &mut Prepared,
        mut record: Option<&mut RunFolder>,
        observer: &mut dyn Observer,
    ) -> Result<(History, Option<headstart_head::Error>), Error> {
        let mut options = prepared.options.clone();
        // A record has both the best and the last head, whichever of them is the result.
        if record.is_some() && self.validation.is_some() {
            options.keep_best.get_or_insert(self.monitor);
        }
        let epochs = options.epochs;
        let mut done = 0;
        let mut recorded = Ok(());
        let mut on_event = |event: TrainingEvent<'_>| {
            if let TrainingEvent::Epoch(epoch) = event {
                observer.epoch(epoch);
                done = epoch.epoch;
                if let Some(record) = &mut record {
                    recorded = record.epoch(epoch);
                }
                if recorded.is_err() {
                    return ControlFlow::Break(());
                }
            }
            let flow = observer.progress(&Progress::new(Stage::Training, done, epochs));
            // A training that is complete is not interrupted.
            if done == epochs { ControlFlow::Continue(()) } else { flow }
        };
        let Heads { kept, last } = &mut prepared.heads;
        let validation = self.validation.map(LabelledFeatures::as_labelled);
        let training = self.features.as_labelled();
        let trained = train_and_keep(kept, last, training, validation, &options, &mut on_event)
            .map_err(Error::during(self.job()))?;
        recorded?;
        Ok(trained)
    }

    /// What an error of training is about.
    fn job(&self) -> String {
        let on = self.features.path().display();
        match self.validation {
            Some(validation) => format!("training on {on}, validating on {}", validation.path().display()),
            None => format!("training on {on}"),
        }
    }

    /// The best and the last model, with the figures of their epochs.
    fn models(&self, prepared: &Prepared, history: &History) -> Result<Models, Error> {
        let Some(&last_metrics) = history.epochs.last() else {
            return Err(no_epoch(prepared.options.epochs));
        };
        let best_metrics = history.epochs.iter().find(|epoch| epoch.epoch == history.kept_epoch);
        let best_metrics = *best_metrics.unwrap_or(&last_metrics);
        let options = &prepared.options;
        let of_best = options.keep_best.or(self.run.map(|_| self.monitor));
        let stopping = options.early_stopping.as_ref().filter(|_| history.stopped_early);
        let of_last = stopping.map(|stopping| stopping.monitor);
        let best = self.model(&prepared.heads.kept, prepared, &best_metrics, of_best)?;
        let last = self.model(&prepared.heads.last, prepared, &last_metrics, of_last)?;
        Ok(Models { best, last, best_metrics, last_metrics })
    }

    /// A head with all that a prediction needs. `chosen_by` is the metric by which its epoch was chosen.
    fn model(
        &self,
        head: &Head,
        prepared: &Prepared,
        metrics: &EpochMetrics,
        chosen_by: Option<Monitor>,
    ) -> Result<Model, Error> {
        let features = self.features;
        let chosen_on = match (self.validation, chosen_by) {
            (Some(validation), Some(metric)) => Some(ChosenOn::of(validation, metric)?),
            _ => None,
        };
        let record = TrainingMetadata {
            rows: features.features().rows(),
            metrics,
            options: &prepared.options,
            chosen_on,
            sweep: self.cross_validated,
        };
        let mut metadata = ModelMetadata {
            head: Some(prepared.layers.clone()),
            row_shape: features.features().row_shape().to_vec(),
            training: Some(TrainingRecord::new(&record)?),
            headstart_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            ..ModelMetadata::default()
        };
        if let Some(manifest) = features.manifest() {
            metadata.classes = manifest.header.classes.clone();
            metadata.provenance = Some(manifest.header.provenance.clone());
        }
        let mut layers = head.to_saved().map_err(headstart_head::Error::from)?;
        // A model's rows are channels, height, width, whatever the features' are.
        if let (FlattenOrder::ChannelsLast, &[height, width, channels], Some(first)) =
            (prepared.order, features.features().row_shape(), layers.first_mut())
        {
            let row_shape = [channels, height, width];
            first.kernel = prepared.order.permuted(&first.kernel, row_shape, FlattenOrder::ChannelsFirst)?;
            metadata.row_shape = row_shape.to_vec();
        }
        let trained_on = marks_of(features, 0..features.features().rows());
        let attached = Attached { trained_on, ..Attached::default() };
        let layer_names = head.layer_names().to_vec();
        Ok(Model { layers, layer_names, metadata, attached, ..Model::default() })
    }
}

/// The error of a training that was ended before its first epoch was complete.
fn no_epoch(epochs: usize) -> Error {
    let kept = "no epoch is complete, so nothing is kept";
    Error::Interrupted { done: 0, total: epochs, unit: Stage::Training.unit(), kept }
}

/// A training whose settings and features were checked.
struct Prepared {
    options: TrainOptions,
    layers: Vec<LayerConfig>,
    loss: Loss,
    heads: Heads,
    /// Of the axes of the features.
    order: FlattenOrder,
    /// The images that are validated on and trained on.
    leaks: Option<Leaks>,
}

/// The head of the best epoch, where one is kept, or else of the last; and the head of the last.
struct Heads {
    kept: Head,
    last: Head,
}

struct Models {
    best: Model,
    last: Model,
    best_metrics: EpochMetrics,
    last_metrics: EpochMetrics,
}

impl Models {
    /// The result, with the model that the recipe keeps.
    fn into_trained(
        self,
        prepared: Prepared,
        mut history: History,
        device: &'static str,
        train_seconds: f64,
    ) -> Trained {
        let Self { best, last, best_metrics, last_metrics } = self;
        let Prepared { options, layers, loss, heads, leaks, .. } = prepared;
        let (model, kept) =
            if options.keep_best.is_some() { (best, best_metrics) } else { (last, last_metrics) };
        history.kept_epoch = kept.epoch;
        let classifier = Classifier::from_model(model);
        Trained {
            chosen_on: classifier.chosen_on(),
            classifier,
            history,
            layers,
            loss,
            parameters: heads.last.parameter_count(),
            options,
            last: last_metrics,
            kept,
            device,
            threads: rayon::current_num_threads(),
            train_seconds,
            leaks: leaks.map(|leaks| leaks.images).unwrap_or_default(),
        }
    }
}

/// What a model's description says about its training.
#[derive(Serialize)]
struct TrainingMetadata<'a> {
    rows: usize,
    metrics: &'a EpochMetrics,
    options: &'a TrainOptions,
    #[serde(skip_serializing_if = "Option::is_none")]
    chosen_on: Option<ChosenOn>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sweep: Option<CrossValidated>,
}

impl Classifier {
    /// Trains a classifier on features, and measures each epoch on others if there are any. [`Training`] has more choices.
    ///
    /// # Errors
    /// As [`Training::run`]; [`Error::Interrupted`] where the observer ended it.
    pub fn train(
        features: &LabelledFeatures,
        validation: Option<&LabelledFeatures>,
        recipe: &Recipe,
        observer: &mut dyn Observer,
    ) -> Result<Self, Error> {
        let training = Training::new(features, recipe);
        let training = match validation {
            Some(validation) => training.validate_on(validation),
            None => training,
        };
        let trained = training.run(observer)?;
        if trained.history.interrupted {
            let (done, total) = (trained.history.epochs.len(), recipe.options.epochs);
            let kept = "nothing is kept; Training with record_in keeps the heads of an interrupted training";
            return Err(Error::Interrupted { done, total, unit: "epochs", kept });
        }
        Ok(trained.classifier)
    }
}
