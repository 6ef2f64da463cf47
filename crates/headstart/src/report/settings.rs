//! The settings of a run or a fit in words.

use std::path::Path;

use headstart_head::{
    Adam, AdamW, ClassWeight, EarlyStopping, LayerConfig, Monitor, OptimizerConfig, RmsProp, Schedule, Sgd,
    TrainOptions,
};
use headstart_provenance::{ChannelOrder, Fit, Grey16, Pooling, Preprocessing, Provenance};

use super::data::Setting;
use super::split::Split;
use super::text::count;
use crate::fitting::FitRecord;
use crate::run::Run;

/// Lines of a report's settings.
#[derive(Default)]
pub(super) struct Settings(Vec<Setting>);

impl Settings {
    pub(super) fn into_lines(self) -> Vec<Setting> {
        self.0
    }

    fn add(&mut self, name: &str, value: impl Into<String>) {
        self.0.push(Setting { name: name.to_owned(), value: value.into() });
    }

    /// The features of both sides.
    pub(super) fn add_data(&mut self, name: &str, split: &Split<'_>) {
        let rows = split.data.features().rows();
        let rows = if split.data.manifest().is_some() {
            count(rows, "image", "images")
        } else {
            count(rows, "row", "rows")
        };
        self.add(name, format!("{rows}, in {}", split.data.path().display()));
    }

    pub(super) fn add_head(&mut self, path: &Path, parameters: usize) {
        self.add("Head", format!("{parameters} parameters, in {}", path.display()));
    }

    /// What the features depend on.
    pub(super) fn add_features(&mut self, split: &Split<'_>) {
        let Some(manifest) = split.data.manifest() else { return };
        let Provenance { backbone, weights, preprocessing, pooling, fingerprint, .. } =
            &manifest.header.provenance;
        self.add("Network", backbone.clone());
        self.add("Weights", format!("{} (blake3 {})", weights.name, weights.blake3));
        self.add("Preprocessing", images(preprocessing));
        self.add("Pixel values", values(preprocessing));
        self.add(
            "Pooling",
            match pooling {
                Pooling::None => "none: whole maps",
                Pooling::Average => "the mean of each channel",
                Pooling::Max => "the largest value of each channel",
            },
        );
        self.add("Fingerprint", fingerprint.clone());
        self.add("Computed by", manifest.header.computed_by.clone());
    }

    /// How a head was trained.
    pub(super) fn add_training(&mut self, run: &Run) {
        let settings = &run.settings;
        let TrainOptions { epochs, batch_size, optimizer, schedule, class_weight, l2, shuffle, seed, .. } =
            &settings.options;
        let layers: Vec<String> = settings.layers.iter().map(layer).collect();
        self.add("Layers", layers.join(", then "));
        self.add("Loss", settings.loss.to_string().replace('_', " "));
        let done = match run.epochs.len() {
            done if done < *epochs => format!("{done} of {epochs}: training ended before its last epoch"),
            _ => epochs.to_string(),
        };
        self.add("Epochs", done);
        let order = if *shuffle { "in a new random order in each epoch" } else { "always in the same order" };
        self.add("Batches", format!("{batch_size} rows, {order} (seed {seed})"));
        self.add("Optimizer", optimizer_words(optimizer));
        self.add("Learning rate", schedule_words(schedule, optimizer));
        self.add("Class weights", weights_words(class_weight));
        let penalty = if *l2 == 0.0 { "none".to_owned() } else { format!("L2 of {}", real(f64::from(*l2))) };
        self.add("Penalty on kernels", penalty);
        self.add("Early stopping", stopping_words(settings.options.early_stopping.as_ref()));
        let kept = match settings.options.keep_best {
            Some(monitor) => format!("the one with the {}", best_words(monitor)),
            None => "the last".to_owned(),
        };
        self.add("Epoch that is kept", kept);
        self.add("Device", settings.device.clone());
        self.add("headstart", settings.headstart_version.clone());
    }

    /// How a head was fitted.
    pub(super) fn add_fit(&mut self, record: &FitRecord, leaks: usize) {
        match &record.training {
            Some(options) => {
                self.add(
                    "Recipe",
                    format!("{}, {} epochs of {}", record.recipe, options.epochs, record.solver),
                );
            }
            None => {
                self.add("Recipe", "logistic regression on standardized features, with an L2 penalty");
                let end = if record.strength_at_the_end { ", an end of the range" } else { "" };
                let (strength, folds) = (real(record.strength), record.folds);
                self.add("Strength", format!("C {strength}{end}, chosen by {folds}-fold cross-validation"));
            }
        }
        self.add("Class weights", weights_words(&record.class_weight));
        self.add(
            "Calibration",
            match record.platt {
                _ if !record.calibrated => "none".to_owned(),
                Some(platt) => {
                    format!("slope {} and offset {} of the logits", real(platt.slope), real(platt.offset))
                }
                None => format!("temperature {}", real(record.temperature.value())),
            },
        );
        if let Some(unknown) = &record.unknown {
            let share = real(100.0 * unknown.share);
            self.add(
                "Unknown",
                format!("images that are as unlike the trained ones as {share} % of these are"),
            );
        }
        let mut groups = vec!["images of the same content".to_owned()];
        if let Some(near) = record.near_duplicates.as_ref().filter(|near| near.together) {
            let distance = real(near.distance);
            groups.push(format!(
                "those whose standardized features are within a cosine distance of {distance}"
            ));
        }
        groups.extend(record.groups_file.as_ref().map(|file| format!("those of the same group in {file}")));
        groups.extend(
            record.group_by.as_ref().map(|pattern| format!("those that agree in what {pattern} matches")),
        );
        let groups = groups.join(", and ");
        let (rows, found) = (count(record.rows, "image", "images"), count(record.groups, "group", "groups"));
        self.add("Trained on", format!("{rows} in {found}"));
        self.add("Never on both sides", groups);
        if leaks > 0 {
            self.add(
                "Left out of the training",
                count(leaks, "image that is in the test too", "images that are in the test too"),
            );
        }
        if record.training.is_none() {
            let end = if record.converged { "it came to that" } else { "it did not come to that" };
            let tolerance = real(record.tolerance);
            self.add(
                "Solver",
                format!("{}, until no derivative was above {tolerance}: {end}", record.solver),
            );
        }
        self.add("Seed", record.seed.to_string());
        self.add("headstart", env!("CARGO_PKG_VERSION"));
    }
}

/// How an image becomes the network's input.
fn images(preprocessing: &Preprocessing) -> String {
    let Preprocessing { preset, height, width, interpolation, apply_exif_orientation, grey16, fit, .. } =
        preprocessing;
    let fit = match fit {
        Fit::Stretch => "each is stretched to that size".to_owned(),
        Fit::Crop { fraction } => {
            format!("the centre of each is taken, {} of the side of what it is shrunk to", real(*fraction))
        }
        Fit::Pad => "each is shrunk until it fits, and bars fill the rest".to_owned(),
    };
    let turned = if *apply_exif_orientation { "turned upright" } else { "not turned upright" };
    let grey = match grey16 {
        Grey16::CutOff => "grey of 16 bits is cut off at 255",
        Grey16::HighByte => "grey of 16 bits keeps its high byte",
    };
    format!(
        "preset {preset}: {width} x {height} pixels; {fit} ({interpolation}); photographs are {turned}; {grey}"
    )
}

/// What a pixel's values become.
fn values(preprocessing: &Preprocessing) -> String {
    let Preprocessing { channel_order, scale, mean, std, .. } = preprocessing;
    let order = match channel_order {
        ChannelOrder::Rgb => "red, green, blue",
        ChannelOrder::Bgr => "blue, green, red",
    };
    let three = |values: &[f32; 3]| values.map(|value| real(f64::from(value))).join(", ");
    let mut words = format!("{order}, each from 0 to 255");
    if *scale != 1.0 {
        words += &format!(", times {}", real(f64::from(*scale)));
    }
    if *mean != [0.0; 3] {
        words += &format!(", minus {}", three(mean));
    }
    if *std != [1.0; 3] {
        words += &format!(", divided by {}", three(std));
    }
    words
}

fn layer(layer: &LayerConfig) -> String {
    match layer {
        LayerConfig::Flatten => "the features in one row".to_owned(),
        LayerConfig::Dense { units, activation, use_bias } => {
            let bias = if *use_bias { "" } else { ", without bias" };
            format!("dense of {units} ({activation}{bias})")
        }
        LayerConfig::Dropout { rate } => format!("dropout of {}", real(f64::from(*rate))),
    }
}

fn optimizer_words(optimizer: &OptimizerConfig) -> String {
    let adam_words = |Adam { beta_1, beta_2, epsilon, .. }: &Adam| {
        format!("betas {} and {}, epsilon {}", real(*beta_1), real(*beta_2), real(f64::from(*epsilon)))
    };
    match optimizer {
        OptimizerConfig::RmsProp(RmsProp { rho, epsilon, .. }) => {
            format!("RMSprop, rho {}, epsilon {}", real(f64::from(*rho)), real(f64::from(*epsilon)))
        }
        OptimizerConfig::Sgd(Sgd { momentum, nesterov, .. }) => {
            let nesterov = if *nesterov { " of Nesterov" } else { "" };
            format!("gradient descent, momentum{nesterov} {}", real(f64::from(*momentum)))
        }
        OptimizerConfig::Adam(adam) => format!("Adam, {}", adam_words(adam)),
        OptimizerConfig::AdamW(AdamW { adam, weight_decay }) => {
            format!("AdamW, {}, weight decay {}", adam_words(adam), real(f64::from(*weight_decay)))
        }
        other => format!("{other:?}"),
    }
}

fn schedule_words(schedule: &Schedule, optimizer: &OptimizerConfig) -> String {
    let rate = real(f64::from(optimizer.learning_rate()));
    match schedule {
        Schedule::Constant => rate,
        Schedule::ExponentialDecay { decay_steps, decay_rate, staircase } => {
            let once = if *staircase { " at once" } else { "" };
            format!("{rate}, times {}{once} every {decay_steps} steps", real(f64::from(*decay_rate)))
        }
        Schedule::CosineDecay { decay_steps, alpha, warmup } => {
            let warmup = if warmup.is_some() { " after a rise" } else { "" };
            format!(
                "{rate}, falling in half a cosine to {} of it over {decay_steps} steps{warmup}",
                real(f64::from(*alpha))
            )
        }
        Schedule::PiecewiseConstantDecay { boundaries, values } => {
            let values: Vec<String> = values.iter().map(|value| real(f64::from(*value))).collect();
            let boundaries: Vec<String> = boundaries.iter().map(u64::to_string).collect();
            format!("{}, changing after steps {}", values.join(", then "), boundaries.join(", "))
        }
        other => format!("{rate}, {other:?}"),
    }
}

fn weights_words(weights: &ClassWeight) -> String {
    match weights {
        ClassWeight::None => "none: each image counts the same".to_owned(),
        ClassWeight::Balanced => "balanced: each class counts the same".to_owned(),
        ClassWeight::Given(weights) => {
            let weights: Vec<String> = weights.iter().map(|weight| real(f64::from(*weight))).collect();
            weights.join(", ")
        }
    }
}

fn stopping_words(stopping: Option<&EarlyStopping>) -> String {
    let Some(EarlyStopping { monitor, patience, min_delta }) = stopping else { return "none".to_owned() };
    let least = if *min_delta > 0.0 { format!(" by {}", real(f64::from(*min_delta))) } else { String::new() };
    format!(
        "after {} without a better {}{least}",
        count(*patience, "epoch", "epochs"),
        monitor_words(*monitor)
    )
}

/// A metric in words.
pub(super) fn monitor_words(monitor: Monitor) -> &'static str {
    match monitor {
        Monitor::ValLoss => "validation loss",
        Monitor::ValAccuracy => "validation accuracy",
        _ => "metric",
    }
}

/// The best of a metric in words.
pub(super) fn best_words(monitor: Monitor) -> &'static str {
    match monitor {
        Monitor::ValLoss => "lowest validation loss",
        Monitor::ValAccuracy => "highest validation accuracy",
        _ => "best metric",
    }
}

/// A number as a setting. Most are singles, whose digits as doubles tell nothing.
fn real(value: f64) -> String {
    let single = value as f32;
    if single != 0.0 && single.abs() < 1e-4 { format!("{single:e}") } else { single.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_told_in_words() {
        let optimizer = TrainOptions::default().optimizer;
        assert_eq!(optimizer_words(&optimizer), "RMSprop, rho 0.9, epsilon 1e-8");
        assert_eq!(schedule_words(&Schedule::Constant, &optimizer), "0.001");
        let layers: Vec<String> = LayerConfig::default_head().iter().map(layer).collect();
        let told = "the features in one row, then dense of 256 (relu), then dropout of 0.5, then dense of 1 (sigmoid)";
        assert_eq!(layers.join(", then "), told);
        let stopping = EarlyStopping { monitor: Monitor::ValLoss, patience: 1, min_delta: 0.0 };
        assert_eq!(stopping_words(Some(&stopping)), "after 1 epoch without a better validation loss");
    }
}
